package web_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// Attacks that were made on others through the sign-in and the provider, told
// through the pages and endpoints. docs/attacks.md lists where the rest is.

// requireMFA switches the operator's requirement on, at once or from then on.
func (w *world) requireMFA(grace time.Duration) {
	w.t.Helper()
	rules, err := w.signin.Policy.Get(w.t.Context())
	must(w.t, err)
	rules.MFA = policy.Everyone
	_, err = w.signin.Policy.Save(w.t.Context(), policy.Change{Policy: rules, Grace: grace}, "operator", "")
	must(w.t, err)
}

// Attack 3 (Gitea 27819, CVE-2026-33315): email and password as Basic opened
// what the sign-in page keeps shut. Here every route answers them as it answers
// nobody, and so do the provider's endpoints, whose Basic is for apps.
func TestAttack03ThePasswordAsBasicOpensNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		nobody, b := w.browser(), w.browser()
		for n, user := range []string{ada, p.ID, "ada"} {
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+adasPass))
			b.client.Transport = withHeader("Authorization", basic)
			for i, route := range w.site.Routes() {
				path := strings.NewReplacer("{id}", p.ID, "{app}", "code", "*", "x").Replace(route.Pattern)
				b.client.Jar, _ = cookiejar.New(nil)
				nobody.client.Jar, _ = cookiejar.New(nil)
				b.from, nobody.from = fmt.Sprintf("10.1.%d.1", i), fmt.Sprintf("10.2.%d.1", i)
				form := url.Values{"email": {fmt.Sprintf("x%d.%d@example.com", n, i)}}
				got, want := b.do(route.Method, path, form), nobody.do(route.Method, path, form)
				if got.status != want.status || got.at.Path != want.at.Path || strings.Contains(got.body, ada) || strings.Contains(got.body, p.Name) {
					t.Errorf("%s %s as %s: %d at %s, and %d at %s for nobody", route.Method, path, user, got.status, got.at, want.status, want.at)
				}
				if b.cookie("sallyport_account") != "" {
					t.Errorf("%s %s as %s opened a session", route.Method, path, user)
				}
			}
		}
	})
}

// withHeader sends a header along with every request.
func withHeader(name, value string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set(name, value)
		return http.DefaultTransport.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Attack 9 (Gitea 37407, 38591; CVE-2026-32246): the operator requires MFA, and
// the provider went on serving those who have none: by a session, an agreement,
// a code, a refresh token or a device's approval from before, and whoever asked
// was told that their tokens are good. Here each stops when the requirement
// begins, without anything being revoked, and works again with MFA.
func TestAttack09TheOperatorRequiresMFA(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		in := lasting()
		in.ThirdParty = true
		in.Grants = append(in.Grants, provider.GrantDevice)
		a := w.register(in)
		b := w.browser()
		b.signIn(ada, adasPass)
		code := b.submit(b.get(a.ask("scope", "openid offline_access")), "/continue", "answer", "yes").answer(t, wiki).Get("code")
		if _, err := a.redeem(t.Context(), code); err != nil { // from now on it isn't asked
			t.Fatal(err)
		}
		tokens := a.grant(w, b, "scope", "openid offline_access")

		// Within the grace nothing changes.
		w.requireMFA(time.Hour)
		status, tokens := a.refresh(w, tokens["refresh_token"])
		if status != http.StatusOK || !a.active(w, tokens["access_token"]) {
			t.Fatalf("within the grace: %d", status)
		}
		w.clock.Advance(time.Hour - 30*time.Second)
		status, tokens = a.refresh(w, tokens["refresh_token"])
		unspent := b.get(a.ask("scope", "openid offline_access")).answer(t, wiki).Get("code")
		device, code := a.begin(w)
		b.submit(b.submit(b.get("/device?user_code="+code), "/signin/verify", "password", adasPass), "/device", "answer", "yes")
		if status != http.StatusOK || unspent == "" {
			t.Fatalf("on the last minute of the grace: %d, code %q", status, unspent)
		}

		w.clock.Advance(30 * time.Second)
		if got := b.get(a.ask("scope", "openid")); got.at.Path != mfa {
			t.Errorf("authorize, agreed to before: at %s, to %v", got.at, got.to)
		}
		if got := b.get(a.ask("scope", "openid", "prompt", "none")).answer(t, wiki); got.Get("error") == "" || got.Get("code") != "" {
			t.Errorf("authorize in quiet: %v", got)
		}
		if got := b.get("/continue?flow=x"); got.at.Path != mfa {
			t.Errorf("the page of agreements: at %s", got.at)
		}
		if status, body := a.call(w, "/oauth/token", "grant_type", "authorization_code", "code", unspent,
			"redirect_uri", a.oauth.RedirectURL, "code_verifier", challengeVerifier); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("a code from before: %d %v", status, body)
		}
		if status, body := a.refresh(w, tokens["refresh_token"]); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("refresh: %d %v", status, body)
		}
		if _, got := a.poll(w, device); got != "invalid_grant" {
			t.Errorf("a device that was let in before: %q", got)
		}
		second, code := a.begin(w)
		if got := b.post("/device", "user_code", code, "answer", "yes"); got.at.Path != mfa {
			t.Errorf("letting a device in: at %s", got.at)
		}
		w.clock.Advance(6 * time.Second)
		if _, got := a.poll(w, second); got != "authorization_pending" {
			t.Errorf("a device: %q", got)
		}
		if a.active(w, tokens["access_token"]) {
			t.Error("introspection says that the token is good")
		}
		if got := b.post("/userinfo", "access_token", tokens["access_token"].(string)); got.status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d %s", got.status, got.body)
		}

		b.enrols(b.get(mfa))
		status, again := a.refresh(w, tokens["refresh_token"])
		if status != http.StatusOK || !a.active(w, again["access_token"]) {
			t.Errorf("with MFA: %d %v", status, again)
		}
	})
}

