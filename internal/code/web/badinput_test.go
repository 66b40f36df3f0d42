package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

func TestBadInput(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		b.is(b.get("/no/such/page/at/all"), 404, "There is nothing here", "Request")
		b.is(b.get("/acme/nothing"), 404)
		b.is(b.get("/acme\xff"), 404)
		b.is(b.get("/acme%00"), 404)
		b.is(b.get("/acme?after=%ff"), 400, "isn't text")
		p := b.is(b.post("/acme"), 405, "doesn't take POST", "GET, HEAD")
		if p.Header().Get("Allow") == "" {
			t.Error("no Allow header")
		}
		b.is(b.send(httptest.NewRequest(http.MethodDelete, "/acme/vault", nil)), 405)
		b.is(b.post("/workspaces/new", "name", strings.Repeat("x", 3<<20)), 413, "too large")
		b.is(b.post("/workspaces/new", "name", strings.Repeat("ü", 10_001), "slug", "kept"), 400, "That is too long", `value="kept"`)
		b.is(b.post("/workspaces/new", "name", strings.Repeat("ü", 101), "slug", "kept"), 400, "Use at most 100 characters", `value="kept"`)
		b.is(b.post("/workspaces/new", "name", "a\xffb\x00c", "slug", "kept"), 400, "aren't text", `value="kept"`)
		b.is(b.post("/workspaces/new", "name", "", "slug", "kept"), 400, "Give the workspace a name")
		b.is(b.post("/workspaces/new", "name", "Acme", "slug", "acme"), 409, "This address is taken")
		for _, name := range []string{"..", ".git", "-x", "a.git", "workspace", "a/b", "", strings.Repeat("x", 63)} {
			b.is(b.post("/acme/workspace/create-repository", "name", name, "description", "kept"), 400, `value="kept"`, `id="f-name-error"`)
		}
		b.is(b.post("/acme/workspace/create-repository", "name", "VAULT"), 409)
		b.is(b.post("/acme/workspace/settings/members/invite", "email", "nobody", "role", "member"), 400, `value="nobody"`, `id="f-email-error"`)
		b.is(b.post("/acme/workspace/settings/members/role", "user", "x", "role", "king"), 400)
		b.is(b.post("/acme/workspace/settings/members/remove", "user", "x"), 404, "There is no such member")
		b.is(b.get("/invitations/nonsense"), 404, "This invitation no longer works")
		b.is(b.post("/invitations/nonsense"), 404)
		b.is(b.post(tokensPath, "name", "x", "scopes", "everything", "expires", "90"), 400, "There is no scope")
		b.is(b.post(tokensPath, "name", "x", "expires", "9000"), 400)
		b.is(b.post(tokensPath, "name", "x", "expires", "90"), 400, "Choose at least one scope", `value="x"`)
		b.is(b.get(twoStepPath+"app?id=nonsense"), 409, "This set-up is over")
		b.is(b.post(twoStepPath+"app", "id", "nonsense", "code", "1"), 409)
	})
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	r := httptest.NewRequest(http.MethodPost, "/workspaces/new", strings.NewReader("name=Evil&slug=evil"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	b.is(b.send(r), 403, "sent from another site")
	b.is(b.get("/evil"), 404)
}

// Two tabs set up an app at once: one wins, the other is told and led on.
func TestTwoTabsEnrolling(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		slow := b.leads(b.post(twoStepPath+"begin", "return", w.returns.sign("/workspaces/new")), twoStepPath+"app")
		b.enrols(twoStepPath)
		b.is(b.get(slow), 409, "finished in another tab", "Go on to the page that you asked for")
	})
}

// Attack 15: a store that doesn't answer isn't "nobody", and isn't "not enrolled".
func TestAttack15BrokenStoreRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, testSite)
		b := w.signedIn("ada")
		b.founds()
		if err := w.DB.Close(); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/acme", "/acme/vault", twoStepPath, "/login/verify"} {
			if p := b.get(path); p.Code < 500 || strings.Contains(p.text, "vault") {
				t.Errorf("%s: %d %s", path, p.Code, p.text)
			}
		}
	})
}
