package web

import (
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// Limits of what is shown and coloured. A lexer is a set of regular
// expressions, so long lines and long files are left plain.
const (
	maxShown    = 2 << 20 // bytes of a file that its page shows
	maxColoured = 256 << 10
	maxLine     = 2000
)

// binary reports whether content isn't text that a page could show.
func binary(content []byte) bool {
	head := content[:min(len(content), 8000)]
	for _, b := range head {
		if b == 0 {
			return true
		}
	}
	return !utf8.Valid(content)
}

// highlight gives a text as lines of HTML with chroma's classes.
func highlight(name, text string) []template.HTML {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if lexer := lexerFor(name, text); lexer != nil {
		tokens, err := chroma.Tokenise(chroma.Coalesce(lexer), nil, text)
		if err == nil {
			return colouredLines(tokens)
		}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	out := make([]template.HTML, len(lines))
	for i, line := range lines {
		out[i] = template.HTML(template.HTMLEscapeString(line)) //nolint:gosec // escaped
	}
	return out
}

func lexerFor(name, text string) chroma.Lexer {
	if len(text) > maxColoured {
		return nil
	}
	for line := range strings.Lines(text) {
		if len(line) > maxLine {
			return nil
		}
	}
	return lexers.Match(name)
}

func colouredLines(tokens []chroma.Token) []template.HTML {
	lines := chroma.SplitTokensIntoLines(tokens)
	out := make([]template.HTML, 0, len(lines))
	var b strings.Builder
	for _, line := range lines {
		b.Reset()
		for _, token := range line {
			text := template.HTMLEscapeString(strings.TrimSuffix(token.Value, "\n"))
			class := classOf(token.Type)
			if class == "" || class == "w" || text == "" {
				b.WriteString(text)
				continue
			}
			b.WriteString(`<span class="` + class + `">` + text + `</span>`)
		}
		out = append(out, template.HTML(b.String())) //nolint:gosec // escaped
	}
	return out
}

// classOf is chroma's class for the token or for the nearest kind above it.
func classOf(kind chroma.TokenType) string {
	for ; kind != 0; kind = kind.Parent() {
		if class, ok := chroma.StandardTypes[kind]; ok {
			return class
		}
	}
	return ""
}
