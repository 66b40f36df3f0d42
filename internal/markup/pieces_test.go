package markup

import (
	"slices"
	"testing"
)

func TestPieces(t *testing.T) {
	ref := func(word string) string {
		if word == "#404" {
			return ""
		}
		return "/" + word
	}
	for text, want := range map[string][]Piece{
		"":                        nil,
		"Nothing <b>here</b>":     {{Text: "Nothing <b>here</b>"}},
		"#1":                      {{"#1", "/#1"}},
		"Fix #1, #2 and #404.":    {{Text: "Fix "}, {"#1", "/#1"}, {Text: ", "}, {"#2", "/#2"}, {Text: " and #404."}},
		"(deadbeef) not a#1 or 1": {{Text: "("}, {"deadbeef", "/deadbeef"}, {Text: ") not a#1 or 1"}},
		"one\n#3\né":              {{Text: "one\n"}, {"#3", "/#3"}, {Text: "\né"}},
	} {
		if got := Pieces(text, ref); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
