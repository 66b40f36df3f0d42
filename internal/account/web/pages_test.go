package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

// same leaves out of a page what differs between any two.
func same(p page) string {
	body := regexp.MustCompile(`Request <code>[^<]*</code>`).ReplaceAllString(p.body, "")
	return fmt.Sprint(p.status, p.at.Path, body)
}

func TestSignUpConfirmAndGoOnToTheApp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Open)
		a := w.newApp(false)
		b := w.browser()
		form := b.get(a.ask())
		link := regexp.MustCompile(`href="(/signup[^"]*)"`).FindStringSubmatch(form.body)
		if link == nil {
			t.Fatalf("no way to sign up: %s", form.body)
		}
		form = b.get(link[1])

		// A mistake keeps what was typed, but never the password.
		again := b.submit(form, "/signup", "name", "Ada Lovelace", "email", ada, "password", "too short")
		if again.status != http.StatusBadRequest || !strings.Contains(again.body, `value="Ada Lovelace"`) || !strings.Contains(again.body, `value="`+ada+`"`) ||
			!strings.Contains(again.body, "at least 15 characters") || strings.Contains(again.body, "too short") {
			t.Errorf("%d %s", again.status, again.body)
		}
		mailed := b.submit(again, "/signup", "name", "Ada Lovelace", "email", ada, "password", adasPass)
		if mailed.status != http.StatusOK || !strings.Contains(mailed.body, "Check your mail") {
			t.Fatalf("%d %s", mailed.status, mailed.body)
		}
		confirm := w.linkTo(ada)
		for range 2 { // opening it changes nothing
			if got := b.get(confirm); got.status != http.StatusOK || !strings.Contains(got.body, ada) {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		if got := b.submit(b.get(confirm), "/confirm", "password", "not that one at all"); got.status != http.StatusBadRequest {
			t.Errorf("a wrong password: %d", got.status)
		}
		w.clock.Advance(time.Minute)
		answer := b.submit(b.get(confirm), "/confirm", "password", adasPass).answer(t, wiki)
		if answer.Get("code") == "" || answer.Get("state") != "the-state" {
			t.Errorf("%v", answer)
		}
		used := b.get(confirm)
		if used.status != http.StatusGone || !strings.Contains(used.body, "used already") {
			t.Errorf("again: %d %s", used.status, used.body)
		}
		if got := b.post("/confirm", "token", tokenIn(confirm), "password", adasPass); got.status != http.StatusGone {
			t.Errorf("sent again: %d", got.status)
		}
		if got := w.actions(); got != "app.create person.signup session.open" {
			t.Errorf("audit: %s", got)
		}
	})
}

func tokenIn(link string) string { _, token, _ := strings.Cut(link, "token="); return token }

func TestALinkThatIsOld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Open)
		b := w.browser()
		b.post("/signup", "name", "Ada", "email", ada, "password", adasPass)
		link := w.linkTo(ada)
		w.clock.Advance(25 * time.Hour)
		if got := b.get(link); got.status != http.StatusGone || !strings.Contains(got.body, "older than 24 hours") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := b.get("/confirm?token=guess"); got.status != http.StatusNotFound {
			t.Errorf("a guess: %d", got.status)
		}
		setUp, err := w.people.SetupLink(t.Context())
		must(t, err)
		if got := b.get("/confirm?token=" + tokenIn(setUp)); got.status != http.StatusNotFound {
			t.Errorf("a set-up link at another page: %d", got.status)
		}
	})
}

func TestTheSetUpLinkMakesTheAdministrator(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		link, err := w.people.SetupLink(t.Context())
		must(t, err)
		b := w.browser()
		form := b.get(link)
		if form.status != http.StatusOK || !strings.Contains(form.body, "Set up Sallyport") {
			t.Fatalf("%d %s", form.status, form.body)
		}
		got := b.submit(form, "/setup", "name", "Ada", "email", ada, "password", adasPass)
		if got.to == nil || got.to.String() != codeURL+"/login" {
			t.Fatalf("%d to %v: %s", got.status, got.to, got.body)
		}
		if got := b.get("/"); got.at.Path != "/manage-profile" || !strings.Contains(got.body, ada) {
			t.Errorf("at %s", got.at)
		}
		if got := w.browser().get(link); got.status != http.StatusGone {
			t.Errorf("the link again: %d", got.status)
		}
	})
}

