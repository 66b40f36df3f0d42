package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// What the plan "Basic OP" of the OpenID conformance suite checks, by the names
// that its modules have there. "Config OP" is TestDiscoveryTellsTheTruth,
// "RP-Initiated Logout OP" TestRPInitiatedLogout, "Back-Channel Logout OP"
// TestStandard18ALogoutTokenIsSigned and those after it.
func TestConformanceBasic(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		c := &conformance{world: w, a: w.register(lasting()), b: w.browser(), person: p.ID}
		if got := c.b.get(c.a.ask("prompt", "none")).answer(t, wiki).Get("error"); got != "login_required" {
			t.Errorf("oidcc-prompt-none-not-logged-in: %q", got)
		}
		c.b.signIn(ada, adasPass)
		w.clock.Advance(time.Minute)
		for _, module := range basicModules() {
			t.Run(module.name, func(t *testing.T) {
				c.t, w.t, c.b.t = t, t, t
				module.check(c)
			})
		}
	})
}

// conformance is the suite's side: an app, and the browser of somebody who is
// signed in.
type conformance struct {
	t      testing.TB
	world  *world
	a      *app
	b      *browser
	person string
}

// answered asks, and gives what comes back to the app.
func (c *conformance) answered(parameters ...string) url.Values {
	c.t.Helper()
	return c.b.get(c.a.ask(parameters...)).answer(c.t, wiki)
}

// tokens exchanges a code.
func (c *conformance) tokens(code string, more ...string) (int, map[string]any) {
	c.t.Helper()
	return c.a.call(c.world, "/oauth/token", append([]string{
		"grant_type", "authorization_code", "code", code,
		"redirect_uri", c.a.oauth.RedirectURL, "code_verifier", challengeVerifier,
	}, more...)...)
}

// signedIn gives the claims of the ID token that follows a request.
func (c *conformance) signedIn(parameters ...string) map[string]any {
	c.t.Helper()
	return c.claims(c.answered(parameters...).Get("code"))
}

func (c *conformance) claims(code string) map[string]any {
	c.t.Helper()
	status, body := c.tokens(code)
	if status != http.StatusOK || body["token_type"] != "Bearer" {
		c.t.Fatalf("the exchange: %d %v", status, body)
	}
	token, err := c.a.verifier.Verify(c.t.Context(), body["id_token"].(string)) // RS256 by its kid, iss, aud, exp
	must(c.t, err)
	var claims map[string]any
	must(c.t, token.Claims(&claims))
	if claims["sub"] != c.person || claims["at_hash"] == "" || claims["iat"] == nil {
		c.t.Fatalf("the ID token: %v", claims)
	}
	return claims
}

// refused wants an error of a request, at the app.
func (c *conformance) refused(want string, parameters ...string) {
	c.t.Helper()
	if got := c.answered(parameters...); got.Get("error") != want || got.Get("code") != "" || got.Get("state") != "the-state" {
		c.t.Errorf("%v, want %s", got, want)
	}
}

// stopped wants an error that is told to nobody but the person.
func (c *conformance) stopped(parameters ...string) {
	c.t.Helper()
	if got := c.b.get(c.a.ask(parameters...)); got.status != http.StatusBadRequest || got.to != nil {
		c.t.Errorf("%d, to %v", got.status, got.to)
	}
}

// again signs in where the request wants it, and gives the claims and the time
// of the sign-in that was before.
func (c *conformance) again(parameters ...string) (claims map[string]any, before float64) {
	c.t.Helper()
	before = c.signedIn()["auth_time"].(float64)
	c.world.clock.Advance(5 * time.Second)
	form := c.b.get(c.a.ask(parameters...))
	if form.at.Path != "/signin" {
		c.t.Fatalf("nobody was asked: at %s, to %v", form.at, form.to)
	}
	c.world.clock.Advance(time.Second)
	code := c.b.submit(form, "/signin", "email", ada, "password", adasPass).answer(c.t, wiki).Get("code")
	return c.claims(code), before
}

// reused uses a code twice, the second time after a wait.
func (c *conformance) reused(wait time.Duration) {
	c.t.Helper()
	code := c.answered().Get("code")
	_, first := c.tokens(code)
	c.world.clock.Advance(wait)
	if status, body := c.tokens(code); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
		c.t.Errorf("the second use: %d %v", status, body)
	}
	if c.a.active(c.world, first["access_token"]) {
		c.t.Error("what the first use gave lives on")
	}
}

type module struct {
	name  string
	check func(*conformance)
}

