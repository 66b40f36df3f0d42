package markup

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

var links = Links{File: "/acme/site/src/main", Raw: "/acme/site/raw/main", Dir: "docs"}

func TestMarkdown(t *testing.T) {
	for source, want := range map[string]string{
		"# A heading":                        `<h1 id="md-a-heading">A heading</h1>`,
		"# Ünïcode":                          `<h1 id="md-ünïcode">`,
		"# One\n# One":                       `<h1 id="md-one-1">`,
		"see [below](#a-heading)":            `<a href="#md-a-heading">below</a>`,
		"[x](other.md)":                      `<a href="/acme/site/src/main/docs/other.md">`,
		"[x](../other.md#part)":              `<a href="/acme/site/src/main/other.md#md-part">`,
		"[x](/top.md)":                       `<a href="/acme/site/src/main/top.md">`,
		"[x](../../../../../up.md)":          `<a href="/acme/site/src/main/up.md">`,
		"[x](a%20b.md)":                      `<a href="/acme/site/src/main/docs/a%20b.md">`,
		"[x](<a b?.md>)":                     `<a href="/acme/site/src/main/docs/a%20b`,
		"![x](pic.png)":                      `<img src="/acme/site/raw/main/docs/pic.png" alt="x">`,
		`<img src="pic.png" width="100">`:    `<img src="/acme/site/raw/main/docs/pic.png" width="100">`,
		"![badge](https://ci.example/x.svg)": `<a href="https://ci.example/x.svg" rel="nofollow noreferrer">badge</a>`,
		"![](//ci.example/x.svg)":            `rel="nofollow noreferrer">image</a>`,
		"[![badge](https://ci.example/x.svg)](https://ci.example/)": `<a href="https://ci.example/" rel="nofollow noreferrer">badge</a>`,
		"https://example.com":             `<a href="https://example.com" rel="nofollow noreferrer">`,
		"<mail@example.com>":              `<a href="mailto:mail@example.com"`,
		"| a | b |\n|:-:|---|\n| 1 | 2 |": `<th align="center">a</th>`,
		"~~gone~~":                        `<del>gone</del>`,
		"- [x] done\n- [ ] open":          `<input type="checkbox" checked="" disabled="" aria-label="Done"> done`,
		"```go\nx < y\n```":               "<pre><code class=\"language-go\">x &lt; y\n</code></pre>",
		"<details open><summary>More</summary>\n\nText\n\n</details>": `<summary>More</summary>`,
		"<p align=\"center\">middle</p>":                              `<p align="center">middle</p>`,
		"1 < 2 & 3":                                                   `1 &lt; 2 &amp; 3`,
		"\xff\xfe":                                                    "\uFFFD",
		"3. three":                                                    `<ol start="3">`,
	} {
		if got := string(Markdown([]byte(source), links)); !strings.Contains(got, want) {
			t.Errorf("%q gives\n%s\nwithout\n%s", source, got, want)
		}
	}
	if got := Markdown([]byte(strings.Repeat("# x\n", MaxSource)), links); !strings.HasPrefix(string(got), "<pre>") {
		t.Error("a text beyond the limit is rendered")
	}
	if got := Plain([]byte("<b>\xff")); got != "<pre>&lt;b&gt;\uFFFD</pre>" {
		t.Errorf("plain: %s", got)
	}
}

