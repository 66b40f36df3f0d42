package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail/mailtest"
)

// Everything of the workspace goes, and nothing of another one; the audit stays.
func TestAWorkspaceIsDeletedWithEverythingInIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		repositories := code.Repositories(1 << 20)
		snippets := code.Snippets(repositories)
		alice, bob := code.Person("alice"), code.Person("bob")
		ctx, ids := t.Context(), map[string]string{}
		for _, slug := range []string{"acme", "beta"} {
			made, err := code.Workspaces.Create(ctx, alice.Grant(access.CreateWorkspace, access.Target{}), slug, slug)
			if err != nil {
				t.Fatal(err)
			}
			ids[slug] = made.ID
			at := access.Target{Workspace: slug}
			if _, err := db.Exec(ctx, d, `INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, 'member', 0)`, made.ID, bob.ID); err != nil {
				t.Fatal(err)
			}
			group, err := code.Workspaces.CreateGroup(ctx, alice.Grant(access.ManageGroups, at), "Devs", true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := repositories.Create(ctx, alice.Grant(access.CreateRepository, at), repo.Input{Name: "app"}); err != nil {
				t.Fatal(err)
			}
			if _, err := snippets.Create(ctx, alice.Grant(access.CreateSnippet, at), snippet.Input{Title: "s", Files: []snippet.File{{Name: "a", Data: []byte("a")}}}); err != nil {
				t.Fatal(err)
			}
			app := access.Target{Workspace: slug, Repository: "app"}
			if _, err := code.Workspaces.Invite(ctx, alice.Grant(access.ManageMembers, at), "carol@example.com", access.Member); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				code.Workspaces.AddToGroup(ctx, alice.Grant(access.ManageGroups, at), group.ID, "bob"),
				repositories.SetGroup(ctx, alice.Grant(access.ManagePermissions, app), group.ID, access.Admin),
				repositories.SetUser(ctx, alice.Grant(access.ManagePermissions, app), "bob", access.Read),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		mailtest.Take(t, code.Workspaces.Outbox)
		g := alice.Grant(access.DeleteWorkspace, access.Target{Workspace: "acme"})
		for _, typed := range []string{"", "beta", "Acme"} {
			if err := code.Workspaces.Delete(ctx, g, typed); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["confirm"] == "" {
				t.Errorf("%q: %v", typed, err)
			}
		}
		if err := code.Workspaces.Delete(ctx, g, " acme "); err != nil {
			t.Fatal(err)
		}
		if err := code.Workspaces.Delete(ctx, g, "acme"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("again: %v", err)
		}
		if mails := mailtest.Take(t, code.Workspaces.Outbox); len(mails) != 1 || mails[0].To != "alice@example.com" || !strings.Contains(mails[0].Text, "alice deleted the workspace acme") {
			t.Errorf("%+v", mails)
		}
		for _, table := range tablesWith(t, d, "workspace") {
			left, err := db.One[int](ctx, d, `SELECT COUNT(*) FROM `+table+` WHERE workspace = $1`, ids["acme"])
			if err != nil {
				t.Fatal(err)
			}
			if kept := table == "audit" || table == "access_record"; left > 0 && !kept {
				t.Errorf("%d rows of %s stay", left, table)
			}
		}
		for table, want := range map[string]int{"repository": 1, "snippet": 1, "repository_group": 1, "repository_user": 1, "workspace_group": 1, "group_member": 1, "member": 2, "invitation": 1, "repository_gone": 0} {
			if n, err := db.One[int](ctx, d, `SELECT COUNT(*) FROM `+table); err != nil || n != want {
				t.Errorf("%d rows in %s, want %d, %v", n, table, want, err)
			}
		}
		if folders, _ := filepath.Glob(filepath.Join(repositories.Dir, "*", "*.git")); len(folders) != 1 {
			t.Errorf("folders: %v", folders)
		}
		if n, err := code.Audit.Verify(ctx); err != nil || n == 0 {
			t.Error(n, err)
		}
		last, err := db.One[string](ctx, d, `SELECT action FROM audit WHERE workspace = $1 ORDER BY seq DESC LIMIT 1`, ids["acme"])
		if err != nil || last != "workspace.deleted" {
			t.Errorf("the log ends with %q, %v", last, err)
		}
	})
}

// What stops it leaves everything; what stops the removal of files is caught up with.
func TestADeletionThatIsBrokenOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		repositories := code.Repositories(1 << 20)
		alice := code.Person("alice")
		ctx, at := t.Context(), access.Target{Workspace: "acme"}
		if _, err := code.Workspaces.Create(ctx, alice.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
			t.Fatal(err)
		}
		made, err := repositories.Create(ctx, alice.Grant(access.CreateRepository, at), repo.Input{Name: "app"})
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(repositories.Dir, made.ID[len(made.ID)-2:])
		wiki := filepath.Join(folder, made.ID+".wiki.git")
		if err := os.Mkdir(wiki, 0o700); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		contents := code.Workspaces.Contents
		code.Workspaces.Contents = append(contents[:len(contents):len(contents)], func(context.Context, *db.Tx, string) error { return stop })
		if err := code.Workspaces.Delete(ctx, alice.Grant(access.DeleteWorkspace, at), "acme"); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
			t.Errorf("files are gone of a workspace that is there: %v, %v", left, err)
		}
		alice.Grant(access.ReadRepository, access.Target{Workspace: "acme", Repository: "app"})

		// The files are elsewhere when their turn comes, as though the program had been killed.
		code.Workspaces.Contents = contents
		dir := repositories.Dir
		repositories.Dir = filepath.Join(t.TempDir(), "\x00")
		if err := code.Workspaces.Delete(ctx, alice.Grant(access.DeleteWorkspace, at), "acme"); err != nil {
			t.Fatal(err)
		}
		repositories.Dir = dir
		if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
			t.Errorf("%v, %v", left, err)
		}
		for range 2 {
			if err := repositories.Clear(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
			t.Errorf("files stay: %v, %v", left, err)
		}
	})
}

// Whoever adds a table with rows of a workspace or a repository says what
// becomes of them: they cascade, or a room deletes them.
func TestEveryTableOfAWorkspaceIsThoughtOf(t *testing.T) {
	d := dbtest.SQLite(t)
	deleted := map[string]bool{"invitation": true, "workspace_group": true, "member": true, "repository": true, "snippet": true}
	tables, err := db.All[string](t.Context(), d, `SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		references, err := db.All[struct{ To, Does string }](t.Context(), d, fmt.Sprintf(`SELECT "table", on_delete FROM pragma_foreign_key_list('%s')`, table))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range references {
			if (r.To == "workspace" || r.To == "repository" || r.To == "workspace_group" || r.To == "member") && r.Does != "CASCADE" && !deleted[table] {
				t.Errorf("rows of %s stand in the way of deleting a %s", table, r.To)
			}
		}
	}
}

func tablesWith(t *testing.T, d *db.DB, column string) []string {
	t.Helper()
	query := `SELECT table_name FROM information_schema.columns WHERE column_name = $1 AND table_schema = current_schema()`
	if d.Engine == db.SQLite {
		query = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = $1`
	}
	tables, err := db.All[string](t.Context(), d, query, column)
	if err != nil || len(tables) < 5 {
		t.Fatal(tables, err)
	}
	return tables
}