func TestManySetUpFormsMakeOneAdministrator(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		link, err := w.people.SetupLink(t.Context())
		must(t, err)
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 10 { // package person tries fifty
			all.Go(func() {
				b := w.browser()
				got := b.post("/setup", "token", tokenIn(link), "name", "Ada", "email", fmt.Sprintf("ada%d@example.com", i), "password", adasPass)
				if got.to != nil {
					made.Add(1)
				} else if got.status != http.StatusGone && got.status != http.StatusConflict {
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		all.Wait()
		people, err := w.people.List(t.Context())
		must(t, err)
		if made.Load() != 1 || len(people) != 1 {
			t.Errorf("%d were let in, %d are there", made.Load(), len(people))
		}
	})
}

func TestAttack29NobodyLearnsWhoHasAnAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Open)
		w.newPerson(ada, adasPass)
		for i := range 7 {
			ada, nobody := w.browser(), w.browser()
			ada.from, nobody.from = fmt.Sprintf("10.1.0.%d", i), fmt.Sprintf("10.2.0.%d", i)
			one := ada.signIn("ada@example.com", "wrong password here")
			two := nobody.signIn("eva@example.com", "wrong password here")
			if same(one) != strings.ReplaceAll(same(two), "eva@", "ada@") {
				t.Errorf("signing in, try %d:\n%s\n%s", i, same(one), same(two))
			}
			if i == 6 && (one.status != http.StatusTooManyRequests || one.header.Get("Retry-After") == "") {
				t.Errorf("try %d: %d, Retry-After %q", i, one.status, one.header.Get("Retry-After"))
			}
		}
		one := w.browser().post("/signup", "name", "X", "email", "ada@example.com", "password", "another password altogether")
		two := w.browser().post("/signup", "name", "X", "email", "eva@example.com", "password", "another password altogether")
		if same(one) != strings.ReplaceAll(same(two), "eva@", "ada@") {
			t.Errorf("signing up:\n%s\n%s", same(one), same(two))
		}
		if got := w.mailTo("ada@example.com"); got.Subject != "You have an account already" {
			t.Errorf("the owner got %q", got.Subject)
		}
	})
}

func TestAttack38TheKnownBrowserGetsIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		home := w.browser()
		home.from = "192.0.2.1"
		home.signIn(ada, adasPass)
		home.post("/signout")
		for i := range 6 {
			stranger := w.browser()
			stranger.from = fmt.Sprintf("198.51.100.%d", i)
			stranger.signIn(ada, "a stranger's guess")
		}
		stranger := w.browser()
		stranger.from = "203.0.113.5"
		if got := stranger.signIn(ada, adasPass); got.status != http.StatusTooManyRequests {
			t.Errorf("a strange browser: %d", got.status)
		}
		if got := home.signIn(ada, adasPass); got.at.Path != "/manage-profile" {
			t.Errorf("the known browser: %d at %s", got.status, got.at)
		}
	})
}

func TestAttack24APlantedSessionIsWorthNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		w.newPerson("eve@example.com", adasPass)
		eve, victim := w.browser(), w.browser()
		eve.signIn("eve@example.com", adasPass)
		planted := eve.cookie("sallyport_account")
		at, _ := url.Parse(w.url)
		victim.client.Jar.SetCookies(at, []*http.Cookie{{Name: "sallyport_account", Value: planted, Path: "/"}})
		victim.post("/signin", "email", ada, "password", adasPass)
		fresh := victim.cookie("sallyport_account")
		if fresh == planted || fresh == "" {
			t.Fatal("the planted token stayed")
		}
		if got := eve.get("/manage-profile"); strings.Contains(got.body, ada) || got.at.Path != "/signin" {
			t.Errorf("the planted token opens %s", got.at)
		}
		if got := victim.get("/manage-profile"); !strings.Contains(got.body, ada) {
			t.Errorf("the victim is at %s", got.at)
		}
	})
}

