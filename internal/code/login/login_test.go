package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// issuer is somebody else's issuer, which says what a test tells it to.
type issuer struct {
	*httptest.Server
	key       *ecdsa.PrivateKey
	down      bool
	claims    map[string]any // of the next ID token, on top of the right ones
	userinfo  map[string]any
	worth     map[string]any // what introspection says; nil: it fails
	sign      func(payload []byte) string
	nonce     string
	challenge string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	i.sign = func(payload []byte) string { return signed(t, jose.ES256, i.key, payload) }
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"jwks_uri": i.URL + "/keys", "userinfo_endpoint": i.URL + "/userinfo",
			"introspection_endpoint":                i.URL + "/introspect",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
			"code_challenge_methods_supported":      []string{"S256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", i.token)
	mux.HandleFunc("/introspect", i.introspect)
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.userinfo) })
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if r.PostFormValue("code") != "good" || base64.RawURLEncoding.EncodeToString(sum[:]) != i.challenge {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	claims := map[string]any{
		"iss": i.URL, "aud": "code", "sub": "p1", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(),
		"nonce": i.nonce, "email": "alice@example.com", "email_verified": "true", "name": "Alice",
		"preferred_username": "alice", "acr": "aal1", "amr": []string{"pwd"}, "auth_time": start.Unix(),
	}
	maps.Copy(claims, i.claims)
	payload, _ := json.Marshal(claims)
	writeJSON(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": i.sign(payload)})
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, payload []byte) string {
	t.Helper()
	return signedAs(t, jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"), payload)
}

func signedAs(t *testing.T, key jose.SigningKey, options *jose.SignerOptions, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

const clientSecret = "a-secret-that-is-long-enough-for-hs256"

func (i *issuer) client() *login.Client {
	return login.New(login.Config{
		Issuer: i.URL, ClientID: "code", Secret: secret.New(clientSecret),
		Redirect: "http://code.example/login/callback", API: "http://code.example", Clock: clock.NewManual(start).Now,
	})
}

// begin starts a sign-in and lets the issuer see its request.
func (i *issuer) begin(t *testing.T, c *login.Client, wish login.Wish) (login.Pending, url.Values) {
	t.Helper()
	address, pending, err := c.Begin(t.Context(), wish)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	i.nonce, i.challenge = query.Get("nonce"), query.Get("code_challenge")
	return pending, query
}

func TestSignIn(t *testing.T) {
	i := newIssuer(t)
	pending, request := i.begin(t, i.client(), login.Wish{Hint: "alice@example.com", ACR: "aal2", MaxAge: time.Minute})
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "code", "redirect_uri": "http://code.example/login/callback",
		"scope": "openid profile email", "code_challenge_method": "S256", "state": pending.State,
		"login_hint": "alice@example.com", "invitation": "", "acr_values": "aal2", "max_age": "60",
	} {
		if request.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, request.Get(name), want)
		}
	}
	got, err := i.client().Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}, "iss": {i.URL}})
	if err != nil {
		t.Fatal(err)
	}
	want := login.Identity{
		Issuer: i.URL, Subject: "p1", Email: "alice@example.com", EmailVerified: true, Name: "Alice",
		PreferredUsername: "alice", ACR: "aal1", AMR: []string{"pwd"}, AuthTime: start,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheIssuerSaysHowLongASessionLasts(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"session_expiry": start.Add(8 * time.Hour).Unix(), "session_idle": 3600}
	c := i.client()
	pending, _ := i.begin(t, c, login.Wish{})
	got, err := c.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}})
	if err != nil || !got.SessionEnds.Equal(start.Add(8*time.Hour)) || got.SessionIdle != time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
	i.claims = map[string]any{"session_idle": 1e30}
	pending, _ = i.begin(t, c, login.Wish{})
	got, err = c.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}})
	if err != nil || got.SessionIdle < 365*24*time.Hour || !got.SessionEnds.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNameAndEmailMayComeFromUserinfo(t *testing.T) {
	i := newIssuer(t)
	i.claims = map[string]any{"email": "", "name": ""}
	i.userinfo = map[string]any{"sub": "p1", "email": "a@b.example", "email_verified": true, "name": "A"}
	c := i.client()
	pending, _ := i.begin(t, c, login.Wish{})
	got, err := c.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}})
	if err != nil || got.Email != "a@b.example" || !got.EmailVerified || got.Name != "A" {
		t.Errorf("%+v, %v", got, err)
	}
	i.userinfo["sub"] = "somebody-else"
	pending, _ = i.begin(t, c, login.Wish{})
	if _, err := c.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}}); err == nil {
		t.Error("userinfo of another subject was taken")
	}
}