func basicModules() []module {
	withUserinfo := func(c *conformance, send func(token string) *http.Request) {
		c.t.Helper()
		_, body := c.tokens(c.answered().Get("code"))
		response, err := http.DefaultClient.Do(send(body["access_token"].(string)))
		must(c.t, err)
		response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
			c.t.Errorf("%d %v", response.StatusCode, response.Header)
		}
	}
	return []module{
		{"oidcc-server", func(c *conformance) {
			if got := c.answered(); got.Get("iss") != c.world.url || got.Get("state") != "the-state" || c.claims(got.Get("code"))["nonce"] != "the-nonce" {
				c.t.Errorf("%v", got)
			}
		}},
		{"oidcc-response-type-missing", func(c *conformance) { c.refused("invalid_request", "response_type", "") }},
		{"oidcc-userinfo-get", func(c *conformance) {
			withUserinfo(c, func(token string) *http.Request {
				r, _ := http.NewRequest(http.MethodGet, c.world.url+"/userinfo", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				return r
			})
		}},
		{"oidcc-userinfo-post-header", func(c *conformance) {
			withUserinfo(c, func(token string) *http.Request {
				r, _ := http.NewRequest(http.MethodPost, c.world.url+"/userinfo", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				return r
			})
		}},
		{"oidcc-userinfo-post-body", func(c *conformance) {
			withUserinfo(c, func(token string) *http.Request {
				r, _ := http.NewRequest(http.MethodPost, c.world.url+"/userinfo", strings.NewReader("access_token="+token))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				return r
			})
		}},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(c *conformance) {
			if got, there := c.signedIn("nonce", "")["nonce"]; there {
				c.t.Errorf("nonce %v", got)
			}
		}},
		{"oidcc-scope-profile", func(c *conformance) {
			if got := c.signedIn("scope", "openid profile"); got["name"] != "Ada Lovelace" || got["email"] != nil {
				c.t.Errorf("%v", got)
			}
		}},
		{"oidcc-scope-email", func(c *conformance) {
			if got := c.signedIn("scope", "openid email"); got["email"] != ada || got["email_verified"] != true || got["name"] != nil {
				c.t.Errorf("%v", got)
			}
		}},
		{"oidcc-ensure-other-scope-order-succeeds", func(c *conformance) { c.signedIn("scope", "email openid") }},
		{"oidcc-prompt-login", func(c *conformance) {
			if got, before := c.again("prompt", "login"); got["auth_time"].(float64) <= before {
				c.t.Errorf("auth_time %v, before %v", got["auth_time"], before)
			}
		}},
		{"oidcc-prompt-none-logged-in", func(c *conformance) {
			if first, second := c.signedIn(), c.signedIn("prompt", "none"); first["auth_time"] != second["auth_time"] {
				c.t.Errorf("%v, then %v", first["auth_time"], second["auth_time"])
			}
		}},
		{"oidcc-max-age-1", func(c *conformance) {
			if got, before := c.again("max_age", "1"); got["auth_time"].(float64) <= before {
				c.t.Errorf("auth_time %v, before %v", got["auth_time"], before)
			}
		}},
		{"oidcc-max-age-10000", func(c *conformance) {
			if first, second := c.signedIn(), c.signedIn("max_age", "10000"); first["auth_time"] != second["auth_time"] || first["auth_time"] == nil {
				c.t.Errorf("%v, then %v", first["auth_time"], second["auth_time"])
			}
		}},
		{"oidcc-ensure-request-with-unknown-parameter-succeeds", func(c *conformance) { c.signedIn("extra", "foobar") }},
		{"oidcc-id-token-hint", func(c *conformance) {
			_, body := c.tokens(c.answered().Get("code"))
			c.signedIn("prompt", "none", "id_token_hint", body["id_token"].(string))
		}},
		{"oidcc-login-hint", func(c *conformance) { c.signedIn("login_hint", "buffy@example.com") }},
		{"oidcc-ui-locales", func(c *conformance) { c.signedIn("ui_locales", "se") }},
		{"oidcc-claims-locales", func(c *conformance) { c.signedIn("claims_locales", "se") }},
		{"oidcc-ensure-request-with-acr-values-succeeds", func(c *conformance) {
			if got := c.signedIn("acr_values", "aal1 aal2"); got["acr"] != "aal1" {
				c.t.Errorf("acr %v", got["acr"])
			}
		}},
		{"oidcc-claims-essential", func(c *conformance) {
			if got := c.signedIn("claims", `{"userinfo":{"name":{"essential":true}}}`); got["name"] == nil {
				c.t.Errorf("%v", got)
			}
		}},
		{"oidcc-codereuse", func(c *conformance) { c.reused(0) }},
		{"oidcc-codereuse-30seconds", func(c *conformance) { c.reused(30 * time.Second) }},
		{"oidcc-ensure-registered-redirect-uri", func(c *conformance) { c.stopped("redirect_uri", "https://evil.test/callback") }},
		{"oidcc-redirect-uri-query-added", func(c *conformance) { c.stopped("redirect_uri", c.a.oauth.RedirectURL+"?foo=bar") }},
		{"oidcc-redirect-uri-query-mismatch", func(c *conformance) {
			other := c.world.register(provider.App{Redirects: []string{c.a.oauth.RedirectURL + "?foo=bar"}})
			for _, redirect := range []string{c.a.oauth.RedirectURL, c.a.oauth.RedirectURL + "?bar=foo"} {
				if got := c.b.get(other.ask("redirect_uri", redirect)); got.status != http.StatusBadRequest || got.to != nil {
					c.t.Errorf("%s: %d, to %v", redirect, got.status, got.to)
				}
			}
		}},
		{"oidcc-ensure-post-request-succeeds", func(c *conformance) {
			asks, err := url.Parse(c.a.ask())
			must(c.t, err)
			c.claims(c.b.do("POST", "/authorize", asks.Query()).answer(c.t, wiki).Get("code"))
		}},
		{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(c *conformance) {
			c.refused("request_not_supported", "request", "e30.e30.")
		}},
		{"oidcc-ensure-request-with-valid-pkce-succeeds", func(c *conformance) { c.signedIn() }},
		{"oidcc-wrong-pkce", func(c *conformance) {
			for verifier, want := range map[string]string{strings.Repeat("x", 43): "invalid_grant", "": "invalid_request"} {
				if status, body := c.tokens(c.answered().Get("code"), "code_verifier", verifier); status != http.StatusBadRequest || body["error"] != want {
					c.t.Errorf("verifier %q: %d %v", verifier, status, body)
				}
			}
			c.refused("invalid_request", "code_challenge_method", "plain")
		}},
		{"oidcc-refresh-token", func(c *conformance) {
			_, body := c.tokens(c.answered().Get("code"))
			if status, fresh := c.a.refresh(c.world, body["refresh_token"]); status != http.StatusOK || fresh["refresh_token"] == body["refresh_token"] {
				c.t.Errorf("%d %v", status, fresh)
			}
		}},
	}
}
