package web

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/git"
	"sallyport.dev/internal/git/gittest"
)

func TestHistoryPages(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"main.go": "package main\n", "docs/a.md": "# A\n", "big.txt": strings.Repeat("line\n", unfoldedFile+1)})

		p := b.is(b.get("/acme/vault"), 200, "Find a file", `data-key="t"`, "/acme/vault/get/main.zip", "Go", `<span class="last">`)
		commit := p.find(t, `href="(/acme/vault/commits/[0-9a-f]{40})"`)
		b.is(b.get(commit), 200, "3 files changed", "package main", "New", "501 lines are folded.", "Side by side")
		b.is(b.get(commit+"?view=split"), 200, "package main", "Unified")
		b.is(b.get(commit+"?file=big.txt"), 200, "1 file changed", "501", "All files")
		b.is(b.get(commit+"?file=../x"), 404)
		b.is(b.get("/acme/vault/commits/main/docs"), 200, "First <commit>", "docs")
		b.is(b.get("/acme/vault/commits/main?author=nobody"), 200, "Nobody of that name")
		b.is(b.get("/acme/vault/blame/main/main.go"), 200, "package main", "Ada", commit)
		b.is(b.get("/acme/vault/find/main?q=mgo"), 200, "/acme/vault/src/main/main.go")
		b.is(b.get("/acme/vault/search?q=PACKAGE"), 200, `href="/acme/vault/src/main/main.go#L1"`)
		b.is(b.get("/acme/vault/search?q="+strings.Repeat("x", 300)), 400, "at most 200")

		archive := b.is(b.get("/acme/vault/get/main.zip"), 200)
		if _, err := zip.NewReader(bytes.NewReader(archive.Body.Bytes()), int64(archive.Body.Len())); err != nil ||
			archive.Header().Get("Content-Disposition") != "attachment; filename*=UTF-8''vault-main.zip" {
			t.Error(err, archive.Header())
		}
		b.is(b.get("/acme/vault/get/feature/x.tar.gz"), 200)
	})
}

func TestBranchesAndTags(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"main.go": "package main\n"})
		const base = "/acme/vault"
		b.leads(b.post(base+"/branches/create", "name", "next", "from", "main"), base+"/branches")
		b.is(b.get(base+"/branches"), 200, "next", "0 ahead, 0 behind")
		b.is(b.post(base+"/branches/create", "name", "next", "from", "main"), 409, "There is one of that name already", `value="next"`)
		b.is(b.post(base+"/branches/create", "name", "next/below"), 409)
		b.is(b.post(base+"/branches/create", "name", "a..b"), 400, "That can't be a name here", `value="a..b"`)
		b.is(b.post(base+"/branches/create", "name", "other", "from", "nothing"), 400, "There is no such branch, tag or commit.")
		b.is(b.post(base+"/branches/delete", "name", "main"), 409, "This is the default branch")
		b.is(b.post(base+"/branches/delete", "name", "next", "seen", strings.Repeat("1", 40)), 409, "pushed to it meanwhile")
		b.leads(b.get(base+"/diff?from=main&to=next"), base+"/diff/main..next")
		b.is(b.get(base+"/diff/main..next"), 200, "0 commits", "Nothing was changed")
		b.leads(b.post(base+"/branches/default", "name", "next"), base+"/branches")
		b.leads(b.post(base+"/branches/delete", "name", "main"), base+"/branches")
		b.leads(b.post(base+"/branches/create", "name", "main"), base+"/branches")

		b.leads(b.post(base+"/tags/create", "name", "v1"), base+"/tags")
		b.is(b.get(base+"/tags"), 200, "v1", base+"/get/v1.zip")
		b.leads(b.post(base+"/tags/delete", "name", "v1"), base+"/tags")
		b.is(b.get(base+"/tags"), 200, "No tags")
	})
}

