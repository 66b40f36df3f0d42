package markup

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
)

// headings gives each heading of a text an id of its own, as GitHub does:
// "Getting started" is getting-started, the next of that name
// getting-started-1. (goldmark's own takes longer the more there are alike.)
type headings struct{ seen map[string]int }

func newContext() parser.Context {
	return parser.NewContext(parser.WithIDs(&headings{seen: map[string]int{}}))
}

// Generate makes the id of a heading.
func (h *headings) Generate(text []byte, _ ast.NodeKind) []byte {
	const longest = 100 // characters
	id := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case unicode.IsSpace(r):
			return '-'
		default:
			return -1
		}
	}, string(text[:min(len(text), 4*longest)]))
	if runes := []rune(id); len(runes) > longest {
		id = string(runes[:longest])
	}
	if id == "" {
		id = "heading"
	}
	count := h.seen[id]
	h.seen[id]++
	if count > 0 {
		id += "-" + strconv.Itoa(count)
	}
	return []byte(id)
}

// Put notes an id that the text gives itself.
func (h *headings) Put(id []byte) { h.seen[string(id)]++ }
