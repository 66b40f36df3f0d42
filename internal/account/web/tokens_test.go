package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

// lasting is an app that stays signed in.
func lasting() provider.App {
	return provider.App{Grants: []provider.GrantType{provider.GrantCode, provider.GrantRefresh}}
}

// call posts to an endpoint as the app.
func (a *app) call(w *world, path string, fields ...string) (int, map[string]any) {
	w.t.Helper()
	form := url.Values{"client_id": {a.ID}}
	if a.oauth.ClientSecret != "" {
		form.Set("client_secret", a.oauth.ClientSecret)
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.postTo(path, nil, form)
}

func (a *app) refresh(w *world, token any, more ...string) (int, map[string]any) {
	w.t.Helper()
	text, _ := token.(string)
	return a.call(w, "/oauth/token", append([]string{"grant_type", "refresh_token", "refresh_token", text}, more...)...)
}

// grant signs the browser's person in to the app and gives what it got.
func (a *app) grant(w *world, b *browser, parameters ...string) map[string]any {
	w.t.Helper()
	code := b.get(a.ask(parameters...)).answer(w.t, wiki).Get("code")
	status, body := a.call(w, "/oauth/token", "grant_type", "authorization_code", "code", code,
		"redirect_uri", a.oauth.RedirectURL, "code_verifier", challengeVerifier)
	if status != http.StatusOK {
		w.t.Fatalf("%d %v", status, body)
	}
	return body
}

func (a *app) active(w *world, token any) bool {
	w.t.Helper()
	text, _ := token.(string)
	status, body := a.call(w, "/introspect", "token", text)
	if status != http.StatusOK {
		w.t.Fatalf("introspecting: %d %v", status, body)
	}
	return body["active"] == true
}

// Standard 16: refresh tokens rotate, and a used one ends its chain.
func TestRefreshTokensRotate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		a, other := w.register(lasting()), w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		first := a.grant(w, b)
		if status, body := other.refresh(w, first["refresh_token"]); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("another app: %d %v", status, body)
		}
		w.clock.Advance(time.Hour)
		status, second := a.refresh(w, first["refresh_token"])
		if status != 200 || second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"] {
			t.Fatalf("%d %v", status, second)
		}
		id, err := a.verifier.Verify(t.Context(), second["id_token"].(string))
		must(t, err)
		var claims struct {
			ACR      string
			AuthTime int64 `json:"auth_time"`
			Nonce    string
		}
		must(t, id.Claims(&claims))
		if id.Subject != p.ID || claims.ACR != "aal1" || claims.AuthTime == 0 || claims.Nonce != "" {
			t.Errorf("the refreshed ID token: %+v", claims)
		}
		// Fewer scopes may be asked for, and never more.
		if status, body := a.refresh(w, second["refresh_token"], "scope", "openid offline_access phone"); status != 400 || body["error"] != "invalid_scope" {
			t.Errorf("more scopes: %d %v", status, body)
		}
		status, third := a.refresh(w, second["refresh_token"], "scope", "openid")
		if status != 200 || third["scope"] != "openid" {
			t.Fatalf("fewer scopes: %d %v", status, third)
		}
		// One that was used before is in two hands: the chain ends.
		if status, body := a.refresh(w, first["refresh_token"]); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("a used one: %d %v", status, body)
		}
		if status, _ := a.refresh(w, third["refresh_token"]); status != 400 || a.active(w, third["access_token"]) {
			t.Errorf("the chain lives on: %d", status)
		}
		if got := w.actions(); !strings.HasSuffix(got, "grant.reused") {
			t.Errorf("audit: %s", got)
		}
	})
}

func TestOneRefreshTokenUsedAtOnceGivesOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		token := a.grant(w, b)["refresh_token"]
		var won atomic.Int32
		var last atomic.Value
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if status, body := a.refresh(w, token); status == 200 {
					won.Add(1)
					last.Store(body)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of 12 got tokens", won.Load())
		}
		if got, _ := last.Load().(map[string]any); a.active(w, got["access_token"]) {
			t.Error("its chain lives on, though the token was used twelve times")
		}
	})
}

