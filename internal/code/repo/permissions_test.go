package repo_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// crew adds the member bob and the group "devs", and makes default access none.
func (w *world) crew() {
	w.Helper()
	for _, row := range []string{
		`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created) VALUES ('bob', 'i', 'bob', 'bob', 'Bob', '', FALSE, 1)`,
		`INSERT INTO member (workspace, user_id, role, created) VALUES ('w', 'bob', 'member', 1)`,
		`INSERT INTO workspace_group (id, workspace, name, folded, created) VALUES ('g', 'w', 'Devs', 'devs', 1)`,
		`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ('g', 'w', 'bob', 1)`,
		`UPDATE workspace SET default_access = 0`,
	} {
		w.exec(row)
	}
}

// as gives what the gate says to somebody else than ada.
func (w *world) as(user string, action access.Action, repository string) (access.Grant, error) {
	w.Helper()
	actor := w.ada
	actor.User = user
	return w.gate.Check(w.Context(), actor, access.Target{Workspace: "acme", Repository: repository}, action)
}

func (w *world) listed(user string) string {
	w.Helper()
	g, err := w.as(user, access.ListRepositories, "")
	if err != nil {
		w.Fatal(err)
	}
	list, err := w.List(w.Context(), g, "", 10)
	if err != nil {
		w.Fatal(err)
	}
	var slugs []string
	for _, r := range list {
		slugs = append(slugs, r.Slug)
	}
	return strings.Join(slugs, " ")
}

func (w *world) audited(action string) []string {
	w.Helper()
	details, err := db.All[string](w.Context(), w.DB, `SELECT detail FROM audit WHERE action = $1 AND actor = 'ada' AND address = '192.0.2.7' ORDER BY seq`, action)
	if err != nil {
		w.Fatal(err)
	}
	return details
}

// Who makes a repository administers it, and gives permissions by name and by
// group; they hold, and end, from the next request on.
func TestPermissionsAreGivenAndTaken(t *testing.T) {
	each(t, func(w *world) {
		w.crew()
		w.create("site")
		ctx, g := w.Context(), w.grant(access.ManagePermissions, "site")
		may := func(read, write bool) {
			w.Helper()
			_, readErr := w.as("bob", access.ReadRepository, "site")
			_, writeErr := w.as("bob", access.WriteRepository, "site")
			if (readErr == nil) != read || (writeErr == nil) != write || (w.listed("bob") == "site") != read {
				w.Errorf("reads: %v, writes: %v, sees listed: %q", readErr, writeErr, w.listed("bob"))
			}
		}
		do := func(err error) {
			w.Helper()
			if err != nil {
				w.Fatal(err)
			}
		}
		may(false, false)
		do(w.SetUser(ctx, g, " Bob ", access.Read))
		may(true, false)
		do(w.SetGroup(ctx, g, "g", access.Write))
		do(w.SetGroup(ctx, g, "g", access.Write)) // changes nothing
		may(true, true)
		do(w.SetUser(ctx, g, "bob", access.None))
		may(true, true)
		given, err := w.Permissions(ctx, w.grant(access.ReadRepositoryAdmin, "site"))
		want := repo.Permissions{
			Users:  []repo.UserPermission{{User: "ada", Username: "ada", Name: "Ada", Permission: access.Admin}},
			Groups: []repo.GroupPermission{{Group: "g", Slug: "g", Name: "Devs", Members: 1, Permission: access.Write}},
		}
		if diff := cmp.Diff(want, given); diff != "" || err != nil {
			w.Error(diff, err)
		}
		do(w.SetGroup(ctx, g, "g", access.None))
		may(false, false)
		for err, field := range map[error]string{
			w.SetUser(ctx, g, "nobody", access.Read):   "username",
			w.SetGroup(ctx, g, "nothing", access.Read): "group",
			w.SetUser(ctx, g, "nobody", access.None):   "username",
			w.SetGroup(ctx, g, "g\xff", access.Read):   "",
		} {
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)[field] == "" {
				w.Errorf("%v", err)
			}
		}
		wantLog := []string{
			`{"from":"none","slug":"site","to":"read","user":"bob","username":"bob"}`, `{"from":"none","group":"g","name":"Devs","slug":"site","to":"write"}`,
			`{"from":"read","slug":"site","to":"none","user":"bob","username":"bob"}`, `{"from":"write","group":"g","name":"Devs","slug":"site","to":"none"}`,
		}
		if diff := cmp.Diff(wantLog, w.audited("repository.permission")); diff != "" {
			w.Error(diff)
		}
		do(w.SetUser(ctx, g, "ada", access.None))
		if _, err := w.as("ada", access.ReadRepository, "site"); !errs.Is(err, errs.KindNotFound) {
			w.Errorf("who gave their own away: %v", err)
		}
	})
}

