package githttp_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"testing"

	"sallyport.dev/internal/git/gittest"
)

// A push of what no git should hold is refused whole, whether git sends it or
// somebody by hand, and git says what is wrong with which object.
func TestHostilePushesAreRefusedWhole(t *testing.T) {
	w := newWorld(t)
	k, before := w.started()
	k.run("clone", "-q", "--bare", ".", "../hostile")
	k = k.in("../hostile")
	refs, objects := k.run("ls-remote", w.app(w.alice)), w.objects()
	untouched := func(name string) {
		t.Helper()
		if now := k.run("ls-remote", w.app(w.alice)); now != refs {
			t.Errorf("%s left references:\n%s", name, now)
		}
		if now := w.objects(); now != objects {
			t.Errorf("%s left objects:\n%s", name, now)
		}
	}
	for _, push := range gittest.HostilePushes(t, k.dir) {
		got := w.ask(http.MethodPost, "/acme/app.git/git-receive-pack", bytes.NewReader(push.Body(t, k.dir, before)),
			basic("x-token-auth", w.alice.Token), header("Content-Type", "application/x-git-receive-pack-request"))
		if got.status != http.StatusOK {
			t.Errorf("%s: status %d", push.Name, got.status)
		}
		contains(t, got.body, push.Says, "This push could not be taken, for the reason above. Nothing was changed.", "ng refs/tags/evil ", "ng refs/heads/fine ")
		untouched(push.Name)
		if !push.Stock {
			continue
		}
		out, status := k.try("push", w.app(w.alice), push.Tip+":refs/heads/evil", before+":refs/heads/fine")
		if status != 1 {
			t.Errorf("%s: status %d", push.Name, status)
		}
		contains(t, out, "remote: error: object ", push.Says, "[remote rejected]")
		untouched(push.Name)
	}
}

// Names that git takes though they are odd are taken, and come back as they are.
func TestOddNamesArePushed(t *testing.T) {
	w := newWorld(t)
	k, _ := w.started()
	for _, name := range []string{"a\nb", "tab\tquote\"<b>", "caf\xe9", `back\slash`, "-option", "--", "nul\x01"} {
		k.write("odd", name, "odd\n")
	}
	k.run("push", "-q", "origin", "main")
	again := w.work()
	again.run("clone", "-q", w.app(w.alice), "again")
	again = again.in("again")
	if got, want := again.run("ls-files", "-z"), k.run("ls-files", "-z"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if found, err := filepath.Glob(filepath.Join(again.dir, "a\nb")); len(found) != 1 {
		t.Errorf("%q, %v", found, err)
	}
}
