package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/git/gittest"
)

// The messages of commits lead to the issues and commits that they name, but
// nobody who may not read the tracker learns from them what is in it.
func TestCommitMessagesReferToWhatTheReaderMayKnow(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		const base = "/acme/vault"
		b.leads(b.post(base+"/issues/new", "title", "The hush-hush title", "kind", "bug", "priority", "major"), base+"/issues/1")
		w.pushes(map[string]string{"a.txt": "1"})
		work := w.TempDir()
		git := func(args ...string) string { return gittest.Run(t, work, nil, args...) }
		git("clone", "-q", w.repositoryDir(), ".")
		first := git("rev-parse", "HEAD")
		if err := os.WriteFile(filepath.Join(work, "a.txt"), []byte("2"), 0o600); err != nil {
			t.Fatal(err)
		}
		git("commit", "-qam", "Fix #1 & not #2, after "+first[:8]+"\n\nAs "+first+" said of #1 <b>, not deadbeefdeadbeef. @ada")
		git("push", "-q")
		commit := base + "/commits/" + git("rev-parse", "HEAD")
		git("commit", "-q", "--allow-empty", "-m", "#1")
		git("push", "-q", "origin", "HEAD:refs/heads/bare")

		issue, earlier := `<a href="`+base+`/issues/1">#1</a>`, `<a href="`+base+`/commits/`+first+`">`
		pages := []string{commit, base + "/commits/main", base, base + "/src/main"}
		for _, path := range pages {
			p := b.is(b.get(path), 200, issue, earlier+first[:8])
			if strings.Contains(p.text, "hush-hush") || strings.Contains(p.text, "/issues/2") || strings.Contains(p.text, "assignee=ada") {
				t.Errorf("%s: %s", path, p.text)
			}
		}
		b.is(b.get(commit), 200, earlier+first+"</a> said of "+issue, "not deadbeefdeadbeef. @ada")
		b.is(b.get(base+"/commits/bare"), 200, `/commits/`+git("rev-parse", "HEAD")+`">#1</a>`)

		// The code becomes everybody's to read, the tracker stays private.
		b.enrols(twoStepPath)
		b.leads(b.post(base+"/admin/visibility", "visibility", "public"), base+"/admin")
		for _, path := range pages {
			if p := b.is(b.get(path), 200, issue); p.Code != 200 {
				t.Error(path)
			}
			stranger := w.browser()
			p := stranger.is(stranger.get(path), 200, "Fix #1", earlier+first[:8])
			if strings.Contains(p.text, "/issues") {
				t.Errorf("%s tells a stranger of the tracker: %s", path, p.text)
			}
		}
		// A tracker that is off has no issues, nor has one any that aren't in it.
		b.leads(b.post(base+"/admin/issues", "visibility", "private"), base+"/admin/issues")
		if p := b.is(b.get(commit), 200, "Fix #1"); strings.Contains(p.text, "/issues/1") {
			t.Errorf("it leads to a tracker that is off: %s", p.text)
		}
	})
}
