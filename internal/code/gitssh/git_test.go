package gitssh_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
)

// stopped is a context that has ended.
func stopped() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

// Stock git in each version of the protocol.
func TestStockGit(t *testing.T) {
	for _, version := range []string{"0", "1", "2"} {
		t.Run("version "+version, func(t *testing.T) {
			w := newWorld(t)
			p := w.with(w.keyOf(w.bob))
			p.env = []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.version", "GIT_CONFIG_VALUE_0=" + version}
			if out := p.git("clone", w.address("acme/app.git"), "app"); !strings.Contains(out, "empty repository") {
				t.Errorf("a clone of nothing: %s", out)
			}
			work := p.in("app")
			for i := range 40 {
				work.commit("file", fmt.Sprint("line ", i))
			}
			work.git("tag", "-a", "v1", "-m", "one")
			work.git("push", "-q", "origin", "HEAD:trunk", "v1")
			if out := p.git("ls-remote", w.address("acme/app.git")); !strings.Contains(out, "refs/heads/trunk") || !strings.Contains(out, "refs/tags/v1^{}") {
				t.Errorf("ls-remote: %s", out)
			}
			p.git("clone", "-q", w.address("acme/app"), "again")
			again := p.in("again")
			again.commit("more", "more")
			again.git("push", "-q", "origin", "HEAD:trunk")
			work.commit("other", "other") // so that they have to negotiate
			work.git("fetch", "-q", "origin")
			work.git("fetch", "-q", "origin") // nothing new
			if head, fetched := again.git("rev-parse", "HEAD"), work.git("rev-parse", "origin/trunk"); head != fetched {
				t.Errorf("fetched %s, pushed %s", fetched, head)
			}
			p.git("clone", "-q", "--depth", "1", w.address("acme/app.git"), "shallow")
			p.in("shallow").git("fetch", "-q", "--unshallow")
			if version == "2" { // git's own servers don't serve single objects before it either
				p.git("clone", "-q", "--filter=blob:none", w.address("acme/app.git"), "partial")
			}

			// What can't be taken is said, by either side that sees it.
			if out, status := work.run("git", "push", "origin", "HEAD:trunk"); status != 1 || !strings.Contains(out, "[rejected]") {
				t.Errorf("not a fast-forward: %d %s", status, out)
			}
			if out, status := again.run("git", "push", "origin", "HEAD:refs/sallyport/x", "HEAD:fine"); status != 1 ||
				!strings.Contains(out, "names below refs/sallyport/ are reserved") || !strings.Contains(out, "refused together with the others") {
				t.Errorf("a reserved name: %d %s", status, out)
			}
			again.git("push", "-q", "origin", ":refs/tags/v1")
			if out := p.git("ls-remote", w.address("acme/app.git")); strings.Contains(out, "v1") || strings.Contains(out, "fine") {
				t.Errorf("after that: %s", out)
			}
		})
	}
}

func TestAPushOverTheLimitIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.with(w.keyOf(w.bob))
	p.git("clone", "-q", w.address("acme/app.git"), "app")
	work := p.in("app")
	big := make([]byte, maxPush+1<<20)
	for i := range big {
		big[i] = byte(i * i >> 7 * i >> 3)
	}
	for i := range 3 { // deltas and zlib may find little, but do find some
		if err := os.WriteFile(filepath.Join(work.dir, fmt.Sprint("big", i)), noise(len(big), uint64(i+1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	work.git("add", ".")
	work.git("commit", "-qm", "big")
	if out, status := work.run("git", "push", "origin", "HEAD:main"); status != 1 || !strings.Contains(out, "larger than 2 MiB, the limit here") {
		t.Errorf("%d %s", status, out)
	}
	if out := p.git("ls-remote", w.address("acme/app.git")); out != "" {
		t.Errorf("after that: %s", out)
	}
}

// noise doesn't compress.
func noise(n int, seed uint64) []byte {
	out := make([]byte, n)
	for i := range out {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		out[i] = byte(seed)
	}
	return out
}

// Every way of naming a repository, and every command.
func TestCommands(t *testing.T) {
	w := newWorld(t)
	bob := w.with(w.keyOf(w.bob))
	const (
		noAddress = "That is no repository's address. It looks like workspace/repository.git."
		nothing   = "You can use git here; nothing else can be run."
		hidden    = "There is no such repository, or you don't have access to it."
	)
	for _, c := range []struct {
		command, says string
		status        int
	}{
		{"", "Signed in as bob. You can use git; shell access is off.", 0},
		{"git-upload-pack 'acme/app.git'", "", 0},
		{"git-upload-pack '/acme/app.git'", "", 0},
		{"git-upload-pack 'acme/app'", "", 0},
		{"git-upload-pack acme/app.git", "", 0},
		{"git upload-pack 'ACME/App.git'", "", 0},
		{"git-receive-pack 'acme/app.git'", "", 0},
		{"git-upload-pack '/acme/app.git/wiki'", "", 0},
		{"git-receive-pack 'acme/app.git/wiki.git'", "", 0},
		{"git-upload-pack 'acme/app/wiki'", noAddress, 1},
		{"git-upload-pack 'snippets/acme/nothing.git'", hidden, 1},
		{"git-upload-pack 'snippets/acme/nothing'", noAddress, 1},
		{"git-upload-pack 'acme/app.git/issues'", noAddress, 1},
		{"git-upload-pack 'acme/none.git/wiki'", hidden, 1},
		{"git-upload-pack 'acme/none.git'", hidden, 1},
		{"git-upload-pack 'other/app.git'", hidden, 1},
		{"git-upload-pack 'acme/it'\\''s.git'", hidden, 1},
		{"git-upload-pack ''", noAddress, 1},
		{"git-upload-pack '/'", noAddress, 1},
		{"git-upload-pack 'acme'", noAddress, 1},
		{"git-upload-pack 'acme/.git'", noAddress, 1},
		{"git-upload-pack '//acme/app.git'", noAddress, 1},
		{"git-upload-pack 'acme//app.git'", noAddress, 1},
		{"git-upload-pack 'acme/app.git/'", noAddress, 1},
		{"git-upload-pack '../acme/app.git'", noAddress, 1},
		{"git-upload-pack '~/acme/app.git'", noAddress, 1},
		{"git-upload-pack '/etc/passwd/x'", noAddress, 1},
		{"git-upload-pack '../app.git'", hidden, 1},
		{"git-upload-pack", "Name one repository: workspace/repository.git.", 1},
		{"git-upload-pack --timeout=1 'acme/app.git'", "Name one repository: workspace/repository.git.", 1},
		{"git-upload-pack 'acme/app.git", nothing, 1},
		{"git-upload-pack 'acme/app.git'; id", nothing, 1},
		{"git-upload-pack 'acme/app.git' $(id)", nothing, 1},
		{"git-upload-archive 'acme/app.git'", "Archives aren't made over SSH. Clone the repository, and run git archive there.", 1},
		{"git-lfs-authenticate acme/app.git download", "Git LFS isn't spoken over SSH here.", 1},
		{"git-shell -c id", "There is no command git-shell here. You can clone, fetch and push.", 1},
		{"git", nothing, 1},
		{"id", nothing, 1},
		{"scp -t .", nothing, 1},
		{"sh -c 'id'", nothing, 1},
	} {
		args := []string{}
		if c.command != "" {
			args = append(args, c.command)
		}
		out, status := bob.call(args...)
		if c.says == "" && strings.HasSuffix(out, "0000") { // an advertisement
			out = ""
		}
		w.says(c.command, out, status, c.says, c.status)
	}
	for _, c := range []struct {
		what string
		args []string
	}{
		{"a terminal", []string{"-tt"}},
		{"sftp", []string{"-s"}},
		{"an agent", []string{"-A"}},
		{"X11", []string{"-X"}},
		{"a variable", []string{"-o", "SetEnv=GIT_DIR=/etc LD_PRELOAD=x"}},
	} {
		p := bob
		p.ssh = append(p.ssh[:len(p.ssh):len(p.ssh)], c.args...)
		out, status := p.call()
		if c.what == "sftp" {
			if out, status = p.call("sftp"); status == 0 || !strings.Contains(out, "subsystem request failed") {
				t.Errorf("sftp: %d %s", status, out)
			}
			continue
		}
		if c.what == "a terminal" {
			out = strings.TrimSuffix(out, "\nConnection to 127.0.0.1 closed.")
		}
		if !strings.HasSuffix(out, "Signed in as bob. You can use git; shell access is off.") || status != 0 {
			t.Errorf("%s: %d %q", c.what, status, out)
		}
	}
	if out, status := bob.run(append(bob.ssh[:len(bob.ssh):len(bob.ssh)], "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "git@127.0.0.1")...); status == 0 {
		t.Errorf("a port is forwarded: %s", out)
	}
	if out, status := bob.run(append(bob.ssh[:len(bob.ssh):len(bob.ssh)], "-W", "127.0.0.1:"+w.port, "git@127.0.0.1")...); status == 0 || !strings.Contains(out, "forwarding is off") {
		t.Errorf("a connection is forwarded: %d %s", status, out)
	}
	root := bob
	root.ssh = append(root.ssh[:len(root.ssh):len(root.ssh)], "-l", "bob")
	if out, status := root.run(append(root.ssh, "127.0.0.1")...); status != 255 || !strings.HasPrefix(out, "Use the user name git, as in git@host:workspace/repository.git.\n") {
		t.Errorf("another user name: %d %s", status, out)
	}
}

// The refusals, word for word as git shows them.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.alice.Enrol()
	alice, bob, eve := w.with(w.keyOf(w.alice)), w.with(w.keyOf(w.bob)), w.with(w.keyOf(w.eve))
	reads, writes, stranger := w.with(w.deployKey(false)), w.with(w.deployKey(true)), w.with(w.newKey())
	clone := func(p person, repository string) (string, int) {
		return p.run("git", "ls-remote", w.address("acme/"+repository+".git"))
	}
	policy := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
	if err := w.Workspaces.SetPolicy(t.Context(), w.alice.Grant(access.ManageAccess, access.Target{Workspace: "acme"}), policy); err != nil {
		t.Fatal(err)
	}
	const gone = "There is no such repository, or you don't have access to it."
	for _, c := range []struct {
		what   string
		p      person
		says   string
		status int
	}{
		{"a ready member", alice, "", 0},
		{"a blocked member", bob, lines(
			"Workspace acme requires two-step verification.", "Turn it on, then run the command again:",
			"  https://code.test/account/settings/two-step-verification/", couldNotRead), 128},
		{"an outsider", eve, lines(gone, couldNotRead), 128},
		{"a deploy key", reads, "", 0},
		{"a writable deploy key", writes, "", 0},
		{"somebody unknown", stranger, lines("git@127.0.0.1: Permission denied (publickey).", couldNotRead), 128},
	} {
		out, status := clone(c.p, "app")
		w.says(c.what, out, status, c.says, c.status)
		if c.what != "somebody unknown" {
			out, status = clone(c.p, "site")
			w.says(c.what+" at what is public", out, status, "", 0)
		}
	}
	out, status := clone(bob, "none") // as blocked as where there is one
	if status != 128 || !strings.HasPrefix(out, "Workspace acme requires two-step verification.") {
		t.Errorf("a blocked member can probe: %s", out)
	}
	push := func(p person) (string, int) {
		p.git("init", "-q")
		p.commit("x", "x")
		return p.run("git", "push", "-q", w.address("acme/app.git"), "HEAD:refs/heads/by-key")
	}
	out, status = push(reads)
	w.says("a read-only deploy key pushes", out, status, lines("This deploy key is read-only.", couldNotRead), 128)
	out, status = push(writes)
	w.says("a writable deploy key pushes", out, status, "", 0)
	if out, _ := reads.call(); out != "Signed in as the deploy key “ci” of acme/app. You can use git; shell access is off." {
		t.Errorf("greeted with %s", out)
	}
	w.sql(`UPDATE workspace SET refuse_machines = TRUE`)
	out, status = clone(reads, "app")
	w.says("a deploy key where machines are refused", out, status, lines("Workspace acme doesn't accept machine credentials.", couldNotRead), 128)
	w.sql(`UPDATE workspace SET networks = '198.51.100.0/24'`)
	out, status = clone(alice, "app")
	w.says("an owner from another network", out, status, lines("Workspace acme can't be reached from this network.", "As an owner you can lift that:",
		"  https://code.test/acme/workspace/settings/access-controls/networks", couldNotRead), 128)
	w.sql(`UPDATE workspace SET networks = ''`)
	if _, err := w.Users.Suspend(t.Context(), "https://id.test", "alice", true); err != nil {
		t.Fatal(err)
	}
	out, status = clone(alice, "app")
	w.says("somebody suspended", out, status, lines("git@127.0.0.1: Permission denied (publickey).", couldNotRead), 128)
}
