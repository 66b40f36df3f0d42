package githttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/githttp"
	"sallyport.dev/internal/git"
)

const (
	fetchRefs = "/acme/app.git/info/refs?service=git-upload-pack"
	pushRefs  = "/acme/app.git/info/refs?service=git-receive-pack"
)

var compared = cmp.AllowUnexported(answer{})

func (w *world) plain(a answer, status int, lines ...string) {
	w.Helper()
	want := strings.Join(lines, "\n") + "\n"
	if a.status != status || a.body != want || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		w.Errorf("%d %s, want %d: %s", a.status, a.header.Get("Content-Type"), status, cmp.Diff(want, a.body))
	}
	challenge := ""
	if status == http.StatusUnauthorized {
		challenge = `Basic realm="Sallyport"`
	}
	if got := a.header.Get("WWW-Authenticate"); got != challenge {
		w.Errorf("%d: WWW-Authenticate is %q", status, got)
	}
}

// Every credential, with what it gets.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	const tokens = "  https://code.test/account/settings/api-tokens/"
	bob := w.bob.Token
	for name, with := range map[string]func(*http.Request){
		"x-token-auth": basic("x-token-auth", bob), "x-bitbucket-api-token-auth": basic("x-bitbucket-api-token-auth", bob),
		"username": basic("bob", bob), "Username": basic("BOB", bob), "email": basic("bob@example.com", bob), "bearer": header("Authorization", "Bearer "+bob),
	} {
		if got := w.ask("GET", fetchRefs, nil, with); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for name, with := range map[string]func(*http.Request){
		"another's name": basic("alice", bob), "unknown token": basic("bob", "spt_"+strings.Repeat("x", 43)), "bearer": header("Authorization", "Bearer spt_x"),
	} {
		got := w.ask("GET", fetchRefs, nil, with)
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got.status)
		}
		contains(t, got.body, tokens)
	}
	for _, with := range map[string]func(*http.Request){
		"password": basic("bob", "correct horse"), "no password": basic("bob", ""), "token as name": basic(bob, ""),
	} {
		got := w.ask("GET", fetchRefs, nil, with)
		w.plain(got, http.StatusUnauthorized, "Passwords aren't accepted here. Use an API token as the password; make one at:", tokens)
	}
	nobody := []string{"Sign in with an API token as the password; make one at:", tokens}
	w.plain(w.ask("GET", fetchRefs, nil), http.StatusUnauthorized, nobody...)
	w.plain(w.ask("GET", pushRefs, nil), http.StatusUnauthorized, nobody...)
	hidden := "There is no such repository, or you don't have access to it."
	w.plain(w.ask("GET", fetchRefs, nil, basic("eve", w.eve.Token)), http.StatusNotFound, hidden)
	scopes := w.bob.TokenWith(access.ScopeReadUser)
	w.plain(w.ask("GET", fetchRefs, nil, basic("bob", scopes)), http.StatusForbidden, "This token lacks the scope read:repository:bitbucket.")
}

// Nobody and outsiders can't tell what exists: status, headers and body agree.
func TestNothingCanBeProbed(t *testing.T) {
	w := newWorld(t)
	w.alice.Enrol()
	w.requireTwoStep()
	who := map[string]func(*http.Request){
		"nobody": func(*http.Request) {}, "eve": basic("eve", w.eve.Token), "bob, blocked": basic("bob", w.bob.Token),
	}
	for name, with := range who {
		for _, rest := range []string{"/info/refs?service=git-upload-pack", "/info/refs?service=git-receive-pack", "/git-upload-pack", "/git-receive-pack"} {
			ask := func(repository string) answer {
				if strings.HasPrefix(rest, "/info") {
					return w.ask("GET", repository+rest, nil, with)
				}
				return w.ask("POST", repository+rest, strings.NewReader("0000"), with, header("Content-Type", "application/x"+strings.TrimPrefix(rest, "/git")+"-request"))
			}
			there := ask("/acme/app.git")
			if there.status == http.StatusOK {
				t.Errorf("%s: %s: open", name, rest)
			}
			if diff := cmp.Diff(there, ask("/acme/missing.git"), compared); diff != "" {
				t.Errorf("%s: %s: missing from there: %s", name, rest, diff)
			}
			if name == "bob, blocked" {
				continue // he is a member, and may know that the workspace exists
			}
			if diff := cmp.Diff(there, ask("/nowhere/app.git"), compared); diff != "" {
				t.Errorf("%s: %s: another workspace: %s", name, rest, diff)
			}
		}
	}
}