// Every way in which an answer can be wrong is refused.
func TestForgedAnswersAreRefused(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		claims map[string]any
		sign   func(payload []byte) string
		query  url.Values
		kind   errs.Kind
	}{
		"another nonce":      {claims: map[string]any{"nonce": "x"}, kind: errs.KindUnavailable},
		"no nonce":           {claims: map[string]any{"nonce": ""}, kind: errs.KindUnavailable},
		"another audience":   {claims: map[string]any{"aud": "wiki"}, kind: errs.KindUnavailable},
		"another issuer":     {claims: map[string]any{"iss": "https://evil.example"}, kind: errs.KindUnavailable},
		"another party":      {claims: map[string]any{"azp": "wiki"}, kind: errs.KindUnavailable},
		"expired":            {claims: map[string]any{"exp": start.Add(-time.Second).Unix()}, kind: errs.KindUnavailable},
		"another key":        {sign: func(p []byte) string { return signed(t, jose.ES256, other, p) }, kind: errs.KindUnavailable},
		"the client secret":  {sign: func(p []byte) string { return signed(t, jose.HS256, []byte(clientSecret), p) }, kind: errs.KindUnavailable},
		"no signature":       {sign: unsigned, kind: errs.KindUnavailable},
		"another state":      {query: url.Values{"state": {"x"}}, kind: errs.KindInvalid},
		"no state":           {query: url.Values{"state": nil}, kind: errs.KindInvalid},
		"answer from others": {query: url.Values{"iss": {"https://evil.example"}}, kind: errs.KindInvalid},
		"no code":            {query: url.Values{"code": nil}, kind: errs.KindInvalid},
		"a used code":        {query: url.Values{"code": {"used"}}, kind: errs.KindInvalid},
		"refused":            {query: url.Values{"error": {"access_denied"}}, kind: errs.KindDenied},
		"unmet":              {query: url.Values{"error": {"unmet_authentication_requirements"}}, kind: errs.KindDenied},
		"sign in first":      {query: url.Values{"error": {"login_required"}}, kind: errs.KindUnauthenticated},
		"other error":        {query: url.Values{"error": {"invalid_scope"}}, kind: errs.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			if i.claims = c.claims; c.sign != nil {
				i.sign = c.sign
			}
			client := i.client()
			pending, _ := i.begin(t, client, login.Wish{})
			query := url.Values{"state": {pending.State}, "code": {"good"}}
			maps.Copy(query, c.query)
			identity, err := client.Finish(t.Context(), pending, query)
			if !errs.Is(err, c.kind) || identity.Subject != "" {
				t.Errorf("%+v, %v", identity, err)
			}
		})
	}
	if _, err := newIssuer(t).client().Finish(t.Context(), login.Pending{}, url.Values{"state": {""}, "code": {"good"}}); err == nil {
		t.Error("an answer to no request was taken")
	}
}

func unsigned(payload []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

func TestVerifierOfAnotherBrowserIsRefused(t *testing.T) {
	i := newIssuer(t)
	c := i.client()
	pending, _ := i.begin(t, c, login.Wish{})
	pending.Verifier = strings.Repeat("x", 43)
	if _, err := c.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {"good"}}); !errs.Is(err, errs.KindInvalid) {
		t.Errorf("%v", err)
	}
}

func TestIssuerMayStartLater(t *testing.T) {
	i := newIssuer(t)
	i.down = true
	c := i.client()
	if _, _, err := c.Begin(t.Context(), login.Wish{}); !errs.Is(err, errs.KindUnavailable) {
		t.Errorf("%v", err)
	}
	i.down = false
	if _, _, err := c.Begin(t.Context(), login.Wish{}); err != nil {
		t.Error(err)
	}
}

func TestInvitationIsSignedWithTheClientSecret(t *testing.T) {
	i := newIssuer(t)
	_, request := i.begin(t, i.client(), login.Wish{Invited: "bob@example.com"})
	jws, err := jose.ParseSigned(request.Get("invitation"), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify([]byte(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "code", "aud": i.URL, "email": "bob@example.com",
		"iat": float64(start.Unix()), "exp": float64(start.Add(15 * time.Minute).Unix()),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
}
