package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
)

var uuids = regexp.MustCompile(`\{[0-9a-f-]{36}\}`)

// private are the addresses that show something of a workspace.
var private = []string{"/2.0/workspaces/acme", "/2.0/repositories/acme", "/2.0/repositories/acme/app"}

// Attack 1: every route, as a member without a second step.
func TestAttack01ABlockedMemberIsToldTheWayIn(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		for _, path := range private {
			if got := w.ask("GET", path, bearer(bob.Token)); got.status != http.StatusOK {
				w.Fatalf("before: %s: %d", path, got.status)
			}
		}
		alice.Enrol()
		requireTwoStep(alice)
		for path, noun := range map[string]string{private[0]: "workspace", private[1]: "workspace", private[2]: "repository"} {
			want := `{"type":"error","error":{"message":"To access this ` + noun + `, enable two-step verification.",` +
				`"detail":"Workspace acme requires two-step verification.","data":{"reason":"two_step_required",` +
				`"url":"https://code.test/account/settings/two-step-verification/"}}}`
			for name, with := range map[string]func(*http.Request){"bearer": bearer(bob.Token), "basic": basic("x-token-auth", bob.Token)} {
				got := w.ask("GET", path, with)
				if got.status != http.StatusForbidden || got.body != want || got.header.Get("WWW-Authenticate") != "" {
					w.Errorf("%s %s: %d %s", path, name, got.status, cmp.Diff(want, got.body))
				}
			}
			if got := w.ask("GET", path, bearer(alice.Token)); got.status != http.StatusOK {
				w.Errorf("the owner: %s: %d %s", path, got.status, got.body)
			}
		}
		// What doesn't exist answers as what does: nothing can be probed through the block.
		missing := w.ask("GET", "/2.0/repositories/acme/nothing", bearer(bob.Token))
		if diff := cmp.Diff(w.ask("GET", private[2], bearer(bob.Token)), missing, cmp.AllowUnexported(answer{})); diff != "" {
			w.Error(diff)
		}
		// His own profile stays open, and so does what is public.
		for _, path := range []string{"/2.0/user", "/2.0/repositories/acme/site"} {
			if got := w.ask("GET", path, bearer(bob.Token)); got.status != http.StatusOK {
				w.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
		bob.Enrol()
		for _, path := range private {
			if got := w.ask("GET", path, bearer(bob.Token)); got.status != http.StatusOK {
				w.Errorf("after: %s: %d %s", path, got.status, got.body)
			}
		}
	})
}

// Attack 7: the same token is the same actor, however it is sent.
func TestAttack07ATokenIsTheSameHoweverItIsSent(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		narrow := alice.TokenWith(access.ScopeReadUser)
		for _, token := range []string{alice.Token, narrow} {
			for _, path := range append(private, "/2.0/user", "/2.0/repositories/acme/none") {
				want := w.ask("GET", path, bearer(token))
				for _, name := range []string{"x-token-auth", "x-bitbucket-api-token-auth", "alice", "alice@example.com", "Alice@Example.com"} {
					if diff := cmp.Diff(want, w.ask("GET", path, basic(name, token)), cmp.AllowUnexported(answer{})); diff != "" {
						w.Errorf("%s as %s: %s", path, name, diff)
					}
				}
			}
		}
		got := w.ask("GET", "/2.0/repositories/acme/app", bearer(narrow))
		if got.status != http.StatusForbidden ||
			got.header.Get("WWW-Authenticate") != `Bearer realm="Sallyport", error="insufficient_scope", scope="read:repository:bitbucket"` ||
			!strings.Contains(got.body, `"reason":"scope_missing"`) {
			w.Errorf("a narrow token: %d %v %s", got.status, got.header, got.body)
		}
	})
}

