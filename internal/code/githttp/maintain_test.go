package githttp_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/internal/db"
)

// Files are put in order all the while that stock git pushes and clones; nobody
// notices, and nothing is lost.
func TestMaintenanceBesidePushesAndClones(t *testing.T) {
	w := newWorld(t)
	k, _ := w.started()
	stop, ended := make(chan struct{}), make(chan error)
	rounds := 0
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			tended := w.Now.Now()
			if rounds%2 == 0 {
				tended = tended.Add(-48 * time.Hour)
			}
			rounds++
			_, err := db.Exec(t.Context(), w.DB, `UPDATE repository SET pushes = 30, tended = $1 WHERE slug = 'app'`, tended)
			if err == nil {
				err = w.repos.Tend(t.Context())
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 8 {
		k.write(fmt.Sprintf("commit %d", i), fmt.Sprintf("f%d.txt", i), noise(5000+i))
		k.run("tag", fmt.Sprintf("v%d", i))
		k.run("push", "-q", "origin", "main", fmt.Sprintf("main:b%d", i), fmt.Sprintf("v%d", i))
		name := fmt.Sprintf("clone%d", i)
		k.run("clone", "-q", w.app(w.alice), name)
		if got := k.in(name).run("rev-parse", "HEAD"); got != k.run("rev-parse", "HEAD") {
			t.Fatalf("round %d clones %s", i, got)
		}
	}
	close(stop)
	if err := <-ended; err != nil || rounds < 2 {
		t.Fatal(rounds, err)
	}
	if _, err := db.Exec(t.Context(), w.DB, `UPDATE repository SET pushes = 1, tended = 0 WHERE slug = 'app'`); err != nil {
		t.Fatal(err)
	}
	if err := w.repos.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	folder := w.folder("app")
	if out, err := exec.Command("git", "-C", folder, "fsck", "--full", "--strict").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for pattern, want := range map[string]int{
		"objects/pack/*.bitmap": 1, "packed-refs": 1, "refs/heads/*": 0, "objects/??": 0, "objects/info/commit-graphs/graph-*.graph": 1,
	} {
		if found, _ := filepath.Glob(filepath.Join(folder, pattern)); len(found) != want {
			t.Errorf("%s: %v, want %d", pattern, found, want)
		}
	}
	if left, err := db.One[int](t.Context(), w.DB, `SELECT pushes FROM repository WHERE slug = 'app'`); err != nil || left != 0 {
		t.Error(left, err)
	}
}

// folder is where a repository lies.
func (w *world) folder(slug string) string {
	w.Helper()
	id, err := db.One[string](w.Context(), w.DB, `SELECT id FROM repository WHERE slug = $1`, slug)
	if err != nil {
		w.Fatal(err)
	}
	return filepath.Join(w.repos.Dir, id[len(id)-2:], id+".git")
}

// A repository that is full takes no more, and says so; deleting goes on.
func TestARepositoryOverItsLimits(t *testing.T) {
	w := newWorld(t)
	k, before := w.started()
	w.repos.MaxSize = 100_000
	w.open()
	k.write("huge", "huge.bin", noise(200_000))
	out, status := k.try("push", "origin", "main")
	contains(t, out, "remote: This push is too large for this repository, which may hold 97.7 KiB and holds ", "Nothing was changed.", "[remote rejected] main -> main")
	if got := k.run("ls-remote", "origin"); status != 1 || got != before+"\tHEAD\n"+before+"\trefs/heads/main" {
		t.Errorf("%d, afterwards: %s", status, got)
	}
	k.run("push", "-q", "origin", before+":refs/heads/other") // nothing new
	w.repos.MaxSize = 1
	w.open()
	k.run("push", "-q", "origin", ":other")
	k.run("push", "-q", "origin", before+":refs/heads/again")

	w.repos.MaxSize, w.repos.MaxRefs = 0, 2
	w.open()
	out, status = k.try("push", "origin", before+":refs/heads/third")
	contains(t, out, "remote: This push is too much for this repository, which may have 2 branches and tags in all. Nothing was changed.")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	k.run("push", "-q", "origin", ":again")
	k.run("push", "-q", "origin", before+":refs/heads/third")
}
