package e2e

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hits presses a key.
func (p *person) hits(key string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.KeyEvent(key)) })
}

// marked are the numbers of the lines that are marked, and whether the first is
// to be seen.
const marked = `() => {
	const rows = [...document.querySelectorAll("tr")].filter(r => r.matches(".marked"));
	const seen = rows.length && rows[0].getBoundingClientRect();
	return rows.map(r => r.id.slice(1)).join(" ") + (seen && seen.top >= 0 && seen.bottom <= innerHeight ? " seen" : "");
}`

// Lines of a file are marked on arrival and by clicks, alone and in a range.
func TestLinesOfAFile(t *testing.T) {
	album := album{os.Getenv("SALLYPORT_SCREENS")}
	alice, _ := team(t, serve(t))
	at := func(address, want string) {
		t.Helper()
		alice.open("/") // a fragment alone would load nothing
		alice.open("/acme/app/" + address)
		if got := ask[string](alice, marked); got != want {
			t.Errorf("at %s %q is marked, want %q", address, got, want)
		}
	}
	at("src/main/main.go", "")
	at("src/main/main.go#L3", "3 seen")
	at("src/main/main.go#L3-L5", "3 4 5 seen")
	at("src/main/main.go#lines-5:3", "3 4 5 seen")
	at("blame/main/main.go#L2-L3", "2 3 seen")
	at("src/main/main.go#L900-L901", "")
	at("src/main/main.go#L6-L90000", "6 7 8 9 10 seen")
	album.take(alice, "file-lines")

	line := func(n, shift, want, hash string) {
		t.Helper()
		ask[bool](alice, `(n, shift) => document.querySelector('a[data-line="' + n + '"]').dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, shiftKey: shift === "shift"}))`, n, shift)
		ask[bool](alice, `() => new Promise(done => setTimeout(done, 0, true))`) // the fragment changed
		if got := ask[string](alice, marked); got != want || !strings.HasSuffix(alice.location(), hash) {
			t.Errorf("after line %s: %q is marked, want %q, at %s, want %s", n, got, want, alice.location(), hash)
		}
	}
	alice.open("/acme/app/src/main/README.md?view=source")
	line("4", "", "4 seen", "#L4")
	line("6", "shift", "4 5 6 seen", "#L4-L6")
	line("2", "shift", "2 3 4 seen", "#L2-L4")
	line("5", "", "5 seen", "#L5")
}

// The list of files narrows while one types; arrows and Enter open one. Without
// scripts the form does it.
func TestFindingAFile(t *testing.T) {
	alice, bob := team(t, serve(t))
	alice.open("/acme/app")
	alice.load(chromedp.KeyEvent("t"))
	const files = `() => [...document.querySelectorAll("#results a")].map(a => a.textContent.trim()).join(" ")`
	if got := ask[string](alice, files); got != "README.md docs/crew.txt docs/plan.md main.go" {
		t.Errorf("all files: %q", got)
	}
	const narrowed = `() => new Promise(done => new MutationObserver(() => setTimeout(done, 0, true)).observe(document.getElementById("results"), {childList: true}))`
	types := func(text, want string) {
		t.Helper()
		ask[bool](alice, `() => { window.narrowed = (`+narrowed+`)(); return true }`)
		alice.hits(text)
		ask[bool](alice, `() => window.narrowed`)
		if got := ask[string](alice, files); got != want {
			t.Errorf("after %q: %q, want %q", text, got, want)
		}
	}
	types("d", "README.md docs/plan.md docs/crew.txt")
	types("o", "docs/plan.md docs/crew.txt")
	if !strings.HasSuffix(alice.location(), "/find/main?q=do") {
		t.Errorf("the address is %s", alice.location())
	}
	alice.hits(kb.ArrowDown)
	alice.hits(kb.ArrowDown)
	alice.hits(kb.ArrowUp)
	alice.hits(kb.ArrowDown)
	alice.load(chromedp.KeyEvent(kb.Enter))
	alice.isAt("/acme/app/src/main/docs/crew.txt")

	// What was typed last counts, also where the list isn't there yet.
	alice.open("/acme/app/find/main")
	alice.hits("plan")
	alice.load(chromedp.KeyEvent(kb.Enter))
	alice.isAt("/acme/app/src/main/docs/plan.md")

	plain := bob.newTab()
	plain.withoutScripts()
	plain.open("/acme/app/find/main")
	plain.fill("Part of the name", "plan")
	plain.load(chromedp.KeyEvent(kb.Enter))
	plain.isAt("/acme/app/find/main?q=plan")
	plain.sees("docs/plan.md")
	plain.seesNot("crew.txt")
}

// A comparison lists its commits and shows images before and after. They are
// drawn, an SVG too; what stands in it isn't run.
func TestAComparisonWithImages(t *testing.T) {
	album := album{os.Getenv("SALLYPORT_SCREENS")}
	alice, _ := team(t, serve(t))
	at, err := url.Parse(alice.s.code)
	alice.do(err)
	at.User = url.UserPassword(alice.name, alice.makesToken())
	work := t.TempDir()
	git(t, work, "clone", "-q", at.String()+"/acme/app.git", ".")
	draws := func(name string, shade color.Color) {
		picture := image.NewPaletted(image.Rect(0, 0, 120, 80), color.Palette{shade})
		file, err := os.Create(filepath.Join(work, name))
		alice.do(err)
		alice.do(errors.Join(png.Encode(file, picture), file.Close()))
	}
	writes := func(name, text string) { alice.do(os.WriteFile(filepath.Join(work, name), []byte(text), 0o644)) }
	draws("flag.png", color.RGBA{31, 90, 168, 255})
	git(t, work, "add", ".")
	git(t, work, "commit", "-q", "-m", "Hoist a flag")
	git(t, work, "push", "-q", "origin", "main")
	git(t, work, "switch", "-q", "-c", "other")
	draws("flag.png", color.RGBA{154, 82, 0, 255})
	writes("moon.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><script>parent.document.title = "run"</script><circle cx="45" cy="45" r="40" fill="gold"/></svg>`)
	writes("data.bin", "\x00\x01")
	git(t, work, "add", ".")
	git(t, work, "commit", "-q", "-m", "Another flag, and the moon (#1)")
	git(t, work, "push", "-q", "origin", "other")

	alice.open("/acme/app/diff/main..other")
	alice.sees("Another flag, and the moon", "Before", "After", "aren't compared: 2 bytes after")
	drawn := ask[[]int](alice, `() => Promise.all([...document.querySelectorAll(".images img")].map(async i => { i.loading = "eager"; await i.decode(); return i.naturalWidth }))`)
	if !slices.Equal(drawn, []int{120, 120, 90}) {
		t.Errorf("the images are %v px wide", drawn)
	}
	if title := ask[string](alice, `() => document.title`); strings.Contains(title, "run") {
		t.Error("a script in an image has run")
	}
	album.take(alice, "comparison", narrowWindow)
}