func TestAttack39FourChainsAllLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		var chains [4]map[string]any
		for i := range chains {
			b := w.browser()
			b.signIn(ada, adasPass)
			chains[i] = a.grant(w, b)
		}
		for range 3 {
			for i := range chains {
				status, body := a.refresh(w, chains[i]["refresh_token"])
				if status != 200 || !a.active(w, body["access_token"]) {
					t.Fatalf("chain %d: %d %v", i, status, body)
				}
				chains[i] = body
			}
		}
		// The end of one isn't the end of the others.
		if status, body := a.call(w, "/revoke", "token", chains[0]["refresh_token"].(string)); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		for i := range chains {
			if status, _ := a.refresh(w, chains[i]["refresh_token"]); (status == 200) != (i > 0) {
				t.Errorf("chain %d after the first was revoked: %d", i, status)
			}
		}
	})
}

func TestAChainHasAnEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		online, offline := a.grant(w, b), a.grant(w, b, "scope", "openid offline_access")
		age := 0
		for _, c := range []struct {
			days            int
			online, offline bool
		}{{29, true, true}, {31, false, true}, {89, false, true}, {91, false, false}} {
			w.clock.Advance(time.Duration(c.days-age) * 24 * time.Hour)
			age = c.days
			for _, chain := range []struct {
				tokens *map[string]any
				lives  bool
			}{{&online, c.online}, {&offline, c.offline}} {
				status, body := a.refresh(w, (*chain.tokens)["refresh_token"])
				if (status == 200) != chain.lives {
					t.Errorf("after %d days: %d %v", c.days, status, body)
				}
				if status == 200 {
					*chain.tokens = body
				}
			}
		}
		w.clock.Advance(2 * 24 * time.Hour)
		must(t, w.site.Provider.Sweep(t.Context()))
		for _, table := range []string{"app_grant", "app_token", "app_refresh"} {
			if n, err := db.One[int](t.Context(), w.db, `SELECT COUNT(*) FROM `+table); err != nil || n != 0 {
				t.Errorf("%s has %d rows left, %v", table, n, err)
			}
		}
	})
}

func TestSigningOutEndsWhatTheSessionGave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		online, offline := a.grant(w, b), a.grant(w, b, "scope", "openid offline_access")
		b.post("/signout")
		if a.active(w, online["access_token"]) {
			t.Error("the access token lives on")
		}
		if status, _ := a.refresh(w, online["refresh_token"]); status != 400 {
			t.Error("the refresh token lives on")
		}
		if status, _ := a.refresh(w, offline["refresh_token"]); status != 200 {
			t.Error("offline_access ended with the session")
		}
	})
}

func TestRevocationAndIntrospection(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		must(t, w.site.Provider.RegisterBuiltin(t.Context(), provider.App{
			ID: "code", Name: "Code", Redirects: []string{codeURL + "/cb"}, Offers: []provider.Offer{{Scope: "read:repository", Allows: "Read repositories"}},
		}, secret.New("the-secret-of-code")))
		code := w.client(provider.App{ID: "code"}, secret.New("the-secret-of-code"), codeURL+"/cb")
		git := lasting()
		git.Public, git.Scopes, git.Redirects = true, []string{"openid", "read:repository"}, []string{"https://wiki.test/callback"}
		a, other := w.register(git), w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		tokens := a.grant(w, b, "scope", "read:repository")
		if tokens["id_token"] != nil || tokens["scope"] != "read:repository" {
			t.Errorf("%v", tokens)
		}
		token := tokens["access_token"].(string)
		_, says := code.call(w, "/introspect", "token", token)
		if says["active"] != true || says["sub"] != p.ID || says["client_id"] != a.ID || says["scope"] != "read:repository" || says["iss"] != w.url ||
			says["acr"] != "aal1" || says["auth_time"] == nil || says["aud"].([]any)[0] != "code" {
			t.Errorf("the API that it is for: %v", says)
		}
		if _, says := other.call(w, "/introspect", "token", token); len(says) != 1 || says["active"] != false {
			t.Errorf("an app that it isn't for learns %v", says)
		}
		if status, _ := a.call(w, "/introspect", "token", token); status != http.StatusUnauthorized {
			t.Errorf("a public app may ask: %d", status)
		}
		if got := b.post("/userinfo", "access_token", token); got.status != http.StatusForbidden {
			t.Errorf("userinfo without openid: %d", got.status)
		}
		for _, text := range []string{"", "x", "a\x00b", tokens["refresh_token"].(string)} {
			if code.active(w, text) {
				t.Errorf("%q is active", text)
			}
		}
		// Another app's word doesn't revoke it; its own does, at once.
		if status, _ := other.call(w, "/revoke", "token", token); status != 200 || !code.active(w, token) {
			t.Error("another app revoked it")
		}
		if status, _ := a.call(w, "/revoke", "token", token, "token_type_hint", "refresh_token"); status != 200 || code.active(w, token) {
			t.Error("it wasn't revoked")
		}
		_, next := a.refresh(w, tokens["refresh_token"])
		if !code.active(w, next["access_token"]) {
			t.Error("the chain ended with its access token")
		}
		if status, _ := a.call(w, "/revoke", "token", next["refresh_token"].(string)); status != 200 || code.active(w, next["access_token"]) {
			t.Error("a revoked chain's access token lives on")
		}
		if status, body := a.call(w, "/revoke"); status != 400 || body["error"] != "invalid_request" {
			t.Errorf("nothing to revoke: %d %v", status, body)
		}
		if status, _ := a.call(w, "/revoke", "token", "guess"); status != 200 {
			t.Errorf("an unknown token: %d", status)
		}
	})
}

