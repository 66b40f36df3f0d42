package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	//go:embed js/check.js
	checkScript string
	//go:embed js/axe.js
	axeScript string
	//go:embed js/shift.js
	shiftScript string
)

// watch notes what a tab's browser says about the pages in it.
type watch struct {
	mu     sync.Mutex
	sent   *sync.Map         // the addresses that forms were sent to
	last   *network.Response // of the page itself
	faults []string
}

// start listens, and switches the browser's own audits on.
func (w *watch) start(tab context.Context) error {
	if err := chromedp.Listen(tab, w.note); err != nil {
		return err
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	_, err := chromedp.Call(tab, audits.Enable, cdp.Empty{})
	return err
}

func (w *watch) note(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fault := func(format string, args ...any) { w.faults = append(w.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument && e.Request.Method == http.MethodPost {
			w.sent.Store(e.Request.URL, true)
		}
	case *network.EventResponseReceived:
		switch {
		case e.Type == network.ResourceTypeDocument:
			w.last = e.Response
			if policy := header(e.Response, "content-security-policy"); policy == "" || strings.Contains(policy, "unsafe") {
				fault("%s has the content security policy %q", e.Response.URL, policy)
			}
		case e.Response.Status >= 400:
			fault("%s: status %d", e.Response.URL, e.Response.Status)
		}
	case *runtime.EventConsoleAPICalled:
		fault("console %s: %v", e.Type, e.Args)
	case *runtime.EventExceptionThrown:
		fault("exception: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		switch {
		case e.Entry.Source == "network": // statuses are judged above and by the tests
		case strings.HasPrefix(e.Entry.Text, "Autofocus processing was blocked"): // by a test that is quicker
		default:
			fault("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	case *audits.EventIssueAdded:
		details, err := json.Marshal(e.Issue.Details)
		fault("audit %s: %s %v", e.Issue.Code, details, err)
	}
}

func header(r *network.Response, name string) string {
	for key, value := range r.Headers {
		if strings.EqualFold(key, name) {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// take gives the faults that were noted, once.
func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	faults := w.faults
	w.faults = nil
	return faults
}

func (w *watch) status() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		return 0
	}
	return int(w.last.Status)
}

func (w *watch) address() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		return "an empty tab"
	}
	return w.last.URL
}

// size of a window, in px.
type size struct{ width, height int64 }

var (
	wideWindow   = size{1280, 800}
	narrowWindow = size{320, 640}
)

func (p *person) window(w size) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: w.width, Height: w.height, DeviceScaleFactor: 1,
		})
		return err
	})
}

// scheme says which colours the person's system prefers: "light" or "dark".
func (p *person) scheme(name string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// looked holds the pages that were looked at in every window and colour: that is
// done once for each page, told by its address without names, its heading, its
// status, and the kinds of things on it.
var looked sync.Map

// kinds are those of the things on a page.
const kinds = `() => [...new Set([...document.querySelectorAll("main *:not(pre *, .text *, table *, svg *)")].map((e) => e.tagName + "." + e.className))].sort().join()`

var names = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_.-]{30,}`)

// look fails the test for each fault of the page that the person is at.
func (p *person) look() {
	p.t.Helper()
	p.judge("")
	at := p.location()
	p.t.Logf("%s: %s %q", p.name, at, p.heading())
	if p.seen.status() == http.StatusOK && p.s.pages != nil {
		page, _, _ := strings.Cut(at, "#")
		p.s.pages[page] = true
	}
	page := fmt.Sprintln(names.ReplaceAllString(p.path(), "*"), p.heading(), p.seen.status(), ask[string](p, kinds), p.scriptless)
	if _, done := looked.LoadOrStore(page, true); done {
		return
	}
	p.faults("", p.findings())
	p.scheme("dark")
	p.judge(" in dark")
	p.faults(" in dark", p.findings())
	p.scheme("light")
	p.window(narrowWindow)
	p.judge(" at 320 px")
	p.window(wideWindow)
}

func (p *person) judge(how string) {
	p.t.Helper()
	p.faults(how, p.seen.take())
	p.faults(how, ask[[]string](p, checkScript))
}

// findings are those that take longer: what has moved on the page, and what axe
// finds. Both need scripts; without them it is the same page.
func (p *person) findings() []string {
	p.t.Helper()
	if p.scriptless {
		return nil
	}
	moved := ask[[]string](p, shiftScript, 0.05)
	if !ask[bool](p, `() => "axe" in window`) {
		p.call(func(ctx context.Context) error {
			return chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](need(p.t, stage.axe)))
		})
	}
	return append(moved, ask[[]string](p, axeScript)...)
}

func (p *person) faults(how string, found []string) {
	p.t.Helper()
	for _, fault := range found {
		p.t.Errorf("%s%s: %s", p.location(), how, fault)
	}
}
