package ui_test

import (
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
	"sallyport.dev/internal/ui/uitest"
)

// everything is a page that uses each fragment.
const everything = `<h1>All</h1>
{{template "form-error" .Form.Message}}
<form method="post">
{{template "field" (.Form.Text "name" "Name" | required | focused | hint "A hint." | placeholder "p" | mono)}}
{{template "field" (.Form.Email "email" "Email" | autocomplete "email")}}
{{template "field" (.Form.Password "password" "Password")}}
{{template "field" (.Form.Lines "text" "Text")}}
{{template "field" (.Form.Checkbox "scopes" "read" "Read")}}
{{template "field" (.Form.Checkbox "scopes" "write" "Write")}}
{{template "field" (.Form.Choice "role" "Role" .Options)}}
{{template "field" (.Form.Select "expires" "Expires" .Options)}}
{{template "submit" (button "Save")}}{{template "submit" (danger "Delete")}}
</form>
{{template "copy" (copyable "Clone" "git clone")}}{{template "time" .At}}{{template "icon" "lock"}}
{{template "notice" (note "warn" "Careful.")}}{{template "empty" .Empty}}{{template "steps" .Steps}}
{{template "code-form" .Code}}{{template "totp-setup" .TOTP}}{{template "recovery-codes" .Recovery}}
{{template "blocked" .Blocked}}{{template "verify" .Verify}}{{template "factors" .Factors}}
{{template "factor-choice" .Choice}}{{template "one-factor" .One}}{{plural 2 "thing" "things"}}`

type everythingPage struct {
	Form     ui.Form
	Options  []ui.Option
	At       time.Time
	Empty    ui.Empty
	Steps    ui.Steps
	Code     ui.CodeForm
	TOTP     ui.TOTPSetup
	Recovery ui.RecoveryCodes
	Blocked  ui.Blocked
	Verify   ui.Verify
	Factors  ui.Factors
	Choice   ui.FactorChoice
	One      ui.OneFactor
}

