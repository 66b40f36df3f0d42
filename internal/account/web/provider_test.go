package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

const wiki = "https://wiki.test/callback?"

func TestAnIndependentAppSignsInThroughThePages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()

		form := b.get(a.ask("login_hint", ada))
		if form.at.Path != "/signin" || !strings.Contains(form.body, "Sign in to Wiki") || !strings.Contains(form.body, `value="`+ada+`"`) {
			t.Fatalf("at %s: %s", form.at, form.body)
		}
		w.clock.Advance(time.Second)
		signed := w.clock.Now()
		answer := b.submit(form, "/signin", "email", ada, "password", adasPass).answer(t, wiki)
		if answer.Get("state") != "the-state" || answer.Get("iss") != w.url || answer.Get("error") != "" {
			t.Fatalf("answer %v", answer)
		}
		token, err := a.redeem(t.Context(), answer.Get("code"))
		must(t, err)
		raw, _ := token.Extra("id_token").(string)
		id, err := a.verifier.Verify(t.Context(), raw)
		must(t, err)
		var claims struct {
			Nonce, Name, Email, ACR, AZP string
			EmailVerified                bool   `json:"email_verified"`
			Username                     string `json:"preferred_username"`
			AMR                          []string
			AuthTime                     int64 `json:"auth_time"`
		}
		must(t, id.Claims(&claims))
		if id.Subject != p.ID || claims.Nonce != "the-nonce" || claims.ACR != "aal1" || strings.Join(claims.AMR, " ") != "pwd" ||
			claims.AuthTime != signed.Unix() || claims.Email != ada || !claims.EmailVerified || claims.Name != "Ada Lovelace" || claims.Username != "ada" {
			t.Errorf("claims %+v of %s", claims, id.Subject)
		}
		if token.RefreshToken != "" || !token.Valid() {
			t.Errorf("token %+v", token)
		}
		info, err := a.issuer.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
		must(t, err)
		if info.Subject != p.ID || info.Email != ada || !info.EmailVerified {
			t.Errorf("userinfo %+v", info)
		}
		// Signed in once, the next app needs no page.
		if code := b.get(a.ask()).answer(t, wiki).Get("code"); code == "" {
			t.Error("a second request got no code at once")
		}
		if got := w.actions(); got != "person.create app.create session.open" {
			t.Errorf("audit: %s", got)
		}
	})
}

// Standard 18: discovery says what is so.
func TestDiscoveryTellsTheTruth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		b := w.browser()
		var says map[string]any
		must(t, json.Unmarshal([]byte(b.get("/.well-known/openid-configuration").body), &says))
		for _, absent := range []string{"check_session_iframe", "registration_endpoint", "request_object_signing_alg_values_supported"} {
			if _, there := says[absent]; there {
				t.Errorf("it advertises %s", absent)
			}
		}
		for field, want := range map[string]string{
			"issuer": `"` + w.url + `"`, "response_types_supported": `["code"]`, "grant_types_supported": `["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code","client_credentials"]`,
			"backchannel_logout_supported":     "true",
			"code_challenge_methods_supported": `["S256"]`, "acr_values_supported": `["aal1","aal2","phr"]`,
			"authorization_response_iss_parameter_supported": "true", "id_token_signing_alg_values_supported": `["RS256"]`,
		} {
			if got, _ := json.Marshal(says[field]); string(got) != want {
				t.Errorf("%s: %s, want %s", field, got, want)
			}
		}
		// What it names is there, and what isn't finished isn't.
		for _, field := range []string{
			"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "introspection_endpoint", "revocation_endpoint",
			"device_authorization_endpoint", "end_session_endpoint",
		} {
			address, _ := says[field].(string)
			if got := b.get(address).status; got == http.StatusNotFound {
				t.Errorf("%s: %d", address, got)
			}
		}
		for _, path := range []string{"/oauth/introspect", "/authorize/callback", "/ready", "/register"} {
			for _, method := range []string{"GET", "POST"} {
				if got := b.do(method, path, nil).status; got != http.StatusNotFound {
					t.Errorf("%s %s: %d", method, path, got)
				}
			}
		}
		keys := b.get("/keys").body
		if strings.Contains(keys, `"d"`) || !strings.Contains(keys, `"RS256"`) {
			t.Errorf("keys: %s", keys)
		}
	})
}

