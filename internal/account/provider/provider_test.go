package provider_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

func open(t *testing.T, d *db.DB) *provider.Provider {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider.New(t.Context(), provider.Config{
		Issuer: "https://id.test", DB: d, Box: box, Clock: clock.System, Audit: &audit.Log{DB: d, Clock: clock.System},
	})
	if err != nil {
		t.Error(err)
	}
	return p
}

func keys(p *provider.Provider) string {
	w := httptest.NewRecorder()
	p.Routes()["GET /keys"](w, httptest.NewRequest("GET", "/keys", nil))
	return w.Body.String()
}

func TestProcessesThatStartAtOnceSignWithOneKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		seen := map[string]int{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				text := keys(open(t, d))
				mu.Lock()
				defer mu.Unlock()
				seen[text]++
			})
		}
		all.Wait()
		again := keys(open(t, d)) // and after a restart
		if len(seen) != 1 || seen[again] != 4 || strings.Count(again, `"kid"`) != 1 {
			t.Errorf("%v, then %s", seen, again)
		}
		sealed, err := db.One[[]byte](t.Context(), d, `SELECT sealed FROM signing_key`)
		if err != nil || bytes.Contains(sealed, []byte{0x02, 0x03, 0x01, 0x00, 0x01}) { // the DER of 65537
			t.Errorf("the key is kept in the clear, %v", err)
		}
	})
}

var operator = person.Operator()

// webApp is an app that can be registered.
func webApp(name string, redirects ...string) provider.App {
	return provider.App{Name: name, Redirects: redirects, Scopes: []string{"openid"}, Grants: []provider.GrantType{provider.GrantCode}}
}

func TestAppsAreRegisteredWithSafeAddresses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		for address, good := range map[string]bool{
			"https://wiki.test/callback":   true,
			"http://10.0.0.5:3000/cb":      true,
			"http://127.0.0.1/callback":    true,
			"com.example.wiki:/callback":   true,
			"":                             false,
			"/callback":                    false,
			"wiki.test/callback":           false,
			"https://wiki.test/cb#part":    false,
			"https://a@wiki.test/cb":       false,
			"https://wiki.test/c b":        false,
			"javascript:alert(1)":          false,
			"data:text/html,x":             false,
			"https:///callback":            false,
			"https://wiki.test/cb\nhttps:": false,
		} {
			_, _, err := p.CreateApp(t.Context(), operator, webApp("Wiki", address))
			if good != (err == nil) {
				t.Errorf("%q: %v", address, err)
			}
			if err != nil && !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%q: %v", address, err)
			}
		}
		for _, name := range []string{"", " ", strings.Repeat("x", 101), "a\nb"} {
			if _, _, err := p.CreateApp(t.Context(), operator, webApp(name, "https://wiki.test/cb")); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("the name %q: %v", name, err)
			}
		}
	})
}

func TestASecretIsShownOnceAndKeptSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		app, key, err := p.CreateApp(t.Context(), operator, webApp("Wiki", "https://wiki.test/cb"))
		if err != nil || len(key.Reveal()) < 40 {
			t.Fatal(key, err)
		}
		phone := webApp("Phone", "com.example.phone:/cb")
		phone.Public = true
		public, none, err := p.CreateApp(t.Context(), operator, phone)
		if err != nil || none.Reveal() != "" {
			t.Fatal("a public app has a secret", err)
		}
		code := secret.New(strings.Repeat("k", 64))
		for _, at := range []string{"http://localhost:8080/login/callback", "https://code.test/login/callback"} {
			if err := p.RegisterBuiltin(t.Context(), provider.App{ID: "code", Name: "Code", Redirects: []string{at}}, code); err != nil {
				t.Fatal(err)
			}
		}
		fresh, err := p.RotateSecret(t.Context(), operator, app.ID)
		if err != nil || fresh.Reveal() == key.Reveal() {
			t.Errorf("%v, %v", fresh, err)
		}
		for id, kind := range map[string]errs.Kind{public.ID: errs.KindConflict, "code": errs.KindConflict, "nobody": errs.KindNotFound} {
			if _, err := p.RotateSecret(t.Context(), operator, id); !errs.Is(err, kind) {
				t.Errorf("rotating %s: %v", id, err)
			}
		}
		sealed, err := db.All[[]byte](t.Context(), d, `SELECT secret FROM app`)
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range sealed {
			for _, plain := range []secret.String{key, fresh, code} {
				if bytes.Contains(each, []byte(plain.Reveal())) {
					t.Error("a secret is kept in the clear")
				}
			}
		}
		apps, err := p.Apps(t.Context())
		if err != nil || len(apps) != 3 || apps[2].ID != "code" || apps[2].Redirects[0] != "https://code.test/login/callback" || !apps[2].MayInvite || apps[0].MayInvite {
			t.Errorf("%+v, %v", apps, err)
		}
	})
}
