package repo_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// source is a repository elsewhere: two branches, a tag, HEAD on "trunk".
func (w *world) source() (dir, tip string) {
	k := work{world: w, dir: w.TempDir()}
	k.git("init", "-q", "-b", "trunk")
	k.commit("zero", "zero.txt", "0")
	k.git("branch", "other")
	tip = k.commit("one", "a.txt", "a", "b/c.txt", strings.Repeat("noise", 100))
	k.git("tag", "-a", "-m", "first", "v1")
	k.git("update-ref", "refs/pull/1/head", tip)
	k.git("update-server-info")
	return k.dir, tip
}

// came gives the outcome of an import.
func (w *world) came(id string) repo.Importing {
	w.Helper()
	w.ImportQueued(w.Context())
	found, err := w.Importing(w.Context(), w.grant(access.CreateRepository, ""), id)
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// nothing checks that a failed import left no row and no file.
func (w *world) nothing() {
	w.Helper()
	n, err := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM repository`)
	if files := w.files(); err != nil || n != 0 || len(files) > 0 {
		w.Errorf("left: %d rows, %v, %v", n, files, err)
	}
}

func TestImport(t *testing.T) {
	each(t, func(w *world) {
		dir, tip := w.source()
		bundle := filepath.Join(w.TempDir(), "x.bundle")
		work{world: w, dir: dir}.git("bundle", "create", "-q", bundle, "--branches", "--tags", "HEAD")
		plain := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, ".git"))))
		defer plain.Close()
		w.ImportFrom = []string{"file://" + filepath.Dir(dir), plain.URL + "/"}
		data, err := os.ReadFile(bundle)
		if err != nil {
			t.Fatal(err)
		}
		for name, from := range map[string]repo.Source{
			"by-file": {Address: "file://" + dir}, "by-http": {Address: plain.URL}, "by-bundle": {Bundle: bytes.NewReader(data)},
		} {
			g := w.grant(access.CreateRepository, "")
			id, err := w.Import(t.Context(), g, repo.Input{Name: name, Public: name == "by-http"}, from)
			if err != nil {
				t.Fatal(name, err)
			}
			if found := w.came(id); found.State != "done" || found.Repository != name {
				t.Fatalf("%s: %+v", name, found)
			}
			content, err := w.Open(t.Context(), w.grant(access.ReadRepository, name))
			if err != nil {
				t.Fatal(err)
			}
			branches, err := first(content.Branches(t.Context(), "", 10))
			if head, _ := content.DefaultBranch(t.Context()); err != nil || head != "trunk" || len(branches) != 2 || string(branches[0].Commit.OID) != tip {
				t.Errorf("%s: HEAD is %s, %+v %v", name, head, branches, err)
			}
			stored := filepath.Join(w.Dir, id[len(id)-2:], id+".git")
			for _, args := range [][]string{{"fsck", "--strict"}, {"rev-parse", "--verify", "-q", "v1"}} {
				if out, err := exec.Command("git", append([]string{"-C", stored}, args...)...).CombinedOutput(); err != nil {
					t.Errorf("%s: git %v: %s", name, args, out)
				}
			}
			if err := exec.Command("git", "-C", stored, "rev-parse", "--verify", "-q", "refs/pull/1/head").Run(); err == nil {
				t.Errorf("%s: more than branches and tags came", name)
			}
			if text, _ := os.ReadFile(filepath.Join(stored, "config")); bytes.Contains(text, []byte("url")) {
				t.Errorf("%s: the address is kept: %s", name, text)
			}
			if _, err := w.Import(t.Context(), g, repo.Input{Name: name}, repo.Source{Bundle: bytes.NewReader(data)}); !errs.Is(err, errs.KindConflict) {
				t.Errorf("again: %v", err)
			}
		}
		for _, path := range w.files() {
			if strings.HasSuffix(path, ".bundle") {
				t.Errorf("left: %s", path)
			}
		}
	})
}

// Whatever is wrong with what is brought in, nothing of it stays.
func TestAnImportIsWholeOrNothing(t *testing.T) {
	each(t, func(w *world) {
		dir, tip := w.source()
		k := work{world: w, dir: dir}
		bundleOf := func(args ...string) []byte {
			return k.run(nil, append([]string{"bundle", "create", "-q", "-"}, args...)...)
		}
		whole := bundleOf("--branches", "HEAD")
		k.commit("two", "two.txt", "2")
		thin := bundleOf("trunk", "^"+tip)
		tree := k.run([]byte("100644 blob "+strings.TrimSpace(string(k.run([]byte("x"), "hash-object", "-w", "--stdin")))+"\t.git\n"), "mktree")
		k.git("update-ref", "refs/heads/evil", k.git("commit-tree", "-m", "evil", strings.TrimSpace(string(tree))))
		evil := bundleOf("evil")
		moved := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
		defer moved.Close()
		w.ImportFrom = []string{moved.URL, "file://" + w.TempDir(), "http://127.0.0.1:1"}
		cases := map[string]repo.Source{
			"text":        {Bundle: strings.NewReader("not a bundle")},
			"empty":       {Bundle: strings.NewReader("")},
			"cut short":   {Bundle: bytes.NewReader(whole[:len(whole)-30])},
			"lacks":       {Bundle: bytes.NewReader(thin)},
			"a .git tree": {Bundle: bytes.NewReader(evil)},
			"redirect":    {Address: moved.URL + "/x.git"},
			"nobody":      {Address: "http://127.0.0.1:1/x.git"},
		}
		for name, from := range cases {
			id, err := w.Import(t.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "app"}, from)
			if err != nil {
				t.Fatal(name, err)
			}
			if found := w.came(id); found.State != "failed" || found.Message == "" || strings.Contains(found.Message, "/") {
				t.Errorf("%s: %+v", name, found)
			}
			w.nothing()
		}
		g := w.grant(access.CreateRepository, "")
		for name, limit := range map[string]func(){"its size": func() { w.MaxSize = 10 }, "its branches": func() { w.MaxSize, w.MaxRefs = 0, 1 }} {
			w.MaxSize, w.MaxRefs = 0, 0
			limit()
			id, err := w.Import(t.Context(), g, repo.Input{Name: "app"}, repo.Source{Bundle: bytes.NewReader(whole)})
			if err != nil {
				t.Fatal(err)
			}
			if found := w.came(id); found.State != "failed" || !strings.Contains(found.Message, "the limit here") {
				t.Errorf("%s: %+v", name, found)
			}
			w.nothing()
		}
		endless := io.LimitReader(zeros{}, w.MaxPush+1)
		if _, err := w.Import(t.Context(), g, repo.Input{Name: "app"}, repo.Source{Bundle: endless}); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["bundle"] == "" {
			t.Errorf("a file over the limit: %v", err)
		}
		w.nothing()
	})
}

// Why nothing can be fetched from an address is told in words, and nothing is left.
func TestWhatKeepsAnImport(t *testing.T) {
	each(t, func(w *world) {
		says := func(status int) string {
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				if status == http.StatusUnauthorized {
					rw.Header().Set("WWW-Authenticate", "Basic")
				}
				http.Error(rw, "no", status)
			}))
			t.Cleanup(server.Close)
			return server.URL + "/x.git"
		}
		strange := httptest.NewTLSServer(http.NotFoundHandler())
		defer strange.Close()
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		folder := w.TempDir()
		for address, words := range map[string]string{
			says(http.StatusUnauthorized): "It can't be read without signing in. Import a file of it instead.",
			says(http.StatusForbidden):    "It can't be read without signing in. Import a file of it instead.",
			says(http.StatusNotFound):     "There is no git repository at that address.",
			says(http.StatusOK):           "There is no git repository at that address.",
			strange.URL + "/x":            "This server doesn't trust the certificate at that address.",
			gone.URL + "/x":               "Nothing answers at that address. See whether it is right.",
			"file://" + folder:            "There is no git repository at that address.",
		} {
			w.ImportFrom = []string{address}
			id, err := w.Import(t.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "app"}, repo.Source{Address: address})
			if err != nil {
				t.Fatal(address, err)
			}
			if found := w.came(id); found.State != "failed" || found.Message != words {
				t.Errorf("%s: %+v, want %q", address, found, words)
			}
			w.nothing()
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An import whose program was killed is given up, with what has come of it.
func TestAnImportThatIsBrokenOff(t *testing.T) {
	each(t, func(w *world) {
		dir, _ := w.source()
		w.ImportFrom = []string{"file://" + dir}
		id, err := w.Import(t.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "app"}, repo.Source{Address: "file://" + dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := (git.Store{Git: w.Git, Dir: w.Dir, Suffix: ".git"}).Create(id); err != nil {
			t.Fatal(err)
		}
		w.now.Advance(2 * 60 * 60 * 1e9)
		if err := w.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found := w.came(id); found.State != "failed" || !strings.Contains(found.Message, "stopped") {
			t.Errorf("%+v", found)
		}
		w.nothing()
	})
}

// TestImportFromElsewhere: only what the operator allows is asked, whatever
// the address looks like.
func TestImportFromElsewhere(t *testing.T) {
	each(t, func(w *world) {
		top := w.TempDir()
		inside, outside := filepath.Join(top, "mirrors"), filepath.Join(top, "secret")
		for _, dir := range []string{inside, outside, filepath.Join(inside, "ok"), top + "/mirrors-not"} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(outside, filepath.Join(inside, "link")); err != nil {
			t.Fatal(err)
		}
		w.ImportFrom = []string{"https://git.example.com/team", "ssh://git@git.example.com/team", "file://" + inside}
		g := w.grant(access.CreateRepository, "")
		for _, address := range []string{
			"", "x", "/etc", "ext::sh -c true", "ssh://git.example.com/team/x", "git://git.example.com/team/x", "ftp://git.example.com/team/x",
			"http://git.example.com/team/x", "https://git.example.com/", "https://git.example.com/teams/x", "https://git.example.com/team/../x",
			"https://git.example.com/team/%2e%2e/x", "https://git.example.com/team//../x", "https://git.example.com:8443/team/x",
			"https://git.example.com.evil.test/team/x", "https://evil.test/git.example.com/team", "https://git.example.com@evil.test/team/x",
			"https://user:secret@git.example.com/team/x", "https://git.example.com/team/x?y", "https://git.example.com/team/x#y",
			"https://git.example.com\\@evil.test/team/x", "https://git.example.com/team/\nx", "https://127.0.0.1/team", "--upload-pack=touch",
			"file://" + outside, "file://" + inside + "/../secret", "file://" + inside + "/link", "file://localhost" + inside + "/ok", "file://" + inside + "-not",
			"file:" + inside + "/ok", "file://" + inside + "/none",
			"ssh://root@git.example.com/team/x", "ssh://git:secret@git.example.com/team/x", "ssh://git@git.example.com:2222/team/x", "ssh://git@git.example.com/teams/x",
			"ssh://-oProxyCommand=touch@git.example.com/team/x", "ssh://git@-oProxyCommand=touch/team/x", "ssh://git@git.example.com/team/../x",
			"ssh://git@evil.test@git.example.com/team/x", "git@git.example.com:team/x", "https://git@git.example.com/team/x",
		} {
			if _, err := w.Import(t.Context(), g, repo.Input{Name: "app"}, repo.Source{Address: address}); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["address"] == "" {
				t.Errorf("%q: %v", address, err)
			}
		}
		for _, address := range []string{"https://git.example.com/team/x.git", "https://GIT.example.com/team/x/", "ssh://git@git.example.com/team/x.git", "file://" + inside + "/ok"} {
			if _, err := w.Import(t.Context(), g, repo.Input{Name: "app"}, repo.Source{Address: address}); err != nil {
				t.Errorf("%q: %v", address, err)
			}
		}
		w.ImportFrom = nil
		if _, err := w.Import(t.Context(), g, repo.Input{Name: "app"}, repo.Source{Address: "https://git.example.com/team/x.git"}); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("nothing is allowed: %v", err)
		}
	})
}

func TestFork(t *testing.T) {
	each(t, func(w *world) {
		made := w.create("app")
		k := w.work("app")
		tip := k.commit("one", "a.txt", "a")
		k.push(create(tip, "refs/heads/main"))
		g := w.grant(access.ReadRepository, "app")
		if _, err := w.Fork(t.Context(), g, w.grant(access.CreateRepository, ""), "app"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("onto itself: %v", err)
		}
		if _, err := w.Fork(t.Context(), g, g, "copy"); err == nil {
			t.Error("without a grant to create")
		}
		id, err := w.Fork(t.Context(), g, w.grant(access.CreateRepository, ""), "copy")
		if err != nil {
			t.Fatal(err)
		}
		if found := w.came(id); found.State != "done" {
			t.Fatalf("%+v", found)
		}
		copied := w.grant(access.ReadRepository, "copy")
		content, err := w.Open(t.Context(), copied)
		if err != nil {
			t.Fatal(err)
		}
		if branches, err := first(content.Branches(t.Context(), "", 2)); err != nil || len(branches) != 1 || string(branches[0].Commit.OID) != tip {
			t.Errorf("%+v %v", branches, err)
		}
		if origin, err := w.Origin(t.Context(), copied); err != nil || origin != (access.Target{Workspace: "acme", Repository: "app"}) {
			t.Errorf("%+v %v", origin, err)
		}
		w.exec(`DELETE FROM repository WHERE id = $1`, made.ID)
		if origin, err := w.Origin(t.Context(), copied); err != nil || origin != (access.Target{}) {
			t.Errorf("%+v %v", origin, err)
		}
	})
}