// A POST is judged anew: what was open at info/refs may be shut by then.
func TestThePostIsJudgedAgain(t *testing.T) {
	w := newWorld(t)
	w.started()
	bob := basic("bob", w.bob.Token)
	if got := w.ask("GET", fetchRefs, nil, bob); got.status != http.StatusOK {
		t.Fatal(got)
	}
	w.alice.Enrol()
	w.requireTwoStep()
	lines := []string{
		"Workspace acme requires two-step verification.", "Turn it on, then run the command again:",
		"  https://code.test/account/settings/two-step-verification/",
	}
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		got := w.ask("POST", "/acme/app.git/"+service, strings.NewReader("0000"), bob, header("Content-Type", "application/x-"+service+"-request"))
		w.plain(got, http.StatusForbidden, lines...)
	}
}

func TestAddressesAndMethods(t *testing.T) {
	w := newWorld(t)
	alice := basic("alice", w.alice.Token)
	const smart = "Only git's smart protocol is spoken here. Use git 1.6.6 or newer."
	for path, lines := range map[string]string{
		"/acme/app.git/info/refs": smart, "/acme/app.git/info/refs?service=git-upload-archive": smart, "/acme/app.git/HEAD": smart,
		"/acme/app.git/objects/info/packs": smart, "/acme/app.git/objects/00/" + strings.Repeat("0", 38): smart, "/acme/app.git/": smart,
		"/acme/app.git/config": smart, "/acme/app.git/info/refs/x?service=git-upload-pack": smart,
		"/acme/../acme/app.git/info/refs?service=git-upload-pack": "There is nothing here.",
	} {
		w.plain(w.ask("GET", path, nil, alice), http.StatusNotFound, lines)
	}
	for path, allowed := range map[string]string{fetchRefs: "GET", "/acme/app.git/git-upload-pack": "POST", "/acme/app.git/git-receive-pack": "POST"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if method == allowed {
				continue
			}
			got := w.ask(method, path, nil, alice)
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != allowed {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.status, got.header.Get("Allow"))
			}
		}
	}
	if got := w.ask("GET", "/ACME/App/info/refs?service=git-upload-pack", nil, alice); got.status != http.StatusOK {
		t.Errorf("without .git and in capitals: %d %s", got.status, got.body)
	}
	for path, want := range map[string]bool{
		"/a/b.git/info/refs": true, "/a/b/info/refs": true, "/a/b/git-upload-pack": true, "/a/b.git/anything": true, "/a/b.git/": true, "/a/b.git/wiki/info/refs": true, "/snippets/a/b.git/info/refs": true,
		"/": false, "/a/b": false, "/a/b.git": false, "/a/b/src/main": false, "/a/.git/info/refs": false, "//b.git/info/refs": false, "/a/b/info/refs/x": false, "/a/b/wiki/info/refs": false, "/snippets/a/b": false, "/snippets/a/b/info/refs": false,
	} {
		if githttp.Matches(path) != want {
			t.Errorf("%s: want %v", path, want)
		}
	}
	for _, route := range w.door.Routes().List() {
		read, write := access.ReadRepository, access.WriteRepository
		if strings.Contains(route.Pattern, "/wiki/") {
			read, write = access.ReadWiki, access.WriteWiki
		} else if strings.HasPrefix(route.Pattern, "/snippets/") {
			read, write = access.ReadSnippet, access.WriteSnippet
		}
		want := read
		if strings.Contains(route.Pattern, "receive-pack") {
			want = write
		}
		if route.Action != want {
			t.Errorf("%s %s declares %v", route.Method, route.Pattern, route.Action)
		}
	}
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	w.started()
	zipped := func(content []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(content)
		_ = z.Close()
		return b.Bytes()
	}
	big := bytes.Repeat(git.AppendPacket(nil, "have "+strings.Repeat("1", 40)+"\n"), (16<<20)/50+1)
	for name, test := range map[string]struct {
		service, contentType, encoding string
		body                           []byte
		status                         int
	}{
		"no content type":      {"git-upload-pack", "", "", []byte("0000"), 415},
		"a form":               {"git-receive-pack", "application/x-www-form-urlencoded", "", []byte("a=b"), 415},
		"the other's type":     {"git-upload-pack", "application/x-git-receive-pack-request", "", []byte("0000"), 415},
		"brotli":               {"git-upload-pack", "application/x-git-upload-pack-request", "br", []byte("0000"), 415},
		"not gzip":             {"git-upload-pack", "application/x-git-upload-pack-request", "gzip", []byte("0000"), 400},
		"half of a gzip":       {"git-upload-pack", "application/x-git-upload-pack-request", "gzip", zipped([]byte("0000"))[:15], 400},
		"a gzip bomb":          {"git-upload-pack", "application/x-git-upload-pack-request", "gzip", zipped(big), 413},
		"a bomb at push":       {"git-receive-pack", "application/x-git-receive-pack-request", "gzip", zipped(bytes.Repeat([]byte("0009shall"), 1<<21)), 400},
		"not pkt-lines":        {"git-upload-pack", "application/x-git-upload-pack-request", "", []byte("give me everything"), 400},
		"nor for a push":       {"git-receive-pack", "application/x-git-receive-pack-request", "", []byte("take this"), 400},
		"a push with nothing":  {"git-receive-pack", "application/x-git-receive-pack-request", "", []byte("0000"), 200},
		"a question in a gzip": {"git-receive-pack", "application/x-git-receive-pack-request", "gzip", zipped([]byte("0000")), 200},
	} {
		got := w.ask("POST", "/acme/app.git/"+test.service, bytes.NewReader(test.body), basic("alice", w.alice.Token),
			header("Content-Type", test.contentType), header("Content-Encoding", test.encoding))
		if got.status != test.status || test.status != 200 && got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %q %q", name, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
}

