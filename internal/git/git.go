// Package git is everything that Sallyport knows about git's own files,
// protocol and program. It owns no table and knows nothing of people,
// workspaces or access: whoever holds a *Repository may read and write it, so
// only the rooms whose content lies in git open one, against a grant.
//
// Packs are made and taken in by the installed git program. Everything that
// happens far more often is answered here without starting a process:
// advertising references, ls-refs of protocol 2, and reading objects, which a
// small pool of long-lived `git cat-file --batch-command` processes serves.
//
// Invariants:
//   - A git process sees a clean environment, no configuration but ours, no
//     hooks and no other program; names that come from outside stand behind "--"
//     or are checked.
//   - No git process has more memory than it was given before it began.
//   - When the context of a call ends, its process group ends.
//   - References are read as git reads them: HEAD, then loose, then packed. A
//     reader beside a push or a pack-refs sees each reference before or after
//     the change, never missing.
//   - Nothing under HiddenRefs is advertised or taken.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport.dev/internal/lru"
)

// HiddenRefs is the prefix of references that belong to Sallyport itself.
const HiddenRefs = "refs/sallyport/"

// The oldest version of git that is known to work.
const (
	oldestMajor = 2
	oldestMinor = 39
)

// processGrace is how long a process may take to clean up after SIGTERM.
const processGrace = 5 * time.Second

// Git is the installed git program and what it can do.
type Git struct {
	path    string
	version string
	caps    capabilities
	readers *readers
	objects *lru.Cache[objectKey, object]
	packing chan struct{} // one place for each process that makes or takes a pack
	cloned  *lru.Cache[cloneKey, struct{}]
	asking  chan struct{} // one place for each process that reads for a page
	answers *lru.Cache[answerKey, answer]
	counts  *lru.Cache[countKey, Counts]
	lasts   *lasts
	sizes   *lru.Cache[objectKey, map[string]int64]

	mu    sync.Mutex
	known map[string]*Repository
}

// Find looks for git (by path, or in PATH where path is empty), checks its
// version and asks it once what it advertises. Close frees what it holds.
func Find(ctx context.Context, path string) (*Git, error) {
	if path == "" {
		path = "git"
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("git is needed and was not found; install git %d.%d or newer: %w", oldestMajor, oldestMinor, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("finding git: %w", err)
	}
	g := &Git{
		path:    path,
		objects: lru.New[objectKey, object](16 << 20),
		packing: make(chan struct{}, 8*runtime.GOMAXPROCS(0)),
		cloned:  lru.New[cloneKey, struct{}](cloneSeen),
		asking:  make(chan struct{}, 4*runtime.GOMAXPROCS(0)),
		answers: lru.New[answerKey, answer](answersFor),
		counts:  lru.New[countKey, Counts](4 << 20),
		lasts:   newLasts(),
		sizes:   lru.New[objectKey, map[string]int64](1 << 20),
		known:   map[string]*Repository{},
	}
	if g.version, err = g.readVersion(ctx); err != nil {
		return nil, err
	}
	if g.caps, err = g.learnCapabilities(ctx); err != nil {
		return nil, fmt.Errorf("asking git what it advertises: %w", err)
	}
	g.readers = newReaders(g)
	return g, nil
}

// Version is the version of the installed git, such as "2.39.5".
func (g *Git) Version() string { return g.version }

// Close ends the processes that wait for the next object to read.
func (g *Git) Close() { g.readers.close() }

var versionPattern = regexp.MustCompile(`^git version ((\d+)\.(\d+)\S*)`)

func (g *Git) readVersion(ctx context.Context) (string, error) {
	var out bytes.Buffer
	if err := g.run(ctx, process{args: []string{"version"}, stdout: &out}); err != nil {
		return "", fmt.Errorf("asking git for its version: %w", err)
	}
	match := versionPattern.FindStringSubmatch(out.String())
	if match == nil {
		return "", fmt.Errorf("%s does not say its version: %q", g.path, out.String())
	}
	major, _ := strconv.Atoi(match[2])
	minor, _ := strconv.Atoi(match[3])
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return "", fmt.Errorf("git %s is too old; %d.%d or newer is needed", match[1], oldestMajor, oldestMinor)
	}
	return match[1], nil
}

