package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/api"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

const site = "https://code.test"

// world is Code behind its REST door alone, on a clock that the test moves.
type world struct {
	*codetest.Code
	T       *testing.T
	repos   *repo.Service
	api     *api.API
	handler http.Handler
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, site)
	w := &world{Code: code, T: t, repos: code.Repositories(1 << 20)}
	var err error
	w.api, err = api.New(api.Config{URL: site, Gate: w.Gate, Users: w.Users, Tokens: w.Tokens, Workspaces: w.Workspaces, Repositories: w.repos, Issues: w.Issues(), Snippets: w.Snippets(w.repos)})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = request.Wrap("code", nil, w.api.Handler())
	return w
}

// acme is a workspace of alice's with the private repository app, the public
// one site, and bob as a member.
func (w *world) acme() (alice, bob *codetest.Person) {
	w.Helper()
	alice, bob = w.Person("alice"), w.Person("bob")
	if _, err := w.Workspaces.Create(w.Context(), alice.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme Inc."); err != nil {
		w.Fatal(err)
	}
	for _, in := range []repo.Input{{Name: "App", Description: "The app."}, {Name: "Site", Public: true}} {
		if _, err := w.repos.Create(w.Context(), alice.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), in); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := db.Exec(w.Context(), w.Users.DB, `
		INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 0 FROM workspace WHERE slug = 'acme'`, bob.ID); err != nil {
		w.Fatal(err)
	}
	return alice, bob
}

func requireTwoStep(p *codetest.Person) {
	p.Helper()
	g := p.Grant(access.ManageAccess, access.Target{Workspace: "acme"})
	policy := g.Workspace().Policy
	policy.RequireTwoStep = true
	if err := p.Workspaces.SetPolicy(p.Context(), g, policy); err != nil {
		p.Fatal(err)
	}
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return out
}

// bearer, basic and cookie make what a request brings.
func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func cookie(token secret.String) func(*http.Request) {
	return func(r *http.Request) {
		for _, name := range []string{"sallyport_code", "__Host-sallyport_code"} {
			r.AddCookie(&http.Cookie{Name: name, Value: token.Reveal()})
		}
	}
}

func nobody(*http.Request) {}

func (w *world) ask(method, path string, with func(*http.Request)) answer {
	w.Helper()
	r := httptest.NewRequest(method, "http://code.test/", nil)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	with(r)
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	body, err := io.ReadAll(out.Result().Body)
	if err != nil {
		w.Fatal(err)
	}
	header := out.Result().Header
	header.Del("X-Request-Id")
	return answer{out.Code, header, strings.TrimSpace(string(body))}
}