func set(t *testing.T) *ui.Set {
	t.Helper()
	set, err := ui.Templates(fstest.MapFS{
		"all.html":    {Data: []byte(everything)},
		"broken.html": {Data: []byte(`before {{.Boom}}`)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

type broken struct{}

func (broken) Boom() (string, error) { return "", errors.New("boom") }

func sample() everythingPage {
	err := errors.Join(errs.Invalid("name", "Give a name."), errs.Conflict("", "Taken meanwhile."))
	return everythingPage{
		Form: ui.Refused(url.Values{
			"name": {`<b>"x"`}, "password": {"hunter2"}, "scopes": {"write"}, "role": {"owner"}, "expires": {"member"},
		}, err),
		Options: []ui.Option{{Value: "owner", Label: "Owner", Hint: "administers"}, {Value: "member", Label: "Member"}},
		At:      time.Now().Add(-3 * time.Hour),
		Empty:   ui.Empty{Icon: "folder", Title: "Nothing", Text: "Make one.", Link: ui.Link{Text: "Make", Href: "/make"}},
		Steps:   ui.Steps{Names: []string{"a", "b", "c"}, At: 1},
		Code:    ui.CodeForm{Action: "/verify", Hidden: []ui.Hidden{{Name: "h", Value: "v"}}, Error: "That code isn't right.", Links: []ui.Link{{Text: "Other", Href: "/o"}}},
		TOTP: ui.TOTPSetup{
			QR: template.HTML(`<svg viewBox="0 0 2 2"><path d="M0 0h1v1h-1zM1 1h1v1h-1z"/></svg>`), Secret: "ABCDEFGHIJ", URI: "otpauth://totp/a", Form: ui.CodeForm{Action: "/c", Text: true},
		},
		Verify: ui.Verify{
			Title: "Verify", Why: "Why.", Code: ui.CodeForm{Action: "/v", Tick: ui.Form{}.Checkbox("remember", "1", "Remember")},
			Key: ui.KeyForm{Do: "get", Action: "/v", Options: "/v/options", Label: ui.Field{Type: "text", Name: "label", Label: "Name"}, Button: "Use it", Offer: true, Without: "Without.", Links: []ui.Link{{Text: "Other", Href: "/o"}}},
		},
		Factors:  ui.Factors{Rows: []ui.Factor{{Label: "Phone", Off: true, Href: "/f"}, {Label: "Key", Key: true, Href: "/k"}}, Recovery: "/r", Add: "/a"},
		Choice:   ui.FactorChoice{Key: "/k", App: "/a", Hidden: []ui.Hidden{{Name: "h", Value: "v"}}},
		One:      ui.OneFactor{Action: "/o", Back: "/b"},
		Recovery: ui.RecoveryCodes{Codes: []string{"aaaa-bbbb", "cccc-dddd"}, Heading: "Codes for x & y", FileName: "codes.txt", Action: "/saved"},
		Blocked: ui.Blocked{
			Title: "Blocked", Of: "acme", Rule: "Rule.", Why: "Why.", Action: ui.Link{Text: "Set up", Href: "/s"},
			Ways: []ui.Link{{Text: "Settings", Href: "/x"}}, Forms: []ui.PostLink{{Text: "Leave", Action: "/leave"}},
		},
	}
}

func TestEveryTemplateTypeChecksAndRenders(t *testing.T) {
	uitest.Check(t, set(t), map[string][]any{
		"all.html":    {sample(), everythingPage{}},
		"error.html":  {ui.ErrorPage{Status: 404, Title: "t", Message: "m", Links: []ui.Link{{Text: "Home", Href: "/"}}}},
		"broken.html": {struct{ Boom string }{}},
	})
	shell, err := set(t).Shell().Clone()
	if err != nil {
		t.Fatal(err)
	}
	if err := uitest.TypeCheck(shell, ui.Framed{}); err != nil {
		t.Error(err)
	}
}

func TestPageShowsWhatWasTypedAndWhatIsWrong(t *testing.T) {
	w := httptest.NewRecorder()
	if err := set(t).Render(w, http.StatusBadRequest, "all.html", ui.Shell{Site: "Code", Title: "All"}, sample()); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{
		"<title>All · Sallyport Code</title>",
		`value="&lt;b&gt;&#34;x&#34;"`,
		`aria-describedby="f-name-error f-name-hint" aria-invalid="true" required autofocus`,
		"Give a name.", "Taken meanwhile.",
		`value="write" checked`, `value="owner" checked`, `<option value="member" selected>`,
		"ABCD EFGH IJ", `href="otpauth://totp/a"`, "3 hours ago", "2 things",
		"data:text/plain;charset=utf-8,Codes%20for%20x%20&amp;%20y%0A",
		"I have saved them",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "hunter2") {
		t.Error("the page gives a password back")
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q", got)
	}
}

func TestNothingIsWrittenWhereAPageFails(t *testing.T) {
	w := httptest.NewRecorder()
	if err := set(t).Render(w, 200, "broken.html", ui.Shell{}, broken{}); err == nil {
		t.Fatal("a failing page rendered")
	}
	if w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("written: %q, %v", w.Body, w.Header())
	}
	if err := set(t).Render(w, 200, "absent.html", ui.Shell{}, nil); err == nil {
		t.Error("an absent page rendered")
	}
}

// All pages of a site are one set: what one defines mustn't stand for something
// else in another.
func TestANameStandsForOneThing(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"two pages":  {"a.html": {Data: []byte(`{{define "row"}}1{{end}}`)}, "b.html": {Data: []byte(`{{define "row"}}2{{end}}`)}},
		"a fragment": {"a.html": {Data: []byte(`{{define "icon"}}1{{end}}`)}},
		"a file":     {"forms.html": {Data: []byte(`1`)}},
	} {
		if _, err := ui.Templates(files, nil); err == nil {
			t.Errorf("%s: a name was defined twice", name)
		}
	}
}

func TestErrorPage(t *testing.T) {
	w := httptest.NewRecorder()
	err := set(t).Error(w, ui.Shell{Site: "Code", RequestID: "req-1"}, ui.ErrorPage{Status: 404, Message: "No such page."})
	if err != nil {
		t.Fatal(err)
	}
	if w.Code != 404 || !strings.Contains(w.Body.String(), "No such page.") || !strings.Contains(w.Body.String(), "req-1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestStaticFilesAreKeptUnderTheirHashOnly(t *testing.T) {
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		ui.Static().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	address, err := ui.Asset("app.css")
	if err != nil {
		t.Fatal(err)
	}
	if w := get(address); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") ||
		w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%s: %d %v", address, w.Code, w.Header())
	}
	if w := get("/static/000000000000/app.css"); w.Code != 200 || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("old hash: %d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/static/", "/static/x/../ui.go", "/static/x/nothing.css", "/static/app.css"} {
		if w := get(path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if _, err := ui.Asset("nothing.css"); err == nil {
		t.Error("an unknown file has an address")
	}
	if size := get(address).Body.Len(); size > 20<<10 {
		t.Errorf("the stylesheet, as it is sent, has %d bytes; 20 KiB are allowed", size)
	}
}

// Every icon that a template of ours names is in the sprite.
func TestIconsExist(t *testing.T) {
	sprite, err := ui.Asset("icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	ui.Static().ServeHTTP(w, httptest.NewRequest("GET", sprite, nil))
	drawn := w.Body.String()
	w = httptest.NewRecorder()
	if err := set(t).Render(w, 200, "all.html", ui.Shell{Person: "x"}, sample()); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`icons\.svg#([a-z-]+)`).FindAllStringSubmatch(w.Body.String(), -1) {
		if !strings.Contains(drawn, `id="`+m[1]+`"`) {
			t.Errorf("the sprite has no %q", m[1])
		}
	}
}

// Standard 20: the headers of every page.
func TestHeaders(t *testing.T) {
	serve := func(h ui.Headers) http.Header {
		w := httptest.NewRecorder()
		h.Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Header()
	}
	plain := serve(ui.Headers{})
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
		"X-Content-Type-Options":    "nosniff",
		"X-Frame-Options":           "DENY",
		"Referrer-Policy":           "same-origin",
		"Strict-Transport-Security": "",
	} {
		if got := plain.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	secure := serve(ui.Headers{HTTPS: true, FormsTo: []string{"https://id.example"}})
	if !strings.HasSuffix(secure.Get("Content-Security-Policy"), "form-action 'self' https://id.example") ||
		secure.Get("Strict-Transport-Security") == "" {
		t.Errorf("%v", secure)
	}
}
