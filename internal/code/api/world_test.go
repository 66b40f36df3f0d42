package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/api"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const site = "https://code.test"

var here = netip.MustParseAddr("192.0.2.7")

// world is Code behind its REST door alone, on a clock that the test moves.
type world struct {
	*testing.T
	now        *clock.Manual
	gate       *access.Gate
	users      *user.Service
	workspaces *workspace.Service
	repos      *repo.Service
	api        *api.API
	handler    http.Handler
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	program, err := git.Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(program.Close)
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	log := &audit.Log{DB: d, Clock: now.Now}
	outbox := &mail.Outbox{DB: d, Box: box, Clock: now.Now}
	w := &world{
		T: t, now: now, gate: access.New(d, now.Now, access.NewRecords(d)),
		users: &user.Service{
			DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: site,
			Factors:  &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Code, Issuer: "Sallyport Code"},
			Throttle: &throttle.Limiter{DB: d, Clock: now.Now},
		},
		workspaces: &workspace.Service{DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: site},
		repos:      &repo.Service{DB: d, Dir: t.TempDir(), Git: program, Clock: now.Now, Audit: log, MaxPush: 1 << 20},
	}
	w.api, err = api.New(api.Config{URL: site, Gate: w.gate, Users: w.users, Workspaces: w.workspaces, Repositories: w.repos})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = request.Wrap("code", nil, w.api.Handler())
	return w
}

// person is a user of Code with a session and a token of every scope.
type person struct {
	*world
	user.User
	session secret.String
	token   string
}

func (w *world) person(name string) *person {
	w.Helper()
	id := user.Identity{Issuer: "https://id.test", Subject: name, Email: name + "@example.com", EmailVerified: true, Name: strings.ToUpper(name[:1]) + name[1:]}
	u, err := w.users.Create(w.Context(), id, name)
	if err != nil {
		w.Fatal(err)
	}
	session, err := w.users.OpenSession(w.Context(), id, user.SessionInfo{Address: here})
	if err != nil {
		w.Fatal(err)
	}
	p := &person{world: w, User: u, session: session.Token}
	p.token = p.tokenWith(access.Scopes()...)
	return p
}

func (p *person) tokenWith(scopes ...access.Scope) string {
	p.Helper()
	_, token, err := p.users.CreateTokenFor(p.Context(), p.Username, user.TokenInput{Name: "test", Scopes: scopes})
	if err != nil {
		p.Fatal(err)
	}
	return token.Reveal()
}

// grant asks the gate as the person's browser does.
func (p *person) grant(action access.Action, target access.Target) access.Grant {
	p.Helper()
	actor, _, err := p.users.FromSession(p.Context(), p.session, here)
	if err != nil {
		p.Fatal(err)
	}
	actor.Door = access.Web
	g, err := p.gate.Check(p.Context(), actor, target, action)
	if err != nil {
		p.Fatal(err)
	}
	return g
}

func (p *person) enrol() {
	p.Helper()
	g := p.grant(access.ManageFactors, access.Target{})
	pending, err := p.users.BeginTOTP(p.Context(), g)
	if err != nil {
		p.Fatal(err)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(pending.Secret.Reveal(), " ", ""), p.now.Now())
	if err != nil {
		p.Fatal(err)
	}
	done, err := p.users.ConfirmTOTP(p.Context(), g, pending.ID, code, "phone")
	if err != nil {
		p.Fatal(err)
	}
	p.session = done.Session.Token
}

// acme is a workspace of alice's with the private repository app, the public
// one site, and bob as a member.
func (w *world) acme() (alice, bob *person) {
	w.Helper()
	alice, bob = w.person("alice"), w.person("bob")
	if _, err := w.workspaces.Create(w.Context(), alice.grant(access.CreateWorkspace, access.Target{}), "acme", "Acme Inc."); err != nil {
		w.Fatal(err)
	}
	for _, in := range []repo.Input{{Name: "App", Description: "The app."}, {Name: "Site", Public: true}} {
		if _, err := w.repos.Create(w.Context(), alice.grant(access.CreateRepository, access.Target{Workspace: "acme"}), in); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := db.Exec(w.Context(), w.users.DB, `
		INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 0 FROM workspace WHERE slug = 'acme'`, bob.ID); err != nil {
		w.Fatal(err)
	}
	return alice, bob
}

func (p *person) requireTwoStep() {
	p.Helper()
	g := p.grant(access.ManageAccess, access.Target{Workspace: "acme"})
	policy := g.Workspace().Policy
	policy.RequireTwoStep = true
	if err := p.workspaces.SetPolicy(p.Context(), g, policy); err != nil {
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
