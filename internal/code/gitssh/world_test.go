package gitssh_test

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/gitssh"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// site is Code's address as the texts name it.
const site = "https://code.test"

const maxPush = 2 << 20

// world is Code behind its SSH door alone: a workspace "acme" of alice, with a
// private repository "app" and a public one "site"; bob is a member, eve isn't.
type world struct {
	*codetest.Code
	repos    *repo.Service
	hostKeys []ssh.Signer
	door     *gitssh.Door
	port     string
	known    string // the known_hosts file
	asked    string // the file with what was asked last

	alice, bob, eve *codetest.Person
}

func newWorld(t testing.TB) *world { return limitedWorld(t, gitssh.Limits{}) }

func limitedWorld(t testing.TB, limits gitssh.Limits) *world {
	t.Helper()
	return worldOn(t, dbtest.SQLite(t), limits)
}

// each is for what must hold on both engines.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(t, worldOn(t, d, gitssh.Limits{})) })
}

func worldOn(t testing.TB, d *db.DB, limits gitssh.Limits) *world {
	t.Helper()
	code := codetest.New(t, d, site)
	w := &world{Code: code, repos: code.Repositories(maxPush)}
	var err error
	if w.hostKeys, err = gitssh.HostKeys(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.door = gitssh.New(gitssh.Config{
		URL: site, HostKeys: w.hostKeys, Clock: code.Now.Now, Gate: w.Gate, Users: w.Users, Repositories: w.repos, Wikis: w.Wikis(w.repos), Snippets: w.Snippets(w.repos), Limits: limits,
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.door.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := stopped()
		defer cancel()
		_ = w.door.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	_, w.port, _ = net.SplitHostPort(listener.Addr().String())
	w.known = filepath.Join(t.TempDir(), "known_hosts")
	line := "[127.0.0.1]:" + w.port + " " + string(ssh.MarshalAuthorizedKey(w.hostKeys[0].PublicKey()))
	if err := os.WriteFile(w.known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	w.acme()
	return w
}

func (w *world) acme() {
	w.Helper()
	w.alice, w.bob, w.eve = w.Person("alice"), w.Person("bob"), w.Person("eve")
	if _, err := w.Workspaces.Create(w.Context(), w.alice.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
		w.Fatal(err)
	}
	w.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 1 FROM workspace`, w.bob.ID)
	w.sql(`UPDATE workspace SET plan = 'premium'`)
	for name, public := range map[string]bool{"app": false, "site": true} {
		_, err := w.repos.Create(w.Context(), w.alice.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: name, Public: public})
		if err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) sql(query string, args ...any) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, query, args...); err != nil {
		w.Fatal(err)
	}
}

// key is a key pair in a file, as ssh-keygen makes one.
type key struct {
	file   string
	signer ssh.Signer
	id     string // of the row
}

func (w *world) newKey() key {
	w.Helper()
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		w.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(secret)
	if err != nil {
		w.Fatal(err)
	}
	file := filepath.Join(w.TempDir(), "id")
	for name, text := range map[string][]byte{file: pem.EncodeToMemory(block), file + ".pub": ssh.MarshalAuthorizedKey(signer.PublicKey())} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			w.Fatal(err)
		}
	}
	return key{file: file, signer: signer}
}

// keyOf gives somebody a key.
func (w *world) keyOf(p *codetest.Person) key {
	w.Helper()
	k := w.newKey()
	k.id = w.add(p, k.file+".pub")
	return k
}

func (w *world) add(p *codetest.Person, file string) (id string) {
	w.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		w.Fatal(err)
	}
	added, err := w.Users.AddKey(w.Context(), p.Grant(access.ManageKeys, access.Target{}), user.KeyInput{Text: string(text), Label: "laptop"})
	if err != nil {
		w.Fatal(err)
	}
	return added.ID
}

// deployKey makes a key of acme/app.
func (w *world) deployKey(writable bool) key {
	w.Helper()
	k := w.newKey()
	g := w.alice.Grant(access.ManageDeployKeys, access.Target{Workspace: "acme", Repository: "app"})
	added, err := w.Users.AddDeployKey(w.Context(), g, user.KeyInput{
		Text: string(ssh.MarshalAuthorizedKey(k.signer.PublicKey())), Label: "ci", Writable: writable,
	})
	if err != nil {
		w.Fatal(err)
	}
	k.id = added.ID
	return k
}

// ssh is how stock ssh is called with some keys.
func (w *world) ssh(keys ...key) []string {
	args := []string{
		"ssh", "-T", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + w.known, "-o", "StrictHostKeyChecking=yes",
		"-o", "NumberOfPasswordPrompts=3", "-p", w.port,
	}
	for _, k := range keys {
		args = append(args, "-i", k.file)
	}
	return args
}

// person is somebody at a terminal with stock ssh and git.
type person struct {
	*world
	dir string
	ssh []string
	env []string
}

func (w *world) with(keys ...key) person {
	return person{world: w, dir: w.TempDir(), ssh: w.ssh(keys...)}
}

// run runs a program and gives all that it prints and its exit status.
func (p person) run(args ...string) (string, int) {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_SSH_COMMAND=" + strings.Join(p.ssh, " "),
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com",
	}, p.env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", ""), cmd.ProcessState.ExitCode()
}

// git runs git, which must succeed.
func (p person) git(args ...string) string {
	p.Helper()
	out, status := p.run(append([]string{"git"}, args...)...)
	if status != 0 {
		p.Fatalf("git %s: status %d: %s", strings.Join(args, " "), status, out)
	}
	return out
}

// call runs a command at the door with stock ssh.
func (p person) call(command ...string) (string, int) {
	p.Helper()
	return p.run(append(append(p.ssh[:len(p.ssh):len(p.ssh)], "git@127.0.0.1"), command...)...)
}

// in is the same in a folder below.
func (p person) in(dir string) person {
	p.dir = filepath.Join(p.dir, dir)
	return p
}

// commit makes a commit with a file of the name.
func (p person) commit(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	p.git("add", ".")
	p.git("commit", "-qm", name)
}

// address is where git finds a repository.
func (w *world) address(path string) string { return "ssh://git@127.0.0.1:" + w.port + "/" + path }

// dial signs in with x/crypto's client.
func (w *world) dial(k key, more ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", "127.0.0.1:"+w.port, &ssh.ClientConfig{
		User: "git", Auth: append([]ssh.AuthMethod{ssh.PublicKeys(k.signer)}, more...),
		HostKeyCallback: ssh.FixedHostKey(w.hostKeys[0].PublicKey()), BannerCallback: func(string) error { return nil },
	})
}

func (w *world) client(k key) *ssh.Client {
	w.Helper()
	client, err := w.dial(k)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = client.Close() })
	return client
}

// output runs a command on a connection.
func output(client *ssh.Client, command string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	out, err := session.CombinedOutput(command)
	return strings.TrimSpace(string(out)), err
}

// says fails where a command didn't end as it should.
func (w *world) says(what, got string, status int, want string, wantStatus int) {
	w.Helper()
	if got != want || status != wantStatus {
		w.Errorf("%s: status %d, not %d:\n%s\nwant:\n%s", what, status, wantStatus, got, want)
	}
}

const couldNotRead = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists."

func lines(text ...string) string { return strings.Join(text, "\n") }

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// answering has stock ssh take what it asks for from a program, one line of the
// answers after the other.
func (w *world) answering(answers ...string) []string {
	w.Helper()
	dir := w.TempDir()
	w.asked = filepath.Join(dir, "asked")
	program := filepath.Join(dir, "askpass")
	script := "#!/bin/sh\nprintf '%s' \"$1\" >" + w.asked + "\nhead -n1 " + dir + "/answers\nsed -i 1d " + dir + "/answers\n"
	for name, text := range map[string]string{program: script, dir + "/answers": strings.Join(answers, "\n") + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			w.Fatal(err)
		}
	}
	return []string{"SSH_ASKPASS=" + program, "SSH_ASKPASS_REQUIRE=force"}
}

// prompts gives what was asked last.
func (w *world) prompts() string {
	w.Helper()
	text, err := os.ReadFile(w.asked)
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

// lastKey is the key that was added last.
func (w *world) lastKey() string {
	w.Helper()
	id, err := db.One[string](w.Context(), w.DB, `SELECT id FROM ssh_key ORDER BY created DESC, id DESC LIMIT 1`)
	if err != nil {
		w.Fatal(err)
	}
	return id
}

// offers gives the server's lists of algorithms, in the order of RFC 4253 §7.1.
func (w *world) offers() [8][]string {
	w.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+w.port)
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || line != "SSH-2.0-Sallyport\r\n" {
		w.Fatalf("it begins with %q, %v", line, err)
	}
	if _, err := io.WriteString(conn, "SSH-2.0-test\r\n"); err != nil {
		w.Fatal(err)
	}
	var head struct {
		Length  uint32
		Padding byte
	}
	if err := binary.Read(in, binary.BigEndian, &head); err != nil {
		w.Fatal(err)
	}
	packet := make([]byte, head.Length-1)
	if _, err := io.ReadFull(in, packet); err != nil {
		w.Fatal(err)
	}
	var lists [8][]string
	rest := packet[1+16:] // its type and a cookie
	for i := range lists {
		n := binary.BigEndian.Uint32(rest)
		lists[i] = strings.Split(string(rest[4:4+n]), ",")
		rest = rest[4+n:]
	}
	return lists
}
