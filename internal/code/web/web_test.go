package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db/dbtest"
)

// address fills a pattern in.
func address(pattern string) string {
	return strings.NewReplacer("{workspace}", "acme", "{repo}", "vault", "{token}", "x", "{group}", "x", "*", "main", "{id}", "x", "{commit}", "x").Replace(pattern)
}

// Attack 4: one page missed the filter.
func TestAttack04EveryRouteDeclaresItsAction(t *testing.T) {
	each(t, func(w *world) {
		for _, route := range w.Routes().List() {
			if route.Action == access.Open && (strings.Contains(route.Pattern, "{workspace}") || strings.HasPrefix(route.Pattern, "/account/")) {
				t.Errorf("%s %s shows something of somebody's without a verdict", route.Method, route.Pattern)
			}
			if route.Method == http.MethodGet || route.Action == access.Open {
				continue
			}
			r := httptest.NewRequest(route.Method, address(route.Pattern), nil)
			page := formPath(w.Site, r)
			if !w.routes.Mux().Match(chi.NewRouteContext(), http.MethodGet, page) {
				t.Errorf("the form of %s has no page at %s", route.Pattern, page)
			}
		}
	})
}

// A blocked member at every page: the rule and the way in, and nothing of what
// is behind. An outsider can't tell the workspace from none.
func TestBlockedMemberAndOutsiderEverywhere(t *testing.T) {
	each(t, func(w *world) {
		owner, blocked, outsider, nobody := w.signedIn("owner"), w.signedIn("blocked"), w.signedIn("outsider"), w.browser()
		owner.founds()
		w.pushes(map[string]string{"secret.txt": "hush"})
		blocked.joins(owner, "blocked@example.com")
		owner.enrols(twoStepPath)
		owner.leads(owner.post("/acme/workspace/settings/access-controls", "require", "on"), "/acme/workspace/settings/access-controls")

		for _, route := range w.Routes().List() {
			if !strings.Contains(route.Pattern, "{workspace}") {
				continue
			}
			path := address(route.Pattern)
			visit := func(b *browser, path string) page {
				if route.Method == http.MethodPost {
					return b.post(path, "name", "n")
				}
				return b.get(path)
			}
			name := route.Method + " " + path
			if p := visit(nobody, path); p.Code != 303 || !strings.HasPrefix(p.Header().Get("Location"), "/login?return=") {
				t.Errorf("%s as nobody: %d %s", name, p.Code, p.Header().Get("Location"))
			}
			unknown := strings.Replace(path, "acme", "acmee", 1)
			p, none := visit(outsider, path), visit(outsider, unknown)
			if p.Code != 404 || none.Code != 404 || sameBut(p, none) != "" {
				t.Errorf("%s as outsider: %d, and %d for what isn't there: %s", name, p.Code, none.Code, sameBut(p, none))
			}
			if route.Action == access.LeaveWorkspace {
				continue
			}
			p = visit(blocked, path)
			needsOwner := route.Action.Needs() == access.Admin || route.Action == access.WriteSnippet
			if p.Code != 403 || strings.Contains(p.text, "vault") && !strings.Contains(path, "vault") || strings.Contains(p.text, "hush") || strings.Contains(p.text, "crown") {
				t.Errorf("%s as blocked: %d %s", name, p.Code, p.text)
			}
			if !needsOwner {
				blocked.is(p, 403, "You've been temporarily blocked from this page", "Workspace acme requires two-step verification.",
					"Set up two-step verification", "Leave Acme Works", "Sign out", "Open your own settings")
			}
			if absent := visit(blocked, strings.Replace(path, "vault", "nothing", 1)); slices.Contains([]access.Content{access.Repository, access.Wiki}, route.Action.Content()) && absent.Code != p.Code {
				t.Errorf("%s as blocked: a repository that isn't there answers %d", name, absent.Code)
			}
		}
		blocked.is(blocked.get("/account/settings/"), 200)
		blocked.is(blocked.get("/"), 200, "Acme Works", "2SV required")

		if got := blocked.enrols(blocked.get("/acme/vault/src/main/secret.txt").find(t, `href="(`+twoStepPath+`\?return=[^"]*)"`)); got != "/acme/vault/src/main/secret.txt" {
			t.Errorf("after enrolling: %s", got)
		}
		blocked.is(blocked.get("/acme/vault/src/main/secret.txt"), 200, "hush")
	})
}

// sameBut compares two answers in all but the request's id.
func sameBut(a, b page) string {
	strip := func(p page) string {
		return strings.ReplaceAll(p.Body.String(), p.Header().Get("X-Request-Id"), "")
	}
	if strip(a) != strip(b) {
		return "the bodies differ"
	}
	for name := range a.Header() {
		if name != "X-Request-Id" && a.Header().Get(name) != b.Header().Get(name) {
			return "the header " + name + " differs"
		}
	}
	return ""
}

func TestBlockedMemberMayLeave(t *testing.T) {
	each(t, func(w *world) {
		owner, blocked := w.signedIn("owner"), w.signedIn("blocked")
		owner.founds()
		blocked.joins(owner, "blocked@example.com")
		owner.enrols(twoStepPath)
		owner.post("/acme/workspace/settings/access-controls", "require", "on")
		blocked.is(blocked.get("/acme/workspace/leave"), 200, "Leave Acme Works?")
		blocked.leads(blocked.post("/acme/workspace/leave"), "/")
		blocked.is(blocked.get("/acme"), 404)
		owner.is(owner.post("/acme/workspace/leave"), 409, "You are the last owner of Acme Works")
	})
}