// Standard 16: redirects letter by letter, but for the port of a loopback address.
func TestAttack30RedirectConfusion(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		web := w.newApp(false, "https://wiki.test/callback", "http://127.0.0.1:8000/callback", "https://wiki.test/q?a=b")
		native := w.newApp(true, "http://127.0.0.1/callback", "http://[::1]/callback", "com.example.wiki:/callback")
		for _, c := range []struct {
			app      *app
			redirect string
			good     bool
		}{
			{web, "https://wiki.test/callback", true},
			{web, "https://wiki.test/q?a=b", true},
			{web, "http://127.0.0.1:8000/callback", true},
			{web, "http://127.0.0.1:8001/callback", false}, // the port is free for public apps only
			{web, "", false},
			{web, "https://wiki.test/callback/", false},
			{web, "https://wiki.test/callback?x=1", false},
			{web, "https://wiki.test/callback#x", false},
			{web, "https://wiki.test/Callback", false},
			{web, "https://wiki.test/callback/../evil", false},
			{web, "https://wiki.test/%63allback", false},
			{web, "https://wiki.test:443/callback", false},
			{web, "https://WIKI.test/callback", false},
			{web, "http://wiki.test/callback", false},
			{web, "https://evil.test/callback", false},
			{web, "https://wiki.test.evil.test/callback", false},
			{web, "https://wiki.test@evil.test/callback", false},
			{web, "https://evil.test\\@wiki.test/callback", false},
			{web, "https://evil.test/?https://wiki.test/callback", false},
			{web, "//wiki.test/callback", false},
			{web, "/callback", false},
			{web, " https://wiki.test/callback", false},
			{web, "https://wiki.test/callback\n", false},
			{web, "javascript:alert(1)", false},
			{web, "data:text/html,x", false},
			{native, "http://127.0.0.1/callback", true},
			{native, "http://127.0.0.1:51004/callback", true},
			{native, "http://[::1]:51004/callback", true},
			{native, "com.example.wiki:/callback", true},
			{native, "http://localhost:51004/callback", false}, // RFC 8252 §8.3
			{native, "http://127.0.0.2:51004/callback", false},
			{native, "https://127.0.0.1:51004/callback", false},
			{native, "http://127.0.0.1:51004/callback/x", false},
			{native, "http://127.0.0.1:51004/callback?x=1", false},
			{native, "http://127.0.0.1:51004@evil.test/callback", false},
			{native, "http://evil.test@127.0.0.1:51004/callback", false},
			{native, "http://127.0.0.1.evil.test/callback", false},
		} {
			got := b.get(c.app.ask("redirect_uri", c.redirect))
			if c.good {
				if got.to == nil || got.to.Query().Get("code") == "" || !strings.HasPrefix(got.to.String(), c.redirect) {
					t.Errorf("%q: %d, to %v", c.redirect, got.status, got.to)
				}
			} else if got.status != http.StatusBadRequest || got.to != nil {
				t.Errorf("%q: %d, to %v", c.redirect, got.status, got.to)
			}
			// An error goes nowhere else either.
			if got := b.get(c.app.ask("redirect_uri", c.redirect, "response_type", "token")); !c.good && (got.status != http.StatusBadRequest || got.to != nil) {
				t.Errorf("%q with an error: %d, to %v", c.redirect, got.status, got.to)
			}
		}
	})
}