func TestAttack34TheReturnPathIsOurs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		form := b.get("/manage-profile/security?from=mail")
		if form.at.Path != "/signin" {
			t.Fatalf("at %s", form.at)
		}
		if got := b.submit(form, "/signin", "email", ada, "password", adasPass); got.at.RequestURI() != "/manage-profile/security?from=mail" {
			t.Errorf("back at %s", got.at)
		}
		for _, forged := range []string{
			"https://evil.test", "//evil.test", "/\\evil.test", "/manage-profile", "javascript:alert(1)", "%2F%2Fevil.test", "\x00",
			form.at.Query().Get("return") + "x",
		} {
			b := w.browser()
			form := b.get("/signin?" + url.Values{"return": {forged}}.Encode())
			got := b.submit(form, "/signin", "email", ada, "password", adasPass, "return", forged)
			if forged == "\x00" {
				if got.status != http.StatusBadRequest {
					t.Errorf("%q: %d", forged, got.status)
				}
				continue
			}
			if got.to != nil || got.at.Path != "/manage-profile" {
				t.Errorf("%q leads to %s, %v", forged, got.at, got.to)
			}
		}
		w.clock.Advance(2 * time.Hour)
		b = w.browser()
		if got := b.post("/signin", "email", ada, "password", adasPass, "return", form.at.Query().Get("return")); got.at.Path != "/manage-profile" {
			t.Errorf("an old way back leads to %s", got.at)
		}
		if got := w.browser().get("/signin?flow=guess"); got.status != http.StatusNotFound {
			t.Errorf("a guessed flow: %d", got.status)
		}
	})
}

func TestWhoMaySignUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Invite)
		key := secret.New("the-secret-of-code-that-is-long-enough-for-hs256")
		must(t, w.site.Provider.RegisterBuiltin(t.Context(), provider.App{ID: "code", Name: "Code", Redirects: []string{codeURL + "/login/callback"}}, key))
		code := w.client(provider.App{ID: "code"}, key, codeURL+"/login/callback")
		invitation := func(change func(claims map[string]any), with string) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(with)}, nil)
			must(t, err)
			claims := map[string]any{"iss": "code", "aud": w.url, "email": "Bob@example.com", "exp": w.clock.Now().Add(15 * time.Minute).Unix()}
			if change != nil {
				change(claims)
			}
			text, err := jwt.Signed(signer).Claims(claims).Serialize()
			must(t, err)
			return text
		}
		if got := w.browser().get("/signup"); got.status != http.StatusForbidden || !strings.Contains(got.body, "by invitation") {
			t.Errorf("uninvited: %d", got.status)
		}
		if got := w.browser().post("/signup", "name", "X", "email", "x@example.com", "password", adasPass); got.status != http.StatusForbidden {
			t.Errorf("uninvited, sent: %d", got.status)
		}
		for what, forged := range map[string]string{
			"another secret":   invitation(nil, strings.Repeat("wrong", 8)),
			"another app":      invitation(func(c map[string]any) { c["iss"] = "wiki" }, key.Reveal()),
			"another issuer":   invitation(func(c map[string]any) { c["aud"] = "https://other.test" }, key.Reveal()),
			"too old":          invitation(func(c map[string]any) { c["exp"] = w.clock.Now().Add(-time.Hour).Unix() }, key.Reveal()),
			"without an end":   invitation(func(c map[string]any) { delete(c, "exp") }, key.Reveal()),
			"without address":  invitation(func(c map[string]any) { delete(c, "email") }, key.Reveal()),
			"without a secret": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJjb2RlIn0.",
		} {
			if got := w.browser().get(code.ask("invitation", forged)).answer(t, codeURL).Get("error"); got != "invalid_request" {
				t.Errorf("%s: %q", what, got)
			}
		}
		b := w.browser()
		form := b.get(code.ask("invitation", invitation(nil, key.Reveal())))
		if form.at.Path != "/signup" || !strings.Contains(form.body, "bob@example.com") {
			t.Fatalf("invited: at %s: %s", form.at, form.body)
		}
		// No other address than the invited one, and no second mail.
		answer := b.submit(form, "/signup", "name", "Bob", "email", "eve@example.com", "password", adasPass).answer(t, codeURL+"/login/callback")
		if answer.Get("code") == "" {
			t.Errorf("%v", answer)
		}
		if _, err := w.people.Find(t.Context(), "bob@example.com"); err != nil {
			t.Error(err)
		}
		// Invited again, with an account: to the sign-in.
		if got := w.browser().get(code.ask("invitation", invitation(nil, key.Reveal()))); got.at.Path != "/signin" || !strings.Contains(got.body, "bob@example.com") {
			t.Errorf("at %s", got.at)
		}

		closed := newWorld(t, dbtest.SQLite(t), web.Closed)
		if got := closed.browser().get("/signup"); got.status != http.StatusForbidden || !strings.Contains(got.body, "by an administrator") {
			t.Errorf("closed: %d", got.status)
		}
		if got := closed.browser().get("/signin"); strings.Contains(got.body, "/signup") {
			t.Error("closed, and the sign-in page leads to the sign-up")
		}
	})
}

