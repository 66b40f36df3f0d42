package markup

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var wiki = Links{File: "/acme/site/wiki", Raw: "/acme/site/wiki/_raw", Dir: "guides", Wiki: true}

func TestWikiLinks(t *testing.T) {
	for source, want := range map[string]string{
		"see [[Home]] now":             `see <a href="/acme/site/wiki/Home">Home</a> now`,
		"[[guides/Set up|how to]]":     `<a href="/acme/site/wiki/guides/Set%20up">how to</a>`,
		"[[Home#First steps]]":         `<a href="/acme/site/wiki/Home#md-First%20steps">`,
		"[[ä?b]]":                      `<a href="/acme/site/wiki/%C3%A4%3Fb">ä?b</a>`,
		"[[../../../login]]":           `href="/acme/site/wiki/login"`,
		"[[javascript:alert(1)]]":      `href="/acme/site/wiki/javascript:alert%281%29"`,
		"[[//evil.example]]":           `href="/acme/site/wiki/evil.example"`,
		"[[<b>x</b>]]":                 `&lt;b&gt;x&lt;/b&gt;</a>`,
		"`[[Home]]`":                   `<code>[[Home]]</code>`,
		"[[]] [[ ]] [[a|]] [[|b]]":     `[[]] [[ ]] [[a|]] [[|b]]`,
		"[[a [b]]":                     `[[a [b]]`,
		"[[open":                       `[[open`,
		"[x](Other.md)":                `<a href="/acme/site/wiki/guides/Other.md">x</a>`,
		"![x](img/a.png)":              `<img src="/acme/site/wiki/_raw/guides/img/a.png" alt="x">`,
		"[[a]](b)":                     `<a href="/acme/site/wiki/a">a</a>(b)`,
		"| a |\n|---|\n| [[Home]] |\n": `<td><a href="/acme/site/wiki/Home">Home</a></td>`,
	} {
		if got := string(Markdown([]byte(source), wiki)); !strings.Contains(got, want) {
			t.Errorf("%q gives\n%s\nwithout\n%s", source, got, want)
		}
	}
	if got := string(Markdown([]byte("[[Home]]"), links)); !strings.Contains(got, "[[Home]]") {
		t.Errorf("outside a wiki: %s", got)
	}
}

func TestHeadings(t *testing.T) {
	got := fmt.Sprint(Headings(Markdown([]byte("# A & *b*\n\ntext\n\n### `c` [d](e)\n\n# A & *b*\n"), links)))
	if want := "[{1 md-a--b A & b} {3 md-c-de c d} {1 md-a--b-1 A & b}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whatever stands in a wiki page, nothing of it runs, and every link that comes
// of [[…]] stays in the wiki.
func FuzzWiki(f *testing.F) {
	for _, seed := range append(hostile, "[[Home]]", "[[a|b]]", "[[<script>|x]]", "[[\"onclick=]]", "[[[[a]]]]", "[![[x]]](y)", "[[a\\|b]]", "| [[a|b]] |\n|-|") {
		f.Add(seed)
		f.Add("[[" + seed + "]]")
	}
	f.Fuzz(func(t *testing.T, source string) {
		rendered := Markdown([]byte(source), wiki)
		Headings(rendered)
		tokens := html.NewTokenizer(strings.NewReader(string(rendered)))
		for tokens.Next() != html.ErrorToken {
			token := tokens.Token()
			if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
				continue
			}
			switch token.Data {
			case "script", "style", "iframe", "object", "embed", "form", "svg", "math", "base", "meta", "link":
				t.Fatalf("<%s> of %q", token.Data, source)
			}
			for _, attribute := range token.Attr {
				if strings.HasPrefix(attribute.Key, "on") || attribute.Key == "style" {
					t.Fatalf("%s= of %q", attribute.Key, source)
				}
				value := strings.ToLower(attribute.Val)
				if attribute.Key == "src" && !strings.HasPrefix(value, "/acme/site/wiki/_raw/") {
					t.Fatalf("src=%q of %q", value, source)
				}
				if attribute.Key == "href" && !strings.HasPrefix(value, "/acme/site/wiki/") && !strings.HasPrefix(value, "#md-") &&
					!strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://") && !strings.HasPrefix(value, "mailto:") {
					t.Fatalf("href=%q of %q", value, source)
				}
			}
		}
	})
}
