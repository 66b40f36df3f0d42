package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

//go:embed js/find.js
var findScript string

// person is somebody at a browser of their own: no cookie is shared with others.
type person struct {
	t        *testing.T
	s        *server
	name     string // what they call themselves: "alice"
	email    string
	password string

	key   string   // of their authenticator app for Code
	step  int64    // of 30 seconds since 1970: that of the last code from it
	codes []string // their recovery codes for Code

	tab        context.Context
	seen       *watch
	keys       bool // the keyboard alone is used
	scriptless bool // JavaScript is off
}

// comes gives somebody new, with an empty browser.
func (s *server) comes(t *testing.T, name string) *person {
	t.Helper()
	p := &person{
		t: t, s: s, name: name, email: name + "@example.com", password: name + " walks over the old bridge",
		keys: s.keys, scriptless: s.scriptless,
	}
	s.secret(p.password)
	p.newBrowser()
	return p
}

// again is the same person at another browser.
func (p *person) again() *person {
	p.t.Helper()
	other := *p
	other.newBrowser()
	return &other
}

func (p *person) newBrowser() {
	p.t.Helper()
	p.openTab(need(p.t, stage.browser), chromedp.WithNewBrowserContext())
}

// newTab is the same person in another tab of the same browser.
func (p *person) newTab() *person {
	p.t.Helper()
	other := *p
	other.openTab(p.tab)
	return &other
}

func (p *person) openTab(parent context.Context, options ...chromedp.ContextOption) {
	p.t.Helper()
	tab, cancel := chromedp.NewContext(parent, options...)
	p.tab, p.seen = tab, &watch{sent: &p.s.sent}
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.keepPicture()
		}
		cancel()
	})
	p.do(chromedp.Do(tab)) // makes the tab, without a deadline that would end it
	p.do(p.seen.start(tab))
	p.call(func(ctx context.Context) error {
		_, focus := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		_, bars := chromedp.Call(ctx, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: true})
		return errors.Join(focus, bars)
	})
	p.window(wideWindow)
	if p.scriptless {
		p.withoutScripts()
	}
}

// do ends the test on an error, in the name of the person.
func (p *person) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s at %s: %v", p.name, p.seen.address(), err)
	}
}

func (p *person) call(f func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	p.do(f(ctx))
}

// ask evaluates a JavaScript function on the page, with arguments, and awaits
// what it promises.
func ask[T any](p *person, function string, args ...any) T {
	p.t.Helper()
	list, err := json.Marshal(append([]any{}, args...))
	p.do(err)
	var result T
	p.call(func(ctx context.Context) error {
		var err error
		result, err = chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf("(%s)(...%s)", function, list), chromedp.EvalAwaitPromise))
		return err
	})
	return result
}

// withoutScripts switches JavaScript off in the tab.
func (p *person) withoutScripts() {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// open goes to an address; one that begins with a slash is on Code.
func (p *person) open(address string) {
	p.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.s.code + address
	}
	p.do(p.loads(address))
	p.look()
}

// loads goes to an address and waits for the page, without looking at it.
func (p *person) loads(address string) error {
	return p.waits(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		res, err := cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: address})
		if err == nil && res.ErrorText != "" {
			return errors.New(res.ErrorText)
		}
		return err
	}))
}

// follow clicks a link and waits for the page behind it.
func (p *person) follow(text string) {
	p.t.Helper()
	p.load(p.at("link", text))
}

// press clicks a button that sends a form, and waits for what comes.
func (p *person) press(text string) {
	p.t.Helper()
	p.load(p.at("button", text))
}

// tap clicks something that stays on the page.
func (p *person) tap(text string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error { return chromedp.Do(ctx, p.at("any", text)) })
}

// load does what leads to another page, waits for that, and looks at it.
func (p *person) load(trigger chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.do(p.waits(trigger))
	p.look()
}

func (p *person) waits(trigger chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, trigger)); err != nil {
		return fmt.Errorf("no page came: %w", err)
	}
	return nil
}

// at gives the click on what has that name on the screen; or, for whoever has
// the keyboard alone, goes to it, and gives the key that does the same.
func (p *person) at(kind, name string) chromedp.Action[chromedp.Void] {
	p.t.Helper()
	spot := ask[struct {
		X, Y  float64
		Error string
	}](p, findScript, kind, name)
	if spot.Error != "" {
		p.t.Fatalf("%s at %s: %s", p.name, p.seen.address(), spot.Error)
	}
	if p.keys {
		return p.tabs(name)
	}
	return chromedp.MouseClickXY(spot.X, spot.Y)
}

// fill puts a text into the field with that label, in place of what is there,
// as one pastes it.
func (p *person) fill(label, text string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		enter := paste(text)
		if p.keys {
			enter = chromedp.KeyEvent(text)
		}
		return chromedp.Do(ctx, p.at("field", label), chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), enter)
	})
}

func paste(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// location is where the person is.
func (p *person) location() string {
	p.t.Helper()
	return ask[string](p, `() => location.href`)
}

// isAt checks the address; one that begins with a slash is on Code.
func (p *person) isAt(address string) {
	p.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.s.code + address
	}
	if got := p.location(); got != address {
		p.t.Fatalf("%s is at %s (%s), not at %s", p.name, got, p.heading(), address)
	}
}

// path is the path of where the person is.
func (p *person) path() string {
	p.t.Helper()
	at, err := url.Parse(p.location())
	p.do(err)
	return at.Path
}

func (p *person) heading() string {
	p.t.Helper()
	return ask[string](p, `() => { const h = document.querySelector("h1"); return h ? h.textContent.replace(/\s+/g, " ").trim() : "" }`)
}

// text is what can be read on the page.
func (p *person) text() string {
	p.t.Helper()
	return ask[string](p, `() => document.body.innerText.replace(/\s+/g, " ")`)
}

// sees checks that the words can be read on the page.
func (p *person) sees(words ...string) {
	p.t.Helper()
	text := p.text()
	for _, each := range words {
		if !strings.Contains(text, each) {
			p.t.Fatalf("%s at %s doesn't see %q but: %s", p.name, p.location(), each, text)
		}
	}
}

// seesNot checks that none of the words can be read, nor stand hidden in the page.
func (p *person) seesNot(words ...string) {
	p.t.Helper()
	source := ask[string](p, `() => document.documentElement.outerHTML`)
	for _, each := range words {
		if strings.Contains(source, each) {
			p.t.Fatalf("%s at %s sees %q", p.name, p.location(), each)
		}
	}
}

// got checks the status of the page.
func (p *person) got(status int) {
	p.t.Helper()
	if got := p.seen.status(); got != status {
		p.t.Fatalf("%s at %s got %d (%s), not %d", p.name, p.location(), got, p.heading(), status)
	}
}

// token is what an authenticator app shows for the key at a time.
func token(t *testing.T, key string, at time.Time) string {
	t.Helper()
	if _, err := exec.LookPath("oathtool"); err != nil {
		t.Fatal("there is no authenticator to test with; run: apt-get install -y oathtool")
	}
	out, err := exec.Command("oathtool", "--totp", "-b", "--now="+at.UTC().Format("2006-01-02 15:04:05 UTC"), key).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (p *person) keepPicture() {
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Log(err)
		return
	}
	p.s.keep(filepath.Base(fmt.Sprintf("%s-%p.png", p.name, p.seen)), picture)
}
