package githttp_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git/gittest"
)

// Stock git does everything that people do with it, in each version of the protocol.
func TestStockGit(t *testing.T) {
	for version := range 3 {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			w := newWorld(t)
			k := w.work().with(fmt.Sprintf("protocol.version=%d", version))

			contains(t, k.run("clone", w.app(w.alice), "empty"), "You appear to have cloned an empty repository.")
			k = k.in("empty")
			if branch := k.run("symbolic-ref", "--short", "HEAD"); branch != "main" && version == 2 {
				t.Errorf("the empty clone is on %s", branch)
			}
			k.run("checkout", "-q", "-B", "main")
			first := k.write("one", "a.txt", "a\n", "b.txt", noise(10_000))
			k.run("push", "-q", "-u", "origin", "main")
			contains(t, k.run("ls-remote"), first+"\tHEAD", first+"\trefs/heads/main")

			k.run("tag", "-a", "v1", "-m", "one")
			k.run("checkout", "-q", "-b", "feature/x")
			second := k.write("two", "a.txt", "aa\n")
			contains(t, k.run("push", "--tags", "origin", "feature/x"), "[new branch]      feature/x -> feature/x", "[new tag]         v1 -> v1")
			contains(t, k.run("ls-remote", "origin"), second+"\trefs/heads/feature/x", first+"\trefs/tags/v1^{}")

			k.run("commit", "-q", "--amend", "-m", "two, again")
			if out, status := k.try("push", "origin", "feature/x"); status != 1 {
				t.Errorf("a push that isn't a fast-forward: %d %s", status, out)
			}
			contains(t, k.run("push", "--force", "origin", "feature/x"), "(forced update)")
			contains(t, k.run("push", "origin", "--delete", "feature/x"), "[deleted]         feature/x")
			if out, status := k.try("push", "origin", "--delete", "main"); status == 0 {
				t.Error(out)
			} else {
				contains(t, out, "deletion of the current branch prohibited")
			}
			out, status := k.try("push", "--atomic", "origin", "v1:refs/heads/other", "v1:refs/sallyport/x")
			if status != 1 {
				t.Errorf("%d %s", status, out)
			}
			contains(t, out, "refs/sallyport/x (names below refs/sallyport/ are reserved)", "refused together with the others")

			k.in("..").run("clone", "-q", w.app(w.alice), "again")
			again := k.in("../again")
			if got := again.run("rev-parse", "HEAD", "v1^{commit}"); got != first+"\n"+first {
				t.Errorf("cloned %s, want %s", got, first)
			}
			if out := again.run("fetch"); out != "" {
				t.Errorf("with nothing new: %s", out)
			}
			k.run("checkout", "-q", "main")
			third := k.write("three", "c.txt", "c\n")
			k.run("push", "-q", "origin", "main")
			again.run("pull", "-q")
			if got := again.run("rev-parse", "HEAD"); got != third {
				t.Errorf("pulled %s, want %s", got, third)
			}
			again.run("fsck", "--strict")
		})
	}
}

func TestShallowAndPartialClones(t *testing.T) {
	for _, version := range []int{0, 2} {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			w := newWorld(t)
			k, _ := w.started()
			for i := range 5 {
				k.write(fmt.Sprint("more ", i), "a.txt", fmt.Sprint(i), fmt.Sprintf("f%d.txt", i), noise(1000*i))
			}
			k.run("push", "-q", "origin", "main")
			k = w.work().with(fmt.Sprintf("protocol.version=%d", version))

			k.run("clone", "-q", "--depth=2", w.app(w.alice), "shallow")
			shallow := k.in("shallow")
			if got := shallow.run("rev-list", "--count", "HEAD"); got != "2" {
				t.Errorf("%s commits", got)
			}
			shallow.run("fetch", "-q", "--deepen=1")
			if got := shallow.run("rev-list", "--count", "HEAD"); got != "3" {
				t.Errorf("%s commits after deepening", got)
			}
			shallow.write("from a shallow clone", "s.txt", "s")
			shallow.run("push", "-q", "origin", "main")
			shallow.run("fetch", "-q", "--unshallow")
			if got := shallow.run("rev-list", "--count", "HEAD"); got != "7" {
				t.Errorf("%s commits after all of them", got)
			}

			k.run("clone", "-q", "--no-checkout", "--filter=blob:none", w.app(w.alice), "partial")
			partial := k.in("partial")
			if got := partial.run("rev-list", "--objects", "--missing=print", "HEAD"); !strings.Contains(got, "\n?") {
				t.Error("the partial clone has every file")
			}
			if version < 2 {
				return // only version 2 lets a client ask for an object by name
			}
			partial.run("checkout", "-q", "main")
			if content, err := os.ReadFile(filepath.Join(partial.dir, "s.txt")); string(content) != "s" {
				t.Errorf("%q %v", content, err)
			}
		})
	}
}