func TestAttack26ThePasswordPageEndsOtherBrowsers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		here, there := w.browser(), w.browser()
		here.signIn(ada, adasPass)
		there.signIn(ada, adasPass)
		form := here.get("/manage-profile/security")
		wrong := here.submit(form, "/manage-profile/security", "current", "wrong", "password", "quiet tractors near the harbour")
		if wrong.status != http.StatusBadRequest || !strings.Contains(wrong.body, "isn't your current password") {
			t.Errorf("%d", wrong.status)
		}
		done := here.submit(form, "/manage-profile/security", "current", adasPass, "password", "quiet tractors near the harbour")
		if done.status != http.StatusOK || !strings.Contains(done.body, "Your password is changed") {
			t.Errorf("%d %s", done.status, done.body)
		}
		if got := there.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("the other browser is signed in")
		}
		if !strings.HasSuffix(w.actions(), "password.change") || w.mailTo(ada).Subject != "Your password was changed" {
			t.Errorf("audit: %s", w.actions())
		}
	})
}

func TestAddressesOnTheProfilePage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		if got := b.post("/manage-profile", "name", "Ada King"); !strings.Contains(got.body, `value="Ada King"`) {
			t.Errorf("%s", got.body)
		}
		if got := b.post("/manage-profile", "name", strings.Repeat("x", 101)); got.status != http.StatusBadRequest || !strings.Contains(got.body, "at most 100") {
			t.Errorf("a long name: %d", got.status)
		}
		if got := b.post("/manage-profile/emails", "email", "no address"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "isn't an email address") {
			t.Errorf("no address: %d", got.status)
		}
		b.post("/manage-profile/emails", "email", "ada@work.example")
		link := w.linkTo("ada@work.example")
		elsewhere := w.browser() // signed out: first the sign-in, then the same page
		form := elsewhere.get(link)
		if form.at.Path != "/signin" {
			t.Fatalf("at %s", form.at)
		}
		form = elsewhere.submit(form, "/signin", "email", ada, "password", adasPass)
		if form.at.Path != "/confirm" {
			t.Fatalf("at %s: %s", form.at, form.body)
		}
		if got := elsewhere.submit(form, "/confirm"); !strings.Contains(got.body, "ada@work.example") || !strings.Contains(got.body, "confirmed") {
			t.Errorf("%s", got.body)
		}
		b.post("/manage-profile/emails/main", "address", "ada@work.example")
		b.post("/manage-profile/emails/remove", "address", ada)
		if got := b.get("/manage-profile").body; strings.Contains(got, ada) || !strings.Contains(got, "ada@work.example") {
			t.Errorf("%s", got)
		}
	})
}

