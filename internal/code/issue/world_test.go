package issue_test

import (
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// world is the room of issue trackers, with ada's repository acme/app; bob may
// read it, and eve is a stranger.
type world struct {
	*testing.T
	*issue.Service
	code          *codetest.Code
	repositories  *repo.Service
	ada, bob, eve *codetest.Person
}

var app = access.Target{Workspace: "acme", Repository: "app"}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

// onSQLite is for what doesn't reach the database.
func onSQLite(t *testing.T) *world { t.Helper(); return newWorld(t, dbtest.SQLite(t)) }

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, "http://code.test")
	repositories := code.Repositories(1 << 20)
	w := &world{T: t, code: code, repositories: repositories, Service: code.Issues(), ada: code.Person("ada"), bob: code.Person("bob"), eve: code.Person("eve")}
	if _, err := code.Workspaces.Create(t.Context(), w.ada.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := repositories.Create(t.Context(), w.ada.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: "app"}); err != nil {
		t.Fatal(err)
	}
	w.sql(`UPDATE workspace SET default_access = 1`)
	w.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 0 FROM workspace`, w.bob.ID)
	return w
}

func (w *world) sql(statement string, args ...any) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, statement, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) raise(p *codetest.Person, title string) issue.Issue {
	w.Helper()
	made, err := w.Create(w.Context(), p.Grant(access.RaiseIssues, app), issue.Fields{Title: title, Body: "About " + title})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

func (w *world) get(number int64) issue.Issue {
	w.Helper()
	found, err := w.Get(w.Context(), w.ada.Grant(access.ReadIssues, app), number)
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// titles lists what a filter finds, in pages of a few.
func (w *world) titles(f issue.Filter) []string {
	w.Helper()
	made := []string{}
	for after := ""; ; {
		list, next, err := w.List(w.Context(), w.ada.Grant(access.ReadIssues, app), f, after, 2)
		if err != nil {
			w.Fatal(err)
		}
		for _, i := range list {
			made = append(made, i.Title)
		}
		if after = next; next == "" {
			return made
		}
	}
}