// A pack larger than git's buffer comes in chunks, after a question whether it
// may come at all.
func TestALargePushComesInChunks(t *testing.T) {
	w := newWorld(t)
	k, _ := w.started()
	var files []string
	for i := range 150 { // more than are unpacked one by one
		files = append(files, fmt.Sprintf("f%d.txt", i), noise(10_000+i))
	}
	want := k.write("large", files...)
	k.with("http.postBuffer=65536").run("push", "-q", "origin", "main")
	if got := k.run("ls-remote", "origin", "main"); got != want+"\trefs/heads/main" {
		t.Errorf("%s, want %s", got, want)
	}
	again := w.work()
	again.run("clone", "-q", w.app(w.alice), "again")
	again.in("again").run("fsck", "--strict")
}

// A file of a gigabyte is pushed and cloned, though git may not hold it.
func TestAGigabyteFile(t *testing.T) {
	w := newWorld(t)
	w.repos.MaxPush = 16 << 20
	w.open()
	k := w.work()
	k.run("init", "-q", "-b", "main", "w")
	k = k.in("w")
	gittest.HoldsAGigabyte(t, k.dir)
	k.run("push", "-q", w.app(w.alice), "main")
	again := w.work()
	again.run("clone", "-q", "--bare", w.app(w.alice), "again")
	if got := again.in("again").run("cat-file", "-s", "main:huge.txt"); got != fmt.Sprint(gittest.Gigabyte) {
		t.Errorf("%s bytes", got)
	}
}

func TestAPushOverTheLimitIsRefusedWhole(t *testing.T) {
	for _, buffer := range []string{"65536", "100m"} { // in chunks, and in one piece
		w := newWorld(t)
		k, before := w.started()
		kept := w.objects()
		k.write("huge", "huge.bin", noise(2*maxPush))
		out, status := k.with("http.postBuffer="+buffer).try("push", "origin", "main", "main:other")
		if status != 1 {
			t.Errorf("status %d", status)
		}
		contains(t, out, "remote: This push is larger than 2 MiB, the limit here. Nothing was changed.",
			"! [remote rejected] main -> main (the push is larger than 2 MiB, the limit here)",
			"! [remote rejected] main -> other (the push is larger than 2 MiB, the limit here)")
		if got := k.run("ls-remote", "origin"); got != before+"\tHEAD\n"+before+"\trefs/heads/main" {
			t.Errorf("afterwards: %s", got)
		}
		if got := w.objects(); got != kept {
			t.Errorf("left behind:\n%s\nbefore\n%s", got, kept)
		}
	}
}

// objects lists every file and every quarantine in the room's folder.
func (w *world) objects() string {
	w.Helper()
	var found []string
	err := filepath.WalkDir(w.repos.Dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // git cleared it away meanwhile
		}
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

// The blocked member of the design's third walk: three lines, the credential
// stays, and after enrolment the very same command succeeds.
func TestAttack01ABlockedMemberInGit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.started()
		k := w.work()
		credentials := filepath.Join(k.dir, "credentials")
		stored := strings.TrimSuffix(w.address("app", "bob", w.bob.Token), "/acme/app.git") + "\n"
		if err := os.WriteFile(credentials, []byte(stored), 0o600); err != nil {
			t.Fatal(err)
		}
		k = k.with("credential.helper=store --file=" + credentials)
		k.run("clone", "-q", w.address("app", "", ""), "before")
		w.alice.Enrol()
		w.requireTwoStep()

		for _, command := range [][]string{
			{"clone", w.address("app", "", ""), "x"},
			{"ls-remote", w.address("app", "", "")},
			{"-C", "before", "fetch"},
			{"-C", "before", "push", "origin", "HEAD:x"},
			{"ls-remote", w.address("missing", "", "")},
		} {
			out, status := k.try(command...)
			if status != 128 {
				t.Errorf("%v: status %d", command, status)
			}
			contains(t, out, "remote: Workspace acme requires two-step verification.\n"+
				"remote: Turn it on, then run the command again:\n"+
				"remote:   https://code.test/account/settings/two-step-verification/")
		}
		if content, err := os.ReadFile(credentials); !strings.Contains(string(content), w.bob.Token) {
			t.Errorf("the credential is now %q, %v", content, err)
		}
		w.bob.Enrol()
		k.run("clone", "-q", w.address("app", "", ""), "x")
		k.run("-C", "before", "push", "-q", "origin", "HEAD:x")
	})
}

