package githttp_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/githttp"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/request"
)

// site is Code's address as the texts name it; the tests reach it elsewhere.
const site = "https://code.test"

const maxPush = 2 << 20

// world is Code behind its git door alone: a workspace "acme" of alice, with a
// private repository "app" and a public one "site"; bob is a member, eve isn't.
type world struct {
	*codetest.Code
	repos  *repo.Service
	door   *githttp.Door
	server *httptest.Server

	alice, bob, eve *codetest.Person
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, dbtest.SQLite(t))
}

// each is for what must hold on both engines.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(t, worldOn(t, d)) })
}

func worldOn(t testing.TB, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, site)
	w := &world{Code: code, repos: code.Repositories(maxPush)}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		request.Wrap("code", nil, w.door).ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.acme(w.DB)
	w.open()
	return w
}

// open makes the door, with what the rooms are set to now.
func (w *world) open() {
	w.door = githttp.New(githttp.Config{URL: site, Gate: w.Gate, Tokens: w.Tokens, Repositories: w.repos, Wikis: w.Wikis(w.repos), Snippets: w.Snippets(w.repos)})
}

func (w *world) acme(d *db.DB) {
	w.Helper()
	w.alice, w.bob, w.eve = w.Person("alice"), w.Person("bob"), w.Person("eve")
	if _, err := w.Workspaces.Create(w.Context(), w.alice.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
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
		_, err := w.repos.Create(w.Context(), w.alice.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: name, Public: public})
		if err != nil {
			w.Fatal(err)
		}
	}
}

// requireTwoStep switches the requirement on, as alice, who must be enrolled.
func (w *world) requireTwoStep() {
	w.Helper()
	policy := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
	if err := w.Workspaces.SetPolicy(w.Context(), w.alice.Grant(access.ManageAccess, access.Target{Workspace: "acme"}), policy); err != nil {
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
func (w *world) app(p *codetest.Person) string { return w.address("app", "x-token-auth", p.Token) }

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
	k.run("remote", "add", "origin", w.app(w.alice))
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