func TestOwnerMustMeetTheRuleFirst(t *testing.T) {
	each(t, func(w *world) {
		const controls = "/acme/workspace/settings/access-controls"
		owner := w.signedIn("owner")
		owner.founds()
		p := owner.is(owner.post(controls, "require", "on"), 403, "Turn on your own two-step verification first.")
		if got := owner.enrols(p.find(t, `class="button primary" href="([^"]*)"`)); !strings.HasPrefix(got, controls+"?kept=") {
			t.Errorf("the way leads to %s, not back to the switch", got)
		} else {
			owner.is(owner.get(got), 200, "the form as you left it", `value="on" checked`)
		}
		owner.leads(owner.post(controls, "require", "on"), controls)
		owner.is(owner.get(controls), 200, "is required from now on", "Required", "1 of 1 member is ready")
		owner.is(owner.post(controls, "require", "perhaps"), 400)
		owner.is(owner.get(twoStepPath+"turn-off"), 200, "you are its last owner who meets its rule")
		owner.is(owner.post(twoStepPath+"turn-off", "code", owner.code()), 409, "You are the last owner who meets")

		if err := w.Workspaces.SetPlan(t.Context(), "acme", workspace.Free); err != nil {
			t.Fatal(err)
		}
		owner.leads(owner.post(controls, "require", "off"), controls)
		owner.is(owner.get("/acme/workspace/settings/plan"), 200, "<b>free</b> plan", "Requiring two-step verification", "Choosing the allowed networks", "Ruling out public content")
		owner.is(owner.get(controls), 200, "needs the premium plan; this workspace is on the free plan")
		owner.is(owner.post(controls, "require", "on"), 403, "needs the premium plan")
	})
}

// A form whose sending is challenged comes back as it was typed, but for secrets.
func TestChallengedFormIsKept(t *testing.T) {
	each(t, func(w *world) {
		const members = "/acme/workspace/settings/members"
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		w.now.Advance(access.FreshFor + time.Minute)

		verify := owner.leads(owner.post(members+"/invite", "email", "ümläut@exämple.com", "role", "owner", "code", "123456"), "/login/verify")
		p := owner.is(owner.get(verify), 200, "Verification code", "Verify", "Use a recovery code", "from the last 15 minutes")
		before := owner.cookies[sessionCookie]
		back := p.find(t, `name="return" value="([^"]*)"`)
		owner.is(owner.post("/login/verify", "return", back, "code", "000000"), 400, "That code isn't right")
		form := owner.leads(owner.post("/login/verify", "return", back, "code", owner.code()), members)
		if owner.cookies[sessionCookie] == before {
			t.Error("the session's token wasn't changed with the step")
		}
		p = owner.is(owner.get(form), 200, `value="ümläut@exämple.com"`, `value="owner" checked`)
		if strings.Contains(p.text, "123456") {
			t.Error("a code was kept")
		}
		other := w.signedIn("other")
		other.is(other.get(strings.Replace(form, members, tokensPath, 1)), 200)
		if p := other.get(strings.Replace(form, members, "/workspaces/new", 1)); strings.Contains(p.text, "ümläut") {
			t.Error("another session loads the form")
		}
	})
}

func TestAttack19CodeComesFromTheSessionAlone(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signedIn("alice"), w.signedIn("bob")
		alice.enrols(twoStepPath)
		bob.enrols(twoStepPath)
		w.now.Advance(access.FreshFor + time.Minute)
		// Attack 19: naming somebody else changes nothing.
		alice.is(alice.post("/login/verify", "code", bob.code(), "user", "bob", "holder", "bob"), 400, "That code isn't right")
		nobody := w.browser()
		nobody.leads(nobody.post("/login/verify", "code", bob.code()), "/login")
	})
}

func TestReturnPathsOfForms(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.enrols(twoStepPath)
	for _, back := range []string{"//evil.example", "https://evil.example", "/acme", w.returns.sign("/acme") + "/..//evil.example"} {
		if got := b.leads(b.post("/login/verify", "code", b.code(), "return", back), "/"); got != "/" {
			t.Errorf("verify with %q leads to %s", back, got)
		}
		if got := b.leads(b.post(twoStepPath+"saved", "return", back), twoStepPath); got != twoStepPath {
			t.Errorf("saved with %q leads to %s", back, got)
		}
		if got := b.get("/login?return=" + url.QueryEscape(back)).Header().Get("Location"); got != "/" {
			t.Errorf("login with %q leads to %s", back, got)
		}
	}
	for _, path := range []string{"//evil.example/", "//evil.example", "/%2F/evil.example/", "/\\evil.example/"} {
		r := httptest.NewRequest(http.MethodGet, "http://code.test/", nil)
		r.URL.Path = path
		to := b.send(r).Header().Get("Location")
		if at, err := r.URL.Parse(to); err != nil || to != "" && at.Host != "code.test" || strings.Contains(to, `\`) {
			t.Errorf("%s leads to %s", path, to)
		}
	}
}
