package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

// What apps ask most, through the whole site on SQLite with full
// synchronisation: operations per second are 1e9 over ns/op.
func BenchmarkProvider(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b), web.Closed)
	w.newPerson(ada, adasPass)
	must(b, w.site.Provider.RegisterBuiltin(b.Context(), provider.App{
		ID: "code", Name: "Code", Redirects: []string{codeURL + "/cb"}, Offers: []provider.Offer{{Scope: "read:x", Allows: "Read"}},
	}, secret.New("the-secret-of-code")))
	robot := w.register(provider.App{Grants: []provider.GrantType{provider.GrantClient}, Scopes: []string{"read:x"}})
	wiki := w.register(lasting())
	person := w.browser()
	person.signIn(ada, adasPass)
	handler := w.site.Handler()
	call := func(b *testing.B, r *http.Request) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			b.Fatalf("%d %s", answer.Code, answer.Body)
		}
		return answer
	}
	post := func(a *app, path string, fields url.Values) *http.Request {
		fields.Set("client_id", a.ID)
		fields.Set("client_secret", a.oauth.ClientSecret)
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/keys"} {
		b.Run(path[1:], func(b *testing.B) {
			b.SetParallelism(8) // 16 at a time on two processors
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					call(b, httptest.NewRequest(http.MethodGet, path, nil))
				}
			})
		})
	}
	b.Run("client-credentials", func(b *testing.B) {
		b.SetParallelism(8) // 16 at a time on two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call(b, post(robot, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"read:x"}}))
			}
		})
	})
	b.Run("refresh", func(b *testing.B) { // each on a chain of its own
		b.SetParallelism(8) // 16 at a time on two processors
		b.RunParallel(func(pb *testing.PB) {
			token := wiki.grant(w, person)["refresh_token"].(string)
			for pb.Next() {
				var got map[string]any
				answer := call(b, post(wiki, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
				if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
					b.Fatal(err)
				}
				token = got["refresh_token"].(string)
			}
		})
	})
	b.Run("introspection", func(b *testing.B) {
		token := wiki.grant(w, person)["access_token"].(string)
		b.SetParallelism(8) // 16 at a time on two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call(b, post(wiki, "/introspect", url.Values{"token": {token}}))
			}
		})
	})
}
