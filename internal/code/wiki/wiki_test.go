package wiki_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// world is the room of wikis, with ada's repository acme/app.
type world struct {
	*testing.T
	*wiki.Service
	ada *codetest.Person
}

var app = access.Target{Workspace: "acme", Repository: "app"}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	code := codetest.New(t, d, "http://code.test")
	repositories := code.Repositories(1 << 20)
	w := &world{T: t, Service: code.Wikis(repositories), ada: code.Person("ada")}
	if _, err := code.Workspaces.Create(t.Context(), w.ada.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := repositories.Create(t.Context(), w.ada.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: "app"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) open() *wiki.Wiki {
	w.Helper()
	opened, err := w.Open(w.Context(), w.ada.Grant(access.ReadWiki, app))
	if err != nil {
		w.Fatal(err)
	}
	return opened
}

func (w *world) page(name string) wiki.Page {
	w.Helper()
	page, err := w.open().Page(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	return page
}

func (w *world) save(name, text string, base git.OID) (wiki.Page, error) {
	w.Helper()
	return w.Save(w.Context(), w.ada.Grant(access.WriteWiki, app), wiki.Edit{Name: name, Text: text, Base: base})
}

func (w *world) must(name, text string) wiki.Page {
	w.Helper()
	saved, err := w.save(name, text, w.page(name).Blob)
	if err != nil {
		w.Fatal(err)
	}
	return saved
}

// pushes commits files with plain git, straight into the wiki, as a push would.
func (w *world) pushes(script string) {
	w.Helper()
	w.open()
	found, err := filepath.Glob(filepath.Join(w.Dir, "*", "*.wiki.git"))
	if err != nil || len(found) != 1 {
		w.Fatal(found, err)
	}
	command := exec.Command("sh", "-ec", `git clone -q "$1" work 2>/dev/null; cd work; git config user.name Eve; git config user.email e@x; git checkout -q -B main; `+script+`; git add -A; git commit -qm pushed; git push -q origin HEAD:main`, "sh", found[0])
	command.Dir = w.TempDir()
	if out, err := command.CombinedOutput(); err != nil {
		w.Fatalf("%v: %s", err, out)
	}
}

func TestPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if opened := w.open(); opened.Head != "" || len(opened.Pages()) != 0 || w.page("Home").Blob != "" {
			t.Error("a new wiki holds something")
		}
		w.must("guides/First steps", "# One\r\ntwo")
		w.must("Home", "hello")
		second := w.must("Home", "hello again")
		w.pushes(`mkdir -p docs; echo x > docs/Notes.markdown; echo y > _Sidebar.md; echo z > plain.txt; echo a > zz.md; printf '\0' > bin.md; ln -s /etc/passwd link.md; head -c 3000000 /dev/zero | tr '\0' x > big.md; mkdir .hid; echo h > .hid/x.md`)
		if got := strings.Join(w.open().Pages(), ","); got != "Home,big,bin,docs/Notes,guides/First steps,link,zz" {
			t.Error(got)
		}
		for name, want := range map[string]string{
			"Home": "Home hello again\n", "home": "Home hello again\n", "Home.md": "Home hello again\n", "guides/first-steps": "guides/First steps # One\ntwo\n",
			"docs/Notes": "docs/Notes x\n", "none": "none ", "../../etc/passwd": "../../etc/passwd ", ".hid/x": ".hid/x ", "_Sidebar": "_Sidebar ", "plain.txt": "plain.txt ",
		} {
			page := w.page(name)
			if got := page.Name + " " + string(page.Text); got != want || page.Why != "" {
				t.Errorf("%s: %q, %q", name, got, page.Why)
			}
		}
		for name, why := range map[string]string{"link": "never followed", "big": "too large", "bin": "isn't text"} {
			if page := w.page(name); !strings.Contains(page.Why, why) || len(page.Text) > 0 {
				t.Errorf("%s: %+v", name, page)
			}
		}
		versions, err := w.open().History(t.Context(), w.page("Home"), "", 10)
		if err != nil || len(versions) != 2 || versions[0].Author.Name != "Ada" || versions[0].Author.Email != "ada@example.com" || versions[0].Subject() != "Edit Home" || versions[1].Subject() != "Add Home" {
			t.Errorf("%+v %v", versions, err)
		}
		old, err := w.open().At(t.Context(), versions[1].OID, "Home.md")
		if err != nil || string(old.Text) != "hello\n" {
			t.Errorf("%+v %v", old, err)
		}
		if diff, _, err := w.open().Diff(t.Context(), old.Blob, second.Blob); err != nil || diff.Added != 1 || diff.Removed != 1 {
			t.Errorf("%+v %v", diff, err)
		}
		for file, kind := range map[string]errs.Kind{"link.md": errs.KindNotFound, "docs": errs.KindNotFound, "../x": errs.KindNotFound, "": errs.KindNotFound, "big.md": errs.KindTooLarge} {
			if data, err := w.open().File(t.Context(), file); !errs.Is(err, kind) || data != nil {
				t.Errorf("%q: %v", file, err)
			}
		}
		if data, err := w.open().File(t.Context(), "plain.txt"); err != nil || string(data) != "z\n" {
			t.Errorf("%q %v", data, err)
		}
	})
}

