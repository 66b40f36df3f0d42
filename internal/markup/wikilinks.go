package markup

import (
	"bytes"
	"html/template"
	"net/url"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"golang.org/x/net/html"
)

// wikiLinks reads [[Page]] and [[Page|words]] as links to a page from the top
// of the wiki.
type wikiLinks struct{}

const maxWikiLink = 300 // bytes between the brackets

func (wikiLinks) Trigger() []byte { return []byte{'['} }

func (wikiLinks) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	if !bytes.HasPrefix(line, []byte("[[")) {
		return nil
	}
	end := bytes.Index(line[:min(len(line), maxWikiLink)], []byte("]]"))
	if end < 3 || bytes.ContainsAny(line[2:end], "[]") {
		return nil
	}
	inside := line[2:end]
	page, words := inside, inside
	start := segment.Start + 2
	if i := bytes.IndexByte(inside, '|'); i >= 0 {
		page, words, start = inside[:i], inside[i+1:], start+i+1
	}
	name := strings.Trim(strings.TrimSpace(string(page)), "/")
	if name == "" || len(bytes.TrimSpace(words)) == 0 {
		return nil
	}
	name, fragment, _ := strings.Cut(name, "#")
	link := ast.NewLink()
	link.Destination = []byte((&url.URL{Path: "/" + name, Fragment: fragment}).String())
	link.AppendChild(link, ast.NewTextSegment(text.NewSegment(start, start+len(words))))
	block.Advance(end + 2)
	return link
}

// Heading is one heading of a rendered text.
type Heading struct {
	Level int // 1 to 6
	ID    string
	Text  string
}

// Headings lists the headings of a text that Markdown has rendered.
func Headings(rendered template.HTML) []Heading {
	var list []Heading
	tokens := html.NewTokenizer(strings.NewReader(string(rendered)))
	open := -1
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return list
		case html.StartTagToken:
			token := tokens.Token()
			if level := headingLevel(token.Data); level > 0 {
				list = append(list, Heading{Level: level})
				open = len(list) - 1
				for _, attribute := range token.Attr {
					if attribute.Key == "id" {
						list[open].ID = attribute.Val
					}
				}
			}
		case html.EndTagToken:
			if headingLevel(tokens.Token().Data) > 0 {
				open = -1
			}
		case html.TextToken:
			if open >= 0 {
				list[open].Text += html.UnescapeString(string(tokens.Raw()))
			}
		}
	}
}

func headingLevel(tag string) int {
	if len(tag) == 2 && tag[0] == 'h' && '1' <= tag[1] && tag[1] <= '6' {
		return int(tag[1] - '0')
	}
	return 0
}
