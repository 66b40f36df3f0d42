package login_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/errs"
)

const (
	logoutEvent   = "http://schemas.openid.net/event/backchannel-logout"
	disabledEvent = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
)

// tell makes a token of the issuer's: the right claims, and those of the test
// on top, where nil takes one away.
func (i *issuer) tell(t *testing.T, kind string, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": i.URL, "aud": "code", "jti": "1", "iat": start.Unix()}
	if kind == "logout+jwt" {
		maps.Copy(all, map[string]any{"sub": "alice", "sid": "s1", "exp": start.Add(time.Minute).Unix(), "events": map[string]any{logoutEvent: map[string]any{}}})
	} else {
		maps.Copy(all, map[string]any{
			"toe":    float64(start.Add(-time.Second).UnixMicro()) / 1e6,
			"sub_id": map[string]any{"format": "iss_sub", "iss": i.URL, "sub": "alice"}, "events": map[string]any{disabledEvent: map[string]any{}},
		})
	}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return signedAs(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "1"}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(kind)), payload)
}

func TestLogoutTokens(t *testing.T) {
	i := newIssuer(t)
	c := i.client()
	heard, err := c.ReadLogout(t.Context(), i.tell(t, "logout+jwt", nil))
	if err != nil || heard.ID != "1" || heard.Issuer != i.URL || heard.Subject != "alice" || heard.Session != "s1" || heard.Event != login.SignedOut {
		t.Fatalf("%+v, %v", heard, err)
	}
	for name, c := range map[string]struct {
		claims map[string]any
		good   bool
	}{
		"a session alone":       {map[string]any{"sub": nil}, true},
		"a subject alone":       {map[string]any{"sid": nil}, true},
		"without an end":        {map[string]any{"exp": nil}, true},
		"about nobody":          {map[string]any{"sub": nil, "sid": nil}, false},
		"with a nonce":          {map[string]any{"nonce": "n"}, false},
		"with a null nonce":     {map[string]any{"nonce": json.RawMessage(`"x"`)}, false},
		"without an event":      {map[string]any{"events": nil}, false},
		"with another event":    {map[string]any{"events": map[string]any{disabledEvent: map[string]any{}}}, false},
		"without an id":         {map[string]any{"jti": nil}, false},
		"for another app":       {map[string]any{"aud": "wiki"}, false},
		"of another issuer":     {map[string]any{"iss": "https://evil.example"}, false},
		"over":                  {map[string]any{"exp": start.Unix()}, false},
		"old":                   {map[string]any{"iat": start.Add(-time.Hour).Unix(), "exp": nil}, false},
		"of the future":         {map[string]any{"iat": start.Add(time.Hour).Unix()}, false},
		"without a time at all": {map[string]any{"iat": nil}, false},
	} {
		if _, err := i.client().ReadLogout(t.Context(), i.tell(t, "logout+jwt", c.claims)); c.good != (err == nil) || err != nil && !errs.Is(err, errs.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	forged := i.tell(t, "logout+jwt", nil)
	for name, token := range map[string]string{
		"of another type": i.tell(t, "secevent+jwt", map[string]any{"sub": "alice", "events": map[string]any{logoutEvent: map[string]any{}}}),
		"not signed":      unsigned([]byte(`{"iss":"` + i.URL + `","aud":"code","jti":"1","sub":"alice","iat":1772355600,"events":{"` + logoutEvent + `":{}}}`)),
		"altered":         forged[:len(forged)-6] + "AAAAAA",
		"nothing":         "", "noise": "x.y.z",
	} {
		if _, err := c.ReadLogout(t.Context(), token); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecurityEvents(t *testing.T) {
	i := newIssuer(t)
	c := i.client()
	heard, err := c.ReadEvent(t.Context(), i.tell(t, "secevent+jwt", nil))
	if err != nil || heard.Subject != "alice" || heard.Event != login.Disabled || !heard.At.Equal(start.Add(-time.Second)) {
		t.Fatalf("%+v, %v", heard, err)
	}
	for name, claims := range map[string]map[string]any{
		"about nobody":              {"sub_id": nil},
		"about another's":           {"sub_id": map[string]any{"format": "iss_sub", "iss": "https://evil.example", "sub": "alice"}},
		"about somebody by email":   {"sub_id": map[string]any{"format": "email", "email": "a@example.com"}},
		"with a subject of its own": {"sub": "alice"},
		"a sign-out":                {"events": map[string]any{logoutEvent: map[string]any{}}},
		"two things at once":        {"events": map[string]any{disabledEvent: map[string]any{}, logoutEvent: map[string]any{}}},
		"for another app":           {"aud": "wiki"},
		"old":                       {"iat": start.Add(-time.Hour).Unix()},
	} {
		if _, err := c.ReadEvent(t.Context(), i.tell(t, "secevent+jwt", claims)); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.ReadEvent(t.Context(), i.tell(t, "JWT", nil)); !errs.Is(err, errs.KindInvalid) {
		t.Errorf("of another type: %v", err)
	}
}

func TestIntrospection(t *testing.T) {
	i := newIssuer(t)
	right := map[string]any{
		"active": true, "iss": i.URL, "aud": []string{"wiki", "code"}, "sub": "alice", "client_id": "git", "token_type": "Bearer",
		"scope": "read:repository:bitbucket x", "exp": start.Add(time.Minute).Unix(), "acr": "aal2", "amr": []string{"pwd", "otp"}, "auth_time": start.Unix(), "jti": "7",
	}
	i.worth = right
	got, err := i.client().Introspect(t.Context(), "good")
	if err != nil || got.Subject != "alice" || got.Issuer != i.URL || len(got.Scopes) != 2 || got.ACR != "aal2" || len(got.AMR) != 2 || !got.AuthTime.Equal(start) {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct {
		change map[string]any
		good   bool
	}{
		"one audience":             {map[string]any{"aud": "code"}, true},
		"Code's address":           {map[string]any{"aud": "http://code.example"}, true},
		"no issuer, no end":        {map[string]any{"iss": nil, "exp": nil}, true},
		"not active":               {map[string]any{"active": false}, false},
		"for another app":          {map[string]any{"aud": "wiki"}, false},
		"for nobody in particular": {map[string]any{"aud": nil}, false},
		"of another issuer":        {map[string]any{"iss": "https://evil.example"}, false},
		"over":                     {map[string]any{"exp": start.Unix()}, false},
		"not yet":                  {map[string]any{"nbf": start.Add(time.Hour).Unix()}, false},
		"of no person":             {map[string]any{"sub": "git"}, false},
		"without a subject":        {map[string]any{"sub": nil}, false},
		"a refresh token":          {map[string]any{"token_type": "refresh_token"}, false},
	} {
		i.worth = maps.Clone(right)
		for key, value := range c.change {
			if i.worth[key] = value; value == nil {
				delete(i.worth, key)
			}
		}
		if _, err := i.client().Introspect(t.Context(), "good"); c.good != (err == nil) || err != nil && !errs.Is(err, errs.KindNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Where it can't be asked, nobody is let in, and nobody is told that the token is wrong.
	i.worth = nil
	if _, err := i.client().Introspect(t.Context(), "good"); !errs.Is(err, errs.KindUnavailable) {
		t.Errorf("no answer: %v", err)
	}
}

// introspect answers as the test says, to our client alone.
func (i *issuer) introspect(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != "code" || password != clientSecret || i.worth == nil || r.PostFormValue("token") != "good" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	writeJSON(w, i.worth)
}