// Somebody has saved in between: nothing is lost, and nothing is overwritten.
func TestConflict(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	first := w.must("Home", "one")
	theirs := w.must("Home", "theirs")
	_, err := w.save("Home", "mine", first.Blob)
	conflict, ok := errors.AsType[*wiki.Conflict](err)
	if !ok || string(conflict.Theirs.Text) != "theirs\n" || !errs.Is(err, errs.KindConflict) || string(w.page("Home").Text) != "theirs\n" {
		t.Fatalf("%v", err)
	}
	if _, err := w.save("Home", "new, they think", ""); !errs.Is(err, errs.KindConflict) {
		t.Error(err)
	}
	if _, err := w.save("Home", "both", conflict.Theirs.Blob); err != nil {
		t.Error(err)
	}
	g := w.ada.Grant(access.WriteWiki, app)
	if err := w.Delete(t.Context(), g, "Home", theirs.Blob); !errs.Is(err, errs.KindConflict) {
		t.Error(err)
	}
	now := w.page("Home").Blob
	if err := w.Delete(t.Context(), g, "Home", now); err != nil {
		t.Error(err)
	}
	_, err = w.save("Home", "mine", now)
	if conflict, ok := errors.AsType[*wiki.Conflict](err); !ok || conflict.Theirs.Blob != "" {
		t.Errorf("deleted meanwhile: %v", err)
	}

	// Many write at once, each another page: all are kept.
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if _, err := w.Save(t.Context(), g, wiki.Edit{Name: fmt.Sprint("p", i), Text: "x"}); err != nil && !errs.Is(err, errs.KindConflict) {
				t.Error(err)
			}
		})
	}
	// And one page: one is.
	saved := make(chan bool, 4)
	for i := range cap(saved) {
		all.Go(func() {
			_, err := w.Save(t.Context(), g, wiki.Edit{Name: "same", Text: fmt.Sprint("by ", i)})
			saved <- err == nil
		})
	}
	all.Wait()
	close(saved)
	n := 0
	for ok := range saved {
		if ok {
			n++
		}
	}
	if pages := w.open().Pages(); n > 1 || !slices.Contains(pages, "same") && n == 1 {
		t.Errorf("%d saved the same page; %q", n, pages)
	}
}

func TestRenameAndSearch(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	page := w.must("Old", strings.Repeat("the needle line\n", 10))
	w.must("Other", "nothing")
	g := w.ada.Grant(access.WriteWiki, app)
	for _, to := range []string{"other", "Old", "old.md/x", "../x", ""} {
		if _, err := w.Rename(t.Context(), g, "Old", to, page.Blob); !errs.Is(err, errs.KindConflict) && !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["name"] == "" && to != "Old" {
			t.Errorf("%q: %v", to, err)
		}
	}
	renamed, err := w.Rename(t.Context(), g, "Old", "new/Name", page.Blob)
	if err != nil || renamed.Name != "new/Name" || w.page("Old").Blob != "" {
		t.Fatalf("%+v %v", renamed, err)
	}
	if versions, err := w.open().History(t.Context(), renamed, "", 9); err != nil || len(versions) != 2 || versions[1].Path != "Old.md" {
		t.Errorf("%+v %v", versions, err)
	}
	w.pushes(`echo needle > needle.txt; echo needle > .hidden.md`)
	hits, more, err := w.open().Search(t.Context(), " NEEDLE ")
	if err != nil || more || len(hits) != 1 || hits[0].Name != "new/Name" || len(hits[0].Lines) != 3 {
		t.Errorf("%+v %v", hits, err)
	}
	if hits, _, err := w.open().Search(t.Context(), "othe"); err != nil || len(hits) != 1 || len(hits[0].Lines) != 0 {
		t.Errorf("%+v %v", hits, err)
	}
	for _, text := range []string{"", "--help", "a\nb", strings.Repeat("x", 201), ".*"} {
		if hits, _, err := w.open().Search(t.Context(), text); err != nil || len(hits) != 0 {
			t.Errorf("%q: %+v %v", text, hits, err)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.must("Home", "x")
	for _, name := range []string{
		"", "/", "a//b", "..", "../x", "a/../b", ".git", ".git/config", "a/.git/hooks/x", "GIT~1", "git~1/x", "_pages", "a/_b", "-x", "a.", "a ", " a", "a\tb", "a\nb", "a\x00b",
		"\xff", "a\\b", "a:b", "a?b", "\u202eabc", "\u200b.git", "home", "Home.md/x", strings.Repeat("x", 101), strings.Repeat("abc/", 60) + "x", "CON\u2028",
	} {
		_, err := w.save(name, "x", "")
		if !errs.Is(err, errs.KindInvalid) && !errs.Is(err, errs.KindConflict) || errs.Fields(err)["name"] == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"Ä ö", "a/b/c", "v1.2", "C#", "what's new (2026)", "日本語", "100%", "a & b = c"} {
		if _, err := w.save(name, "x", ""); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	g := w.ada.Grant(access.WriteWiki, app)
	for field, in := range map[string]wiki.Edit{
		"text": {Name: "n", Text: strings.Repeat("x", wiki.MaxText+1)}, "message": {Name: "n", Message: "a\nb"},
	} {
		if _, err := w.Save(t.Context(), g, in); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	read := w.ada.Grant(access.ReadWiki, app)
	code := w.ada.Grant(access.ReadRepository, app)
	for _, g := range []access.Grant{{}, read, code} {
		if _, err := w.Save(t.Context(), g, wiki.Edit{Name: "n"}); !errors.Is(err, access.ErrNoGrant) {
			t.Error(err)
		}
		if _, err := w.Rename(t.Context(), g, "Home", "n", ""); !errors.Is(err, access.ErrNoGrant) {
			t.Error(err)
		}
		if err := w.Delete(t.Context(), g, "Home", ""); !errors.Is(err, access.ErrNoGrant) {
			t.Error(err)
		}
		if _, err := w.Transport().Advertise(t.Context(), g, git.ReceivePack, 0); !errors.Is(err, access.ErrNoGrant) {
			t.Error(err)
		}
	}
	for _, g := range []access.Grant{{}, code} {
		if _, err := w.Open(t.Context(), g); !errors.Is(err, access.ErrNoGrant) {
			t.Error(err)
		}
	}
}
