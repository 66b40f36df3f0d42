package web

import (
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
)

func TestSavedSearchesOnThePage(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other := w.signedIn("ada"), w.signedIn("other")
	b.founds()
	other.joins(b, "other@example.com")
	const at, searches = "/acme/vault/issues", "/acme/vault/issues/searches"
	b.leads(b.post(at+"/new", "title", "Broken", "kind", "bug", "priority", "minor"), at+"/1")
	b.leads(b.post(at+"/new", "title", "To do", "kind", "task", "priority", "minor"), at+"/2")
	if p := b.is(b.get(at), 200, "Watching"); strings.Contains(p.text, "Saved searches") {
		t.Error("nothing can be saved here")
	}

	// What is watched.
	b.leads(b.post(at+"/2/watch", "watch", "off"), at+"/2")
	if p := b.is(b.get(at+"?watching=me&state=all"), 200, "Broken", `href="/acme/vault/issues?state=all&watching=me" aria-current="page"`); strings.Contains(p.text, "To do") {
		t.Error("what isn't watched is listed")
	}

	// A name that can't be: the filter stays, and what was typed.
	b.is(b.get(at+"?q=&kind=task&page="), 200, "Save this search", `name="query" value="kind=task"`)
	long := strings.Repeat("x", 61)
	p := b.is(b.post(searches, "query", "kind=task", "name", long), 400, "Use at most 60 characters", `value="`+long+`"`, "To do", `value="task" selected`)
	if strings.Contains(p.text, "Broken") {
		t.Error("another list is shown")
	}
	b.is(b.post(searches, "query", "", "name", "x"), 400, "Choose a filter first")
	b.is(b.post(searches, "query", "%zz", "name", "x"), 400, "Choose a filter first")
	if to := b.leads(b.post(searches, "query", "kind=task&page=7&evil=1&q=%22%3E%3Cb%3E", "name", "<b>Work"), at); to != at+"?kind=task&q=%22%3E%3Cb%3E" {
		t.Error(to)
	}
	b.leads(b.post(searches, "query", "kind=task", "name", "Tasks"), at)
	p = b.is(b.get(at+"?sort=&kind=task"), 200, `href="/acme/vault/issues?kind=task" aria-current="page">Tasks<`, "?kind=task&q=%22%3E%3Cb%3E")
	if raw := p.Body.String(); !strings.Contains(raw, "&lt;b&gt;Work") || strings.Contains(raw, "<b>Work") {
		t.Error("a name is taken for markup")
	}
	b.is(b.post(searches, "query", "kind=bug", "name", "tasks"), 409, "You have a search of that name already", `value="tasks"`)
	if p := other.get(at + "?kind=task"); strings.Contains(p.text, "Tasks") {
		t.Error("another's search is shown")
	}

	id := p.find(t, `name="search" value="([0-9a-f-]+)"><label class="sr" for="[^"]*">Name of Tasks`)
	b.is(b.post(searches+"/change", "query", "kind=task", "search", id, "name", " "), 400, "Give it a name", "To do")
	b.is(b.post(searches+"/change", "query", "", "search", id, "name", long), 400, "Use at most 60 characters", `value="`+long+`"`)
	b.is(other.post(searches+"/change", "search", id, "name", "Mine"), 409, "removed already")
	b.leads(b.post(searches+"/change", "query", "kind=task", "search", id, "name", "Chores"), at)
	b.is(b.get(at), 200, `href="/acme/vault/issues?kind=task">Chores<`)
	b.leads(b.post(searches+"/change", "search", id, "remove", "1"), at)
	if p := b.is(b.get(at), 200, "Deleted."); strings.Contains(p.text, "Chores") {
		t.Error("a removed search is shown")
	}
}