func TestSideBySide(t *testing.T) {
	line := func(op byte, text string) git.DiffLine { return git.DiffLine{Op: op, Text: text} }
	rows := sideBySide([]git.DiffLine{line(' ', "a"), line('-', "b"), line('-', "c"), line('+', "d"), line(' ', "e"), line('+', "f")})
	var got []string
	for _, row := range rows {
		got = append(got, row.Left.Text+"|"+row.Right.Text)
	}
	if want := []string{"a|a", "b|d", "c|", "e|e", "|f"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMatch(t *testing.T) {
	paths := []string{"web/shell.go", "shell/web.go", "s/h/e/l/l", "README"}
	for query, want := range map[string][]string{
		"":      paths,
		"shell": {"web/shell.go", "shell/web.go", "s/h/e/l/l"},
		"shl":   {"s/h/e/l/l", "web/shell.go", "shell/web.go"},
		"SHELL": {"web/shell.go", "shell/web.go", "s/h/e/l/l"},
		"xyz":   {},
	} {
		if got := match(paths, query); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

func TestEditingFiles(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		const base = "/acme/vault"
		// The very first file of all.
		b.is(b.get(base+"/create"), 200, "New file", "On branch", "main")
		b.leads(b.post(base+"/create", "path", "README.md", "text", "# One\r\n"), base+"/src/main/README.md")
		b.is(b.get(base+"/commits/main"), 200, "Add README.md", "Ada")
		b.is(b.get(base+"/raw/main/README.md"), 200, "# One\n")

		page := b.is(b.get(base+"/edit/main/README.md"), 200, "# One")
		seen := page.find(t, `name="seen" value="([0-9a-f]{40})"`)
		b.leads(b.post(base+"/edit/main/README.md", "seen", seen, "path", "README.md", "text", "# Two\n", "message", "Count on"), base+"/src/main/README.md")
		// Somebody was faster: nothing is lost on either side.
		conflict := b.is(b.post(base+"/edit/main/README.md", "seen", seen, "path", "README.md", "text", "# Mine\n"), 409, "pushed to this branch meanwhile", "# Mine", "# Two")
		seen = conflict.find(t, `name="seen" value="([0-9a-f]{40})"`)
		b.leads(b.post(base+"/edit/main/README.md", "seen", seen, "path", "docs/readme.md", "text", "# Mine\n"), base+"/src/main/docs/readme.md")
		b.is(b.get(base+"/src/main/README.md"), 404)

		b.leads(b.post(base+"/create/main/docs", "path", "docs/b.txt", "text", "b"), base+"/src/main/docs/b.txt")
		b.is(b.post(base+"/create/main/docs", "path", "docs/b.txt", "text", "kept"), 409, "There is a file or folder of that name already.", "kept")
		for _, path := range []string{"", "../x", "a/.git/config", "a//b", ".GIT /x"} {
			b.is(b.post(base+"/create/main", "path", path, "text", "kept"), 400, "Give the file a name", "kept")
		}
		b.leads(b.post(base+"/edit/main/docs/b.txt", "path", "docs/b.txt", "do", "delete"), base+"/src/main/docs")
		b.is(b.get(base+"/edit/main/docs"), 404)
	})
}

// The history of a file goes on under the names that it had, page by page.
func TestTheHistoryOfARenamedFile(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		text := func(i int) string { return strings.Repeat("a line that stays\n", 20) + fmt.Sprintln(i) }
		w.pushes(map[string]string{"old/name.txt": text(0)})
		work := w.TempDir()
		gittest.Run(t, work, nil, "clone", "-q", w.repositoryDir(), ".")
		commit := func(message, name string, i int) {
			if err := os.WriteFile(filepath.Join(work, name), []byte(text(i)), 0o600); err != nil {
				t.Fatal(err)
			}
			gittest.Run(t, work, nil, "commit", "-qam", message)
		}
		for i := range commitsShown {
			commit(fmt.Sprintf("Edit %d.", i), "old/name.txt", i+1)
		}
		gittest.Run(t, work, nil, "mv", "old/name.txt", "new.txt")
		gittest.Run(t, work, nil, "commit", "-qm", "Move it")
		moved := gittest.Run(t, work, nil, "rev-parse", "HEAD")
		commit("Edit it there", "new.txt", 99)
		gittest.Run(t, work, nil, "push", "-q")

		p := b.is(b.get("/acme/vault/commits/main/new.txt"), 200, "Edit it there", "Move it", "renamed from old/name.txt", "Edit 29.",
			"/acme/vault/src/"+moved+"/new.txt", "/old/name.txt", "Edit 2.")
		if strings.Contains(p.text, "Edit 1.") {
			t.Error("a page is longer than it should be")
		}
		older := p.find(t, `href="([^"]*)">Older commits`)
		p = b.is(b.get(older), 200, "Edit 1.", "Edit 0.", "First <commit>", "/old/name.txt", "Newest")
		if strings.Contains(p.text, "Edit 2.") || strings.Contains(p.text, "Older commits") {
			t.Error("the second page doesn't go on where the first ended")
		}
	})
}

