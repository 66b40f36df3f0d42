package activity_test

import (
	"context"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// world is all rooms, with ada's workspace acme, its repository app, and bob who
// is a member.
type world struct {
	*codetest.Code
	repositories *repo.Service
	wikis        *wiki.Service
	issues       *issue.Service
	snippets     *snippet.Service
	ada, bob     *codetest.Person
}

var (
	acme = access.Target{Workspace: "acme"}
	app  = access.Target{Workspace: "acme", Repository: "app"}
)

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := &world{Code: codetest.New(t, d, "http://code.test")}
		w.repositories = w.Repositories(1 << 20)
		w.wikis, w.issues, w.snippets = w.Wikis(w.repositories), w.Issues(), w.Snippets(w.repositories)
		w.Users.Outbox.May = func(ctx context.Context, about string) (bool, error) {
			if activity.Mine(about) {
				return w.Events.MayMail(ctx, about)
			}
			return w.issues.MayMail(ctx, about)
		}
		w.ada, w.bob = w.Person("ada"), w.Person("bob")
		if _, err := w.Workspaces.Create(t.Context(), w.ada.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
			t.Fatal(err)
		}
		w.joins(w.bob)
		if _, err := w.repositories.Create(t.Context(), w.ada.Grant(access.CreateRepository, acme), repo.Input{Name: "app"}); err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

func (w *world) joins(p *codetest.Person) {
	w.Helper()
	w.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 1 FROM workspace WHERE slug = 'acme'`, p.ID)
}

func (w *world) sql(statement string, args ...any) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, statement, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// writes changes a file on main.
func (w *world) writes(p *codetest.Person, name, text string) {
	w.Helper()
	g := p.Grant(access.WriteRepository, app)
	content, err := w.repositories.Open(w.Context(), g)
	w.must(err)
	place := repo.Place{Ref: "main"}
	for _, at := range []string{"main", "main/" + name} {
		if found, err := content.Locate(w.Context(), at); err == nil {
			place = found
		}
	}
	_, err = w.repositories.ChangeFile(w.Context(), g, repo.FileChange{Place: place, Path: name, Text: text})
	w.must(err)
}

func (w *world) raises(p *codetest.Person, in issue.Fields) issue.Issue {
	w.Helper()
	made, err := w.issues.Create(w.Context(), p.Grant(access.RaiseIssues, app), in)
	w.must(err)
	return made
}
