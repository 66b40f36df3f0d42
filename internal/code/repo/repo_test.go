package repo_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

func TestCreate(t *testing.T) {
	each(t, func(w *world) {
		made, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: " Site.Web ", Description: " The site. ", Public: true})
		if err != nil || made.Slug != "site.web" || made.Name != "Site.Web" || made.Description != "The site." || !made.Public {
			w.Fatalf("%+v %v", made, err)
		}
		if !made.Created.Equal(w.now.Now()) || !made.Updated.Equal(w.now.Now()) {
			w.Errorf("made at %v, updated at %v", made.Created, made.Updated)
		}
		got, err := w.Get(w.Context(), w.grant(access.ReadRepository, "site.web"))
		if err != nil || got != made {
			w.Errorf("%+v %v", got, err)
		}
		audited, err := db.One[string](w.Context(), w.DB, `SELECT detail FROM audit WHERE action = 'repository.created' AND target = $1 AND actor = 'ada'`, made.ID)
		if err != nil || audited != `{"slug":"site.web","visibility":"public"}` {
			w.Errorf("audited %q, %v", audited, err)
		}
	})
}

func TestNamesThatAreRefused(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for _, name := range []string{
		"", "  ", "..", ".git", ".", "-x", "_x", "a..b", "a.git", "A.GIT", "a.lock", "a.", "a/b", "a b", "a\x00b", "a\nb", "ä", "a\xff",
		"workspace", "Workspace", "snippets", strings.Repeat("x", 63), "../../etc",
	} {
		_, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: name})
		if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["name"] == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "0", "a.b", "a_b-c", strings.Repeat("x", 62), "git", "git.lock.x"} {
		if _, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, description := range []string{"\xff", "a\x1b[31m", strings.Repeat("x", 501)} {
		_, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "fine", Description: description})
		if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["description"] == "" {
			t.Errorf("%.20q: %v", description, err)
		}
	}
}

func TestNothingIsLeftOfARepositoryThatIsRefused(t *testing.T) {
	each(t, func(w *world) {
		w.create("site")
		before := len(w.files())
		if _, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "SITE"}); !errs.Is(err, errs.KindConflict) {
			w.Errorf("a second of that name: %v", err)
		}
		g := w.grant(access.CreateRepository, "")
		w.exec(`ALTER TABLE repository RENAME TO gone`)
		if _, err := w.Create(w.Context(), g, repo.Input{Name: "other"}); !errs.Is(err, errs.KindInternal) {
			w.Errorf("without a store: %v", err)
		}
		if after := len(w.files()); after != before {
			w.Errorf("%d files, before %d", after, before)
		}
	})
}

// Of many that make the same repository at once one succeeds, and its files are whole.
func TestCreatedOnceAtTheSameTime(t *testing.T) {
	each(t, func(w *world) {
		g := w.grant(access.CreateRepository, "")
		var all sync.WaitGroup
		results := make(chan error, 8)
		for range cap(results) {
			all.Go(func() {
				_, err := w.Create(w.Context(), g, repo.Input{Name: "site"})
				results <- err
			})
		}
		all.Wait()
		close(results)
		made := 0
		for err := range results {
			if err == nil {
				made++
			} else if !errs.Is(err, errs.KindConflict) {
				w.Error(err)
			}
		}
		if made != 1 || len(w.files()) != 2 {
			w.Errorf("%d made, files %v", made, w.files())
		}
	})
}

func TestPublicOnlyWhereTheWorkspaceAllowsIt(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.exec(`UPDATE workspace SET no_public = TRUE`)
	_, err := w.Create(w.Context(), w.grant(access.CreateRepository, ""), repo.Input{Name: "site", Public: true})
	if !errs.Is(err, errs.KindInvalid) {
		t.Error(err)
	}
	if len(w.files()) > 0 {
		t.Error(w.files())
	}
}

func TestList(t *testing.T) {
	each(t, func(w *world) {
		for _, name := range []string{"b", "a", "d", "c"} {
			w.create(name)
		}
		w.exec(`INSERT INTO workspace (id, slug, name, plan, created) VALUES ('v', 'other', 'Other', 'free', 1)`)
		w.exec(`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated) VALUES ('x', 'v', 'b', 'b', '', TRUE, 1, 1)`)
		g := w.grant(access.ListRepositories, "")
		for _, test := range []struct {
			after string
			limit int
			want  string
		}{{"", 10, "a b c d"}, {"", 2, "a b"}, {"b", 10, "c d"}, {"bb", 1, "c"}, {"d", 10, ""}} {
			list, err := w.List(w.Context(), g, test.after, test.limit)
			var got []string
			for _, r := range list {
				got = append(got, r.Slug)
			}
			if err != nil || strings.Join(got, " ") != test.want {
				w.Errorf("after %q: %v %v", test.after, got, err)
			}
		}
	})
}