// The same, where the requirement is of people of some domains: it is asked of
// each address that the person has, and of nobody else.
func TestAttack09OneOfSeveralDomains(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		w.newPerson("bob@other.example", adasPass)
		a := w.register(lasting())
		given := map[string]map[string]any{}
		for _, email := range []string{ada, "bob@other.example"} {
			b := w.browser()
			b.signIn(email, adasPass)
			given[email] = a.grant(w, b, "scope", "openid offline_access")
		}
		_, err := db.Exec(t.Context(), d, `INSERT INTO person_email (address, person, main, confirmed) SELECT 'ada@work.example', person, FALSE, 1 FROM person_email WHERE address = $1`, ada)
		must(t, err)
		for domains, stopped := range map[string]map[string]bool{
			"work.example":            {ada: true},
			"example.com other.test":  {ada: true},
			"ork.example xample.com":  {},
			"other.example":           {"bob@other.example": true},
			"other.example.evil.test": {},
		} {
			rules, err := w.signin.Policy.Get(t.Context())
			must(t, err)
			rules.MFA, rules.Domains = policy.Domains, strings.Fields(domains)
			_, err = w.signin.Policy.Save(t.Context(), policy.Change{Policy: rules}, "operator", "")
			must(t, err)
			for email, tokens := range given {
				if got := a.active(w, tokens["access_token"]); got == stopped[email] {
					t.Errorf("required of %s: the token of %s is good: %v", domains, email, got)
				}
			}
		}
	})
}

// Attack 10 (GitLab 355028): the password grant went past the second step. There
// is none: for no kind of app, in no spelling, with no way of sending it, and
// nothing is tried, so that it is no place to guess at either.
func TestAttack10ThereIsNoPasswordGrant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		all := lasting()
		all.Grants = append(all.Grants, provider.GrantDevice)
		public := all
		public.Public = true
		third := all
		third.ThirdParty = true
		apps := map[string]*app{
			"confidential": w.register(all), "public": w.register(public), "third party": w.register(third),
			"robot": w.register(provider.App{Grants: []provider.GrantType{provider.GrantClient}, Scopes: []string{"profile"}}),
		}
		before := w.actions()
		for kind, a := range apps {
			for _, grant := range []string{"password", "Password", "PASSWORD", " password", "urn:ietf:params:oauth:grant-type:password", "http://auth0.com/oauth/grant-type/password-realm"} {
				for user, secret := range map[string]string{ada: adasPass, "ada": adasPass, "nobody@example.com": "guess"} {
					status, body := a.call(w, "/oauth/token", "grant_type", grant, "username", user, "password", secret, "scope", "openid profile email", "realm", "account")
					if status != http.StatusBadRequest || body["error"] != "unsupported_grant_type" || body["access_token"] != nil {
						t.Errorf("%s, %q as %s: %d %v", kind, grant, user, status, body)
					}
				}
			}
			// Nor is a password the app's secret, the token, the code or the device's.
			for name, fields := range map[string][]string{
				"a refresh token": {"grant_type", "refresh_token", "refresh_token", adasPass, "username", ada, "password", adasPass},
				"a code":          {"grant_type", "authorization_code", "code", adasPass, "code_verifier", challengeVerifier, "username", ada, "password", adasPass},
				"a device's code": {"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", adasPass, "username", ada, "password", adasPass},
				"for itself":      {"grant_type", "client_credentials", "client_id", ada, "client_secret", adasPass},
			} {
				if status, body := a.call(w, "/oauth/token", fields...); status < 400 || status >= 500 || body["access_token"] != nil {
					t.Errorf("%s, the password as %s: %d %v", kind, name, status, body)
				}
			}
		}
		if got := w.actions(); got != before {
			t.Errorf("something was done: %s", strings.TrimPrefix(got, before))
		}
		// Not even a try was counted: the right password signs in at once.
		b := w.browser()
		b.at(b.signIn(ada, adasPass), "/manage-profile")
		if says := b.get("/.well-known/openid-configuration").body; strings.Contains(says, `"password"`) {
			t.Errorf("the provider says that it takes passwords: %s", says)
		}
	})
}

