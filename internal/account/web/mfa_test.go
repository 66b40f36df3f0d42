package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

const (
	security = "/manage-profile/security"
	mfa      = security + "/mfa"
)

var typedKey = regexp.MustCompile(`class="key"><code>([A-Z2-7 ]+)<`)

// enrols sets up an authenticator app, beginning on the page, and gives its key
// and the page of the recovery codes.
func (b *browser) enrols(p page) (key string, codes page) {
	b.t.Helper()
	p = b.submit(p, mfa)
	found := typedKey.FindStringSubmatch(p.body)
	if found == nil {
		b.t.Fatalf("no key at %s: %s", p.at, p.body)
	}
	key = strings.ReplaceAll(found[1], " ", "")
	return key, b.submit(p, mfa+"/app", "code", b.code(key))
}

// code is what the app shows; the clock moves on first, so that none is given twice.
func (b *browser) code(key string) string {
	b.t.Helper()
	b.world.clock.Advance(30 * time.Second)
	code, err := totp.GenerateCode(key, b.world.clock.Now())
	must(b.t, err)
	return code
}

func (b *browser) at(p page, path string, words ...string) page {
	b.t.Helper()
	if p.at.Path != path {
		b.t.Fatalf("at %s (%d), not at %s: %s", p.at, p.status, path, p.body)
	}
	for _, word := range words {
		if !strings.Contains(p.body, word) {
			b.t.Fatalf("%s lacks %q: %s", p.at, word, p.body)
		}
	}
	return p
}

func TestTheAccountsOwnMFA(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		b.at(b.get(security), security, "Off: your password alone", "Turn on MFA")
		before := b.cookie("sallyport_account")
		key, p := b.enrols(b.get(mfa))
		b.at(p, mfa+"/app", "MFA is on.", "I have saved them")
		if b.cookie("sallyport_account") == before {
			t.Error("the session keeps its token at a rise of evidence")
		}
		recovery := regexp.MustCompile(`<li><code>([a-z2-7-]+)<`).FindAllStringSubmatch(p.body, -1)
		b.at(b.submit(p, mfa+"/saved"), security, "On.", "Authenticator app", "added <time", "last used <time", "10 codes are left")
		if n := w.mailTo(ada); n.Subject != "A second step was added" {
			t.Errorf("the notice is %q", n.Subject)
		}

		// Another browser: password, then the code, which holds for everything.
		other := w.browser()
		p = other.at(other.signIn(ada, adasPass), "/signin/verify", "Verification code", "Use a recovery code", ada)
		if got := other.get(security); got.at.Path != "/signin" {
			t.Errorf("half a sign-in opens %s", got.at)
		}
		p = other.submit(p, "/signin/verify", "code", "000000", "email", "bob@example.com", "person", "bob")
		if p.status != 400 || !strings.Contains(p.body, "That code isn't right") {
			t.Errorf("a wrong code: %d %s", p.status, p.body)
		}
		other.at(other.submit(p, "/signin/verify", "code", other.code(key)), "/manage-profile")
		third := w.browser()
		p = third.signIn(ada, adasPass)
		p = third.at(third.get("/signin/verify?way=recovery"), "/signin/verify", "Recovery code")
		third.at(third.submit(p, "/signin/verify", "code", recovery[0][1]), "/manage-profile")

		// Fifteen minutes later a change asks for the step once more, and comes back
		// with what was typed.
		w.clock.Advance(16 * time.Minute)
		page := b.get(security)
		if strings.Contains(page.body, `name="current"`) {
			t.Error("the password can be changed without the step")
		}
		change := regexp.MustCompile(`href="([^"]*/mfa/factor\?id=[^"]+)"`).FindStringSubmatch(page.body)[1]
		p = b.submit(b.get(change), mfa+"/factor", "label", "Old phone", "act", "rename")
		p = b.at(p, "/signin/verify", "changes how you sign in")
		p = b.submit(p, "/signin/verify", "code", b.code(key))
		p = b.at(p, mfa+"/factor", `value="Old phone"`)
		b.at(b.submit(p, mfa+"/factor", "label", "Old phone", "act", "rename"), security, "Old phone")

		// The only one isn't removed but with the whole.
		b.at(b.get(change), mfa+"/factor", "It is your only second step")
		p = b.submit(b.get(mfa+"/turn-off"), mfa+"/turn-off")
		b.at(p, security, "MFA is off.", "Turn on MFA")
		if other.get(security).at.Path != "/signin" || third.get(security).at.Path != "/signin" {
			t.Error("other browsers are still signed in") // attack 26
		}
		fresh := w.browser()
		fresh.at(fresh.signIn(ada, adasPass), "/manage-profile")
	})
}

