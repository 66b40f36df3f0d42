package gitssh_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/git/gittest"
)

// As over HTTP, so over SSH: a push of what no git should hold is refused whole.
func TestHostilePushesAreRefusedWhole(t *testing.T) {
	w := newWorld(t)
	mine := w.keyOf(w.bob)
	p := w.with(mine)
	p.git("init", "-q", "-b", "main", "hostile")
	p = p.in("hostile")
	p.commit("a", "a\n")
	to, before := w.address("acme/app.git"), p.git("rev-parse", "HEAD")
	p.git("push", "-q", to, "main")
	dir := filepath.Join(p.dir, ".git")
	refs, objects := p.git("ls-remote", to), w.objects()
	untouched := func(name string) {
		t.Helper()
		if now := p.git("ls-remote", to); now != refs {
			t.Errorf("%s left references:\n%s", name, now)
		}
		if now := w.objects(); now != objects {
			t.Errorf("%s left objects:\n%s", name, now)
		}
	}
	client := w.client(mine)
	for _, push := range gittest.HostilePushes(t, dir) {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		session.Stdin = bytes.NewReader(push.Body(t, dir, before))
		out, _ := session.CombinedOutput("git-receive-pack 'acme/app.git'")
		session.Close()
		for _, says := range []string{push.Says, "This push could not be taken, for the reason above. Nothing was changed.", "ng refs/tags/evil ", "ng refs/heads/fine "} {
			if !strings.Contains(string(out), says) {
				t.Errorf("%s, by hand: %q lacks %q", push.Name, out, says)
			}
		}
		untouched(push.Name)
		if !push.Stock {
			continue
		}
		said, status := p.run("git", "push", to, push.Tip+":refs/heads/evil", before+":refs/heads/fine")
		if status != 1 || !strings.Contains(said, push.Says) || !strings.Contains(said, "remote: error: object ") || !strings.Contains(said, "[remote rejected]") {
			t.Errorf("%s: %d %s", push.Name, status, said)
		}
		untouched(push.Name)
	}
}

// objects lists every file and every quarantine in the room's folder.
func (w *world) objects() string {
	w.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(w.repos.Dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && (!d.IsDir() || strings.Contains(path, "incoming")) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return strings.Join(found, "\n")
}
