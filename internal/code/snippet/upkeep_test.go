package snippet_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

// What was written is put in order; what may not grow is refused; and files that
// no row leads to go, once they are a day old.
func TestUpkeep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		s := code.Snippets(code.Repositories(1 << 20))
		ada := code.Person("ada")
		_, err := code.Workspaces.Create(t.Context(), ada.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme")
		if err != nil {
			t.Fatal(err)
		}
		made, err := s.Create(t.Context(), ada.Grant(access.CreateSnippet, access.Target{Workspace: "acme"}), snippet.Input{Title: "Notes", Files: []snippet.File{{Name: "a.txt", Data: []byte("x")}}})
		if err != nil {
			t.Fatal(err)
		}
		writes := func(text string) error {
			g := ada.Grant(access.WriteSnippet, access.Target{Workspace: "acme", Snippet: made.ID})
			return s.Update(t.Context(), g, snippet.Change{Edits: []snippet.Edit{{Was: "a.txt", Name: "a.txt", Data: []byte(text)}}})
		}
		if err := writes("y"); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(s.Dir, made.ID[len(made.ID)-2:], made.ID+".git")
		if err := s.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.bitmap")); err != nil || len(packs) != 1 {
			t.Errorf("the snippet wasn't put in order: %v, %v", packs, err)
		}
		if left, err := db.One[int](t.Context(), d, `SELECT pushes FROM snippet`); err != nil || left != 0 {
			t.Errorf("%d, %v", left, err)
		}
		s.MaxSize = 1
		if err := writes("z"); !errs.Is(err, errs.KindTooLarge) {
			t.Errorf("over the limit: %v", err)
		}
		s.MaxSize = 0

		// A crash left files, of the day before yesterday and of now.
		old, fresh, aside := filepath.Join(s.Dir, "xx", "leftbehixx.git"), filepath.Join(s.Dir, "yy", "justmadeyy.git"), filepath.Join(s.Dir, "xx", "new-123")
		code.Now.Advance(time.Until(code.Now.Now()) * -1) // files have the real time
		for _, path := range []string{old, fresh, aside} {
			if err := os.MkdirAll(path, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		before := time.Now().Add(-48 * time.Hour)
		if err := errors.Join(os.Chtimes(old, before, before), os.Chtimes(aside, before, before), os.Chtimes(dir, before, before), s.Clear(t.Context())); err != nil {
			t.Fatal(err)
		}
		for path, there := range map[string]bool{old: false, aside: false, fresh: true, dir: true} {
			if _, err := os.Stat(path); (err == nil) != there {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}
