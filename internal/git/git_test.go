package git

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installed gives the installed git, closed at the end of the test.
func installed(t testing.TB) *Git {
	t.Helper()
	g, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// repo is a repository in a test, and plain git upon it.
type repo struct {
	*Repository
	t testing.TB
}

func newRepo(t testing.TB, g *Git) repo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r.git")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	return repo{g.Repository(dir), t}
}

// git runs plain git in the repository and gives what it prints.
func (r repo) git(args ...string) string {
	r.t.Helper()
	return r.input("", args...)
}

func (r repo) input(stdin string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_DIR=.", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=1700000000 +0100",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=1700000000 +0100")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// commit makes a commit with one file and gives its name.
func (r repo) commit(message string, parents ...string) string {
	r.t.Helper()
	blob := r.input(message, "hash-object", "-w", "--stdin")
	tree := r.input("100644 blob "+blob+"\tfile.txt\n", "mktree")
	args := []string{"commit-tree", tree}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	return r.input(message[:min(len(message), 72)], args...)
}

func TestFindChecksTheVersion(t *testing.T) {
	fake := func(says string) string {
		path := filepath.Join(t.TempDir(), "git")
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for says, want := range map[string]string{
		"git version 2.38.9":     "git 2.38.9 is too old; 2.39 or newer is needed",
		"git version 1.9":        "git 1.9 is too old",
		"something else":         "does not say its version",
		"git version 2.x.unlike": "does not say its version",
	} {
		_, err := Find(t.Context(), fake(says))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", says, err, want)
		}
	}
	if _, err := Find(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "was not found; install git 2.39") {
		t.Errorf("no git: %v", err)
	}
	if v := installed(t).Version(); !strings.HasPrefix(v, "2.") {
		t.Errorf("installed version %q", v)
	}
}

// A process sees none of the environment or configuration of the machine.
func TestProcessesRunInACleanEnvironment(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[user]\n\tname = Mallory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "user.email")
	t.Setenv("GIT_CONFIG_VALUE_0", "mallory@example.com")
	t.Setenv("GIT_TRACE", "1")
	g := installed(t)
	r := newRepo(t, g)
	var out bytes.Buffer
	if err := g.run(t.Context(), process{dir: r.dir, args: []string{"config", "--list", "--show-scope"}, stdout: &out}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "local\tcore.") && !strings.HasPrefix(line, "command\t") || strings.Contains(line, "user.") {
			t.Errorf("a process sees %q", line)
		}
	}
	if !strings.Contains(out.String(), "core.hookspath=/dev/null") {
		t.Errorf("hooks aren't off:\n%s", out.String())
	}
}

func TestHooksNeverRun(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	ran := filepath.Join(t.TempDir(), "ran")
	if err := os.Mkdir(filepath.Join(r.dir, "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction"} {
		if err := os.WriteFile(filepath.Join(r.dir, "hooks", hook), []byte("#!/bin/sh\necho "+hook+" >>"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := r.commit("one")
	body := AppendFlush(AppendPacket(nil, string(ZeroOID), " ", c, " refs/heads/main\x00report-status side-band-64k"))
	body = append(body, r.git("pack-objects", "--all", "--stdout", "-q")...)
	body = append(body, emptyPack...)
	var out bytes.Buffer
	if _, err := r.ReceivePack(t.Context(), ProtocolV0, PushLimits{Pack: 1 << 20}, bytes.NewReader(body), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "ok refs/heads/main") {
		t.Errorf("the push failed: %q", out.String())
	}
	if content, err := os.ReadFile(ran); err == nil {
		t.Errorf("hooks ran: %s", content)
	}
}

// A call whose context ends takes its whole process group with it.
func TestContextEndsTheProcessGroup(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	cmd, _ := g.command(ctx, process{dir: r.dir, args: []string{"-c", "alias.wait=!echo started; /bin/sleep 600 & wait", "wait"}})
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var started [7]byte
	if _, err := readFull(out, started[:]); err != nil || string(started[:]) != "started" {
		t.Fatalf("%q %v", started, err)
	}
	cancel()
	rest := make([]byte, 100)
	for err == nil { // ends only when every process that holds the pipe is gone
		_, err = out.Read(rest)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended well")
	}
}

func TestStderrIsBounded(t *testing.T) {
	var said tail
	for range 1000 {
		_, _ = said.Write([]byte(strings.Repeat("x", 100)))
	}
	_, _ = said.Write([]byte("the end \xff"))
	if got := said.String(); len(got) > 4<<10 || !strings.HasSuffix(got, "the end ?") {
		t.Errorf("%d bytes, ending %q", len(got), got[len(got)-10:])
	}
}