// Images that were changed are shown, before and after, by the address that runs
// nothing; of other files that aren't text the page says how long they are.
func TestImagesInAComparison(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		png, svg := "\x89PNG\r\n\x1a\n\x00", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
		w.pushes(map[string]string{"changed & kept.png": png, "gone.gif": "GIF89a\x00", "data.bin": "\x00\x01", "huge.jpg": "\x00"})
		work := w.TempDir()
		git := func(args ...string) string { return gittest.Run(t, work, nil, args...) }
		git("clone", "-q", w.repositoryDir(), ".")
		before := git("rev-parse", "HEAD")
		for name, text := range map[string]string{"changed & kept.png": png + "\x01", "new.svg": svg, "data.bin": "\x00\x01\x02", "huge.jpg": strings.Repeat("\x00", 2<<20+1)} {
			if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Remove(filepath.Join(work, "gone.gif")), os.Symlink("new.svg", filepath.Join(work, "link.png"))); err != nil {
			t.Fatal(err)
		}
		git("add", "-A")
		git("commit", "-qm", "Pictures")
		git("push", "-q")
		after := git("rev-parse", "HEAD")

		const raw = `src="/acme/vault/raw/`
		for _, path := range []string{"/acme/vault/commits/" + after, "/acme/vault/diff/feature/x..main"} {
			p := b.is(b.get(path), 200, "Before · 9 bytes", "After · 10 bytes", raw+before+`/changed%20&%20kept.png"`, raw+after+`/changed%20&%20kept.png"`,
				raw+before+"/gone.gif", raw+after+"/new.svg", "<svg xmlns", "This file isn't text, so its lines aren't compared: 2 bytes before, 3 bytes after.", raw+before+"/huge.jpg")
			for _, not := range []string{raw + after + "/gone.gif", raw + before + "/new.svg", raw + after + "/huge.jpg", raw + after + "/link.png", raw + after + "/data.bin", "<script>"} {
				if strings.Contains(p.Body.String(), not) {
					t.Errorf("%s shows %s", path, not)
				}
			}
		}
		shown := b.is(b.get("/acme/vault/raw/"+after+"/new.svg"), 200)
		if h := shown.Header(); h.Get("Content-Type") != "image/svg+xml" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Error(h)
		}
		first := b.is(b.get("/acme/vault/commits/"+before), 200, raw+before+"/gone.gif", ": 2 bytes after.")
		if strings.Contains(first.text, "Before ·") {
			t.Error("a first commit shows images from before it")
		}
	})
}

// A comparison lists the newest commits that are in it and leads to all of them,
// page by page, and to no others.
func TestTheCommitsOfAComparison(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"a.txt": "1"})
		work := w.TempDir()
		git := func(args ...string) string { return gittest.Run(t, work, nil, args...) }
		git("clone", "-q", w.repositoryDir(), ".")
		git("commit", "-q", "--allow-empty", "-m", "Only on main")
		git("push", "-q", "origin", "main")
		git("switch", "-q", "feature/x")
		const base, many = "/acme/vault", commitsShown + 3
		for i := range many {
			git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("Step %d.", i))
		}
		git("push", "-q", "origin", "feature/x")

		lists := func(p page, from, to int) {
			t.Helper()
			for i := range many {
				if has, want := strings.Contains(p.text, fmt.Sprintf("Step %d.", i)), from <= i && i <= to; has != want {
					t.Errorf("step %d is listed: %v", i, has)
				}
			}
			if strings.Contains(p.text, "Only on main") || strings.Contains(p.text, "First <commit>") {
				t.Error("a commit that isn't in the comparison is listed")
			}
		}
		p := b.is(b.get(base+"/diff/main..feature/x"), 200, "33 commits</a>")
		lists(p, many-commitsCompared, many-1)
		all := p.find(t, `href="([^"]*)">All 33 commits`)
		p = b.is(b.get(all), 200, "Without the commit", "Older commits")
		lists(p, 3, many-1)
		p = b.is(b.get(p.find(t, `href="([^"]*)">Older commits`)), 200, "Newest")
		lists(p, 0, 2)
		lists(b.is(b.get(p.find(t, `href="([^"]*)">Newest`)), 200, "Older commits"), 3, many-1)
		lists(b.is(b.get(all+"&author=nobody"), 200, "Nobody of that name"), 1, 0)
		b.is(b.get(base+"/diff/feature/x..main"), 200, "Only on main")
		b.is(b.get(base+"/commits/main?without="+strings.Repeat("1", 40)), 404)
	})
}