func TestWhoIsNobody(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		const bearerOnly, tokenWrong = `Bearer realm="Sallyport"`, `Bearer realm="Sallyport", error="invalid_token"`
		for name, c := range map[string]struct {
			with      func(*http.Request)
			reason    string
			challenge string
		}{
			"nothing":         {nobody, "signed_out", bearerOnly},
			"a cookie":        {cookie(alice.Session), "signed_out", bearerOnly},
			"a false token":   {bearer("spt_" + strings.Repeat("x", 43)), "token_invalid", tokenWrong},
			"garbage":         {bearer("garbage"), "token_invalid", tokenWrong},
			"another's name":  {basic("bob", alice.Token), "token_invalid", tokenWrong},
			"a session's":     {bearer(alice.Session.Reveal()), "token_invalid", tokenWrong},
			"another scheme":  {func(r *http.Request) { r.Header.Set("Authorization", "Digest x") }, "token_invalid", tokenWrong},
			"a password":      {basic("alice@example.com", "correct horse battery staple"), "password_not_accepted", `Basic realm="Sallyport", charset="UTF-8"`},
			"an empty secret": {basic("alice", ""), "password_not_accepted", `Basic realm="Sallyport", charset="UTF-8"`},
		} {
			for _, path := range append(private, "/2.0/user", "/2.0/workspaces/none") {
				got := w.ask("GET", path, c.with)
				if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != c.challenge || !strings.Contains(got.body, `"reason":"`+c.reason+`"`) {
					w.Errorf("%s, %s: %d %v %s", name, path, got.status, got.header["Www-Authenticate"], got.body)
				}
			}
		}
		two := func(r *http.Request) {
			r.Header["Authorization"] = []string{"Bearer " + alice.Token, "Bearer " + alice.Token}
		}
		if got := w.ask("GET", "/2.0/user", two); got.status != http.StatusBadRequest {
			w.Errorf("two headers: %d", got.status)
		}
		if got := w.ask("GET", "/2.0/repositories/acme/site", nobody); got.status != http.StatusOK {
			w.Errorf("what is public: %d %s", got.status, got.body)
		}
	})
}

// What an outsider may not see and what isn't there answer with the same bytes.
func TestAnOutsiderCanTellNothing(t *testing.T) {
	each(t, func(w *world) {
		w.acme()
		eve := w.Person("eve")
		for _, with := range []func(*http.Request){bearer(eve.Token), basic("eve", eve.Token), nobody} {
			for _, pair := range [][2]string{
				{"/2.0/workspaces/acme", "/2.0/workspaces/none"},
				{"/2.0/repositories/acme", "/2.0/repositories/none"},
				{"/2.0/repositories/acme/app", "/2.0/repositories/acme/none"},
				{"/2.0/repositories/acme/app", "/2.0/repositories/none/none"},
			} {
				there, missing := w.ask("GET", pair[0], with), w.ask("GET", pair[1], with)
				if diff := cmp.Diff(there, missing, cmp.AllowUnexported(answer{})); diff != "" {
					w.Errorf("%v: %s", pair, diff)
				}
			}
		}
		if got := w.ask("GET", "/2.0/repositories/acme/app", bearer(eve.Token)); got.status != http.StatusNotFound {
			w.Errorf("an outsider: %d", got.status)
		}
	})
}

// What a program is told of each door is what each door says: the same reason,
// for each standing, and nothing of what an outsider may not know.
func TestAccessTellsWhatEachDoorSays(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		eve := w.Person("eve")
		alice.Enrol()
		requireTwoStep(alice)
		reasons := func(p *codetest.Person, query string) (out string) {
			got := w.ask("GET", "/2.0/user/access?workspace="+query, bearer(p.Token)).json(w.T)
			for _, door := range got["doors"].([]any) {
				d := door.(map[string]any)
				if d["allowed"] != (d["challenge"] == nil && d["reason"] == "allowed" || d["reason"] == "public") {
					w.Errorf("%v", d)
				}
				out += fmt.Sprintf("%v %v, ", d["door"], d["reason"])
			}
			return out
		}
		all := func(reason string) string {
			return fmt.Sprintf("web %[1]s, api %[1]s, githttp %[1]s, gitssh %[1]s, feeds %[1]s, ", reason)
		}
		for _, c := range []struct {
			who   *codetest.Person
			query string
			want  string
		}{
			{alice, "acme", all("allowed")},
			{alice, "ACME&repository=app", all("allowed")},
			{alice, "acme&repository=none", all("not_found")},
			{bob, "acme", all("two_step_required")},
			{bob, "acme&repository=none", all("two_step_required")},
			{bob, "acme&repository=site", all("public")},
			{eve, "acme", all("not_found")},
			{eve, "none&repository=app", all("not_found")},
		} {
			if got := reasons(c.who, c.query); got != c.want {
				w.Errorf("%s on %s: %s", c.who.Username, c.query, got)
			}
		}
		w.Now.Advance(access.DefaultAskAgain + time.Hour)
		if got := reasons(alice, "acme"); got != "web second_step_needed, api allowed, githttp allowed, gitssh allowed, feeds allowed, " {
			w.Errorf("with every session over: %s", got)
		}
		narrow := w.ask("GET", "/2.0/user/access?workspace=acme", bearer(alice.TokenWith(access.ScopeReadUser))).body
		if !strings.Contains(narrow, `"door":"api","credential":"api_token","allowed":false,"reason":"scope_missing"`) {
			w.Error(narrow)
		}
	})
}
