package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

const issuerURL = "http://id.test"

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// anIssuer signs in whoever is said, for the nonce that it was asked with.
func anIssuer(t *testing.T, w *world, nonce *string, claims func() map[string]any) http.RoundTripper {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		out := httptest.NewRecorder()
		out.Header().Set("Content-Type", "application/json")
		var answer any
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			answer = map[string]any{
				"issuer": issuerURL, "authorization_endpoint": issuerURL + "/authorize",
				"token_endpoint": issuerURL + "/token", "jwks_uri": issuerURL + "/keys", "end_session_endpoint": issuerURL + "/end_session",
			}
		case "/keys":
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, Algorithm: "ES256"}}}
		case "/token":
			token, err := jwt.Signed(signer).Claims(map[string]any{
				"iss": issuerURL, "aud": "code", "exp": w.now.Now().Add(time.Hour).Unix(), "iat": w.now.Now().Unix(),
				"nonce": *nonce, "auth_time": w.now.Now().Unix(), "email_verified": true,
			}).Claims(claims()).Serialize()
			if err != nil {
				return nil, err
			}
			answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token}
		}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return nil, err
		}
		return out.Result(), nil
	})
}

// goes to the issuer and comes back with its answer.
func (b *browser) signsIn(from string, nonce *string) page {
	b.Helper()
	p := b.get(from)
	at, err := url.Parse(p.Header().Get("Location"))
	if err != nil || p.Code != http.StatusSeeOther || at.Host != "id.test" {
		b.Fatalf("%d %q", p.Code, p.Header().Get("Location"))
	}
	*nonce = at.Query().Get("nonce")
	return b.get("/login/callback?code=c&state=" + url.QueryEscape(at.Query().Get("state")))
}

func TestFirstAndSecondSignIn(t *testing.T) {
	each(t, func(w *world) {
		var nonce string
		w.via = anIssuer(t, w, &nonce, func() map[string]any {
			return map[string]any{"sub": "p1", "email": "ada.l@example.com", "name": "Ada"}
		})
		b := w.browser()
		login := b.leads(b.get("/workspaces/new?x=1"), "/login")
		b.leads(b.signsIn(login, &nonce), "/login/welcome")
		if n, err := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM code_user`); err != nil || n != 0 {
			t.Fatalf("%d profiles before a username was chosen, %v", n, err)
		}
		b.is(b.get("/login/welcome"), 200, "Choose your username", `value="ada-l"`)
		b.is(b.post("/login/welcome", "username", "Not good!"), 400, `value="Not good!"`, "Use 2 to 39 small letters")
		if got := b.leads(b.post("/login/welcome", "username", "ada"), "/workspaces/new"); got != "/workspaces/new?x=1" {
			t.Errorf("lands on %s", got)
		}
		b.is(b.get("/"), 200, "Your workspaces", "Ada")

		other := w.browser()
		if got := other.signsIn("/login?return=//evil.example", &nonce).Header().Get("Location"); got != "/" {
			t.Errorf("lands on %s", got)
		}
		other.is(other.get("/account/settings/"), 200, "ada.l@example.com")

		// Signing out of Code leads to the account's sign-out where that is wanted.
		const out = issuerURL + "/end_session?client_id=code&post_logout_redirect_uri=http%3A%2F%2Fcode.test%2F"
		other.is(other.get("/logout"), 200, "Sign out of the account too")
		if got := other.leadsTo(other.post("/logout", "account", "too")); got != out {
			t.Errorf("signing out at the account leads to %s", got)
		}
		other.leads(other.get("/account/settings/"), "/login")
		b.leads(b.post("/logout"), "/")
		b.is(b.get("/"), 200, "You are signed out of Code.", "Sign out of your account too", "/logout/account")
		if got := b.leadsTo(b.get("/logout/account")); got != out {
			t.Errorf("the notice leads to %s", got)
		}
	})
}

func TestCallbacksThatNobodyBegan(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.browser()
	for _, query := range []string{"", "?state=x&code=c", "?state=ABCDEFGHIJ&code=c", "?error=access_denied"} {
		b.is(b.get("/login/callback"+query), 400, "You aren't signed in", "Sign in again")
	}
	// Another browser's answer: it has no cookie of that sign-in.
	var nonce string
	w.via = anIssuer(t, w, &nonce, func() map[string]any { return map[string]any{"sub": "p1"} })
	begun := w.browser()
	at, _ := url.Parse(begun.get("/login").Header().Get("Location"))
	b.is(b.get("/login/callback?code=c&state="+at.Query().Get("state")), 400, "You aren't signed in")
	begun.is(begun.get("/login/callback?error=access_denied&state="+at.Query().Get("state")), 403, "was not finished")
}

func TestIssuerThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	w.via = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused, at 10.0.0.1") })
	b := w.browser()
	p := b.is(b.get("/login"), 503, "The account service does not answer", "Request")
	if strings.Contains(p.text, "10.0.0.1") {
		t.Error("the cause is shown")
	}
}

func TestCookies(t *testing.T) {
	for address, prefix := range map[string]string{testSite: "", "https://code.test": "__Host-"} {
		w := newWorld(t, dbtest.SQLite(t), address)
		var nonce string
		w.via = anIssuer(t, w, &nonce, func() map[string]any { return map[string]any{"sub": "p1", "email": "a@example.com", "name": "A"} })
		b := w.browser()
		b.leads(b.signsIn("/login", &nonce), "/login/welcome")
		p := b.post("/login/welcome", "username", "ada")
		for _, cookie := range p.Result().Cookies() {
			if cookie.Name != prefix+"sallyport_code" {
				continue
			}
			if !cookie.HttpOnly || cookie.Secure != (prefix != "") || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
				t.Errorf("%s: %+v", address, cookie)
			}
		}
		if b.cookies[prefix+"sallyport_code"] == "" {
			t.Errorf("%s: there is no session: %v", address, b.cookies)
		}
		old := b.cookies[prefix+"sallyport_code"]
		b.is(b.get("/logout"), 200, "Sign out of Code?")
		b.is(b.get("/"), 200, "Your workspaces") // nothing changes on GET
		b.leads(b.post("/logout"), "/")
		b.cookies[prefix+"sallyport_code"] = old
		b.is(b.get("/"), 200, "Sign in") // ended, not just forgotten
	}
}
