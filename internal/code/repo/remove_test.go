package repo_test

import (
	"os"
	"path/filepath"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// One repository goes with its files, its wiki's and everything that hangs on
// its row; the one beside it stays.
func TestDelete(t *testing.T) {
	each(t, func(w *world) {
		made, other := w.create("app"), w.create("other")
		k := w.work("app")
		k.push(create(k.commit("one", "a.txt", "a"), "refs/heads/main"))
		wiki := filepath.Join(w.Dir, made.ID[len(made.ID)-2:], made.ID+".wiki.git")
		if err := os.Mkdir(wiki, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, row := range []string{
			`INSERT INTO branch_rule (id, repository, pattern, push, rewrite, removal, created) VALUES ('r', $1, 'main', 3, FALSE, FALSE, 1)`,
			`INSERT INTO repository_name (workspace, slug, repository) VALUES ('w', 'former', $1)`,
		} {
			w.exec(row, made.ID)
		}
		g := w.owner(access.DeleteRepository, "app")
		for _, typed := range []string{"", "other", "App"} {
			if err := w.Delete(t.Context(), g, typed); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["confirm"] == "" {
				t.Errorf("%q: %v", typed, err)
			}
		}
		if err := w.Delete(t.Context(), w.grant(access.ReadRepository, "app"), "app"); err == nil {
			t.Error("deleted by a grant for reading")
		}
		if err := w.Delete(t.Context(), g, " app "); err != nil {
			t.Fatal(err)
		}
		if err := w.Delete(t.Context(), g, "app"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("again: %v", err)
		}
		for table, want := range map[string]int{"repository": 1, "branch_rule": 0, "repository_name": 0, "repository_gone": 0, "audit WHERE action = 'repository.deleted'": 1} {
			if n, err := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM `+table); err != nil || n != want {
				t.Errorf("%d rows of %s, want %d, %v", n, table, want, err)
			}
		}
		left, _ := filepath.Glob(filepath.Join(w.Dir, "*", "*"))
		if len(left) != 1 || filepath.Base(left[0]) != other.ID+".git" {
			t.Errorf("left: %v", left)
		}
		w.create("app") // the name is free
	})
}

// owner is what the gate gives somebody who administers the repository.
func (w *world) owner(action access.Action, repository string) access.Grant {
	w.Helper()
	actor := w.ada
	actor.Credential, actor.Scopes = access.Session, nil
	g, err := w.gate.Check(w.Context(), actor, access.Target{Workspace: "acme", Repository: repository}, action)
	if err != nil {
		w.Fatal(err)
	}
	return g
}
