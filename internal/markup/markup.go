// Package markup turns Markdown that anybody may have written into HTML that is
// safe within a page of Code. It owns no table and reads nothing but its
// arguments.
//
// The text goes through goldmark (GitHub's dialect), then relative addresses
// are made to lead into the repository, and what comes out is sanitised last,
// so nothing before that has to be trusted.
//
// Invariants: no script, style, form, frame or foreign image; every link is
// http, https, mailto or within the site; every id begins with "md-", so none
// can stand in for one of the page's own.
package markup

import (
	"bytes"
	"html/template"
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// MaxSource is how much Markdown is rendered; longer texts are shown as they are.
const MaxSource = 128 << 10

// Markdown renders a text whose relative links lead where links says.
func Markdown(source []byte, links Links) template.HTML {
	if len(source) > MaxSource || costly(source) {
		return Plain(source)
	}
	var rendered bytes.Buffer
	convert := engine()
	if links.Wiki {
		convert = wikiEngine()
	}
	if err := convert.Convert(bytes.ToValidUTF8(source, []byte("\uFFFD")), &rendered, parser.WithContext(newContext())); err != nil {
		return Plain(source)
	}
	return template.HTML(policy().SanitizeBytes(links.rewrite(rendered.Bytes()))) //nolint:gosec // sanitised
}

// Plain shows a text as it is.
func Plain(source []byte) template.HTML {
	text := template.HTMLEscapeString(string(bytes.ToValidUTF8(source, []byte("\uFFFD"))))
	return template.HTML("<pre>" + text + "</pre>") //nolint:gosec // escaped
}

var (
	engine     = sync.OnceValue(func() goldmark.Markdown { return newEngine() })
	wikiEngine = sync.OnceValue(func() goldmark.Markdown {
		return newEngine(parser.WithInlineParsers(util.Prioritized(wikiLinks{}, 150))) // before other links
	})
)

// newEngine lets raw HTML through, because the sanitiser judges all of it after.
func newEngine(options ...parser.Option) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(
			extension.Linkify, extension.Strikethrough, extension.TaskList,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		),
		goldmark.WithParserOptions(append(options, parser.WithAutoHeadingID())...),
		goldmark.WithRendererOptions(html.WithUnsafe(), renderer.WithNodeRenderers(util.Prioritized(taskBox{}, 100))),
	)
}

// policy is everything that may come out.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "div", "span",
		"em", "strong", "b", "i", "u", "s", "del", "ins", "sub", "sup", "small", "mark", "kbd", "samp", "var", "abbr", "q", "cite", "dfn",
		"ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "details", "summary",
	)
	p.AllowNoAttrs().OnElements("span", "a")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^md-[\p{L}\p{N}_-]{1,200}$`)).Globally()
	p.AllowAttrs("title").Matching(bluemonday.Paragraph).Globally()
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("p", "div", "th", "td", "img", "h1", "h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[a-zA-Z0-9+#._-]{1,40}$`)).OnElements("code")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[1-9][0-9]?$`)).OnElements("th", "td")
	p.AllowAttrs("open").Matching(regexp.MustCompile(`^$`)).OnElements("details")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowAttrs("aria-label").Matching(regexp.MustCompile(`^(Done|Open)$`)).OnElements("input")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}%?$`)).OnElements("img")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	return p
})
