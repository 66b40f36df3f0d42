package web

import (
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/request"
)

const testSite = "http://code.test"

// world is Code behind its web door alone, on a clock that the test moves.
type world struct {
	testing.TB
	*Site
	now     *clock.Manual
	via     http.RoundTripper // to the issuer
	handler http.Handler
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d, testSite)) })
}

func newWorld(t testing.TB, d *db.DB, address string) *world {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	code := codetest.New(t, d, address)
	w := &world{TB: t, now: code.Now}
	var err error
	repositories := code.Repositories(1 << 20)
	w.Site, err = New(Config{
		URL: address, AccountURL: "http://id.test", DB: d, Box: code.Box, Clock: w.now.Now, Gate: code.Gate,
		Login: login.New(login.Config{
			Issuer: issuerURL, ClientID: "code", Redirect: address + "/login/callback", API: address, Clock: w.now.Now,
			Via: roundTrip(func(r *http.Request) (*http.Response, error) {
				if w.via == nil {
					return nil, errors.New("there is no issuer in this test")
				}
				return w.via.RoundTrip(r)
			}),
		}),
		Users: code.Users, Tokens: code.Tokens, Workspaces: code.Workspaces, Repositories: repositories, Wikis: code.Wikis(repositories), Issues: code.Issues(), Snippets: code.Snippets(repositories), Events: code.Events,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = request.Wrap("code", nil, w.Handler())
	return w
}

// browser is somebody's; it keeps cookies.
type browser struct {
	*world
	cookies map[string]string
	secret  string // of the authenticator app
}

func (w *world) browser() *browser { return &browser{world: w, cookies: map[string]string{}} }

// signedIn is the browser of somebody with a profile and a session.
func (w *world) signedIn(name string) *browser {
	w.Helper()
	id := user.Identity{Issuer: issuerURL, Subject: name, Email: name + "@example.com", EmailVerified: true, Name: strings.ToUpper(name[:1]) + name[1:]}
	if _, err := w.Users.Create(w.Context(), id, name); err != nil {
		w.Fatal(err)
	}
	b := w.browser()
	session, err := w.Users.OpenSession(w.Context(), id, user.SessionInfo{Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		w.Fatal(err)
	}
	b.cookies[b.Site.cookies.Name(sessionCookie)] = session.Token.Reveal()
	return b
}

// page is an answer.
type page struct {
	*httptest.ResponseRecorder
	text string
}

func (b *browser) send(r *http.Request) page {
	b.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
	return page{w, html.UnescapeString(w.Body.String())}
}

func (b *browser) get(path string) page {
	b.Helper()
	return b.send(httptest.NewRequest(http.MethodGet, path, nil))
}

func (b *browser) post(path string, pairs ...string) page {
	b.Helper()
	fields := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		fields.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r)
}

// is checks the status and that the page shows the words.
func (b *browser) is(p page, status int, words ...string) page {
	b.Helper()
	if p.Code != status {
		b.Fatalf("status %d, want %d; Location %q; %s", p.Code, status, p.Header().Get("Location"), p.text)
	}
	for _, word := range words {
		if !strings.Contains(p.text, word) {
			b.Fatalf("the page lacks %q: %s", word, p.text)
		}
	}
	return p
}

// leads checks that the answer redirects to a path, whatever its query, and
// gives the whole address.
func (b *browser) leads(p page, path string) string {
	b.Helper()
	at, err := url.Parse(p.Header().Get("Location"))
	if err != nil || p.Code != http.StatusSeeOther || at.Path != path {
		b.Fatalf("status %d, Location %q, want 303 to %s; %s", p.Code, p.Header().Get("Location"), path, p.text)
	}
	return at.String()
}

// leadsTo gives the address that the answer redirects to.
func (b *browser) leadsTo(p page) string {
	b.Helper()
	if p.Code != http.StatusSeeOther {
		b.Fatalf("status %d, want 303; %s", p.Code, p.text)
	}
	return p.Header().Get("Location")
}

func (p page) find(t testing.TB, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(p.text)
	if found == nil {
		t.Fatalf("the page lacks %s: %s", pattern, p.text)
	}
	return found[1]
}

// code is what the authenticator app shows; the clock moves on first, so that
// no code is given twice.
func (b *browser) code() string {
	b.Helper()
	b.now.Advance(30 * time.Second)
	code, err := totp.GenerateCode(b.secret, b.now.Now())
	if err != nil {
		b.Fatal(err)
	}
	return code
}

// enrols turns two-step verification on, beginning at the address, and gives
// where "I have saved them" leads.
func (b *browser) enrols(at string) string {
	b.Helper()
	back := ""
	if p := b.is(b.get(at), http.StatusOK, "Set up an authenticator app"); strings.Contains(p.text, `name="return"`) {
		back = p.find(b, `name="return" value="([^"]*)"`)
	}
	app := b.leads(b.post(twoStepPath+"begin", "return", back), twoStepPath+"app")
	p := b.is(b.get(app), http.StatusOK, "Connect your app")
	b.secret = strings.ReplaceAll(p.find(b, `class="key"><code>([A-Z2-7 ]+)<`), " ", "")
	id, back := p.find(b, `name="id" value="([^"]*)"`), p.find(b, `name="return" value="([^"]*)"`)
	p = b.is(b.post(twoStepPath+"app", "id", id, "code", b.code(), "return", back), http.StatusOK, "Save your recovery codes", "I have saved them")
	saved := b.post(twoStepPath+"saved", "return", p.find(b, `name="return" value="([^"]*)"`))
	if saved.Code != http.StatusSeeOther {
		b.Fatalf("status %d", saved.Code)
	}
	return saved.Header().Get("Location")
}

// founds makes the workspace acme with the private repository "vault".
func (b *browser) founds() {
	b.Helper()
	b.leads(b.post("/workspaces/new", "name", "Acme Works", "slug", "acme"), "/acme")
	b.leads(b.post("/acme/workspace/create-repository", "name", "vault", "description", "the crown jewels"), "/acme/vault")
}

// joins makes somebody a member of acme by an invitation.
func (b *browser) joins(owner *browser, email string) {
	b.Helper()
	owner.leads(owner.post("/acme/workspace/settings/members/invite", "email", email, "role", "member"), "/acme/workspace/settings/members")
	b.leads(b.post(b.invitation(email)), "/acme")
}

// invitation is the path of the last invitation to the address.
func (w *world) invitation(email string) string {
	w.Helper()
	mails := mailtest.Take(w, w.Users.Outbox)
	for i := len(mails) - 1; i >= 0; i-- {
		if found := regexp.MustCompile(testSite + `(/invitations/\S+)`).FindStringSubmatch(mails[i].Text); found != nil && mails[i].To == email {
			return found[1]
		}
	}
	w.Fatalf("no invitation to %s", email)
	return ""
}

// repositoryDir is where the files of the one repository lie.
func (w *world) repositoryDir() string {
	w.Helper()
	found, err := filepath.Glob(filepath.Join(w.Repositories.Dir, "*", "*.git"))
	found = slices.DeleteFunc(found, func(dir string) bool { return strings.HasSuffix(dir, ".wiki.git") })
	if err != nil || len(found) != 1 {
		w.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// pushes fills a repository: it is written to where its files lie, as the git
// door would.
func (w *world) pushes(files map[string]string) {
	w.Helper()
	bare := w.repositoryDir()
	work := w.TempDir()
	run := func(args ...string) {
		w.Helper()
		command := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		command.Dir = work
		if out, err := command.CombinedOutput(); err != nil {
			w.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q", "-b", "main")
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			w.Fatal(err)
		}
	}
	run("add", "-A")
	run("commit", "-qm", "First <commit>")
	run("push", "-q", bare, "main", "main:feature/x")
}