func TestWhatAnAppCanNotAskFor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		w.clock.Advance(time.Minute)
		a := w.newApp(false)
		public := w.newApp(true)
		for _, c := range []struct {
			what       string
			app        *app
			parameters []string
			want       string
		}{
			{"no PKCE", a, []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
			{"no PKCE, public", public, []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
			{"plain", a, []string{"code_challenge_method", "plain"}, "invalid_request"},
			{"plain by default", public, []string{"code_challenge_method", ""}, "invalid_request"},
			{"no challenge", a, []string{"code_challenge", ""}, "invalid_request"},
			{"a short challenge", a, []string{"code_challenge", "abc"}, "invalid_request"},
			{"implicit", a, []string{"response_type", "token"}, "unsupported_response_type"},
			{"implicit", a, []string{"response_type", "id_token"}, "unsupported_response_type"},
			{"hybrid", a, []string{"response_type", "code id_token"}, "unsupported_response_type"},
			{"no response_type", a, []string{"response_type", ""}, "invalid_request"},
			{"fragment", a, []string{"response_mode", "fragment"}, "invalid_request"},
			{"form_post", a, []string{"response_mode", "form_post"}, "invalid_request"},
			{"nothing that it may", a, []string{"scope", "admin"}, "invalid_scope"},
			{"request object", a, []string{"request", "x"}, "request_not_supported"},
			{"request_uri", a, []string{"request_uri", "https://evil.test"}, "request_uri_not_supported"},
			{"an acr out of reach", a, []string{"acr_values", "aal9"}, "unmet_authentication_requirements"},
			{"an essential acr out of reach", a, []string{"claims", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`}, "unmet_authentication_requirements"},
			{"claims that aren't", a, []string{"claims", `{`}, "invalid_request"},
			{"a word for max_age", a, []string{"max_age", "soon"}, "invalid_request"},
			{"a negative max_age", a, []string{"max_age", "-1"}, "invalid_request"},
			{"none with another", a, []string{"prompt", "none login"}, "invalid_request"},
			{"an unknown prompt", a, []string{"prompt", "dance"}, "invalid_request"},
			{"none and a recent sign-in", a, []string{"prompt", "none", "max_age", "1"}, "login_required"},
			{"none and somebody else", a, []string{"prompt", "none", "claims", `{"id_token":{"sub":{"value":"x"}}}`}, "login_required"},
			{"a false hint", a, []string{"id_token_hint", "x.y.z"}, "login_required"},
			{"an invitation without the right", a, []string{"invitation", "x.y.z"}, "invalid_request"},
		} {
			answer := b.get(c.app.ask(c.parameters...)).answer(t, wiki)
			if answer.Get("error") != c.want || answer.Get("code") != "" || answer.Get("state") != "the-state" || answer.Get("iss") != w.url {
				t.Errorf("%s: %v, want %s", c.what, answer, c.want)
			}
		}
		for what, address := range map[string]string{
			"an unknown app":          a.ask("client_id", "nobody"),
			"no app":                  a.ask("client_id", ""),
			"an app that isn't text":  a.ask("client_id", "a\x00b"),
			"a parameter given twice": a.ask() + "&state=other",
			"an address given twice":  a.ask() + "&redirect_uri=https://evil.test",
		} {
			if got := b.get(address); got.status != http.StatusBadRequest || got.to != nil {
				t.Errorf("%s: %d to %v", what, got.status, got.to)
			}
		}
		if got := b.do("PUT", a.ask(), nil); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
			t.Errorf("PUT: %d", got.status)
		}
	})
}

// Standard 17: prompt and max_age.
func TestHowRecentASignInMustBe(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		if got := b.get(a.ask("prompt", "none")).answer(t, wiki).Get("error"); got != "login_required" {
			t.Errorf("prompt=none, nobody signed in: %q", got)
		}
		b.signIn(ada, adasPass)
		w.clock.Advance(time.Minute)
		for _, c := range []struct {
			parameters []string
			page       string // empty: a code at once
		}{
			{[]string{"prompt", "none"}, ""},
			{[]string{"max_age", "10000"}, ""},
			{[]string{"max_age", "10000", "prompt", "none"}, ""},
			{[]string{"acr_values", "aal2 aal1"}, ""},
			{[]string{"max_age", "1"}, "/signin"},
			{[]string{"max_age", "0"}, "/signin"},
			{[]string{"prompt", "login"}, "/signin"},
			{[]string{"prompt", "login", "max_age", "10000"}, "/signin"},
			{[]string{"prompt", "select_account"}, "/continue"},
			{[]string{"prompt", "consent"}, "/continue"},
		} {
			got := b.get(a.ask(c.parameters...))
			if c.page == "" {
				if got.answer(t, wiki).Get("code") == "" {
					t.Errorf("%v: %v", c.parameters, got.to)
				}
				continue
			}
			if got.at.Path != c.page {
				t.Fatalf("%v: at %s", c.parameters, got.at)
			}
			// Coming back without having done it leads to the same page.
			if again := b.get("/authorize/continue?id=" + url.QueryEscape(got.at.Query().Get("flow"))); again.at.Path != c.page {
				t.Errorf("%v: skipped to %s %v", c.parameters, again.at, again.to)
			}
			w.clock.Advance(time.Second)
			if c.page == "/continue" {
				got = b.submit(got, "/continue", "answer", "yes")
			} else {
				got = b.submit(got, "/signin", "email", ada, "password", adasPass)
			}
			if got.answer(t, wiki).Get("code") == "" {
				t.Errorf("%v: after it: %v", c.parameters, got.to)
			}
			w.clock.Advance(time.Minute)
		}
		no := b.submit(b.get(a.ask("prompt", "consent")), "/continue", "answer", "no")
		if got := no.answer(t, wiki); got.Get("error") != "access_denied" || got.Get("iss") != w.url {
			t.Errorf("declined: %v", got)
		}
	})
}

func TestASignInOfSomebodyElseIsToldTheApp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		w.newPerson("bob@example.com", adasPass)
		a := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		token, err := a.redeem(t.Context(), b.get(a.ask()).answer(t, wiki).Get("code"))
		must(t, err)
		hint, _ := token.Extra("id_token").(string)
		if b.get(a.ask("id_token_hint", hint, "prompt", "none")).answer(t, wiki).Get("code") == "" {
			t.Error("the person of the hint got no code")
		}
		other := w.browser()
		w.clock.Advance(time.Second)
		form := other.get(a.ask("id_token_hint", hint))
		w.clock.Advance(time.Second)
		if got := other.submit(form, "/signin", "email", "bob@example.com", "password", adasPass).answer(t, wiki); got.Get("error") != "login_required" {
			t.Errorf("another person: %v", got)
		}
	})
}

// exchange posts to the token endpoint by hand.
func (w *world) exchange(header http.Header, form url.Values, query string) (int, map[string]any) {
	w.t.Helper()
	return w.postTo("/oauth/token"+query, header, form)
}

// postTo posts a form as an app does.
func (w *world) postTo(path string, header http.Header, form url.Values) (int, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.url+path, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(w.t, err)
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		w.t.Errorf("Cache-Control: %q", got)
	}
	if response.Header.Get("Access-Control-Allow-Origin") != "" {
		w.t.Error("the token endpoint speaks to other origins")
	}
	if response.StatusCode == http.StatusUnauthorized && response.Header.Get("WWW-Authenticate") == "" {
		w.t.Error("401 without WWW-Authenticate")
	}
	body := map[string]any{}
	_ = json.Unmarshal(bytes.TrimSpace(text), &body)
	return response.StatusCode, body
}

func TestTheTokenEndpointRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a, other, public := w.newApp(false), w.newApp(false), w.newApp(true)
		b := w.browser()
		b.signIn(ada, adasPass)
		code := b.get(a.ask()).answer(t, wiki).Get("code")
		good := func(change ...string) url.Values {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.oauth.RedirectURL},
				"code_verifier": {challengeVerifier}, "client_id": {a.ID}, "client_secret": {a.oauth.ClientSecret},
			}
			for i := 0; i < len(change); i += 2 {
				form.Set(change[i], change[i+1])
				if change[i+1] == "" {
					form.Del(change[i])
				}
			}
			return form
		}
		basic := func(user, password string) http.Header {
			r, _ := http.NewRequest("GET", "/", nil)
			r.SetBasicAuth(user, password)
			return r.Header
		}
		twice := good()
		twice.Add("code", code)
		for _, c := range []struct {
			what   string
			header http.Header
			form   url.Values
			query  string
			status int
			code   string
		}{
			{"a wrong verifier", nil, good("code_verifier", strings.Repeat("x", 43)), "", 400, "invalid_grant"},
			{"no verifier", nil, good("code_verifier", ""), "", 400, "invalid_request"},
			{"the challenge as verifier", nil, good("code_verifier", oauth2.S256ChallengeFromVerifier(challengeVerifier)), "", 400, "invalid_grant"},
			{"a wrong secret", nil, good("client_secret", "wrong"), "", 401, "invalid_client"},
			{"no secret", nil, good("client_secret", ""), "", 401, "invalid_client"},
			{"a wrong secret as Basic", basic(a.ID, "wrong"), good("client_secret", ""), "", 401, "invalid_client"},
			{"another name as Basic", basic(other.ID, other.oauth.ClientSecret), good("client_secret", ""), "", 401, "invalid_client"},
			{"two secrets", basic(a.ID, a.oauth.ClientSecret), good(), "", 400, "invalid_request"},
			{"an unknown app", nil, good("client_id", "nobody"), "", 401, "invalid_client"},
			{"no app", nil, good("client_id", "", "client_secret", ""), "", 401, "invalid_client"},
			{"an app that isn't text", nil, good("client_id", "a\x00b"), "", 401, "invalid_client"},
			{"another app's code", nil, good("client_id", other.ID, "client_secret", other.oauth.ClientSecret), "", 400, "invalid_grant"},
			{"a public app with another's code", nil, good("client_id", public.ID, "client_secret", ""), "", 400, "invalid_grant"},
			{"an assertion", nil, good("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "x"), "", 401, "invalid_client"},
			{"another address", nil, good("redirect_uri", "https://wiki.test/other"), "", 400, "invalid_grant"},
			{"no address", nil, good("redirect_uri", ""), "", 400, "invalid_grant"},
			{"no code", nil, good("code", ""), "", 400, "invalid_request"},
			{"an unknown code", nil, good("code", "guess"), "", 400, "invalid_grant"},
			{"no grant type", nil, good("grant_type", ""), "", 400, "invalid_request"},
			{"a code given twice", nil, twice, "", 400, "invalid_request"},
			{"parameters in the address", nil, good(), "?x=1", 400, "invalid_request"},
			{"JSON", http.Header{"Content-Type": {"application/json"}}, good(), "", 400, "invalid_request"},
			// Attack 10: there is no password grant, nor any other.
			{"the password grant", nil, good("grant_type", "password", "username", ada, "password", adasPass), "", 400, "unsupported_grant_type"},
			{"client credentials", nil, good("grant_type", "client_credentials"), "", 400, "unauthorized_client"},
			{"a refresh token", nil, good("grant_type", "refresh_token", "refresh_token", "x"), "", 400, "unauthorized_client"},
			{"a bearer assertion", nil, good("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "x"), "", 400, "unsupported_grant_type"},
			{"a device code", nil, good("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), "", 400, "unauthorized_client"},
			{"token exchange", nil, good("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), "", 400, "unsupported_grant_type"},
		} {
			status, body := w.exchange(c.header, c.form, c.query)
			if status != c.status || body["error"] != c.code || body["access_token"] != nil {
				t.Errorf("%s: %d %v, want %d %s", c.what, status, body, c.status, c.code)
			}
		}
		// None of these spent the code.
		if status, body := w.exchange(nil, good(), ""); status != http.StatusOK || body["id_token"] == nil {
			t.Fatalf("the right exchange: %d %v", status, body)
		}
		if got := b.get("/oauth/token").status; got != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", got)
		}
	})
}

func TestAttack11ACodeWorksOnceAndForAMinute(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		code := b.get(a.ask()).answer(t, wiki).Get("code")
		token, err := a.redeem(t.Context(), code)
		must(t, err)
		userinfo := func() error {
			_, err := a.issuer.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			return err
		}
		must(t, userinfo())
		w.clock.Advance(2 * time.Minute) // long after the code's life, reuse still revokes
		if _, err := a.redeem(t.Context(), code); err == nil {
			t.Error("the code worked twice")
		}
		if userinfo() == nil {
			t.Error("reuse left the token alive")
		}
		late := b.get(a.ask()).answer(t, wiki).Get("code")
		w.clock.Advance(61 * time.Second)
		if _, err := a.redeem(t.Context(), late); err == nil {
			t.Error("a code worked after its minute")
		}
	})
}

func TestParallelRedemptionsGiveOneAndRevokeIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		code := b.get(a.ask()).answer(t, wiki).Get("code")
		var won atomic.Int32
		var token atomic.Pointer[oauth2.Token]
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if got, err := a.redeem(t.Context(), code); err == nil {
					won.Add(1)
					token.Store(got)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of 16 got a token", won.Load())
		}
		if _, err := a.issuer.UserInfo(t.Context(), oauth2.StaticTokenSource(token.Load())); err == nil {
			t.Error("the one token is alive, though its code was used sixteen times")
		}
	})
}

func TestAttack09ASuspendedPersonGetsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		token, err := a.redeem(t.Context(), b.get(a.ask()).answer(t, wiki).Get("code"))
		must(t, err)
		code := b.get(a.ask()).answer(t, wiki).Get("code")
		must(t, w.signin.Suspend(t.Context(), ada, true))

		if _, err := a.redeem(t.Context(), code); err == nil {
			t.Error("a code from before gave a token")
		}
		if _, err := a.issuer.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
			t.Error("userinfo answered")
		}
		if got := b.get(a.ask()); got.at.Path != "/signin" {
			t.Errorf("at %s", got.at)
		}
		if got := b.signIn(ada, adasPass); got.status != http.StatusForbidden || !strings.Contains(got.body, "suspended") {
			t.Errorf("signing in: %d", got.status)
		}
		must(t, w.signin.Suspend(t.Context(), ada, false))
		if got := b.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("a session from before came back to life")
		}
	})
}

func TestUserinfoTakesTheTokenByHeaderOrForm(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		b.signIn(ada, adasPass)
		token, err := a.redeem(t.Context(), b.get(a.ask("scope", "openid")).answer(t, wiki).Get("code"))
		must(t, err)
		if got := b.post("/userinfo", "access_token", token.AccessToken); got.status != http.StatusOK || strings.Contains(got.body, ada) {
			t.Errorf("by form: %d %s", got.status, got.body) // openid alone says who, and no more
		}
		for what, got := range map[string]page{
			"in the address": b.get("/userinfo?access_token=" + url.QueryEscape(token.AccessToken)),
			"none":           b.get("/userinfo"),
			"false":          b.post("/userinfo", "access_token", "eyJ"),
		} {
			if got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: %d %s", what, got.status, got.header.Get("WWW-Authenticate"))
			}
		}
		w.clock.Advance(61 * time.Minute)
		if got := b.post("/userinfo", "access_token", token.AccessToken); got.status != http.StatusUnauthorized {
			t.Errorf("after its time: %d", got.status)
		}
	})
}
