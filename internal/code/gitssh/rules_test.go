package gitssh_test

import (
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
)

// started is a work tree of somebody with one commit on main, pushed to app.
func (w *world) started(k key) (p person, tip string) {
	w.Helper()
	p = w.with(k)
	p.git("init", "-q", "-b", "main", "w")
	p = p.in("w")
	p.git("remote", "add", "origin", w.address("acme/app.git"))
	p.commit("a", "a\n")
	p.git("push", "-q", "origin", "main")
	return p, p.git("rev-parse", "HEAD")
}

// refused is a push that changes nothing and says why, in some words.
func (p person) refused(status int, args string, words ...string) {
	p.Helper()
	before := p.git("ls-remote", "origin")
	out, got := p.run(append([]string{"git", "push"}, strings.Fields(args)...)...)
	if got != status {
		p.Errorf("git push %s: status %d, want %d", args, got, status)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			p.Errorf("git push %s lacks %q: %s", args, word, out)
		}
	}
	if after := p.git("ls-remote", "origin"); after != before {
		p.Errorf("git push %s changed\n%s\nto\n%s", args, before, after)
	}
}

// As over HTTPS, so over SSH: who may push to which branch, no history pushed
// over, no deletion; and a repository that can only be read.
func TestBranchRulesInGit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		writer, _ := w.started(w.keyOf(w.bob))
		deploy := w.with(w.deployKey(true))
		deploy.dir = writer.dir
		writer.git("push", "-q", "origin", "main:release/1", "main:staging/1")
		app := access.Target{Workspace: "acme", Repository: "app"}
		for _, rule := range []repo.Rule{
			{Pattern: "main", Push: repo.PushWrite},
			{Pattern: "release/*", Push: repo.PushNobody},
			{Pattern: "staging/*", Push: repo.PushAdmin, Rewrite: true, Removal: true},
		} {
			if err := w.repos.SetRule(t.Context(), w.alice.Grant(access.ManagePermissions, app), rule); err != nil {
				t.Fatal(err)
			}
		}
		writer.commit("b", "b\n")
		writer.git("push", "-q", "origin", "main")
		writer.git("commit", "-q", "--amend", "-m", "again")
		for _, p := range []person{writer, deploy} {
			p.refused(1, "--force origin main", "denying non-fast-forward refs/heads/main", "[remote rejected] main -> main (non-fast-forward)")
			p.refused(1, "origin :main", "(branches like main can't be deleted)")
			p.refused(1, "origin main:refs/heads/release/1", "(nobody may push to branches like release/*)")
			p.refused(1, "origin :release/1", "(nobody may push to branches like release/*)")
			p.refused(1, "origin main:refs/heads/release/new", "(nobody may push to branches like release/*)")
			p.refused(1, "origin main:refs/heads/staging/1", "(only administrators of the repository may push to branches like staging/*)")
			p.refused(1, "origin main:refs/heads/other main:refs/heads/release/1", "(refused together with the others)", "(nobody may push to branches like release/*)")
		}
		owner := w.with(w.keyOf(w.alice))
		owner.dir = writer.dir
		owner.git("push", "-q", "--force", "origin", "main:staging/1")
		owner.refused(1, "origin main:refs/heads/release/1", "(nobody may push to branches like release/*)")
		writer.git("push", "-q", "--force", "origin", "main:free", "main:refs/tags/release/1") // a rule is for branches
		owner.git("push", "-q", "origin", ":staging/1", ":refs/tags/release/1")

		if err := w.repos.SetArchived(t.Context(), w.alice.Grant(access.EditRepository, app), true); err != nil {
			t.Fatal(err)
		}
		for _, p := range []person{writer, deploy, owner} {
			p.refused(128, "origin main:free2", "This repository is archived: it can be read, and nothing in it changed.")
		}
	})
}

// What a repository may hold is said in words, and nothing changes.
func TestARepositoryOverItsLimits(t *testing.T) {
	w := newWorld(t)
	p, before := w.started(w.keyOf(w.bob))
	w.repos.MaxSize = 100_000
	p.commit("huge", string(noise(200_000, 1)))
	p.refused(1, "origin main", "remote: This push is too large for this repository, which may hold 97.7 KiB and holds ", "Nothing was changed.", "[remote rejected] main -> main")
	p.git("push", "-q", "origin", before+":refs/heads/other") // nothing new
	w.repos.MaxSize = 0
	w.repos.MaxPush = 100_000
	p.refused(1, "origin main", "remote: This push is larger than 97.7 KiB, the limit here. Nothing was changed.", "(the push is larger than 97.7 KiB, the limit here)")
	w.repos.MaxPush, w.repos.MaxRefs = maxPush, 2
	p.refused(1, "origin "+before+":refs/heads/third", "remote: This push is too much for this repository, which may have 2 branches and tags in all. Nothing was changed.")
	p.refused(1, "origin "+before+":refs/tags/v1", "(the push is too much for this repository, which may have 2 branches and tags in all)")
	p.git("push", "-q", "origin", ":other")
	p.git("push", "-q", "origin", "main", before+":refs/heads/third")
}