func TestAttack09NoTokenForWhomTheRuleShutsOut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		tokens := a.grant(w, b, "scope", "openid offline_access")
		must(t, w.signin.Suspend(t.Context(), ada, true))
		if a.active(w, tokens["access_token"]) {
			t.Error("introspection says active of a suspended person's token")
		}
		if status, _ := a.refresh(w, tokens["refresh_token"]); status != 400 {
			t.Errorf("refresh: %d", status)
		}
		must(t, w.signin.Suspend(t.Context(), ada, false))
		if status, _ := a.refresh(w, tokens["refresh_token"]); status != 400 || a.active(w, tokens["access_token"]) {
			t.Error("what was given before a suspension came back to life")
		}
	})
}

func TestAnAppForItself(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		must(t, w.site.Provider.RegisterBuiltin(t.Context(), provider.App{
			ID: "code", Name: "Code", Redirects: []string{codeURL + "/cb"}, Offers: []provider.Offer{{Scope: "read:x", Allows: "Read"}},
		}, secret.New("the-secret-of-code")))
		code := w.client(provider.App{ID: "code"}, secret.New("the-secret-of-code"), codeURL+"/cb")
		robot := w.register(provider.App{Grants: []provider.GrantType{provider.GrantClient}, Scopes: []string{"read:x", "openid"}})
		status, got := robot.call(w, "/oauth/token", "grant_type", "client_credentials", "scope", "read:x")
		if status != 200 || got["refresh_token"] != nil || got["id_token"] != nil {
			t.Fatalf("%d %v", status, got)
		}
		_, says := code.call(w, "/introspect", "token", got["access_token"].(string))
		if says["active"] != true || says["sub"] != robot.ID || says["acr"] != nil || says["auth_time"] != nil {
			t.Errorf("%v", says)
		}
		for _, scope := range []string{"", "openid", "openid read:x", "write:x"} {
			if status, body := robot.call(w, "/oauth/token", "grant_type", "client_credentials", "scope", scope); status != 400 || body["error"] != "invalid_scope" {
				t.Errorf("%q: %d %v", scope, status, body)
			}
		}
		if got := w.browser().get(robot.ask()).answer(t, wiki).Get("error"); got != "unauthorized_client" {
			t.Errorf("authorize: %s", got)
		}
		if _, _, err := w.site.Provider.CreateApp(t.Context(), person.Operator(), provider.App{
			Name: "X", Public: true, Grants: []provider.GrantType{provider.GrantClient}, Scopes: []string{"read:x"},
		}); err == nil {
			t.Error("a public app may act for itself")
		}
	})
}

