package web

import (
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
)

func TestWikiPages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other := w.signedIn("ada"), w.signedIn("other")
	b.founds()
	other.joins(b, "other@example.com")
	const at = "/acme/vault/wiki"
	b.is(b.get("/acme/vault"), 200, `href="/acme/vault/wiki"`)
	b.is(b.get(at), 200, "Nothing is written yet", "Write the first page", "git clone "+testSite+"/acme/vault.git/wiki")
	b.is(b.get(at+"/_edit/Home"), 200, "Edit Home")
	text := "# Welcome\n\nSee [[Set up]] and ![x](img/a.png)\n\n## Two\n\n## Three\n\n<script>alert(1)</script>\n"
	p := b.is(b.post(at+"/_edit/Home", "text", text, "base", "", "preview", "1"), 200, "Preview: not saved yet", "Welcome</h1>", "See [[Set up]]")
	b.is(b.get(at), 200, "Nothing is written yet")
	if strings.Contains(p.Body.String(), "<script>alert") {
		t.Error("a script runs in the preview")
	}
	b.leads(b.post(at+"/_edit/Home", "text", text, "base", ""), at+"/Home")
	p = b.is(b.get(at+"/Home"), 200, "Saved.", `href="/acme/vault/wiki/Set%20up"`, `src="/acme/vault/wiki/_raw/img/a.png"`, "Contents", `href="#md-two"`, "Last edited by Ada")
	if strings.Contains(p.Body.String(), "<script>alert") {
		t.Error("a script of the page's is in it")
	}
	b.leads(b.get(at+"/home"), at+"/Home")
	b.is(b.get(at+"/Set%20up"), 404, "There is no page of that name in this wiki", `href="/acme/vault/wiki/_new?name=Set%20up"`)
	b.is(b.get(at+"/_new?name=Set%20up"), 200, `value="Set up"`)
	b.is(b.post(at+"/_new", "name", "../up", "text", "kept text"), 400, "A name can't begin with a dot", "kept text")
	b.leads(b.post(at+"/_new", "name", "Set up", "text", "the needle", "message", "Why not"), at+"/Set up")
	b.is(b.get(at+"/_pages"), 200, "Home", "Set up")
	b.is(b.get(at+"/_search?q=NEEDLE"), 200, "the needle", `href="/acme/vault/wiki/Set%20up"`)
	b.is(b.get(at+"/_search?q=<b>"), 200, "No page holds <q><b></q>")

	// Two people at once: both texts are there, and nothing is lost.
	base := b.get(at+"/_edit/Set%20up").find(t, `name="base" value="([0-9a-f]+)"`)
	other.leads(other.post(at+"/_edit/Set%20up", "text", "the needle\nof another", "base", base), at+"/Set up")
	p = b.is(b.post(at+"/_edit/Set%20up", "text", "my own words", "base", base), 409, "Somebody has saved this page since you began", "of another", "my own words", "What they changed", `<span class="sign">+</span>of another`)
	b.leads(b.post(at+"/_edit/Set%20up", "text", "both", "base", p.find(t, `name="base" value="([0-9a-f]+)"`)), at+"/Set up")

	p = b.is(b.get(at+"/_history/Set%20up"), 200, "Why not", "Other", "Compare the two chosen")
	b.is(b.get(p.find(t, `href="(/acme/vault/wiki/_diff/Set%20up\?to=[0-9a-f]{40})"`)), 200, `<span class="sign">−</span>of another`, `<span class="sign">+</span>both`)
	b.is(b.get(p.find(t, `href="(/acme/vault/wiki/_version/Set%20up\?of=[0-9a-f]{40})"`)), 200, "as it was", "both")
	b.is(b.get(at+"/_version/Set%20up?of=HEAD"), 404)
	b.is(b.get(at+"/_diff/Set%20up?to="+strings.Repeat("1", 40)), 404)

	base = b.get(at+"/_rename/Set%20up").find(t, `name="base" value="([0-9a-f]+)"`)
	b.is(b.post(at+"/_rename/Set%20up", "name", "home", "base", base), 409, "There is a page of that name already")
	b.leads(b.post(at+"/_rename/Set%20up", "name", "guides/Set up", "base", base), at+"/guides/Set up")
	b.is(b.get(at+"/_delete/guides/Set%20up"), 200, "stays in the wiki's git history")
	b.leads(b.post(at+"/_delete/guides/Set%20up", "base", base), at+"/_pages")
	b.is(b.get(at+"/guides/Set%20up"), 404)

	// Its own visibility, and off.
	nobody := w.browser()
	nobody.leads(nobody.get(at+"/Home"), "/login")
	other.is(other.get("/acme/vault/admin/wiki"), 403)
	b.leads(b.post("/acme/vault/admin/wiki", "wiki", "on", "visibility", "public"), "/acme/vault/admin/wiki")
	p = nobody.is(nobody.get(at+"/Home"), 200, "Welcome")
	if strings.Contains(p.text, `href="/acme/vault/commits"`) || strings.Contains(p.text, "_edit") {
		t.Error("a stranger is shown the way to the private code, or a button that isn't theirs")
	}
	nobody.leads(nobody.get("/acme/vault"), "/login")
	nobody.leads(nobody.get(at+"/_edit/Home"), "/login")
	b.leads(b.post("/acme/vault/admin/wiki", "visibility", "public"), "/acme/vault/admin/wiki")
	b.is(b.get(at+"/Home"), 404)
	if p := b.get("/acme/vault"); strings.Contains(p.text, `href="/acme/vault/wiki"`) {
		t.Error("a wiki that is off has a tab")
	}
}
