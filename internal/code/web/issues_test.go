package web

import (
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
)

func TestIssuePages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other := w.signedIn("ada"), w.signedIn("other")
	b.founds()
	other.joins(b, "other@example.com")
	const at = "/acme/vault/issues"
	b.is(b.get("/acme/vault"), 200, `href="/acme/vault/issues"`)
	b.is(b.get(at), 200, "No issue yet", "Create issue")
	text := "# Big\n\n<script>alert(1)</script> words"
	p := b.is(b.post(at+"/new", "title", "Broken", "text", text, "kind", "task", "priority", "critical", "preview", "1"), 200, "Preview: not saved yet", "Big</h1>", `value="Broken"`, `value="task" selected`)
	if strings.Contains(p.Body.String(), "<script>alert") {
		t.Error("a script runs in the preview")
	}
	b.is(b.get(at), 200, "No issue yet")
	b.is(b.post(at+"/new", "title", "", "text", "kept text", "kind", "bug", "priority", "major"), 400, "Say in one line", "kept text")
	b.leads(b.post(at+"/new", "title", "Broken", "text", text, "kind", "task", "priority", "critical", "assignee", "other"), at+"/1")
	p = b.is(b.get(at+"/1"), 200, "Created.", "Broken", "critical", "Other", "Big</h1>")
	if strings.Contains(p.Body.String(), "<script>alert") {
		t.Error("a script of an issue runs")
	}
	b.is(b.get(at), 200, "Broken", "#1")
	for _, query := range []string{"?kind=bug", "?state=closed", "?q=nothing", "?assignee=me", "?component=none&priority=minor"} {
		b.is(b.get(at+query), 200, "No issue is like that")
	}
	other.is(other.get(at+"?assignee=me&kind=task&q=brok&sort=votes"), 200, "Broken")
	b.is(b.get(at+"?page=x"), 400)
	for _, none := range []string{"/2", "/0", "/x", "/-1", "/99999999999999999999"} {
		b.is(b.get(at+none), 404)
	}

	// Two people at once: the later one sees what changed, and loses nothing.
	base := b.get(at+"/1/edit").find(t, `name="base" value="(\d+)"`)
	other.leads(other.post(at+"/1/edit", "base", base, "title", "Broken door", "text", "their text", "priority", "minor"), at+"/1")
	p = b.is(b.post(at+"/1/edit", "base", base, "title", "Broken", "text", "my own words", "kind", "task", "priority", "critical"), 409,
		"Somebody has changed this issue since you began", "their text", "my own words", "Broken → Broken door", `value="Broken door"`, `value="minor" selected`)
	b.leads(b.post(at+"/1/edit", "base", p.find(t, `name="base" value="(\d+)"`), "title", "Broken door", "text", "my own words"), at+"/1")
	b.is(b.get(at+"/1"), 200, "priority: critical → minor", "changed the text", "my own words")

	// Comments.
	b.is(b.post(at+"/1", "text", ""), 400, "Write something first")
	other.leads(other.post(at+"/1", "text", "Said *so*"), at+"/1")
	p = other.is(other.get(at+"/1"), 200, "Said <em>so</em>")
	comment := p.find(t, `href="(/acme/vault/issues/1/comments/[0-9]+)"`)
	b.leads(b.post(at+"/1", "text", "", "state", "resolved"), at+"/1")
	b.is(b.get(at+"/1"), 200, "status: new → resolved")
	b.is(b.get(at), 200, "No issue yet", "Show issues in every state")
	b.is(b.get(at+"?state=all"), 200, "Broken door")
	other.is(other.post(comment, "text", ""), 400, "Write something first")
	saved := other.get(comment).find(t, `action="([^"]+/comments/[^"]+)"`)
	other.leads(other.post(saved, "text", "Said more"), at+"/1")
	b.is(b.get(comment), 200, "You can delete it", "Said <em>so</em>")
	b.is(b.post(comment, "text", "not mine"), 404)
	b.leads(b.post(comment, "delete", "1"), at+"/1")
	if p := b.is(b.get(at+"/1"), 200, "A comment by Other was deleted"); strings.Contains(p.text, "Said") {
		t.Error("a deleted comment is shown")
	}
	b.is(b.get(comment), 404)
	b.leads(b.post(at+"/1/watch", "watch", "off"), at+"/1")
	b.is(b.get(at+"/1"), 200, "You are told nothing")
	b.is(b.get("/issues/unsubscribe?issue=x"), 200, "Send me no more")
	b.is(b.post("/issues/unsubscribe?issue=x&user=y&key=z"), 404, "This link isn't whole")
	b.leads(b.post(at+"/1/vote", "vote", "on"), at+"/1")
	b.is(b.get(at+"/1"), 200, "Take your vote back")

	// As CSV, in which nothing is a formula.
	b.leads(b.post(at+"/new", "title", "=1+1", "text", ""), at+"/2")
	p = b.is(b.get(at+"/export.csv?state=all"), 200, "'=1+1", "1,Broken door,task,minor,resolved,Ada,other")
	if got := p.Header().Get("Content-Disposition"); !strings.Contains(got, "acme-vault-issues.csv") {
		t.Error(got)
	}

	// Settings: the lists, its own visibility, and off.
	nobody := w.browser()
	nobody.leads(nobody.get(at+"/1"), "/login")
	other.is(other.get("/acme/vault/admin/issues"), 403)
	const settings = "/acme/vault/admin/issues"
	b.leads(b.post(settings+"/add", "list", "milestone", "name", "First"), settings)
	b.is(b.post(settings+"/add", "list", "milestone", "name", "first"), 409, "There is a milestone of that name already")
	entry := b.is(b.get(settings), 200, "First").find(t, `name="entry" value="([^"]+)"`)
	b.is(b.post(settings+"/change", "entry", entry, "name", ""), 400, "Give it a name")
	b.leads(b.post(settings+"/change", "entry", entry, "name", "Second"), settings)
	b.is(b.get(at+"/new"), 200, `value="Second"`)
	b.leads(b.post(settings, "issues", "on", "visibility", "public"), settings)
	p = nobody.is(nobody.get(at+"/1"), 200, "Broken door")
	if strings.Contains(p.text, `href="/acme/vault/commits"`) || strings.Contains(p.text, "/edit") || strings.Contains(p.text, "Your comment") {
		t.Error("a stranger is shown the way to the private code, or a button that isn't theirs")
	}
	nobody.leads(nobody.get(at+"/new"), "/login")
	other.is(other.post(at+"/1/delete"), 403)
	b.leads(b.post(at+"/1/delete"), at)
	b.is(b.get(at+"/1"), 404)
	b.leads(b.post(settings, "visibility", "public"), settings)
	b.is(b.get(at), 404)
	if p := b.get("/acme/vault"); strings.Contains(p.text, `href="/acme/vault/issues"`) {
		t.Error("an issue tracker that is off has a tab")
	}
}
