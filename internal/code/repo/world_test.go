package repo_test

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git"
)

// world is the room with a workspace "acme" whose one member is "ada".
type world struct {
	testing.TB
	*repo.Service
	now  *clock.Manual
	gate *access.Gate
	ada  access.Actor
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, "http://code.test")
	w := &world{
		TB: t, now: code.Now, gate: code.Gate, Service: code.Repositories(1 << 20),
		ada: access.Actor{
			Door: access.API, Credential: access.APIToken, CredentialID: "t", User: "ada",
			Scopes: access.Scopes(), Address: netip.MustParseAddr("192.0.2.7"),
		},
	}
	for _, row := range []string{
		`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created) VALUES ('ada', 'i', 's', 'ada', 'Ada', 'a@example.com', FALSE, 1)`,
		`INSERT INTO workspace (id, slug, name, plan, created) VALUES ('w', 'acme', 'Acme', 'premium', 1)`,
		`INSERT INTO member (workspace, user_id, role, created) VALUES ('w', 'ada', 'member', 1)`,
	} {
		w.exec(row)
	}
	return w
}

func (w *world) exec(statement string, args ...any) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, statement, args...); err != nil {
		w.Fatal(err)
	}
}

// grant is what the gate gives ada.
func (w *world) grant(action access.Action, repository string) access.Grant {
	w.Helper()
	g, err := w.gate.Check(w.Context(), w.ada, access.Target{Workspace: "acme", Repository: repository}, action)
	if err != nil {
		w.Fatal(err)
	}
	return g
}

func (w *world) create(name string) repo.Repository {
	w.Helper()
	made, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: name})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// files gives the path of every regular file below the room's folder.
func (w *world) files() []string {
	w.Helper()
	var found []string
	err := filepath.WalkDir(w.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// work is a clone in which plain git makes commits.
type work struct {
	*world
	dir, name string
}

func (w *world) work(repository string) work {
	w.Helper()
	made := work{w, w.TempDir(), repository}
	made.git("init", "-q", "-b", "main")
	return made
}

func (k work) git(args ...string) string {
	k.Helper()
	return strings.TrimSpace(string(k.run(nil, args...)))
}

func (k work) run(stdin []byte, args ...string) []byte {
	k.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = k.dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		k.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// commit writes files, given as path and content in turn, and commits them.
func (k work) commit(message string, files ...string) string {
	k.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(k.dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			k.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			k.Fatal(err)
		}
	}
	k.git("add", "-A")
	k.git("commit", "-q", "--allow-empty", "-m", message)
	return k.git("rev-parse", "HEAD")
}

// push hands updates, given as "old new name", with the objects that the new
// ones need, to ReceivePack, and gives what the client would read.
func (k work) push(updates ...string) string {
	k.Helper()
	var body []byte
	var wanted strings.Builder
	for i, update := range updates {
		if i == 0 {
			update += "\x00 report-status"
		}
		body = git.AppendPacket(body, update)
		if oid := strings.Fields(update)[1]; oid != string(git.ZeroOID) {
			wanted.WriteString(oid + "\n")
		}
	}
	body = git.AppendFlush(body)
	if wanted.Len() > 0 {
		body = append(body, k.run([]byte(wanted.String()), "pack-objects", "--revs", "--stdout", "-q")...)
	}
	var out bytes.Buffer
	if err := k.Transport().ReceivePack(k.Context(), k.grant(access.WriteRepository, k.name), git.ProtocolV0, bytes.NewReader(body), &out); err != nil {
		k.Fatal(err)
	}
	return out.String()
}

func create(oid, name string) string { return string(git.ZeroOID) + " " + oid + " " + name }