// hostile are texts that try to get something past the sanitiser.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<SCRIPT SRC=//evil.example></SCRIPT>`,
	`<img src=x onerror=alert(1)>`,
	`<img src="x" onerror="alert(1)" / >`,
	`<svg onload=alert(1)><script>alert(1)</script></svg>`,
	`<math><mi xlink:href="data:x,<script>alert(1)</script>">`,
	`<a href="javascript:alert(1)">x</a>`,
	`<a href=" javascript:alert(1)">x</a>`,
	`<a href="java&#10;script:alert(1)">x</a>`,
	`<a href="&#106;avascript:alert(1)">x</a>`,
	`<a href="JaVaScRiPt:alert(1)">x</a>`,
	`<a href="vbscript:x">x</a>`,
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`,
	`[x](javascript:alert(1))`,
	`[x](<javascript:alert(1)>)`,
	"[x](java\tscript:alert(1))",
	`![x](javascript:alert(1))`,
	`![x](data:text/html;base64,PHNjcmlwdD4=)`,
	`<javascript:alert(1)>`,
	`<iframe src="https://evil.example"></iframe>`,
	`<object data="x"></object><embed src="x">`,
	`<form action="/logout"><input type="submit" name="x"><button>Go</button></form>`,
	`<input type="text" name="password">`,
	`<input type="checkbox" onclick="alert(1)" autofocus onfocus="alert(1)">`,
	`<input type="checkbox" aria-label="Sign in here: evil.example">`,
	`<style>body{display:none}</style>`,
	`<p style="position:fixed;top:0">x</p>`,
	`<link rel="stylesheet" href="//evil.example">`,
	`<meta http-equiv="refresh" content="0;url=//evil.example">`,
	`<base href="//evil.example/">`,
	`<div id="content" name="cookie">x</div>`,
	`<a id="x" name="getElementById">x</a>`,
	`<div class="blocked" data-action="delete">x</div>`,
	`<!-- <script>alert(1)</script> -->`,
	`<!--><img src=x onerror=alert(1)>-->`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>`,
	`<textarea><script>alert(1)</script></textarea>`,
	`<title><script>alert(1)</script></title>`,
	`<xmp><script>alert(1)</script></xmp>`,
	`<template><script>alert(1)</script></template>`,
	`<img src="//evil.example/track.gif">`,
	`<img src="#x">`,
	`<img src="https://evil.example/track.gif">`,
	`<img src="\\evil.example\track.gif">`,
	`<img srcset="//evil.example/x.png 1x" src="x.png">`,
	`<video src="//evil.example/x" poster="//evil.example/y"></video>`,
	`<details ontoggle=alert(1) open>x</details>`,
	`<a href="/\evil.example">x</a>`,
	`<a href="////evil.example">x</a>`,
	`<a href="https:evil.example">x</a>`,
	`<a href="x" target="_blank" ping="//evil.example">x</a>`,
	`<table background="//evil.example/x"><td>`,
	`</div></main></body></html><script>alert(1)</script>`,
	"`<script>`\n\n    <script>alert(1)</script>",
	`<a href="x"<script>alert(1)</script>>x</a>`,
	`<<script>script>alert(1)</script>`,
	"[a]: javascript:alert(1)\n\n[a]",
	`<p title='"><script>alert(1)</script>'>x</p>`,
	"# x {#content onclick=alert(1)}",
	strings.Repeat("[", 5000) + strings.Repeat("](", 5000),
	strings.Repeat(">", 5000) + " x",
	strings.Repeat("<div>", 5000),
	strings.Repeat("*a _b ", 5000),
	strings.Repeat("- ", 2000) + "x",
}

func TestHostileMarkdown(t *testing.T) {
	for _, source := range hostile {
		harmless(t, source)
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, source := range hostile {
		if len(source) < 200 {
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source string) { harmless(t, source) })
}

var (
	harmlessTags = regexp.MustCompile(`^(h[1-6]|p|br|hr|blockquote|pre|code|div|span|em|strong|b|i|u|s|del|ins|sub|sup|small|mark|kbd|samp|var|abbr|q|cite|dfn|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|details|summary|a|img|input)$`)
	ownImage     = regexp.MustCompile(`^/acme/site/raw/main/[^\\]*$`)
	ownLink      = regexp.MustCompile(`^(/acme/site/src/main/[^\\]*|#md-.*|https?://[^/].*|mailto:.*)$`)
)

// harmless renders the text and reads the result as a browser would.
func harmless(t *testing.T, source string) {
	t.Helper()
	got := string(Markdown([]byte(source), links))
	tokens := html.NewTokenizer(strings.NewReader(got))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return
		}
		if kind == html.CommentToken || kind == html.DoctypeToken {
			t.Errorf("%.200q gives a comment: %.400q", source, got)
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		token := tokens.Token()
		if !harmlessTags.MatchString(token.Data) {
			t.Errorf("%.200q gives <%s>: %.400q", source, token.Data, got)
		}
		for _, a := range token.Attr {
			ok := true
			switch a.Key {
			case "href":
				ok = ownLink.MatchString(a.Val)
			case "src":
				ok = ownImage.MatchString(a.Val)
			case "id":
				ok = strings.HasPrefix(a.Val, "md-")
			case "type":
				ok = a.Val == "checkbox"
			case "aria-label":
				ok = a.Val == "Done" || a.Val == "Open"
			case "class":
				ok = strings.HasPrefix(a.Val, "language-")
			case "rel", "alt", "title", "align", "start", "colspan", "rowspan", "open", "checked", "disabled", "width", "height":
			default:
				ok = false
			}
			if !ok {
				t.Errorf("%.200q gives <%s %s=%q>: %.400q", source, token.Data, a.Key, a.Val, got)
			}
		}
	}
}

func BenchmarkMarkdown(b *testing.B) {
	source := []byte(strings.Repeat("# Title\n\nSome *text* with [a link](to/it.md), `code` and\n\n- a list\n- of things\n\n```go\nfunc main() {}\n```\n\n", 50))
	for b.Loop() {
		Markdown(source, links)
	}
}
