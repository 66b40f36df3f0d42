package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sallyport.dev/internal/db/dbtest"
)

// The scripts run the real program in a process of its own, with the
// installed git and curl. test/script/README.md lists the commands that they
// have beside testscript's.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sallyport": main})
}

const scripts = "../../test/script"

func TestScripts(t *testing.T) {
	testscript.Run(t, params(testscript.Params{Dir: scripts}))
}

// Scripts whose subject rests on the store run on both engines, and so does
// every attack.
func TestScriptsOnPostgreSQL(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scripts, "attack-*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"enforce-two-step", "blocked-then-enrolled"} {
		files = append(files, filepath.Join(scripts, name+".txtar"))
	}
	p := params(testscript.Params{Files: files})
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("SALLYPORT_DATABASE", dbtest.PostgresURL(t))
		return setup(env)
	}
	testscript.Run(t, p)
}

func params(p testscript.Params) testscript.Params {
	peers, err := filepath.Abs("../../test/peers")
	p.Setup = func(env *testscript.Env) error {
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(peers, "node_modules")); err != nil {
			return fmt.Errorf("%w; run test/install", err)
		}
		for _, line := range []string{
			"HOME=" + env.WorkDir, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
			"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com",
			"GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com",
			"SALLYPORT_DATA=" + filepath.Join(env.WorkDir, "data"),
			"PEERS=" + peers,
			"PASSWORD=correct horse battery staple 42",
		} {
			name, value, _ := strings.Cut(line, "=")
			env.Setenv(name, value)
		}
		env.Values[scriptKey{}] = &script{servers: map[string]*server{}, browsers: map[string]*browser{}, lastStep: map[string]int64{}}
		return nil
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"serve": cmdServe, "shutdown": cmdShutdown, "kill": cmdKill, "exits": cmdExits, "soon": cmdSoon, "is": cmdIs, "freeport": cmdFreePort, "mode": cmdMode,
		"visit": cmdVisit, "press": cmdPress, "follow": cmdFollow, "otp": cmdOTP, "link": cmdLink, "capture": cmdCapture, "pick": cmdPick,
		"person": cmdPerson, "signin": cmdSignIn, "enrol": cmdEnrol, "workspace": cmdWorkspace, "repository": cmdRepository,
		"mfa":     cmdMFA,
		"waitfor": cmdWaitFor, "controls": cmdControls,
		"member": cmdMember, "token": cmdToken, "sshkey": cmdSSHKey, "same": cmdSame, "sqlite": cmdSQLite,
	}
	return p
}

type scriptKey struct{}

// script is what the commands of one script share.
type script struct {
	servers  map[string]*server
	browsers map[string]*browser
	lastStep map[string]int64 // of each authenticator: the time step whose code was given last
	taken    map[string]bool  // links that were given from mails
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

type server struct {
	command *exec.Cmd
	exited  chan error
}

// serve [-as NAME] FLAG… starts the program and waits until it says where its
// sites are: $CODE, $ACCOUNT, $SSH (host:port) and, where there is one, $SETUP.
// Its log goes to NAME.log (server.log).
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	name := "server"
	if len(args) > 1 && args[0] == "-as" {
		name, args = args[1], args[2:]
	}
	flags := []string{"serve"}
	if !contains(args, "--code-listen") && ts.Getenv("SALLYPORT_CODE_LISTEN") == "" && !contains(args, "--config") {
		flags = append(flags, "--code-listen", "127.0.0.1:0", "--account-listen", "127.0.0.1:0")
	}
	if !contains(args, "--ssh-listen") {
		flags = append(flags, "--ssh-listen", "127.0.0.1:0")
	}
	logPath := ts.MkAbs(name + ".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer log.Close()
	program, err := exec.LookPath(filepath.Join(programDir(ts), "sallyport"))
	ts.Check(err)
	command := exec.Command(program, append(flags, args...)...)
	command.Dir, command.Env, command.Stderr = ts.MkAbs("."), environment(ts), log
	out, err := command.StdoutPipe()
	ts.Check(err)
	ts.Check(command.Start())
	s := &server{command: command, exited: make(chan error, 1)}
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
		close(lines)
		s.exited <- command.Wait()
	}()
	scriptOf(ts).servers[name] = s
	ts.Defer(func() { end(ts, name, logPath) })
	awaitAddresses(ts, lines, logPath)
}

// awaitAddresses reads what the program prints at its start. The set-up link is
// the last line where there is one; Account's line otherwise, so a short quiet
// after that ends it.
func awaitAddresses(ts *testscript.TestScript, lines <-chan string, logPath string) {
	patience := time.After(30 * time.Second)
	var quiet <-chan time.Time
	for {
		select {
		case line, open := <-lines:
			if !open {
				ts.Fatalf("it stopped at once:\n%s", tail(logPath))
			}
			fmt.Fprintln(ts.Stdout(), line)
			name, address, _ := strings.Cut(line, ":")
			address = strings.TrimSpace(address)
			switch name {
			case "Code":
				ts.Setenv("CODE", address)
			case "Account":
				ts.Setenv("ACCOUNT", address)
				quiet = time.After(time.Second)
			case "SSH":
				ts.Setenv("SSH", address)
			case "Set up":
				ts.Setenv("SETUP", address)
				go drain(lines)
				return
			default:
				ts.Fatalf("it printed %q", line)
			}
		case <-quiet:
			go drain(lines)
			return
		case <-patience:
			ts.Fatalf("it said nothing for 30 s:\n%s", tail(logPath))
		}
	}
}

