package web

import (
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db/dbtest"
)

func TestSnippetPages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other, outsider, nobody := w.signedIn("ada"), w.signedIn("other"), w.signedIn("outsider"), w.browser()
	b.founds()
	other.joins(b, "other@example.com")
	b.is(b.get("/acme"), 200, `href="/acme/snippets"`)
	b.is(b.get("/acme/snippets"), 200, "No snippet yet", `href="/acme/snippets/new"`)
	b.is(b.post("/acme/snippets/new", "title", "Notes", "name-0", "a.go", "text-0", "package a\n", "add", "1", "files", "1"), 200, `name="name-1"`, "package a", `value="Notes"`)
	b.is(b.post("/acme/snippets/new", "title", "", "name-0", "a.go", "text-0", "kept"), 400, "Give it a title", "kept")
	b.is(b.post("/acme/snippets/new", "title", "x", "name-0", "../a", "text-0", "kept"), 400, "A file's name can't hold", "kept")
	p := b.post("/acme/snippets/new", "title", "Notes <1>", "visibility", "private", "files", "2", "name-0", "a.go", "text-0", "package a\n", "name-1", "x.html", "text-1", "<script>alert(1)</script>")
	at := p.Header().Get("Location")
	if p.Code != 303 || !strings.HasPrefix(at, "/snippets/acme/") {
		t.Fatalf("%d %s", p.Code, at)
	}
	p = other.is(other.get(at), 200, "Notes <1>", "Private", "a.go", "git clone "+testSite+at+".git")
	if strings.Contains(p.Body.String(), "<script>alert") || strings.Contains(p.text, at+"/edit") {
		t.Error("a file runs, or somebody else is offered to edit")
	}
	other.is(other.get("/acme/snippets"), 200, "Notes <1>")
	raw := b.is(b.get(at+"/raw/x.html"), 200)
	if h := raw.Header(); h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", h)
	}
	b.is(b.get(at+"/raw/none"), 404)
	outsider.is(outsider.get(at), 404)
	nobody.leads(nobody.get(at), "/login")

	// Edited, and in between by somebody else.
	p = b.is(b.get(at+"/edit"), 200, "package a", `value="x.html"`)
	base := p.find(t, `name="base" value="([0-9a-f]+)"`)
	edit := []string{"title", "Notes", "base", base, "files", "3", "was-0", "a.go", "name-0", "b.go", "text-0", "package b\n", "was-1", "x.html", "name-1", "x.html", "text-1", "same", "remove-1", "1", "name-2", "c.md", "text-2", "# C"}
	b.leads(b.post(at+"/edit", edit...), at)
	p = b.is(b.get(at), 200, "Saved.", "b.go", "C</h1>")
	if strings.Contains(p.text, "x.html") {
		t.Error("a removed file is shown")
	}
	p = b.is(b.post(at+"/edit", "title", "Notes", "base", base, "files", "1", "was-0", "b.go", "name-0", "b.go", "text-0", "mine"), 409, "Somebody has changed this snippet since you began", "mine")
	b.leads(b.post(at+"/edit", "title", "Notes", "base", p.find(t, `name="base" value="([0-9a-f]+)"`), "files", "1", "was-0", "b.go", "name-0", "b.go", "text-0", "mine"), at)
	p = b.is(b.get(at+"/versions"), 200, "Create: Notes <1>")
	b.is(b.get(p.find(t, `href="(`+at+`/versions/[0-9a-f]{40})"`)), 200, "What was changed", `<span class="sign">+</span>mine`, `<span class="sign">−</span>package b`)
	b.is(b.get(at+"/versions/HEAD"), 404)

	// Comments.
	b.is(b.post(at+"/comments", "text", " "), 400, "Write something first")
	if p := other.post(at+"/comments", "text", "*Nice* <script>alert(1)</script>"); p.Code != 303 {
		t.Fatal(p.Code)
	}
	p = other.is(other.get(at), 200, "<em>Nice</em>")
	if strings.Contains(p.Body.String(), "<script>alert") {
		t.Error("a comment runs")
	}
	comment := p.find(t, `href="`+at+`/comments\?comment=([0-9a-f-]+)"`)
	outsider.is(outsider.post(at+"/comments", "text", "me too"), 404)
	other.is(other.get(at+"/comments?comment="+comment), 200, "*Nice*")
	if p := other.post(at+"/comments", "comment", comment, "text", "Better"); p.Code != 303 {
		t.Error(p.Code)
	}
	b.is(b.get(at), 200, "Better", "edited")
	b.is(b.post(at+"/comments", "comment", comment, "text", "forged"), 404)
	b.leads(b.post(at+"/comments", "comment", comment, "delete", "1"), at)

	// Visibility and deletion ask for a fresh second step.
	b.enrols(twoStepPath)
	w.now.Advance(access.FreshFor + time.Minute)
	b.leads(b.post(at+"/settings/visibility", "visibility", "public"), "/login/verify")
	b.leads(b.post(at+"/settings/delete"), "/login/verify")
	b.leads(b.post("/login/verify", "code", b.code()), "/")
	b.leads(b.post(at+"/settings/visibility", "visibility", "public"), at+"/settings")
	p = nobody.is(nobody.get(at), 200, "mine", "Public")
	if strings.Contains(p.text, "/acme/snippets") || strings.Contains(p.text, "Your comment") {
		t.Error("a stranger is led to what isn't theirs")
	}
	nobody.is(nobody.get(at+"/raw/b.go"), 200)
	nobody.leads(nobody.get("/acme/snippets"), "/login")
	other.is(other.post(at+"/settings/delete"), 403)
	b.leads(b.post(at+"/settings/delete"), "/acme/snippets")
	b.is(b.get(at), 404)
}
