package e2e

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	account "sallyport.dev/internal/account/web"
	"sallyport.dev/internal/clock"
	code "sallyport.dev/internal/code/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

// notPages are the routes that show nothing of ours, each with the reason.
var notPages = map[string]map[string]string{"code": {
	"/login":                       "leads to the account site",
	"/login/callback":              "leads on from there",
	"/site/oauth2/authorize":       "leads to the account site",
	"/logout/account":              "leads to the account site",
	"/robots.txt":                  "a text for robots",
	"/account/feeds/activity.atom": "a feed",
	"/{workspace}/{repo}/feeds/activity.atom":                "a feed",
	"/{workspace}/{repo}/feeds/commits.atom":                 "a feed",
	"/{workspace}/{repo}/feeds/issues.atom":                  "a feed",
	"/{workspace}/{repo}/admin/issues/export":                "an archive",
	"/{workspace}/{repo}/raw/*":                              "a file itself",
	"/{workspace}/{repo}/get/*":                              "an archive",
	"/{workspace}/{repo}/wiki/_raw/*":                        "a file itself",
	"/snippets/{workspace}/{id}/raw/*":                       "a file itself",
	"/{workspace}/{repo}/issues/export.csv":                  "a table for spreadsheets",
	"/{workspace}/{repo}/issues/{number}/attachments/{name}": "a file itself",
	"/{workspace}/{repo}/issues/new/attachments/{name}":      "a file itself",
	"/{workspace}/workspace/settings/audit-log/export":       "lines of JSON",
}, "account": {
	"/":                                 "leads to the profile or to the sign-in",
	"/.well-known/openid-configuration": "JSON",
	"/keys":                             "JSON",
	"/userinfo":                         "JSON, for apps",
	"/authorize":                        "leads to the sign-in or on to the app",
	"/authorize/continue":               "leads on to the app",
}}

// TestEveryPage comes to every page of both sites, so that each is looked at; a
// page that nobody has come to fails it. Then each is loaded at 320 px, where
// nothing may move by itself either.
func TestEveryPage(t *testing.T) {
	sites := routesOf(t, http.MethodGet)
	s := serve(t)
	c := everyFlow(t, s)
	c.toursSettings()
	c.toursRepository()
	c.toursAccount()
	c.losesSteps()
	for site, patterns := range sites {
		seen := c.met(site, patterns, maps.Keys(c.s.pages))
		for _, pattern := range patterns {
			switch reason := notPages[site][pattern]; {
			case !seen[pattern] && reason == "":
				t.Errorf("nobody has come to %s of %s", pattern, site)
			case seen[pattern] && reason != "":
				t.Errorf("%s of %s is a page; it was taken for what %s", pattern, site, reason)
			}
		}
	}
	c.alice.window(narrowWindow)
	for _, page := range slices.Sorted(maps.Keys(s.pages)) {
		c.alice.faults(" at 320 px", c.alice.moves(page))
	}
}

