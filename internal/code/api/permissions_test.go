package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/token"
)

const usersAt, groupsAt = "/2.0/repositories/acme/app/permissions-config/users", "/2.0/repositories/acme/app/permissions-config/groups"

// Standard 23: who may do what on a repository, read and changed in Bitbucket's shapes.
func TestRepositoryPermissions(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		as := bearer(alice.Token)
		user := func(permission string) string {
			return `{"type":"repository_user_permission","permission":"` + permission + `","user":{"type":"user","uuid":"{` + bob.ID +
				`}","username":"bob","nickname":"bob","display_name":"Bob"},"links":{"self":{"href":"https://code.test` + usersAt + `/%7B` + bob.ID + `%7D"}}}`
		}
		group := func(permission string) string {
			return `{"type":"repository_group_permission","permission":"` + permission + `","group":{"type":"group","slug":"core-team","name":"Core Team"},` +
				`"links":{"self":{"href":"https://code.test` + groupsAt + `/core-team"}}}`
		}
		manage := alice.Grant(access.ManageGroups, access.Target{Workspace: "acme"})
		for _, name := range []string{"Core Team", "Core-Team"} {
			if _, err := w.Workspaces.CreateGroup(w.Context(), manage, name, false); err != nil {
				w.Fatal(err)
			}
		}
		const none = `{"pagelen":10,"values":[]}`
		for _, c := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"GET", usersAt, "", 200, none},
			{"GET", usersAt + "/bob", "", 200, user("none")},
			{"PUT", usersAt + "/{" + bob.ID + "}", `{"permission":"write"}`, 200, user("write")},
			{"PUT", usersAt + "/bob", `{"permission":"admin"}`, 200, user("admin")},
			{"GET", usersAt + "/{" + bob.ID + "}", "", 200, user("admin")},
			{"GET", usersAt, "", 200, `{"pagelen":10,"values":[` + user("admin") + `]}`},
			{"DELETE", usersAt + "/bob", "", 204, ""},
			{"DELETE", usersAt + "/bob", "", 204, ""},
			{"GET", usersAt, "", 200, none},
			{"GET", groupsAt, "", 200, none},
			{"GET", groupsAt + "/core-team", "", 200, group("none")},
			{"PUT", groupsAt + "/core-team", `{"permission":"read"}`, 200, group("read")},
			{"GET", groupsAt + "?pagelen=1", "", 200, `{"pagelen":1,"values":[` + group("read") + `]}`},
			{"DELETE", groupsAt + "/core-team", "", 204, ""},
			{"GET", groupsAt, "", 200, none},
		} {
			if got := w.change(c.method, c.path, c.body, alice.Token); got.status != c.status || got.body != c.want {
				w.Errorf("%s %s %s: %d, %s", c.method, c.path, c.body, got.status, cmp.Diff(c.want, got.body))
			}
		}
		if got := w.ask("GET", groupsAt+"/core-team-2", as); !strings.Contains(got.body, `"name":"Core-Team"`) {
			w.Error(got.body)
		}
		for _, c := range []struct {
			method, path, body string
			status             int
		}{
			{"GET", usersAt + "/eve", "", 404},
			{"GET", usersAt + "/" + bob.ID, "", 404}, // attack 32: a name is no id
			{"PUT", usersAt + "/eve", `{"permission":"write"}`, 404},
			{"DELETE", usersAt + "/{eve}", "", 404},
			{"PUT", usersAt + "/bob", `{"permission":"none"}`, 400},
			{"PUT", usersAt + "/bob", `{}`, 400},
			{"PUT", usersAt + "/bob", `{`, 400},
			{"GET", groupsAt + "/none", "", 404},
			{"PUT", groupsAt + "/none", `{"permission":"write"}`, 404},
			{"PUT", groupsAt + "/core-team", `{"permission":"owner"}`, 400},
		} {
			if got := w.change(c.method, c.path, c.body, alice.Token); got.status != c.status || got.json(w.T)["type"] != "error" {
				w.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.body)
			}
		}
	})
}

