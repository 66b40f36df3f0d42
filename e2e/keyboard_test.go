package e2e

import (
	"context"
	_ "embed"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed js/focus.js
var focusScript string

// Every flow, by somebody who has no mouse: Tab, arrows, Space, Enter and what is typed.
// Standard 22: by keyboard alone.
func TestEveryFlowByKeyboard(t *testing.T) {
	s := serve(t)
	s.keys = true
	everyFlow(t, s).sendsEveryForm()
}

// Every flow, where JavaScript is off. What needs it (security keys) says so,
// and offers another way.
// Standard 22: without JavaScript, but for WebAuthn.
func TestEveryFlowWithoutScripts(t *testing.T) {
	s := serve(t)
	s.scriptless = true
	c := everyFlow(t, s)
	c.sendsEveryForm()
	if ask[bool](c.alice, `() => document.documentElement.classList.contains("js")`) {
		t.Error("scripts run")
	}
}

// focus is where it is, seen from what was looked for.
type focus struct {
	There  bool   // on it
	Beside bool   // on another one of its radio buttons
	Kind   string // of what was looked for: an input's type, or what it is
	Shown  bool   // one can see where it is
	HTML   string
}

// steps are how often somebody presses Tab before they give up.
const steps = 150

// tabs goes by Tab, and by arrows within radio buttons, to what was found last,
// and gives the key that uses it. Each thing on the way must show that it has
// the focus.
func (p *person) tabs(name string) chromedp.Action[chromedp.Void] {
	p.t.Helper()
	key := kb.Tab
	for range steps {
		at := ask[focus](p, focusScript)
		if !at.Shown {
			p.t.Errorf("%s at %s can't see the focus on %s", p.name, p.location(), at.HTML)
		}
		if at.There {
			return use(at.Kind)
		}
		if at.Beside {
			key = kb.ArrowDown
		}
		p.call(func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.KeyEvent(key)) })
	}
	p.t.Fatalf("%s at %s doesn't get to %q by keys", p.name, p.location(), name)
	return nil
}

// use is the key that does what a click does.
func use(kind string) chromedp.Action[chromedp.Void] {
	switch kind {
	case "checkbox", "radio":
		return chromedp.KeyEvent(" ")
	case "a", "button", "submit", "summary":
		return chromedp.KeyEvent(kb.Enter)
	default: // a field has the focus, and that is all
		return chromedp.Func(func(context.Context, *chromedp.Target) error { return nil })
	}
}
