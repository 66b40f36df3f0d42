package repo_test

import (
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

func TestTransfer(t *testing.T) {
	each(t, func(w *world) {
		w.exec(`INSERT INTO workspace (id, slug, name, plan, created) VALUES ('x', 'other', 'Other', 'premium', 1)`)
		w.exec(`INSERT INTO member (workspace, user_id, role, created) VALUES ('x', 'ada', 'member', 1)`)
		actor := w.ada
		actor.Credential, actor.Scopes = access.Session, nil
		into := func(workspace string) access.Grant {
			t.Helper()
			g, err := w.gate.Check(t.Context(), actor, access.Target{Workspace: workspace}, access.CreateRepository)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		made := w.create("app")
		w.exec(`INSERT INTO branch_rule (id, repository, pattern, push, rewrite, removal, created) VALUES ('r', $1, 'main', 3, FALSE, FALSE, 1)`, made.ID)
		w.exec(`INSERT INTO repository_name (workspace, slug, repository) VALUES ('x', 'app', $1)`, made.ID)
		g, other := w.owner(access.TransferRepository, "app"), into("other")
		fails := func(want errs.Kind, field string, g, into access.Grant, typed string) {
			t.Helper()
			if _, err := w.Transfer(t.Context(), g, into, typed); !errs.Is(err, want) || want != errs.KindInternal && errs.Fields(err)[field] == "" {
				t.Errorf("%v", err)
			}
		}
		fails(errs.KindInternal, "", w.owner(access.EditRepository, "app"), other, "app")
		fails(errs.KindInternal, "", g, access.Grant{}, "app")
		fails(errs.KindInvalid, "confirm", g, other, "ap")
		fails(errs.KindInvalid, "workspace", g, into("acme"), "app")
		w.exec(`UPDATE workspace SET no_public = TRUE WHERE id = 'x'`)
		w.exec(`UPDATE repository SET wiki_public = TRUE WHERE id = $1`, made.ID)
		fails(errs.KindInvalid, "workspace", g, other, "app")
		w.exec(`UPDATE repository SET wiki_public = FALSE WHERE id = $1`, made.ID)
		taken, err := w.Create(t.Context(), other, repo.Input{Name: "app"})
		if err != nil {
			t.Fatal(err)
		}
		fails(errs.KindConflict, "workspace", g, other, "app")
		w.exec(`UPDATE repository SET slug = 'elsewhere' WHERE id = $1`, taken.ID)

		if address, err := w.Transfer(t.Context(), g, other, " app "); address != "/other/app" || err != nil {
			t.Fatal(address, err)
		}
		fails(errs.KindConflict, "", g, other, "app")
		for query, want := range map[string]int{
			`SELECT COUNT(*) FROM repository WHERE workspace = 'x' AND slug = 'app'`:                                           1,
			`SELECT COUNT(*) FROM branch_rule`:                                                                                 0,
			`SELECT COUNT(*) FROM repository_name WHERE workspace = 'x'`:                                                       0,
			`SELECT COUNT(*) FROM repository_name WHERE workspace <> 'x' AND slug = 'app'`:                                     1,
			`SELECT COUNT(*) FROM repository_user WHERE workspace <> 'x'`:                                                      0,
			`SELECT COUNT(*) FROM audit WHERE action = 'repository.transferred' AND workspace <> 'x'`:                          1,
			`SELECT COUNT(*) FROM audit WHERE action = 'repository.received' AND workspace = 'x'`:                              1,
			`SELECT COUNT(*) FROM repository_user WHERE workspace = 'x' AND permission = 3 AND repository = '` + made.ID + `'`: 1,
		} {
			if n, err := db.One[int](t.Context(), w.DB, query); err != nil || n != want {
				t.Errorf("%s: %d, want %d, %v", query, n, want, err)
			}
		}
		// By either name it is judged in the workspace where it is.
		for _, workspace := range []string{"acme", "other"} {
			g, err := w.gate.Check(t.Context(), actor, access.Target{Workspace: workspace, Repository: "app"}, access.ReadRepository)
			if err != nil || g.Workspace().ID != "x" || g.Repository().ID != made.ID {
				t.Errorf("%s: %+v %v", workspace, g.Workspace(), err)
			}
		}
		w.exec(`DELETE FROM member WHERE workspace = 'x'`)
		if _, err := w.gate.Check(t.Context(), actor, access.Target{Workspace: "acme", Repository: "app"}, access.ReadRepository); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("an outsider of the new workspace: %v", err)
		}
	})
}