// Every function refuses a grant that the gate didn't make, and one for
// something else.
func TestEveryFunctionNeedsItsGrant(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.create("site")
	read, write, list := w.grant(access.ReadRepository, "site"), w.grant(access.WriteRepository, "site"), w.grant(access.ListRepositories, "")
	calls := map[string]func(access.Grant) error{
		"Create": func(g access.Grant) error { _, err := w.Create(w.Context(), g, repo.Input{Name: "x"}); return err },
		"List":   func(g access.Grant) error { _, err := w.List(w.Context(), g, "", 1); return err },
		"Get":    func(g access.Grant) error { _, err := w.Get(w.Context(), g); return err },
		"Open":   func(g access.Grant) error { _, err := w.Open(w.Context(), g); return err },
		"LsRefs": func(g access.Grant) error { _, _, err := w.Transport().LsRefs(w.Context(), g, nil); return err },
		"UploadPack": func(g access.Grant) error {
			return w.Transport().UploadPack(w.Context(), g, 0, []byte("0000"), &bytes.Buffer{})
		},
		"ReceivePack": func(g access.Grant) error {
			return w.Transport().ReceivePack(w.Context(), g, 0, strings.NewReader("0000"), &bytes.Buffer{})
		},
		"Advertise to fetch": func(g access.Grant) error {
			_, err := w.Transport().Advertise(w.Context(), g, git.UploadPack, 0)
			return err
		},
		"Advertise to push": func(g access.Grant) error {
			_, err := w.Transport().Advertise(w.Context(), g, git.ReceivePack, 0)
			return err
		},
	}
	fitting := map[string][]access.Grant{
		"List": {list}, "Get": {read, write}, "Open": {read, write}, "LsRefs": {read}, "UploadPack": {read},
		"ReceivePack": {write}, "Advertise to fetch": {read}, "Advertise to push": {write},
	}
	for name, call := range calls {
		if err := call(access.Grant{}); !errors.Is(err, access.ErrNoGrant) {
			t.Errorf("%s without a grant: %v", name, err)
		}
		for _, g := range []access.Grant{read, write, list} {
			err := call(g)
			fits := false
			for _, f := range fitting[name] {
				fits = fits || f.Action() == g.Action()
			}
			if fits != !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("%s with %v: %v", name, g.Action(), err)
			}
		}
	}
}

func TestPushes(t *testing.T) {
	each(t, func(w *world) {
		made := w.create("site")
		k := w.work("site")
		first := k.commit("one", "a.txt", "a")
		w.now.Advance(time.Hour)
		if out := k.push(create(first, "refs/heads/trunk")); !strings.Contains(out, "ok refs/heads/trunk") {
			w.Fatal(out)
		}
		got, err := w.Get(w.Context(), w.grant(access.ReadRepository, "site"))
		if err != nil || !got.Updated.Equal(w.now.Now()) || !got.Created.Equal(made.Created) {
			w.Errorf("%+v %v", got, err)
		}
		content, err := w.Open(w.Context(), w.grant(access.ReadRepository, "site"))
		if err != nil {
			w.Fatal(err)
		}
		if name, err := content.DefaultBranch(w.Context()); name != "trunk" || err != nil {
			w.Errorf("the default branch is %q, %v", name, err)
		}
		// A push of which nothing comes changes no time.
		w.now.Advance(time.Hour)
		if out := k.push(create(first, "refs/heads/trunk")); !strings.Contains(out, "ng refs/heads/trunk") {
			w.Error(out)
		}
		if out := k.push(create(first, "refs/sallyport/x")); !strings.Contains(out, "reserved") {
			w.Error(out)
		}
		if again, err := w.Get(w.Context(), w.grant(access.ReadRepository, "site")); err != nil || again != got {
			w.Errorf("%+v %v", again, err)
		}
		// Deleting the default branch is refused, another may go.
		second := k.commit("two", "b.txt", "b")
		k.push(create(second, "refs/heads/main"))
		if out := k.push(first + " " + string(git.ZeroOID) + " refs/heads/trunk"); !strings.Contains(out, "ng refs/heads/trunk") {
			w.Error(out)
		}
		if out := k.push(second + " " + string(git.ZeroOID) + " refs/heads/main"); !strings.Contains(out, "ok refs/heads/main") {
			w.Error(out)
		}
		if name, err := content.DefaultBranch(w.Context()); name != "trunk" || err != nil {
			w.Errorf("the default branch is now %q, %v", name, err)
		}
	})
}

func TestTheFirstPushChoosesTheDefaultBranch(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for i, test := range []struct{ pushed, want string }{
		{"refs/heads/x refs/heads/y", "x"},
		{"refs/heads/x refs/heads/main", "main"},
		{"refs/heads/x refs/heads/master", "master"},
		{"refs/tags/v1 refs/heads/z", "z"},
		{"refs/tags/v1", "main"},
	} {
		name := fmt.Sprintf("r%d", i)
		w.create(name)
		k := w.work(name)
		oid := k.commit("one")
		var updates []string
		for ref := range strings.FieldsSeq(test.pushed) {
			updates = append(updates, create(oid, ref))
		}
		k.push(updates...)
		content, err := w.Open(w.Context(), w.grant(access.ReadRepository, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := content.DefaultBranch(w.Context())
		if got != test.want || (err != nil) != (test.pushed == "refs/tags/v1") {
			t.Errorf("%s: %q %v", test.pushed, got, err)
		}
	}
}

// The files are the server's alone, and a name never reaches the file system.
func TestWhereTheFilesLie(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	made := w.create("site")
	for _, file := range w.files() {
		if !strings.HasPrefix(file, filepath.Join(w.Dir, made.ID[len(made.ID)-2:], made.ID+".git")+"/") {
			t.Errorf("a file at %s", file)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}