// What answers info/refs is what git's own server answers.
func TestAdvertisement(t *testing.T) {
	w := newWorld(t)
	_, oid := w.started()
	for version, begins := range []string{
		"001e# service=git-upload-pack\n0000", "001e# service=git-upload-pack\n0000000eversion 1\n", "000eversion 2\n",
	} {
		got := w.ask("GET", fetchRefs, nil, basic("alice", w.alice.Token), header("Git-Protocol", fmt.Sprintf("version=%d", version)))
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-git-upload-pack-advertisement" ||
			!strings.HasPrefix(got.body, begins) || !strings.HasSuffix(got.body, "0000") || !strings.Contains(got.header.Get("Cache-Control"), "no-cache") {
			t.Errorf("version %d: %+v", version, got)
		}
		if version < 2 {
			contains(t, got.body, oid+" HEAD\x00", " symref=HEAD:refs/heads/main ", oid+" refs/heads/main\n")
		}
		got = w.ask("GET", pushRefs, nil, basic("alice", w.alice.Token), header("Git-Protocol", fmt.Sprintf("version=%d", version)))
		if got.header.Get("Content-Type") != "application/x-git-receive-pack-advertisement" || !strings.HasPrefix(got.body, "001f# service=git-receive-pack\n0000") {
			t.Errorf("version %d: %+v", version, got)
		}
	}
}

func packOf(w *world, k work, oid string) []byte {
	w.Helper()
	path := filepath.Join(w.TempDir(), "pack")
	k.run("bundle", "create", "-q", path, oid, "HEAD")
	bundle, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	_, pack, _ := bytes.Cut(bundle, []byte("\n\n"))
	return pack
}

