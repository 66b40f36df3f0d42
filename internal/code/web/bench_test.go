package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

// BenchmarkPages asks for each page of a repository of 20,000 commits and 5,000
// files, put in order as upkeep does, by a member's browser, with warm caches.
// It prints the server's time for each page.
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
	tip := gittest.Run(b, dir, nil, "rev-parse", "main")
	older := ada.get(base+"/commits/main").find(b, `href="([^"]*)">Older commits`)
	for _, page := range []struct{ name, path string }{
		{"overview", base},
		{"tree", base + "/src/main/src/part7"},
		{"large tree", base + "/src/main/src"},
		{"file", base + "/src/main/src/part7/file7.go"},
		{"raw", base + "/raw/main/src/part7/file7.go"},
		{"blame", base + "/blame/main/src/part7/file7.go"},
		{"commits", base + "/commits/main"},
		{"commits, next", older},
		{"commits of a file", base + "/commits/main/src/part7/file7.go"},
		{"commits of an author", base + "/commits/main?author=dev3"},
		{"commit", base + "/commits/" + tip},
		{"compare", base + "/diff/" + gittest.Run(b, dir, nil, "rev-parse", "main~20") + ".." + tip},
		{"branches", base + "/branches"},
		{"tags", base + "/tags"},
		{"search", base + "/search/main?q=guardshut"},
		{"find a file", base + "/find/main?q=file42"},
		{"edit", base + "/edit/main/src/part7/file7.go"},
	} {
		b.Run(page.name, func(b *testing.B) {
			p := ada.get(page.path) // finds what is remembered
			for strings.Contains(p.text, `class="files"`) && !strings.Contains(p.text, `class="last"`) {
				p = ada.get(page.path)
			}
			for b.Loop() {
				if p := ada.send(httptest.NewRequest(http.MethodGet, page.path, nil)); p.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", page.path, p.Code, p.text)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/page")
		})
	}
}
