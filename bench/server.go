package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is a process that serves a repository.
type server struct {
	name       string
	cmd        *exec.Cmd
	repository string // its address, with the credential
	ssh        string // its address over SSH
	branches   string // what the names of pushed branches begin with
	data       string // its folder
	idle       memory // what it held after its start
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return s.cmd.Wait()
}

// start starts a program and reads the addresses that it prints, as "Name: URL"
// a line, until all that are wanted have come.
func start(ctx context.Context, dir string, wanted []string, program string, args ...string) (*exec.Cmd, map[string]string, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	found := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(found) < len(wanted) && lines.Scan() {
		name, address, _ := strings.Cut(lines.Text(), ":")
		for _, w := range wanted {
			if w == name {
				found[name] = strings.TrimSpace(address)
			}
		}
	}
	if len(found) < len(wanted) {
		said, _ := os.ReadFile(log.Name())
		return nil, nil, errors.Join(fmt.Errorf("%s said: %s", program, said), cmd.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return cmd, found, nil
}

const (
	email    = "bench@example.com"
	password = "a password for the bench alone"
)

// startSallyport builds the binary, serves an empty data folder with it, and
// makes a private repository by the pages.
func startSallyport(ctx context.Context, dir, key string) (*server, error) {
	program := filepath.Join(dir, "sallyport")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/sallyport")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building it: %w", err)
	}
	data := filepath.Join(dir, "data")
	cmd, sites, err := start(ctx, dir, []string{"Code", "Account", "SSH"}, program,
		"serve", "--data", data, "--code-listen", "127.0.0.1:0", "--account-listen", "127.0.0.1:0", "--ssh-listen", "127.0.0.1:0", "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	s := &server{name: "sallyport", cmd: cmd, data: data, ssh: "ssh://git@" + sites["SSH"] + "/acme/bench.git"}
	time.Sleep(settled)
	if s.idle, err = s.holds(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	admin := func(stdin string, args ...string) (string, error) {
		args = append([]string{"admin"}, args...)
		run := exec.CommandContext(ctx, program, append(args, "--data", data, "--code-url", sites["Code"], "--account-url", sites["Account"])...)
		run.Stdin = strings.NewReader(stdin)
		run.Stderr = os.Stderr
		out, err := run.Output()
		return strings.TrimSpace(string(out)), err
	}
	token, err := s.settle(ctx, sites["Code"], key, admin)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	address, err := url.Parse(sites["Code"])
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	address.User, address.Path = url.UserPassword("x-token-auth", token), "/acme/bench.git"
	s.repository = address.String()
	return s, nil
}

// settle makes the person, the workspace, the repository, the key and the token.
func (s *server) settle(ctx context.Context, code, key string, admin func(string, ...string) (string, error)) (token string, err error) {
	if _, err := admin(password+"\n", "person", "create", "--email", email, "--name", "Bench", "--administrator"); err != nil {
		return "", fmt.Errorf("making a person: %w", err)
	}
	b := newBrowser()
	steps := []struct {
		path   string // empty: where the last step led
		fields url.Values
	}{
		{code + "/login", url.Values{"email": {email}, "password": {password}}},
		{"", url.Values{"username": {"bench"}}},
		{code + "/workspaces/new", url.Values{"name": {"Acme"}, "slug": {"acme"}}},
		{code + "/acme/workspace/create-repository", url.Values{"name": {"bench"}}},
		{code + "/account/settings/ssh-keys/", url.Values{"key": {key}, "expires": {"0"}}},
	}
	for _, step := range steps {
		if step.path != "" {
			if err := b.visit(ctx, step.path); err != nil {
				return "", err
			}
		}
		if err := b.submit(ctx, step.fields); err != nil {
			return "", err
		}
	}
	token, err = admin("", "token", "create", "--user", "bench", "--name", "bench", "--scopes", "read:repository:bitbucket,write:repository:bitbucket")
	if err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return token, nil
}

// startRaw serves a copy of the one repository in a data folder.
func startRaw(ctx context.Context, dir, data string) (*server, error) {
	var found string
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(path, ".git") {
			found = path
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "raw")
	if err := os.CopyFS(filepath.Join(root, "bench.git"), os.DirFS(found)); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd, addresses, err := start(ctx, dir, []string{"Raw"}, self, "-raw", root)
	if err != nil {
		return nil, err
	}
	return &server{name: "raw git", cmd: cmd, repository: addresses["Raw"] + "/bench.git", data: root}, nil
}