func TestSettingsOfARepository(t *testing.T) {
	each(t, func(w *world) {
		w.crew()
		w.create("site")
		for range 2 {
			if err := w.Describe(w.Context(), w.grant(access.EditRepository, "site"), " The site. "); err != nil {
				w.Fatal(err)
			}
			if err := w.SetVisibility(w.Context(), w.grant(access.SetVisibility, "site"), true); err != nil {
				w.Fatal(err)
			}
		}
		if got, err := w.Get(w.Context(), w.grant(access.ReadRepositoryAdmin, "site")); err != nil || got.Description != "The site." || !got.Public {
			w.Errorf("%+v, %v", got, err)
		}
		if _, err := w.as("bob", access.ReadRepository, "site"); err != nil || w.listed("bob") != "site" {
			w.Errorf("public: %v", err)
		}
		if _, err := w.as("bob", access.EditRepository, "site"); !errs.Is(err, errs.KindDenied) {
			w.Errorf("edited by a reader: %v", err)
		}
		if err := w.SetVisibility(w.Context(), w.grant(access.SetVisibility, "site"), false); err != nil || w.listed("bob") != "" {
			w.Error(err)
		}
		g := w.grant(access.SetVisibility, "site")
		w.exec(`UPDATE workspace SET no_public = TRUE`)
		if err := w.SetVisibility(w.Context(), g, true); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["visibility"] == "" {
			w.Errorf("public where nothing may be: %v", err)
		}
		if diff := cmp.Diff([]string{`{"from":"","slug":"site","to":"The site."}`}, w.audited("repository.description")); diff != "" {
			w.Error(diff)
		}
		want := []string{`{"from":"private","slug":"site","to":"public"}`, `{"from":"public","slug":"site","to":"private"}`}
		if diff := cmp.Diff(want, w.audited("repository.visibility")); diff != "" {
			w.Error(diff)
		}
		for name, call := range map[string]func(g access.Grant) error{
			"Describe":      func(g access.Grant) error { return w.Describe(w.Context(), g, "x") },
			"SetVisibility": func(g access.Grant) error { return w.SetVisibility(w.Context(), g, true) },
			"SetUser":       func(g access.Grant) error { return w.SetUser(w.Context(), g, "bob", access.Admin) },
			"SetGroup":      func(g access.Grant) error { return w.SetGroup(w.Context(), g, "g", access.Admin) },
			"Permissions":   func(g access.Grant) error { _, err := w.Permissions(w.Context(), g); return err },
		} {
			for what, g := range map[string]access.Grant{"the zero grant": {}, "a grant for something else": w.grant(access.WriteRepository, "site")} {
				if err := call(g); err == nil || !strings.Contains(err.Error(), access.ErrNoGrant.Error()) {
					w.Errorf("%s with %s: %v", name, what, err)
				}
			}
		}
	})
}

// Given and taken by many at once, the log tells a chain without a gap.
func TestPermissionsAtOnce(t *testing.T) {
	each(t, func(w *world) {
		w.crew()
		w.create("site")
		g := w.grant(access.ManagePermissions, "site")
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				if err := w.SetUser(w.Context(), g, "bob", access.Permission(i%4)); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		from := "none"
		for _, detail := range w.audited("repository.permission") {
			if !strings.HasPrefix(detail, `{"from":"`+from+`"`) {
				w.Errorf("after %s: %s", from, detail)
			}
			_, rest, _ := strings.Cut(detail, `"to":"`)
			from, _, _ = strings.Cut(rest, `"`)
		}
	})
}