// Standard 17: acr_values, never with a weaker token.
func TestAttack27StepUpTellsTheTruth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		app := w.newApp(false)
		type told struct {
			ACR  string   `json:"acr"`
			AMR  []string `json:"amr"`
			Time int64    `json:"auth_time"`
		}
		claims := func(p page) told {
			t.Helper()
			token, err := app.redeem(t.Context(), p.answer(t, "https://wiki.test/callback").Get("code"))
			must(t, err)
			verified, err := app.verifier.Verify(t.Context(), token.Extra("id_token").(string))
			must(t, err)
			var c told
			must(t, verified.Claims(&c))
			return c
		}
		is := func(p page, acr, amr string, age time.Duration) {
			t.Helper()
			c := claims(p)
			want := w.clock.Now().Add(-age).Unix()
			if c.ACR != acr || strings.Join(c.AMR, " ") != amr || c.Time < want-1 || c.Time > want+1 {
				t.Errorf("%+v, want %s by %s at %d", c, acr, amr, want)
			}
		}
		b := w.browser()
		b.signIn(ada, adasPass)
		is(b.get(app.ask()), "aal1", "pwd", 0)

		// A class that nothing reaches yet: it is set up on the way, and the app gets
		// its answer after that.
		w.clock.Advance(time.Minute)
		p := b.at(b.get(app.ask("acr_values", "aal2")), mfa, "Turn on MFA")
		key, codes := b.enrols(p)
		is(b.submit(codes, mfa+"/saved"), "aal2", "pwd otp mfa", 0)

		// Met by what the session has; and not by what is too old.
		w.clock.Advance(5 * time.Minute)
		is(b.get(app.ask("acr_values", "aal2")), "aal2", "pwd otp mfa", 5*time.Minute)
		p = b.at(b.get(app.ask("acr_values", "aal2", "max_age", "60")), "/signin/verify", "prove once more")
		b.submit(p, "/signin/verify", "code", "000000")
		if p := b.get(app.ask("acr_values", "aal2", "max_age", "60", "prompt", "none")); p.answer(t, "https://wiki.test/").Get("error") != "login_required" {
			t.Errorf("quietly: %v", p.to)
		}
		is(b.submit(p, "/signin/verify", "code", b.code(key)), "aal2", "pwd otp mfa", 0)

		// An app that wants everything from the start gets the password asked too.
		p = b.at(b.get(app.ask("prompt", "login")), "/signin", "Password")
		p = b.at(b.submit(p, "/signin", "email", ada, "password", adasPass), "/signin/verify")
		is(b.submit(p, "/signin/verify", "code", b.code(key)), "aal2", "pwd otp mfa", 0)

		// A code doesn't stand for a key.
		b.at(b.get(app.ask("acr_values", "phr")), mfa, "Add a second step")
		if p := b.get(app.ask("acr_values", "phr", "prompt", "none")); p.answer(t, "https://wiki.test/").Get("error") != "unmet_authentication_requirements" {
			t.Errorf("quietly: %v", p.to)
		}
	})
}

func TestMFAThatTheOperatorRequires(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		app := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		rules, err := w.signin.Policy.Get(t.Context())
		must(t, err)
		rules.MFA = policy.Everyone
		_, err = w.signin.Policy.Save(t.Context(), policy.Change{Policy: rules}, "operator", "")
		must(t, err)
		for _, path := range []string{"/manage-profile", security, app.ask()} { // the session is from before the rule
			b.at(b.get(path), mfa, "MFA is required here")
		}
		fresh := w.browser()
		p := fresh.submit(fresh.get(app.ask()), "/signin", "email", ada, "password", adasPass)
		p = fresh.at(p, mfa, "MFA is required here")
		_, codes := fresh.enrols(p)
		done := fresh.submit(codes, mfa+"/saved")
		done.answer(t, "https://wiki.test/callback")
	})
}

// Attack 34.
func TestAttack34WaysBackAreOurs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		key, codes := b.enrols(b.get(mfa))
		_ = codes
		b.at(b.post(mfa+"/saved", "return", "https://evil.test/"), "/manage-profile")
		other := w.browser()
		other.signIn(ada, adasPass)
		other.at(other.post("/signin/verify", "code", other.code(key), "return", url.QueryEscape("//evil.test")), "/manage-profile")
	})
}
