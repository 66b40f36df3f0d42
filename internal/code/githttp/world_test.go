package githttp_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/githttp"
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

// site is Code's address as the texts name it; the tests reach it elsewhere.
const site = "https://code.test"

const maxPush = 2 << 20

// world is Code behind its git door alone: a workspace "acme" of alice, with a
// private repository "app" and a public one "site"; bob is a member, eve isn't.
type world struct {
	testing.TB
	now        *clock.Manual
	git        *git.Git
	gate       *access.Gate
	users      *user.Service
	workspaces *workspace.Service
	repos      *repo.Service
	door       *githttp.Door
	server     *httptest.Server

	alice, bob, eve *person
}

func newWorld(t testing.TB) *world {
	t.Helper()
	d := dbtest.SQLite(t)
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
		TB: t, now: now, git: program, gate: access.New(d, now.Now, access.NewRecords(d)),
		users: &user.Service{
			DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: site,
			Factors:  &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Code, Issuer: "Sallyport Code"},
			Throttle: &throttle.Limiter{DB: d, Clock: now.Now},
		},
		workspaces: &workspace.Service{DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: site},
		repos:      &repo.Service{DB: d, Dir: t.TempDir(), Git: program, Clock: now.Now, Audit: log, MaxPush: maxPush},
	}
	w.door = githttp.New(githttp.Config{URL: site, Gate: w.gate, Users: w.users, Repositories: w.repos})
	w.server = httptest.NewServer(request.Wrap("code", nil, w.door))
	t.Cleanup(w.server.Close)
	w.acme(d)
	return w
}

func (w *world) acme(d *db.DB) {
	w.Helper()
	w.alice, w.bob, w.eve = w.person("alice"), w.person("bob"), w.person("eve")
	if _, err := w.workspaces.Create(w.Context(), w.alice.grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
		w.Fatal(err)
	}
	_, err := db.Exec(w.Context(), d, `INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 1 FROM workspace`, w.bob.ID)
	if err == nil {
		_, err = db.Exec(w.Context(), d, `UPDATE workspace SET plan = 'premium'`)
	}
	if err != nil {
		w.Fatal(err)
	}
	for name, public := range map[string]bool{"app": false, "site": true} {
		_, err := w.repos.Create(w.Context(), w.alice.grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: name, Public: public})
		if err != nil {
			w.Fatal(err)
		}
	}
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
	id := user.Identity{Issuer: "https://id.test", Subject: name, Email: name + "@example.com", EmailVerified: true, Name: name}
	u, err := w.users.Create(w.Context(), id, name)
	if err != nil {
		w.Fatal(err)
	}
	session, err := w.users.OpenSession(w.Context(), id, user.SessionInfo{Address: netip.MustParseAddr("192.0.2.7")})
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
	actor, _, err := p.users.FromSession(p.Context(), p.session, netip.MustParseAddr("192.0.2.7"))
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

// requireTwoStep switches the requirement on, as alice, who must be enrolled.
func (w *world) requireTwoStep() {
	w.Helper()
	policy := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
	if err := w.workspaces.SetPolicy(w.Context(), w.alice.grant(access.ManageAccess, access.Target{Workspace: "acme"}), policy); err != nil {
		w.Fatal(err)
	}
}

// address is where a repository is reached with a credential; none where the
// user is empty.
func (w *world) address(repository, name, password string) string {
	u, err := url.Parse(w.server.URL + "/acme/" + repository + ".git")
	if err != nil {
		w.Fatal(err)
	}
	if name != "" {
		u.User = url.UserPassword(name, password)
	}
	return u.String()
}

// as is the address of app with the person's token.
func (p *person) app() string { return p.address("app", "x-token-auth", p.token) }

// work is a folder in which stock git runs.
type work struct {
	*world
	dir  string
	more []string // settings, as name=value
}

func (w *world) work() work { return work{world: w, dir: w.TempDir()} }

func (k work) with(settings ...string) work {
	k.more = append(k.more, settings...)
	return k
}

// try runs git and gives all that it prints and its exit status.
func (k work) try(args ...string) (string, int) {
	k.Helper()
	var all []string
	for _, setting := range k.more {
		all = append(all, "-c", setting)
	}
	cmd := exec.CommandContext(k.Context(), "git", append(all, args...)...)
	cmd.Dir = k.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + k.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		k.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// run runs git, which must succeed.
func (k work) run(args ...string) string {
	k.Helper()
	out, status := k.try(args...)
	if status != 0 {
		k.Fatalf("git %s: status %d: %s", strings.Join(args, " "), status, out)
	}
	return out
}

// in is the same in a folder below.
func (k work) in(dir string) work {
	k.dir = filepath.Join(k.dir, dir)
	return k
}

// write makes files, given as path and content in turn, and commits them.
func (k work) write(message string, files ...string) string {
	k.Helper()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(k.dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			k.Fatal(err)
		}
	}
	k.run("add", "-A")
	k.run("commit", "-q", "--allow-empty", "-m", message)
	return k.run("rev-parse", "HEAD")
}

// started is a work tree named "w" with one commit on main, pushed to app.
func (w *world) started() (work, string) {
	w.Helper()
	k := w.work()
	k.run("init", "-q", "-b", "main", "w")
	k = k.in("w")
	k.run("remote", "add", "origin", w.alice.app())
	oid := k.write("one", "a.txt", "a\n")
	k.run("push", "-q", "origin", "main")
	return k, oid
}

// answer is what a plain HTTP client gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) ask(method, path string, body io.Reader, change ...func(*http.Request)) answer {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.server.URL+path, body)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	response.Header.Del("Date")
	response.Header.Del("X-Request-Id")
	return answer{response.StatusCode, response.Header, string(content)}
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q isn't in:\n%s", part, text)
		}
	}
}

// noise is content that doesn't compress.
func noise(size int) string {
	var b strings.Builder
	state := uint64(88172645463325252)
	for b.Len() < size {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		fmt.Fprintf(&b, "%016x", state)
	}
	return b.String()[:size]
}

// The log of some hundred requests would hide what a failure says.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}