// process is one run of git.
type process struct {
	dir      string // the repository; empty for none
	config   []string
	args     []string
	protocol Protocol
	stdin    *bytes.Reader
	stdout   *bytes.Buffer
	memory   int64 // bytes of its own that it may have; 0: packMemory
}

// run starts git, waits for it and gives an *ExitError where it failed.
func (g *Git) run(ctx context.Context, p process) error {
	cmd, stderr := g.command(ctx, p)
	if p.stdin != nil {
		cmd.Stdin = p.stdin
	}
	if p.stdout != nil {
		cmd.Stdout = p.stdout
	}
	return finish(ctx, cmd, cmd.Run(), stderr)
}

// config is what every git process runs under, whatever the machine's or the
// repository's files say.
var config = []string{
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
	"safe.directory=*", // only directories that Sallyport made are ever opened
	"protocol.allow=never",
	"gc.auto=0",
	"maintenance.auto=false",
	"receive.autogc=false",
	"receive.fsckObjects=true",
	"transfer.fsckObjects=true",
	"transfer.hideRefs=" + strings.TrimSuffix(HiddenRefs, "/"),
	"uploadpack.allowFilter=true",
	"core.bigFileThreshold=64m", // beyond it git streams a file instead of holding it
	"pack.windowMemory=64m",     // for each thread
	"pack.threads=" + strconv.Itoa(min(runtime.NumCPU(), 8)),
	"core.filesRefLockTimeout=10000", // milliseconds: maintenance holds a lock for a moment, and has the lowest priority
	"core.packedRefsTimeout=10000",
}

// command prepares a process with a clean environment, in a process group of
// its own that ends with ctx.
func (g *Git) command(ctx context.Context, p process) (*exec.Cmd, *tail) {
	args := bounded(p.memory, g.path)
	for _, setting := range config {
		args = append(args, "-c", setting)
	}
	for _, setting := range p.config {
		args = append(args, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, shell, append(args, p.args...)...)
	cmd.Env = []string{
		"PATH=/nonexistent", // git has its own beside it; others, such as gpg for an archive that asks for a signature, don't run
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
	}
	if p.protocol != ProtocolV0 {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+p.protocol.String())
	}
	if p.dir != "" {
		cmd.Dir = p.dir
		cmd.Env = append(cmd.Env, "GIT_DIR=.")
	}
	stderr := &tail{}
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = processGrace
	return cmd, stderr
}

// ExitError says that a git process failed, and what it said last.
type ExitError struct {
	Command string // upload-pack, rev-list …
	Stderr  string // at most the last 4 KiB
	cause   error
}

func (e *ExitError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("git %s: %v", e.Command, e.cause)
	}
	return fmt.Sprintf("git %s: %v: %s", e.Command, e.cause, e.Stderr)
}

func (e *ExitError) Unwrap() error { return e.cause }

// Code is the process's exit code; -1 where it ended otherwise.
func (e *ExitError) Code() int {
	if exit, ok := errors.AsType[*exec.ExitError](e.cause); ok {
		return exit.ExitCode()
	}
	return -1
}

// finish turns the outcome of a process into an error. Where the context has
// ended that is the cause, not the signal which followed from it.
func finish(ctx context.Context, cmd *exec.Cmd, err error, stderr *tail) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &ExitError{Command: subcommand(cmd.Args), Stderr: strings.TrimSpace(stderr.String()), cause: err}
}

func subcommand(args []string) string {
	for i := 1 + boundedBy; i < len(args); i++ {
		if args[i] == "-c" {
			i++
			continue
		}
		return args[i]
	}
	return ""
}

// tail keeps the last 4 KiB that were written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.text), "?")
}