// routesOf gives the addresses of each site that take the method, from their own tables.
func routesOf(t *testing.T, method string) map[string][]string {
	t.Helper()
	ofCode, err := code.New(code.Config{URL: "http://code.test"})
	if err != nil {
		t.Fatal(err)
	}
	box, err := secret.Load(filepath.Join(t.TempDir(), "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	ofAccount, err := account.New(t.Context(), account.Config{
		URL: "http://account.test", DB: dbtest.SQLite(t), Box: box, Clock: clock.System, SignIn: &signin.Service{Policy: &policy.Service{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string][]string{}
	for _, route := range ofCode.Routes().List() {
		if route.Method == method {
			pages["code"] = append(pages["code"], route.Pattern)
		}
	}
	for _, route := range ofAccount.Routes() {
		if route.Method == method {
			pages["account"] = append(pages["account"], route.Pattern)
		}
	}
	return pages
}

// met tells which of a site's patterns the addresses have.
func (c *cast) met(site string, patterns []string, addresses iter.Seq[string]) map[string]bool {
	met := map[string]bool{}
	mux := chi.NewMux()
	for _, pattern := range patterns {
		mux.Get(pattern, func(http.ResponseWriter, *http.Request) { met[pattern] = true })
	}
	root := map[string]string{"code": c.s.code, "account": c.s.account}[site]
	for address := range addresses {
		if path, ok := strings.CutPrefix(address, root); ok {
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		}
	}
	return met
}

// moves gives what moves by itself each time that the page is loaded. What moves
// once is what was drawn while the page was still coming in.
func (p *person) moves(page string) (moved []string) {
	p.t.Helper()
	for range 3 {
		p.do(p.loads(page))
		if moved = ask[[]string](p, shiftScript, 0.01); len(moved) == 0 {
			return nil
		}
	}
	return moved
}

// opens comes to each of the addresses.
func (p *person) opens(addresses ...string) {
	p.t.Helper()
	for _, each := range addresses {
		p.open(each)
		if got := p.seen.status(); got != http.StatusOK {
			p.t.Errorf("%s got %d at %s: %s", p.name, got, each, p.heading())
		}
	}
}

// follows opens the first link on the page whose address has that part.
func (p *person) follows(part string) {
	p.t.Helper()
	p.opens(ask[string](p, `(part) => document.querySelector("main a[href*='" + part + "']").href`, part))
}

func (c *cast) toursSettings() {
	const own, work = "/account/settings/", "/acme/workspace/"
	c.alice.opens("/", own, own+"security/", own+"api-tokens/", own+"ssh-keys/", own+"sessions/",
		own+"feed-tokens/", own+"notifications/", "/account/notifications/")
	c.alice.opens(twoStep, twoStep+"add", twoStep+"key", twoStep+"recovery-codes", twoStep+"turn-off")
	c.alice.open(twoStep)
	c.alice.follows("/factor?")
	c.alice.opens("/account/activity/", "/workspaces/new", "/logout", "/acme", work+"activity", work+"create-repository", work+"leave", work+"settings/",
		work+"settings/members", work+"settings/access-controls", work+"settings/access-controls/networks",
		work+"settings/access-tokens", work+"settings/audit-log", work+"settings/plan", work+"settings/delete")
	c.alice.open(work + "settings/groups")
	c.alice.fill("Name", "Developers")
	c.alice.press("Create group")
	c.alice.open(work + "settings/groups")
	c.alice.follows("/groups/")
	c.alice.opens("/acme/snippets", "/acme/snippets/new")
	c.alice.follow("Cancel")
	c.alice.follow("How we deploy")
	snippet := c.alice.path()
	c.alice.opens(snippet+"/versions", snippet+"/edit", snippet+"/settings")
	c.alice.open(snippet + "/versions")
	c.alice.follows("/versions/")
	c.alice.open(snippet)
	c.alice.follows("/comments?")
	c.alice.open(c.s.link(c.alice.email, "It never lands", "/issues/unsubscribe"))
	c.alice.open(c.s.link(c.alice.email, "commented on the snippet How we deploy", "/notifications/unsubscribe"))
	c.alice.open("/nowhere/at/all")
	c.alice.got(http.StatusNotFound)
}

func (c *cast) toursRepository() {
	const app = "/acme/app"
	c.alice.opens(app, app+"/src", app+"/src/main/docs", app+"/commits", app+"/commits/main", app+"/blame/main/README.md",
		app+"/edit/main/README.md", app+"/create", app+"/create/main", app+"/find", app+"/find/main", app+"/search", app+"/search/main?q=moon",
		app+"/diff", app+"/diff/main..topic", app+"/fork", app+"/branches", app+"/tags")
	const admin = app + "/admin"
	c.alice.opens(admin, admin+"/transfer", admin+"/delete", admin+"/branches", admin+"/permissions", admin+"/wiki", admin+"/issues", admin+"/deploy-keys", admin+"/access-tokens")
	c.alice.opens(app+"/issues", app+"/issues/searches?kind=bug", app+"/issues/new", app+"/issues/1", app+"/issues/1/edit")
	c.alice.open(app + "/issues/1")
	c.alice.follows("/comments/")
	c.alice.opens(app+"/wiki", app+"/wiki/_pages", app+"/wiki/_search?q=next", app+"/wiki/_new", app+"/wiki/_history/Home", app+"/wiki/Home",
		app+"/wiki/_edit/Home", app+"/wiki/_rename/Home", app+"/wiki/_delete/Home")
	c.alice.open(app + "/wiki/_history/Home")
	c.alice.follows("/_version/")
	c.alice.open(app + "/wiki/_history/Home")
	c.alice.follows("/_diff/")
	c.imports()
}

// imports a repository from a file.
func (c *cast) imports() {
	work := c.alice.t.TempDir()
	git(c.alice.t, work, "init", "-q", "-b", "main")
	git(c.alice.t, work, "commit", "-q", "--allow-empty", "-m", "Begin")
	git(c.alice.t, work, "bundle", "create", "-q", "project.bundle", "main", "HEAD")
	c.alice.opens("/acme/workspace/import-repository")
	c.alice.fill("Name", "brought")
	c.alice.chooses("f-bundle", filepath.Join(work, "project.bundle"))
	c.alice.press("Import the file")
	c.alice.got(http.StatusOK)
}

// chooses a file, as in the window of the system for it, for the field of that id.
func (p *person) chooses(id, file string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.SetUploadFiles("#"+id, []string{file}))
	})
}

