package gitssh

import (
	"strings"
	"testing"
)

// quoted writes a word as git does for the other side's shell.
func quoted(word string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(word) + "'"
}

// Any word that git quotes comes out as it went in, and as one; no line makes the
// door panic.
func FuzzCommands(f *testing.F) {
	for _, line := range []string{"git-upload-pack 'acme/app.git'", "git-upload-pack 'it'\\''s'", "git-receive-pack 'a';id", "x\\", "'", "", "git  upload-pack  a"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, ok := split("git-upload-pack " + quoted(text))
		if !ok || len(words) != 2 || words[1] != text {
			t.Errorf("%q became %q, %t", text, words, ok)
		}
		if words, ok := split(text); ok && !strings.ContainsAny(text, `'\`) && strings.Join(words, "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%q became %q", text, words)
		}
		if shown := printable(text); len(shown) > 100 || strings.ContainsAny(shown, "\n\r\x1b") {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}