func TestAThirdPartyIsAskedFor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		in := lasting()
		in.ThirdParty = true
		a := w.register(in)
		b := w.browser()
		b.signIn(ada, adasPass)
		if got := b.get(a.ask("prompt", "none")).answer(t, wiki).Get("error"); got != "consent_required" {
			t.Errorf("prompt none: %s", got)
		}
		page := b.get(a.ask("scope", "openid email"))
		if page.at.Path != "/continue" || !strings.Contains(page.body, "See your email address") || strings.Contains(page.body, "See your name") {
			t.Fatalf("at %s: %s", page.at, page.body)
		}
		if got := b.submit(page, "/continue", "answer", "no").answer(t, wiki).Get("error"); got != "access_denied" {
			t.Errorf("no: %s", got)
		}
		code := b.submit(b.get(a.ask("scope", "openid email")), "/continue", "answer", "yes").answer(t, wiki).Get("code")
		_, tokens := a.call(w, "/oauth/token", "grant_type", "authorization_code", "code", code, "redirect_uri", a.oauth.RedirectURL, "code_verifier", challengeVerifier)
		// Remembered, for these scopes and fewer.
		for scope, asked := range map[string]bool{"openid email": false, "openid": false, "openid profile": true} {
			if got := b.get(a.ask("scope", scope)); (got.at.Path == "/continue") != asked {
				t.Errorf("%s: at %s", scope, got.at)
			}
		}
		// It stands on the person's page, and revoking is at once.
		page = b.get("/manage-profile/apps")
		if !strings.Contains(page.body, "Wiki") || !strings.Contains(page.body, "Third party") {
			t.Fatalf("%s", page.body)
		}
		if got := b.submit(page, "/manage-profile/apps/revoke"); !strings.Contains(got.body, "nothing of yours any more") || strings.Contains(got.body, "Third party") {
			t.Errorf("%s", got.body)
		}
		if status, _ := a.refresh(w, tokens["refresh_token"]); status != 400 || a.active(w, tokens["access_token"]) {
			t.Error("revoked, and its tokens live on")
		}
		if got := b.get(a.ask("scope", "openid email")); got.at.Path != "/continue" {
			t.Errorf("revoked, and not asked again: at %s", got.at)
		}
	})
}

func TestAttack09TurnedOffInBetween(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		in := lasting()
		in.ACR = "aal2"
		in.Grants = append(in.Grants, provider.GrantDevice)
		a := w.register(in)
		b := w.browser()
		b.signIn(ada, adasPass)
		// A password alone isn't enough: not by asking, not in quiet, not for a device.
		if got := b.get(a.ask()); got.at.Path != mfa {
			t.Fatalf("at %s", got.at)
		}
		if got := b.get(a.ask("prompt", "none")).answer(t, wiki).Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("in quiet: %s", got)
		}
		device, code := a.begin(w)
		b.submit(b.get("/device?user_code="+code), "/device", "answer", "yes")
		if _, got := a.poll(w, device); got != "authorization_pending" {
			t.Errorf("a device, by a password alone: %s", got)
		}
		b.enrols(b.get(mfa))
		tokens := a.grant(w, b, "scope", "openid offline_access")
		unspent := b.get(a.ask()).answer(t, wiki).Get("code")
		device, code = a.begin(w)
		b.submit(b.get("/device?user_code="+code), "/device", "answer", "yes")
		if !a.active(w, tokens["access_token"]) {
			t.Fatal("with MFA, and its token is worth nothing")
		}
		_, err := db.Exec(t.Context(), d, `DELETE FROM factor WHERE realm = 'account' AND holder = $1`, p.ID)
		must(t, err)
		if a.active(w, tokens["access_token"]) {
			t.Error("introspection says active")
		}
		if got := b.post("/userinfo", "access_token", tokens["access_token"].(string)); got.status != http.StatusUnauthorized {
			t.Errorf("userinfo: %d", got.status)
		}
		if status, body := a.refresh(w, tokens["refresh_token"]); status != 400 || body["error"] != "invalid_grant" {
			t.Errorf("refresh: %d %v", status, body)
		}
		if _, err := a.redeem(t.Context(), unspent); err == nil {
			t.Error("a code from before gave a token")
		}
		if got := b.get(a.ask()); got.at.Path != mfa {
			t.Errorf("authorize, by the session from before: at %s %v", got.at, got.to)
		}
		w.clock.Advance(10 * time.Second)
		if _, got := a.poll(w, device); got != "invalid_grant" {
			t.Errorf("a device from before: %s", got)
		}
	})
}