func TestEveryRouteRefusesWhatIsNotForIt(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), web.Open)
	b := w.browser()
	takes := map[string][]string{}
	for _, route := range w.site.Routes() {
		takes[route.Pattern] = append(takes[route.Pattern], route.Method)
	}
	for path, methods := range takes {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			if strings.Contains(strings.Join(methods, " "), method) {
				continue
			}
			got := b.do(method, path, nil)
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
	for _, path := range []string{"/nothing", "/signin/", "/admin", "/signup/x", "/static/x/none.css"} {
		if got := b.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for what, got := range map[string]page{
		"invalid UTF-8":        b.post("/signin", "email", "a\xff@example.com", "password", "x"),
		"a zero byte":          b.post("/signup", "name", "a\x00b", "email", ada, "password", adasPass),
		"a very long field":    b.post("/signin", "email", strings.Repeat("x", 20_000), "password", "x"),
		"a very long password": b.post("/signin", "email", ada, "password", strings.Repeat("x", 2000)),
	} {
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `class="error"`) {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	if got := b.post("/signin", "email", strings.Repeat("x", 3<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge form: %d", got.status)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
	} {
		if got := b.get("/signin").header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if csp := b.get("/signin").header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("CSP: %s", csp)
	}
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), web.Closed)
	w.newPerson(ada, adasPass)
	for _, path := range []string{"/signin", "/signout", "/manage-profile", "/manage-profile/security", "/continue", "/confirm", "/setup"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+path, strings.NewReader("email=x"))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://evil.test")
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	// An app may begin a request with a form of its own (OpenID Connect Core §3.1.2.1).
	a := w.newApp(false)
	address, _ := url.Parse(a.ask())
	got := w.browser().do("POST", "/authorize", address.Query())
	if got.at.Path != "/signin" {
		t.Errorf("a posted request: %d at %s", got.status, got.at)
	}
}

// Standard 21: no secret is logged.
func TestNoSecretIsInTheLog(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), web.Open)
	a := w.newApp(false)
	b := w.browser()
	form := b.get(a.ask())
	b.submit(form, "/signup", "name", "Ada", "email", ada, "password", adasPass)
	link := w.linkTo(ada)
	b.submit(b.get(link), "/confirm", "password", "SECRET-wrong-password")
	code := b.submit(b.get(link), "/confirm", "password", adasPass).answer(t, wiki).Get("code")
	_, _ = w.exchange(nil, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {a.ID}, "client_secret": {"SECRET-client"}, "code_verifier": {challengeVerifier}}, "")
	token, err := a.redeem(t.Context(), code)
	must(t, err)
	_, _ = a.redeem(t.Context(), code)
	b.signIn("eve@example.com", "SECRET-guess")
	b.get(link)
	b.get(a.ask("response_type", "token", "state", "SECRET-state"))
	b.post("/manage-profile/security", "current", "SECRET-current", "password", "SECRET-new password")
	b.post("/userinfo", "access_token", "SECRET-token")

	log := w.logged()
	if !strings.Contains(log, `"/confirm"`) {
		t.Fatalf("the log is empty: %s", log)
	}
	entries, err := db.All[string](t.Context(), w.db, `SELECT detail || address || target FROM audit`)
	must(t, err)
	log += strings.Join(entries, "\n")
	idToken, _ := token.Extra("id_token").(string)
	for what, text := range map[string]string{
		"a wrong one": "SECRET", "the password": adasPass, "the link": tokenIn(link), "the code": code, "the access token": token.AccessToken,
		"the ID token": idToken, "the client's secret": a.oauth.ClientSecret, "the session": b.cookie("sallyport_account"),
		"the verifier": challengeVerifier, "the state": "the-state", "the nonce": "the-nonce",
	} {
		if text == "" || strings.Contains(log, text) {
			t.Errorf("%s (%d bytes) is in the log", what, len(text))
		}
	}
}

// Standard 13: the cookie of a session.
func TestOverHTTPSCookiesAreBoundToTheHost(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), web.Closed)
	w.newPerson(ada, adasPass)
	config := w.site.Config
	config.URL = "https://id.test"
	site, err := web.New(t.Context(), config)
	must(t, err)
	r := httptest.NewRequest("POST", "https://id.test/signin", strings.NewReader(url.Values{"email": {ada}, "password": {adasPass}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	site.Handler().ServeHTTP(answer, r)
	cookies := answer.Result().Cookies()
	if len(cookies) < 2 {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-sallyport_account") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%+v", c)
		}
	}
	if answer.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS")
	}
}
