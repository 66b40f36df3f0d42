package web

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
)

// bundleOf is a bundle of a repository with one commit.
func (w *world) bundleOf() []byte {
	w.Helper()
	dir := w.TempDir()
	for _, args := range [][]string{
		{"init", "-q", "-b", "trunk", dir},
		{"-C", dir, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "Brought in"},
		{"-C", dir, "bundle", "create", "-q", "x.bundle", "--all", "HEAD"},
	} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			w.Fatalf("%v: %s", args, out)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "x.bundle"))
	if err != nil {
		w.Fatal(err)
	}
	return data
}

// uploads sends a form with a bundle.
func (b *browser) uploads(path, name string, data []byte, fields ...string) page {
	b.Helper()
	return b.attaches(path, "bundle", name, data, fields...)
}

// attaches sends a form with a file in a field.
func (b *browser) attaches(path, field, name string, data []byte, fields ...string) page {
	b.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		_ = form.WriteField(fields[i], fields[i+1])
	}
	if name != "" {
		part, err := form.CreateFormFile(field, name)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = part.Write(data)
	}
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, path, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(r)
}

func TestImportAndForkPages(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Repositories.Run(ctx) }()
	defer func() { stop(); <-ended }()
	alice, eve := w.signedIn("alice"), w.signedIn("eve")
	alice.founds()
	const form = "/acme/workspace/import-repository"
	alice.is(alice.get("/acme/workspace/create-repository"), 200, "Import a repository that exists")
	if p := alice.is(alice.get(form), 200, "From a file"); strings.Contains(p.text, "From an address") {
		t.Error("addresses are offered, and none is allowed")
	}
	data := w.bundleOf()
	alice.is(alice.uploads(form+"/bundle", "", nil, "name", "typed"), 400, "Choose a file", `value="typed"`)
	alice.is(alice.uploads(form+"/bundle", "x", data, "name", "-"), 400, "begin with a letter")
	alice.is(alice.uploads(form+"/bundle", "x", bytes.Repeat([]byte{'x'}, 3<<20), "name", "big"), 400, "larger than 1 MiB")
	alice.is(alice.post(form, "name", "x", "address", "https://git.example.com/x.git"), 400, "from files alone")
	if p := eve.uploads(form+"/bundle", "x", data, "name", "x"); p.Code != http.StatusNotFound {
		t.Errorf("an outsider: %d", p.Code)
	}
	over := func(at string) page {
		t.Helper()
		for {
			p := alice.is(alice.get(at), 200)
			if p.Header().Get("Refresh") == "" {
				return p
			}
		}
	}
	at := alice.uploads(form+"/bundle", "x", data, "name", "Brought").Header().Get("Location")
	alice.is(over(at), 200, "Brought is there", `href="/acme/brought"`)
	alice.is(alice.get("/acme/brought"), 200, "Brought in", "trunk", "Fork")
	if p := eve.get(at); p.Code != http.StatusNotFound {
		t.Errorf("an outsider sees an import: %d", p.Code)
	}
	at = alice.uploads(form+"/bundle", "x", []byte("no bundle"), "name", "Broken").Header().Get("Location")
	alice.is(over(at), 200, "Broken wasn't imported", "Nothing of it was kept")
	alice.is(alice.get("/acme/broken"), 404)

	// Eve forks what is public, into her own; once it is private she isn't told whence.
	alice.post("/acme/brought/admin/visibility", "visibility", "public")
	eve.is(eve.post("/workspaces/new", "name", "Lair", "slug", "lair"), 303)
	eve.is(eve.get("/acme/brought/fork"), 200, "Lair")
	eve.is(eve.post("/acme/brought/fork", "name", "mine"), 400, "Choose a workspace", `value="mine"`)
	if p := eve.post("/acme/brought/fork", "name", "mine", "workspace", "acme"); p.Code != http.StatusNotFound {
		t.Errorf("into a workspace of others: %d", p.Code)
	}
	at = eve.post("/acme/brought/fork", "name", "mine", "workspace", "lair").Header().Get("Location")
	alice, eve = eve, alice
	alice.is(over(at), 200, "mine is there")
	alice, eve = eve, alice
	eve.is(eve.get("/lair/mine"), 200, "Forked from", "acme/brought", "Private")
	alice.post("/acme/brought/admin/visibility", "visibility", "private")
	if p := eve.is(eve.get("/lair/mine"), 200); strings.Contains(p.text, "brought") {
		t.Error("the name of a private repository is told")
	}
	if p := w.browser().post("/lair/mine/fork", "name", "x", "workspace", "lair"); p.Code == http.StatusOK || p.Header().Get("Location") == "" {
		t.Errorf("nobody forks: %d", p.Code)
	}
}