// A pack of which the end is missing is refused whole, whether the client says
// that it is done or just goes away.
func TestATruncatedPack(t *testing.T) {
	w := newWorld(t)
	k, before := w.started()
	after := k.write("two", "b.txt", noise(100_000))
	pack := packOf(w, k, after)
	kept := w.objects()
	body := git.AppendFlush(git.AppendPacket(nil, before, " ", after, " refs/heads/main\x00 report-status side-band-64k"))
	body = append(body, pack[:len(pack)-1000]...)

	got := w.ask("POST", "/acme/app.git/git-receive-pack", bytes.NewReader(body), basic("alice", w.alice.Token), header("Content-Type", "application/x-git-receive-pack-request"))
	if got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	contains(t, got.body, "early EOF", "ng refs/heads/main unpacker error")

	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequest("POST", w.server.URL+"/acme/app.git/git-receive-pack", io.MultiReader(bytes.NewReader(body), hangUp{conn}))
	r.SetBasicAuth("alice", w.alice.Token)
	r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	if err := r.Write(conn); err == nil {
		t.Error("written whole")
	}
	// The server may notice the end, and git clear away, after the client has gone.
	w.eventually("no git process, and nothing left behind", func() bool { return w.processes() == 0 && w.objects() == kept })
	if got := k.run("ls-remote", "origin", "main"); got != before+"\trefs/heads/main" {
		t.Error(got)
	}
}

// hangUp closes a connection when the request has come so far.
type hangUp struct{ conn net.Conn }

func (h hangUp) Read([]byte) (int, error) {
	_ = h.conn.Close()
	return 0, io.ErrUnexpectedEOF
}

// processes counts the git processes that pack or unpack below this one.
func (w *world) processes() int {
	w.Helper()
	count := 0
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		w.Fatal(err)
	}
	for _, dir := range dirs {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.HasPrefix(cwd, w.repos.Dir) && bytes.Contains(command, []byte("-pack")) {
			count++
		}
	}
	return count
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A client that hangs up in the middle of a clone takes git's process with it.
func TestAClientThatHangsUp(t *testing.T) {
	w := newWorld(t)
	k, _ := w.started()
	oid := k.write("large", "large.bin", noise(3<<20)) // far more than the pipes between hold
	k.run("push", "-q", "origin", "main")
	request := git.AppendPacket(nil, "command=fetch")
	request = append(request, "0001"...)
	request = git.AppendPacket(request, "want "+oid+"\n")
	request = git.AppendFlush(git.AppendPacket(request, "done\n"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "POST", w.server.URL+"/acme/app.git/git-upload-pack", bytes.NewReader(request))
	r.SetBasicAuth("alice", w.alice.Token)
	r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	r.Header.Set("Git-Protocol", "version=2")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	if w.processes() == 0 {
		t.Error("the whole answer fitted into the pipes: this test shows nothing")
	}
	cancel()
	_ = response.Body.Close()
	w.eventually("no git process", func() bool { return w.processes() == 0 })
}

// Progress and keep-alives reach the client while git still works: each write
// is sent on at once.
func TestAnswersAreSentAtOnce(t *testing.T) {
	w := newWorld(t)
	k, before := w.started()
	after := k.write("two", "b.txt", "b")
	pack := packOf(w, k, after)
	body := git.AppendFlush(git.AppendPacket(nil, before, " ", after, " refs/heads/main\x00 report-status side-band-64k"))
	in, out := io.Pipe()
	r, _ := http.NewRequestWithContext(t.Context(), "POST", w.server.URL+"/acme/app.git/git-receive-pack", in)
	r.SetBasicAuth("alice", w.alice.Token)
	r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	go func() {
		_, _ = out.Write(append(body, pack...)) // and doesn't close: git has all that it needs
	}()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4096)
	n, err := response.Body.Read(got)
	for !bytes.Contains(got[:n], []byte("ok refs/heads/main")) && err == nil {
		var more int
		more, err = response.Body.Read(got[n:])
		n += more
	}
	contains(t, string(got[:n]), "ok refs/heads/main")
	_ = out.Close()
	_ = response.Body.Close()
}
