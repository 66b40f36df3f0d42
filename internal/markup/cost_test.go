package markup

import (
	"strings"
	"testing"
)

// Each of these, found by trying, takes goldmark seconds to minutes.
func TestCostlyTextsAreShownAsTheyAre(t *testing.T) {
	for _, unit := range []string{
		">", "> > ", "[a](", "1. ", "- ", "- \t>", "_a*", "*a _b ", "![", "[a]: <", "\n\\``\n|", "\n> \\``", "``*\n> ![\\", "\n|> **_", "~\n|: _",
	} {
		if source := strings.Repeat(unit, MaxSource/len(unit)); !costly([]byte(source)) {
			t.Errorf("%q again and again is rendered", unit)
		}
	}
}

func TestOrdinaryTextsAreRendered(t *testing.T) {
	for name, unit := range map[string]string{
		"list":       "- [name](https://example.com/a/b) does **this** and `that`\n",
		"numbers":    "1. [name](https://example.com/a/b)\n\n",
		"paragraphs": "Some *text* with [a link](https://example.com), `code` and more\nof it on the next line.\n\n",
		"table":      "| [name](https://example.com) | `code` | **yes** |\n",
		"code":       "    if (a[i] && *p) { x = `y` }\n\n",
	} {
		source := strings.Repeat(unit, MaxSource/len(unit)-10)
		if name == "table" {
			source = "| Name | Code | Good |\n|------|:----:|-----:|\n" + source
		}
		if costly([]byte(source)) {
			t.Errorf("a long %s is not rendered", name)
		}
	}
	block := "```c\n" + strings.Repeat("a[i] = *p & ~q; // `x`\n", 4000) + "```\n"
	if costly([]byte(block)) {
		t.Error("a long block of code is not rendered")
	}
	if got := string(Markdown([]byte("| a | b |\n|---|---|\n| `x` | y |"), links)); !strings.Contains(got, "<td><code>x</code></td>") {
		t.Error(got)
	}
}