var recoveryCode = regexp.MustCompile(`<li><code>([a-z2-7-]+)<`)

// withMFA makes somebody with MFA on, and gives the key of their app and their
// recovery codes.
func (w *world) withMFA(email string) (key string, codes []string) {
	w.t.Helper()
	w.newPerson(email, adasPass)
	b := w.browser()
	b.signIn(email, adasPass)
	key, page := b.enrols(b.get(mfa))
	for _, found := range recoveryCode.FindAllStringSubmatch(page.body, -1) {
		codes = append(codes, found[1])
	}
	return key, codes
}

// asked is a page that waits for somebody's code.
type asked struct {
	*browser
	where string
	form  page
}

func (a asked) answer(code string, more ...string) page {
	a.t.Helper()
	return a.submit(a.form, "/signin/verify", append([]string{"code", code}, more...)...)
}

// entrances are the pages of Account that take a code, each in a browser of its
// own, as far as where it is asked for: at a sign-in, with and without an app
// that waits, for an app that asks once more, before a change, and before a
// device is let in.
func (w *world) entrances(email, key string) []asked {
	w.t.Helper()
	a, tv := w.newApp(false), w.register(television())
	kinds := []struct {
		where    string
		signedIn bool
		ask      func(b *browser) page
	}{
		{"a sign-in", false, func(b *browser) page { return b.signIn(email, adasPass) }},
		{"a sign-in for an app", false, func(b *browser) page {
			return b.submit(b.get(a.ask("acr_values", "aal2")), "/signin", "email", email, "password", adasPass)
		}},
		{"an app that asks once more", true, func(b *browser) page { return b.get(a.ask("acr_values", "aal2", "max_age", "0")) }},
		{"a change", true, func(b *browser) page { return b.get(mfa + "/recovery-codes") }},
		{"a device", true, func(b *browser) page { _, code := tv.begin(w); return b.get("/device?user_code=" + code) }},
	}
	all := make([]asked, len(kinds))
	for i, k := range kinds {
		all[i] = asked{browser: w.browser(), where: k.where}
		if k.signedIn {
			all[i].submit(all[i].signIn(email, adasPass), "/signin/verify", "code", all[i].code(key))
		}
	}
	w.clock.Advance(16 * time.Minute) // what they have proven is no longer fresh
	for i, k := range kinds {
		all[i].form = all[i].at(k.ask(all[i].browser), "/signin/verify")
	}
	return all
}

// Attack 21 (CVE-2025-64175): anybody's recovery code was taken. At each page
// that asks for a code, another person's works in neither field, and what their
// app shows doesn't; and none of them is used up by that.
func TestAttack21AnothersRecoveryCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		key, own := w.withMFA(ada)
		bobsKey, bobs := w.withMFA("bob@example.com")
		for i, a := range w.entrances(ada, key) {
			for _, way := range []string{"recovery", "app"} {
				for what, code := range map[string]string{"recovery code": bobs[0], "app's code": a.code(bobsKey)} {
					got := a.answer(code, "way", way, "email", "bob@example.com", "person", "bob@example.com")
					if got.status != http.StatusBadRequest || !strings.Contains(got.body, "That code isn") {
						t.Errorf("%s, bob's %s as %s: %d at %s", a.where, what, way, got.status, got.at)
					}
				}
			}
			if got := a.answer(own[i], "way", "recovery"); got.at.Path == "/signin/verify" {
				t.Errorf("%s, her own recovery code: %d %s", a.where, got.status, got.body)
			}
		}
		b := w.browser()
		b.at(b.submit(b.signIn("bob@example.com", adasPass), "/signin/verify", "way", "recovery", "code", bobs[0]), "/manage-profile")
	})
}

// Attack 37 (Kratos 26.2): one code of an authenticator app worked twelve times.
// Here it works once, at whichever page it is given first: then at none, twelve
// times over, while the app still shows it.
func TestAttack37OneCodeTwelveTimes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		key, _ := w.withMFA(ada)
		for first := range 5 {
			all := w.entrances(ada, key)
			code := all[first].code(key)
			if got := all[first].answer(code); got.at.Path == "/signin/verify" {
				t.Fatalf("%s: the code doesn't work at all: %d %s", all[first].where, got.status, got.body)
			}
			all[first].form = all[first].browser.signIn(ada, adasPass)
			for i := range 12 {
				next := all[i%len(all)]
				got := next.answer(code)
				if got.at.Path != "/signin/verify" || i < 5 && (got.status != http.StatusBadRequest || !strings.Contains(got.body, "used already")) {
					t.Errorf("first at %s, then (%d) at %s: %d at %s", all[first].where, i+2, next.where, got.status, got.at)
				}
			}
			w.clock.Advance(time.Hour) // the tries are forgotten
		}
	})
}