func drain(lines <-chan string) {
	for range lines {
	}
}

// shutdown [NAME] asks the program to stop, and fails where it doesn't end with 0.
func cmdShutdown(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	name, s := takeServer(ts, args)
	if err := s.stop(); err != nil {
		ts.Fatalf("%s: %v\n%s", name, err, tail(ts.MkAbs(name+".log")))
	}
}

// kill [NAME] ends the program at once, as kill -9 does: it can write nothing more.
func cmdKill(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	_, s := takeServer(ts, args)
	ts.Check(s.command.Process.Kill())
	<-s.exited
}

// takeServer gives the running program that is named, "server" unless it is, and
// no longer takes it for running.
func takeServer(ts *testscript.TestScript, args []string) (string, *server) {
	name := "server"
	if len(args) > 0 {
		name = args[0]
	}
	s := scriptOf(ts).servers[name]
	if s == nil {
		ts.Fatalf("%s doesn't run", name)
	}
	delete(scriptOf(ts).servers, name)
	return name, s
}

func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		return err
	case <-time.After(40 * time.Second):
		return errors.Join(errors.New("it didn't stop within 40 s"), s.command.Process.Kill())
	}
}

func end(ts *testscript.TestScript, name, logPath string) {
	ts.Logf("the end of %s:\n%s", filepath.Base(logPath), tail(logPath))
	if s := scriptOf(ts).servers[name]; s != nil {
		if err := s.stop(); err != nil {
			ts.Logf("%s: %v", name, err)
		}
	}
}

// exits CODE PROGRAM ARG… runs a program and compares its exit code; its output
// can be looked at with stdout and stderr.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s exited with %d, not %s", args[1], got, args[0])
	}
}

// waitfor STATUS CURL-ARG… asks until the answer has the status: for what
// happens soon after, and not before the answer to who did it.
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: waitfor STATUS CURL-ARG…")
	}
	var got string
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command("curl", append([]string{"-s", "-o", "/dev/null", "-w", "%{http_code}"}, args[1:]...)...).Output()
		ts.Check(err)
		if got = string(out); got == args[0] {
			return
		}
	}
	ts.Fatalf("after 15 s it still answers %s, not %s", got, args[0])
}

// soon WHAT PROGRAM ARG… -- PATTERN runs a program until what it prints fits the
// pattern: for what follows by itself a moment later.
func cmdSoon(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 4 || args[len(args)-2] != "--" {
		ts.Fatalf("usage: soon WHAT PROGRAM ARG… -- PATTERN")
	}
	pattern := regexp.MustCompile(args[len(args)-1])
	patience := time.After(20 * time.Second)
	for {
		ts.Check(ts.Exec(args[1], args[2:len(args)-2]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-patience:
			ts.Fatalf("not %s: %s", args[0], ts.ReadFile("stdout"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// is GOT WANT compares two texts.
func cmdIs(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: is GOT WANT")
	}
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%q, not %q", args[0], args[1])
	}
}

// mode FILE OCTAL compares a file's permissions.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, not %s", args[0], got, args[1])
	}
}

// freeport NAME finds a port that is free now.
func cmdFreePort(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

// capture NAME PROGRAM ARG… puts what a program prints into a variable.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: capture NAME PROGRAM ARG…")
	}
	ts.Check(ts.Exec(args[1], args[2:]...))
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile("stdout"), "\n"))
}

func refuseNot(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("this command can't be negated")
	}
}

func contains(args []string, flag string) bool {
	for _, arg := range args {
		if arg == flag || strings.HasPrefix(arg, flag+"=") {
			return true
		}
	}
	return false
}

// programDir is where testscript has put the program: first in the script's PATH.
func programDir(ts *testscript.TestScript) string {
	dir, _, _ := strings.Cut(ts.Getenv("PATH"), string(filepath.ListSeparator))
	return dir
}

// environment gives the script's variables to a program that isn't started by
// testscript itself.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "LC_ALL", "GIT_CONFIG_NOSYSTEM", "SALLYPORT_DATA", "SALLYPORT_DATABASE", "SALLYPORT_CONFIG",
		"SALLYPORT_CODE_LISTEN", "SALLYPORT_ACCOUNT_LISTEN", "SALLYPORT_SIGNUP", "SALLYPORT_LOG_FORMAT",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func write(ts *testscript.TestScript, name, text string) {
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
}

// tail gives the last lines of a file.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	var out strings.Builder
	for _, line := range lines[max(0, len(lines)-60):] {
		out.Write(line)
	}
	return out.String()
}
