package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

// BenchmarkPages asks for each page of a repository of 20,000 commits and 5,000
// files, put in order as upkeep does, by a member's browser, with warm caches;
// and for those of its issues, its wiki and a snippet. It prints the server's
// time for each page; "a new search" is one that nothing is remembered of
// (decision 0052).
func BenchmarkPages(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b), testSite)
	ada := w.signedIn("ada")
	ada.founds()
	dir := w.repositoryDir()
	gittest.History(b, dir, 20_000, 5_000)
	if err := w.Repositories.Git.Repository(dir).Maintain(b.Context(), true); err != nil {
		b.Fatal(err)
	}
	const base = "/acme/vault"
	snippet := ada.besides(base)
	tip := gittest.Run(b, dir, nil, "rev-parse", "main")
	older := ada.get(base+"/commits/main").find(b, `href="([^"]*)">Older commits`)
	topic := gittest.Run(b, dir, nil, "for-each-ref", "--format=%(refname:short)", "--count=1", "refs/heads/team*")
	for _, page := range []struct {
		name, path string
		folder     bool // shows what each file changed in last, once that is known
	}{
		{name: "home", path: "/"},
		{name: "workspace", path: "/acme"},
		{name: "overview", path: base, folder: true},
		{name: "tree", path: base + "/src/main/src/part7", folder: true},
		{name: "large tree", path: base + "/src/main/src", folder: true},
		{name: "file", path: base + "/src/main/src/part7/file7.go"},
		{name: "raw", path: base + "/raw/main/src/part7/file7.go"},
		{name: "blame", path: base + "/blame/main/src/part7/file7.go"},
		{name: "commits", path: base + "/commits/main"},
		{name: "commits, next", path: older},
		{name: "commits of a file", path: base + "/commits/main/src/part7/file7.go"},
		{name: "commits of an author", path: base + "/commits/main?author=dev3"},
		{name: "commit", path: base + "/commits/" + tip},
		{name: "commit, side by side", path: base + "/commits/" + tip + "?view=split"},
		{name: "compare commits", path: base + "/diff/" + gittest.Run(b, dir, nil, "rev-parse", "main~20") + ".." + tip},
		{name: "compare branches", path: base + "/diff/main.." + topic},
		{name: "branches", path: base + "/branches"},
		{name: "tags", path: base + "/tags"},
		{name: "search", path: base + "/search/main?q=guardshut"},
		{name: "find a file", path: base + "/find/main?q=file42"},
		{name: "edit", path: base + "/edit/main/src/part7/file7.go"},
		{name: "settings", path: base + "/admin"},
		{name: "issues", path: base + "/issues"},
		{name: "issues, searched", path: base + "/issues?q=words&state=all"},
		{name: "issue", path: base + "/issues/1"},
		{name: "wiki page", path: base + "/wiki/Home"},
		{name: "wiki history", path: base + "/wiki/_history/Home"},
		{name: "wiki search", path: base + "/wiki/_search?q=words"},
		{name: "snippets", path: "/acme/snippets"},
		{name: "snippet", path: snippet},
	} {
		b.Run(page.name, func(b *testing.B) {
			p := ada.get(page.path) // finds what is remembered
			for page.folder && !strings.Contains(p.text, `class="last"`) {
				p = ada.get(page.path)
			}
			ada.timed(b, func() string { return page.path })
		})
	}
	b.Run("a new search", func(b *testing.B) {
		asked := 0
		ada.timed(b, func() string { asked++; return fmt.Sprint(base, "/search/main?q=guardshut", asked) })
	})
}

// timed asks for pages and reports the time that each takes.
func (b *browser) timed(bench *testing.B, path func() string) {
	for bench.Loop() {
		at := path()
		if p := b.send(httptest.NewRequest(http.MethodGet, at, nil)); p.Code != http.StatusOK {
			bench.Fatalf("%s: %d %s", at, p.Code, p.text)
		}
	}
	bench.ReportMetric(float64(bench.Elapsed().Microseconds())/1000/float64(bench.N), "ms/page")
}

// besides gives a repository 300 issues, the first with 30 comments, and a wiki
// with 100 pages; and its workspace 50 snippets, the address of one of which it gives.
func (b *browser) besides(base string) (snippet string) {
	text := "# Words\n\n" + strings.Repeat("Some *words* about `code`, and [a link](https://example.com).\n\n", 20)
	for i := range 300 {
		b.leadsTo(b.post(base+"/issues/new", "title", fmt.Sprint("Issue ", i), "text", text, "kind", "bug", "priority", "major", "assignee", "ada"))
	}
	for i := range 30 {
		b.leadsTo(b.post(base+"/issues/1", "text", fmt.Sprint(text, i)))
	}
	b.leadsTo(b.post(base+"/wiki/_edit/Home", "text", text))
	for i := range 100 {
		b.leadsTo(b.post(base+"/wiki/_new", "name", fmt.Sprint("page ", i), "text", text))
	}
	for i := range 50 {
		snippet = b.leadsTo(b.post("/acme/snippets/new", "title", fmt.Sprint("Snippet ", i), "files", "2", "name-0", "a.go", "text-0", strings.Repeat("func f() int { return 1 }\n", 50), "name-1", "b.md", "text-1", text))
	}
	return strings.Split(snippet, "?")[0]
}