// Attack 2 (Gitea 1394, GitLab 222527): git took the account's password where
// the second step is on. Here it takes none, of nobody, for nothing.
func TestAttack02ThePasswordInGit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k, _ := w.started()
		w.alice.Enrol()
		for _, user := range []string{"alice", "alice@example.com", "x-token-auth", "git"} {
			for _, password := range []string{"correct horse battery staple", "correct horse battery staple " + w.alice.AppCode(), w.alice.AppCode(), w.alice.Codes[0]} {
				for _, command := range [][]string{
					{"ls-remote", w.address("app", user, password)},
					{"push", w.address("app", user, password), "HEAD:stolen"},
					{"ls-remote", w.address("nothing", user, password)},
					{"push", w.address("site", user, password), "HEAD:stolen"},
				} {
					out, status := k.try(command...)
					if status != 128 {
						t.Errorf("%q: status %d", command, status)
					}
					contains(t, out, "remote: Passwords aren't accepted here. Use an API token as the password; make one at:",
						"remote:   https://code.test/account/settings/api-tokens/", "Authentication failed")
				}
			}
		}
	})
}

func TestAnyoneClonesWhatIsPublic(t *testing.T) {
	w := newWorld(t)
	k, oid := w.started()
	k.run("push", "-q", w.address("site", "alice", w.alice.Token), "main")
	out := w.work()
	out.run("clone", "-q", w.address("site", "", ""), "site")
	if got := out.in("site").run("rev-parse", "HEAD"); got != oid {
		t.Error(got)
	}
	if said, status := out.in("site").try("push", "origin", "HEAD:x"); status != 128 {
		t.Errorf("pushing as nobody: %d %s", status, said)
	}
	said, status := out.in("site").try("push", w.address("site", "eve", w.eve.Token), "HEAD:x")
	if status != 128 {
		t.Errorf("pushing as eve: %d", status)
	}
	contains(t, said, "remote: You don't have permission to do this.")
}

// What is asked for is judged at each request, and once more when the pack comes.
func TestATokenThatOnlyReads(t *testing.T) {
	w := newWorld(t)
	w.started()
	reader := w.bob.TokenWith(access.ScopeReadRepository)
	k := w.work()
	k.run("clone", "-q", w.address("app", "bob", reader), "w")
	out, status := k.in("w").try("push", "origin", "HEAD:x")
	if status != 128 {
		t.Errorf("status %d", status)
	}
	contains(t, out, "remote: This token lacks the scope write:repository:bitbucket.")
}

// Rules for branches, in git: who may push, no history pushed over, no deletion;
// and a whole repository that can only be read, under a name it had before.
func TestBranchRulesInGit(t *testing.T) {
	w := newWorld(t)
	k, _ := w.started()
	k.run("push", "-q", "origin", "main:release/1")
	vault := access.Target{Workspace: "acme", Repository: "app"}
	rule := func(r repo.Rule) {
		if err := w.repos.SetRule(t.Context(), w.alice.Grant(access.ManagePermissions, vault), r); err != nil {
			t.Fatal(err)
		}
	}
	rule(repo.Rule{Pattern: "main", Push: repo.PushWrite})
	rule(repo.Rule{Pattern: "release/*", Push: repo.PushNobody})
	k.write("two", "a.txt", "two\n")
	k.run("push", "-q", "origin", "main")
	k.run("commit", "-q", "--amend", "-m", "two, again")
	for _, push := range []struct{ args, says string }{
		{"--force origin main", "non-fast-forward"},
		{"origin :main", "branches like main can't be deleted"},
		{"origin main:refs/heads/release/1", "nobody may push to branches like release/*"},
		{"origin main:refs/heads/other main:refs/heads/release/1", "refused together with the others"},
	} {
		out, status := k.try(append([]string{"push"}, strings.Fields(push.args)...)...)
		if status != 1 {
			t.Errorf("%s: status %d", push.args, status)
		}
		contains(t, out, push.says)
	}
	rule(repo.Rule{Pattern: "staging", Push: repo.PushAdmin})
	out, status := k.try("push", w.app(w.bob), "main:staging")
	if status != 1 {
		t.Errorf("a member pushes where administrators may: status %d", status)
	}
	contains(t, out, "(only administrators of the repository may push to branches like staging)")
	k.run("push", "-q", "origin", "main:staging", "main:refs/tags/release/1") // a rule is for branches
	k.run("push", "--force", "-q", "origin", "main:free")

	if _, err := w.repos.Rename(t.Context(), w.alice.Grant(access.EditRepository, vault), "rocket"); err != nil {
		t.Fatal(err)
	}
	k.run("fetch", "-q", "origin")
	if err := w.repos.SetArchived(t.Context(), w.alice.Grant(access.EditRepository, vault), true); err != nil {
		t.Fatal(err)
	}
	k.run("fetch", "-q", "origin")
	out, status = k.try("push", "origin", "main:free2")
	if status != 128 {
		t.Errorf("pushing to an archived repository: status %d", status)
	}
	contains(t, out, "remote: This repository is archived: it can be read, and nothing in it changed.")
}
