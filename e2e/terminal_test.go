package e2e

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// terminal is where somebody, or a machine, runs git and ssh: with a home of
// its own, and no configuration of the system's.
type terminal struct {
	t    *testing.T
	s    *server
	name string
	home string
	env  []string
}

func (s *server) terminal(t *testing.T, name string) *terminal {
	t.Helper()
	home := t.TempDir()
	return &terminal{t: t, s: s, name: name, home: home, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=" + title(name), "GIT_AUTHOR_EMAIL=" + name + "@example.com",
		"GIT_COMMITTER_NAME=" + title(name), "GIT_COMMITTER_EMAIL=" + name + "@example.com",
	}}
}

// key makes a key for SSH, which git takes from then on, and gives its public line.
func (c *terminal) key() string {
	c.t.Helper()
	file := filepath.Join(c.home, "key")
	c.runs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", c.name+"@laptop", "-f", file)
	c.env = append(c.env, "GIT_SSH_COMMAND=ssh -F /dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="+
		filepath.Join(c.home, "known_hosts")+" -i "+file)
	line, err := os.ReadFile(file + ".pub")
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(line))
}

// answers says what is typed where ssh asks: a line for each question.
func (c *terminal) answers(lines ...string) {
	c.t.Helper()
	c.write("answers", strings.Join(lines, "\n")+"\n")
	c.write("askpass", "#!/bin/sh\nhead -n1 \"$HOME/answers\"\nsed -i 1d \"$HOME/answers\"\n")
	if err := os.Chmod(filepath.Join(c.home, "askpass"), 0o755); err != nil {
		c.t.Fatal(err)
	}
	c.env = append(c.env, "SSH_ASKPASS="+filepath.Join(c.home, "askpass"), "SSH_ASKPASS_REQUIRE=force")
}

// over gives the address of a repository by the other transports: "" is SSH, a
// token is for HTTPS with the user that stands before its colon.
func (c *terminal) over(credential, path string) string {
	c.t.Helper()
	if credential == "" {
		host, port, err := net.SplitHostPort(c.s.ssh)
		if err != nil {
			c.t.Fatal(err)
		}
		return "ssh://git@" + net.JoinHostPort(host, port) + "/" + path + ".git"
	}
	at, err := url.Parse(c.s.code)
	if err != nil {
		c.t.Fatal(err)
	}
	user, token, _ := strings.Cut(credential, ":")
	at.User = url.UserPassword(user, token)
	return at.String() + "/" + path + ".git"
}

// write puts a text into a file below the home.
func (c *terminal) write(path, text string) {
	c.t.Helper()
	path = filepath.Join(c.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// runs gives what a command that ends well has said.
func (c *terminal) runs(args ...string) string {
	c.t.Helper()
	said, err := c.run(args...)
	if err != nil {
		c.t.Fatalf("%s: %q: %v\n%s", c.name, args[:2], err, said)
	}
	return said
}

// fails checks that a command ends badly, and has said the words.
func (c *terminal) fails(words []string, args ...string) {
	c.t.Helper()
	said, err := c.run(args...)
	if err == nil {
		c.t.Fatalf("%s: %q went well:\n%s", c.name, args[:2], said)
	}
	c.t.Logf("%s: %q\n%s", c.name, args[:2], said)
	for _, each := range words {
		if !strings.Contains(said, each) {
			c.t.Errorf("%s: %q doesn't say %q but:\n%s", c.name, args[:2], each, said)
		}
	}
}

func (c *terminal) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Dir, command.Env = c.home, c.env
	out, err := command.CombinedOutput()
	return string(out), err
}
