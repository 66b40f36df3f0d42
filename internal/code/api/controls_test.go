package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
)

const controlsAt = "/2.0/workspaces/acme/access-controls"

// change sends a change as JSON.
func (w *world) change(method, at, body, token string) answer {
	w.Helper()
	return w.ask(method, at, func(r *http.Request) {
		bearer(token)(r)
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(strings.NewReader(body))
		r.ContentLength = int64(len(body))
	})
}

// The access controls read, previewed and changed over the API, as far as a
// token's owner can: one who is enrolled is asked for a fresh step.
func TestAccessControls(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		const before = `{"type":"access_controls","require_two_step":false,"accept_account_mfa":false,"phishing_resistant":false,` +
			`"ask_again":2592000,"ask_over_ssh":false,"machine_credentials":true,"allowed_networks":[],"no_public_content":false}`
		if diff := cmp.Diff(before, strings.TrimSpace(w.ask("GET", controlsAt, bearer(alice.Token)).body)); diff != "" {
			t.Error(diff)
		}
		less := alice.TokenWith(access.ScopeReadWorkspace, access.ScopeAdminRepository)
		for name, c := range map[string]struct {
			token  string
			status int
			says   string
		}{
			"a member":          {bob.Token, 403, "permission_missing"},
			"an outsider":       {w.Person("eve").Token, 404, "Resource not found"},
			"without the scope": {less, 403, "admin:workspace:bitbucket"},
		} {
			for _, got := range []answer{
				w.ask("GET", controlsAt, bearer(c.token)),
				w.change("PUT", controlsAt, `{"machine_credentials":false}`, c.token),
				w.change("POST", controlsAt+"/preview", `{}`, c.token),
			} {
				if got.status != c.status || !strings.Contains(got.body, c.says) {
					t.Errorf("%s: %d %s", name, got.status, got.body)
				}
			}
		}
		for body, says := range map[string]string{
			`{"allowed_networks":["home"]}`:      "is not a network",
			`{"ask_again":5}`:                    "",
			`{"require_two_step":"yes"}`:         "",
			`{"grace_days":31}`:                  "",
			`{"no_such_control":true}`:           "",
			`{"require_two_step":`:               "",
			`{"allowed_networks":["1.0.0.0/8"]}`: "which is on none of these networks",
			`{"require_two_step":true}`:          "Turn on your own two-step verification first",
			`{"no_public_content":true}`:         "Make this private first: site",
		} {
			if got := w.change("PUT", controlsAt, body, alice.Token); got.status < 400 || got.status >= 500 || !strings.Contains(got.body, says) {
				t.Errorf("%s: %d %s", body, got.status, got.body)
			}
		}
		got := w.change("PUT", controlsAt, `{"machine_credentials":false,"ask_again":3600,"allowed_networks":["192.0.2.0/24","2001:db8::/32"]}`, alice.Token)
		const after = `{"type":"access_controls","require_two_step":false,"accept_account_mfa":false,"phishing_resistant":false,` +
			`"ask_again":3600,"ask_over_ssh":false,"machine_credentials":false,"allowed_networks":["192.0.2.0/24","2001:db8::/32"],"no_public_content":false}`
		if diff := cmp.Diff(after, strings.TrimSpace(got.body)); got.status != 200 || diff != "" {
			t.Errorf("%d %s", got.status, diff)
		}
		if got := w.change("POST", controlsAt+"/preview", `{"require_two_step":true}`, alice.Token); got.status != 200 || got.json(t)["you"] != "enrol" ||
			!strings.Contains(got.body, `"obstacle":"Turn on your own two-step verification first.`) {
			t.Errorf("%d %s", got.status, got.body)
		}

		alice.Enrol()
		got = w.change("POST", controlsAt+"/preview", `{"require_two_step":true,"grace_days":7}`, alice.Token)
		if got.status != 200 || !strings.Contains(got.body, `"members":{"total":1,"already":0,"values":[{"username":"bob","name":"Bob","outcome":"enrol","reason":"two_step_required"}]}`) ||
			!strings.Contains(got.body, `"require_from":"2026-07-08T`) || strings.Contains(got.body, "obstacle") ||
			!strings.Contains(got.body, `{"username":"bob","kind":"api_token","name":"test","last_used":"2026-07-01T12:00:00.000000+00:00","outcome":"enrol","reason":"two_step_required"}`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		if diff := cmp.Diff(after, strings.TrimSpace(w.ask("GET", controlsAt, bearer(alice.Token)).body)); diff != "" {
			t.Errorf("a preview changed something: %s", diff)
		}
		got = w.change("PUT", controlsAt, `{"machine_credentials":true}`, alice.Token)
		if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_user_authentication"`) {
			t.Errorf("a token of somebody enrolled did something sensitive: %d %s", got.status, got.body)
		}
	})
}
