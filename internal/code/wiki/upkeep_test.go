package wiki_test

import (
	"path/filepath"
	"testing"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

// What was written is put in order, and what may not grow is refused.
func TestUpkeep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		page, err := w.save("Home", "one", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found, err := filepath.Glob(filepath.Join(w.Dir, "*", "*.wiki.git", "objects", "pack", "*.bitmap")); err != nil || len(found) != 1 {
			t.Errorf("the wiki wasn't put in order: %v, %v", found, err)
		}
		if left, err := db.One[int](t.Context(), d, `SELECT pushes FROM wiki_upkeep`); err != nil || left != 0 {
			t.Errorf("%d, %v", left, err)
		}
		w.MaxSize = 1
		if _, err := w.save("Home", "two", page.Blob); !errs.Is(err, errs.KindTooLarge) {
			t.Errorf("over the limit: %v", err)
		}
	})
}
