package web

import (
	"html/template"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHighlight(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       []template.HTML
	}{
		"coloured": {"a.go", "package a\n\n// <b>\n", []template.HTML{
			`<span class="kn">package</span> <span class="nx">a</span>`, "", `<span class="c1">// &lt;b&gt;</span>`,
		}},
		"plain":          {"a.unknown", "a<b\r\n\r\nc", []template.HTML{"a&lt;b", "", "c"}},
		"empty":          {"a.unknown", "", []template.HTML{""}},
		"a line without": {"x", "one", []template.HTML{"one"}},
		"too long lines": {"a.go", "// " + strings.Repeat("x", maxLine), []template.HTML{template.HTML("// " + strings.Repeat("x", maxLine))}},
	} {
		if diff := cmp.Diff(c.want, highlight(c.file, c.text)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestBinary(t *testing.T) {
	for text, want := range map[string]bool{"": false, "a\n": false, "a\x00b": true, "\xff\xfe": true, "ü": false} {
		if binary([]byte(text)) != want {
			t.Errorf("binary(%q) = %v", text, !want)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	for name, want := range map[string]string{
		"main.go": "Go", "a.b.py": "Python", "Makefile": "Makefile", "Dockerfile": "Docker", "x.css": "CSS", "x.min.js": "JavaScript", "index.html": "HTML",
		"README.md": "", "data.json": "", "none": "", "": "", ".": "", "*": "", "a.": "", "x.txt": "",
	} {
		if got := languageOf(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
