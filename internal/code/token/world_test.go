package token_test

import (
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail/mailtest"
)

const site = "https://code.test"

var (
	here = codetest.Here
	self = access.Target{}
	acme = access.Target{Workspace: "acme"}
	app  = access.Target{Workspace: "acme", Repository: "app"}
)

// world is Code without its doors: the workspace acme of alice, with the
// private repositories app and lib and the public one site; bob is a member.
type world struct {
	*codetest.Code
	*token.Service
	T          *testing.T
	repos      *repo.Service
	alice, bob *codetest.Person
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, site)
	w := &world{Code: code, Service: code.Tokens, T: t, repos: code.Repositories(1 << 20), alice: code.Person("alice"), bob: code.Person("bob")}
	if _, err := w.Workspaces.Create(w.Context(), w.alice.Grant(access.CreateWorkspace, self), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	for name, public := range map[string]bool{"app": false, "lib": false, "site": true} {
		if _, err := w.repos.Create(w.Context(), w.alice.Grant(access.CreateRepository, acme), repo.Input{Name: name, Public: public}); err != nil {
			t.Fatal(err)
		}
	}
	w.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 0 FROM workspace`, w.bob.ID)
	w.sql(`DELETE FROM token`)
	return w
}

func (w *world) sql(query string, args ...any) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.Code.DB, query, args...); err != nil {
		w.Fatal(err)
	}
}

// kind is one of the three, and what manages and lists its tokens.
type kind struct {
	credential   access.Credential
	prefix       string
	target       access.Target
	manage, read access.Action
}

var kinds = []kind{
	{access.APIToken, "spt_", self, access.ManageTokens, access.ReadSelf},
	{access.WorkspaceToken, "spw_", acme, access.ManageWorkspaceTokens, access.ReadWorkspaceTokens},
	{access.RepositoryToken, "spr_", app, access.ManageRepositoryTokens, access.ReadRepositoryTokens},
}

func (w *world) manage(k kind) access.Grant { return w.alice.Grant(k.manage, k.target) }

// make makes alice's token of a kind; with every scope where none is given.
func (w *world) make(k kind, scopes ...access.Scope) (token.Token, string) {
	w.Helper()
	if len(scopes) == 0 {
		scopes = access.ScopesFor(k.credential)
	}
	made, plain, err := w.Create(w.Context(), w.manage(k), token.Input{Name: "ci", Scopes: scopes})
	if err != nil {
		w.Fatal(err)
	}
	if !strings.HasPrefix(plain.Reveal(), k.prefix) || len(plain.Reveal()) != 47 {
		w.Errorf("%s: %s", k.credential, plain.Reveal())
	}
	return made, plain.Reveal()
}

func (w *world) list(k kind) []token.Token {
	w.Helper()
	tokens, err := w.List(w.Context(), w.alice.Grant(k.read, k.target))
	if err != nil {
		w.Fatal(err)
	}
	return tokens
}

func (w *world) works(plain string) bool {
	w.Helper()
	_, err := w.FromBearer(w.Context(), plain, here)
	if err != nil && !errs.Is(err, errs.KindUnauthenticated) {
		w.Fatal(err)
	}
	return err == nil
}

// mails are those sent since the last time, with who got them.
func (w *world) mails() []string {
	w.Helper()
	var out []string
	for _, m := range mailtest.Take(w, w.Outbox) {
		out = append(out, m.To+": "+m.Subject)
	}
	slices.Sort(out)
	return out
}

// audited are the actions noted since the last record seen.
func (w *world) audited(after *int64) []string {
	w.Helper()
	records, err := w.Code.Audit.Read(w.Context(), "", *after, 100)
	if err != nil {
		w.Fatal(err)
	}
	var actions []string
	for _, r := range records {
		actions, *after = append(actions, r.Action), r.Seq
	}
	return actions
}

func (w *world) is(err error, kind errs.Kind, what string) {
	w.Helper()
	if !errs.Is(err, kind) {
		w.Errorf("%s: %v", what, err)
	}
}