func TestWhoMayChangePermissions(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		const give = `{"permission":"admin"}`
		_, machine, err := w.Tokens.Create(w.Context(), alice.Grant(access.ManageRepositoryTokens, access.Target{Workspace: "acme", Repository: "app"}),
			token.Input{Name: "ci", Scopes: []access.Scope{access.ScopeAdminRepository}, Expires: w.Now.Now().Add(1e15)})
		if err != nil {
			w.Fatal(err)
		}
		for name, c := range map[string]struct {
			token  string
			status int
			says   string
		}{
			"a member":                 {bob.Token, 403, "permission_missing"},
			"an outsider":              {w.Person("eve").Token, 404, "Resource not found"},
			"a scope too small":        {alice.TokenWith(access.ScopeWriteRepository), 403, "admin:repository:bitbucket"},
			"the repository's own":     {machine.Reveal(), 200, ""},
			"an administrator by name": {alice.Token, 200, ""},
		} {
			for _, got := range []answer{
				w.ask("GET", usersAt, bearer(c.token)), w.ask("GET", groupsAt, bearer(c.token)), w.change("PUT", usersAt+"/alice", give, c.token),
			} {
				if got.status != c.status || !strings.Contains(got.body, c.says) {
					w.Errorf("%s: %d %s", name, got.status, got.body)
				}
			}
		}
		// A token can take no step, so it changes nothing for whoever is enrolled.
		alice.Enrol()
		for _, method := range []string{"PUT", "DELETE"} {
			got := w.change(method, usersAt+"/bob", give, alice.Token)
			if got.status != http.StatusUnauthorized || !strings.Contains(got.body, "fresh_step_needed") ||
				!strings.Contains(got.header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
				w.Errorf("%s: %d %v %s", method, got.status, got.header, got.body)
			}
		}
		if got := w.ask("GET", usersAt, bearer(alice.Token)); got.status != http.StatusOK {
			w.Errorf("%d %s", got.status, got.body)
		}
	})
}

func TestMembers(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		const at = "/2.0/workspaces/acme"
		workspace := `{"type":"workspace","uuid":"{ID}","slug":"acme","name":"Acme Inc.","is_private":true,"links":{"html":{"href":"https://code.test/acme"},` +
			`"repositories":{"href":"https://code.test/2.0/repositories/acme"},"self":{"href":"https://code.test/2.0/workspaces/acme"}}}`
		shown := func(p *codetest.Person, before, after string) string {
			return `{"type":"workspace_membership",` + before + `"user":{"type":"user","uuid":"{ID}","username":"` + p.Username + `","nickname":"` + p.Username +
				`","display_name":"` + strings.ToUpper(p.Username[:1]) + p.Username[1:] + `"},"workspace":` + workspace + `,` + after +
				`"links":{"self":{"href":"https://code.test` + at + `/members/%7B` + p.ID + `%7D"}}}`
		}
		first := w.ask("GET", at+"/members?pagelen=1", bearer(bob.Token))
		next, _ := first.json(w.T)["next"].(string)
		for path, want := range map[string]string{
			at + "/members": `{"pagelen":10,"values":[` + shown(alice, "", "") + `,` + shown(bob, "", "") + `]}`,
			at + "/permissions": `{"pagelen":10,"values":[` + shown(alice, `"permission":"owner",`, `"added_on":"2026-07-01T12:00:00.000000+00:00",`) + `,` +
				shown(bob, `"permission":"member",`, `"added_on":"0001-01-01T00:00:00.000000+00:00",`) + `]}`,
			at + "/members/bob":                shown(bob, "", ""),
			at + "/members/{" + alice.ID + "}": shown(alice, "", ""),
			strings.TrimPrefix(next, site):     `{"pagelen":1,"values":[` + shown(bob, "", "") + `]}`,
			"/2.0/user/workspaces":             `{"pagelen":10,"values":[{"type":"workspace_access","administrator":false,"workspace":` + workspace + `}]}`,
			"/2.0/user/workspaces?page=YWNtZQ": `{"pagelen":10,"values":[]}`,
		} {
			got := w.ask("GET", path, bearer(bob.Token))
			if body := uuids.ReplaceAllString(got.body, "{ID}"); got.status != http.StatusOK || body != want {
				w.Errorf("%s: %d %s", path, got.status, cmp.Diff(want, body))
			}
		}
		if got := w.ask("GET", at+"/members/eve", bearer(bob.Token)); got.status != http.StatusNotFound {
			w.Errorf("%d %s", got.status, got.body)
		}
		if got := w.ask("GET", "/2.0/user/workspaces", bearer(bob.TokenWith(access.ScopeReadUser))); got.status != http.StatusForbidden || !strings.Contains(got.body, "read:workspace:bitbucket") {
			w.Errorf("%d %s", got.status, got.body)
		}
	})
}