func (c *cast) toursAccount() {
	s := c.s.account
	c.alice.opens(s+"/manage-profile", s+"/manage-profile/security", s+"/manage-profile/sessions", s+"/manage-profile/activity",
		s+"/manage-profile/apps", s+"/apps", s+"/device", s+"/admin/people", s+"/admin/approvals", s+"/admin/policy", s+"/admin/apps", s+"/admin/apps/new",
		s+"/admin/apps/"+c.app, s+"/admin/apps/"+c.app+"/secret", s+"/admin/apps/"+c.app+"/delete", s+"/end_session")
	c.alice.open(s + "/admin/people")
	c.alice.follow("Bob")
	c.alice.press("Ask for it: Make an administrator: Bob")
	c.alice.open(s + "/admin/approvals")
	const mfa = "/manage-profile/security/mfa"
	c.bob.opens(s+mfa, s+mfa+"/key", s+mfa+"/recovery-codes", s+mfa+"/turn-off")
	c.bob.open(s + "/manage-profile/security")
	c.bob.follows("/factor?")
	c.alice.open(s + "/manage-profile")
	c.alice.fill("Add an address", "alice@elsewhere.example.com")
	c.alice.press("Add address")
	c.alice.open(c.s.link("alice@elsewhere.example.com", "Confirm", "/confirm"))
	c.alice.got(http.StatusOK)
	c.alice.open(s + "/nowhere")
	c.alice.got(http.StatusNotFound)
}

// losesSteps: bob has lost the second step of his account, alice that of Code.
func (c *cast) losesSteps() {
	c.loses(c.bob, "/reset-mfa", "Reset MFA", func(p *person) {
		p.open(c.s.account + "/signin")
		p.signsIn()
	})
	c.loses(c.alice, "/login/reset", "Reset two-step verification", func(p *person) {
		p.open("/login")
		p.signsIn()
	})
}

// loses begins a reset and stops it; begins it again, and does it a day later.
func (c *cast) loses(p *person, path, button string, comes func(*person)) {
	p.t.Helper()
	begin := func() string {
		away := p.again()
		comes(away)
		away.follow("I've lost my second step")
		away.press("Begin the 24 hours")
		away.sees("comes by mail")
		return c.s.link(p.email, "will be reset", path+"/stop")
	}
	p.opens(begin())
	p.press("Stop the reset")
	p.opens(c.aDayLater(begin()))
	p.press(button)
}

// aDayLater moves the reset on, in the store, and gives its last link, with the
// token of the one that stops it.
func (c *cast) aDayLater(stop string) string {
	c.alice.t.Helper()
	c.store(`UPDATE factor_reset SET stage = 'ready', link = cancel, due = $1`, time.Now().Add(time.Hour))
	return strings.Replace(stop, "/stop?", "?", 1)
}

// store does what time or others would have done.
func (c *cast) store(statement string, args ...any) {
	t := c.alice.t
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(c.s.data, "sallyport.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Exec(t.Context(), d, statement, args...); err != nil {
		t.Fatal(err)
	}
}
