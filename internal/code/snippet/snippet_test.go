package snippet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

type world struct {
	*testing.T
	*snippet.Service
	code      *codetest.Code
	ada, carl *codetest.Person
}

var acme = access.Target{Workspace: "acme"}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		w := &world{T: t, Service: code.Snippets(code.Repositories(1 << 20)), code: code, ada: code.Person("ada"), carl: code.Person("carl")}
		made, err := code.Workspaces.Create(t.Context(), w.carl.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(t.Context(), d, `INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, 'member', 0)`, made.ID, w.ada.ID); err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

func (w *world) create(files ...snippet.File) (snippet.Snippet, error) {
	w.Helper()
	return w.Create(w.Context(), w.ada.Grant(access.CreateSnippet, acme), snippet.Input{Title: " Notes ", Files: files})
}

func (w *world) must() access.Target {
	w.Helper()
	made, err := w.create(snippet.File{Name: "a.txt", Data: []byte("one\n")}, snippet.File{Name: "b.txt", Data: []byte("two\n")})
	if err != nil {
		w.Fatal(err)
	}
	return access.Target{Workspace: "acme", Snippet: made.ID}
}

// holds tells the files and what they hold.
func (w *world) holds(at access.Target) string {
	w.Helper()
	content, err := w.Open(w.Context(), w.carl.Grant(access.ReadSnippet, at))
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, name := range content.Names {
		file, err := content.File(w.Context(), name)
		if err != nil {
			w.Fatal(err)
		}
		out = append(out, name+"="+strings.TrimSpace(string(file.Data)))
	}
	return strings.Join(out, " ")
}

func TestFilesAndVersions(t *testing.T) {
	each(t, func(w *world) {
		at := w.must()
		g := w.ada.Grant(access.WriteSnippet, at)
		content, err := w.Open(w.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		first := content.Head
		change := snippet.Change{Title: "Other", Base: first, Edits: []snippet.Edit{
			{Was: "a.txt", Name: "b.txt", Data: []byte("one, moved\n")}, {Was: "b.txt", Name: "c.txt", Data: []byte("two\n")}, {Name: "n.txt", Data: []byte("new")},
		}}
		if err := w.Update(w.Context(), g, change); err != nil {
			t.Fatal(err)
		}
		if got := w.holds(at); got != "b.txt=one, moved c.txt=two n.txt=new" {
			t.Error(got)
		}
		if err := w.Update(w.Context(), g, change); !errs.Is(err, errs.KindConflict) {
			t.Errorf("from an old version: %v", err)
		}
		if err := w.Update(w.Context(), g, snippet.Change{Edits: []snippet.Edit{{Was: "b.txt", Name: "b.txt", Data: []byte("one, moved\n")}, {Was: "n.txt", Remove: true}}}); err != nil {
			t.Error(err)
		}
		if got := w.holds(at); got != "b.txt=one, moved c.txt=two" {
			t.Error(got)
		}
		if content, err = w.Open(w.Context(), g); err != nil {
			t.Fatal(err)
		}
		versions, err := content.Versions(w.Context(), "", 9)
		if err != nil || len(versions) != 3 || versions[0].Author.Name != "Ada" || versions[2].OID != first {
			t.Errorf("%+v %v", versions, err)
		}
		old, err := content.At(w.Context(), first)
		if err != nil || strings.Join(old.Names, " ") != "a.txt b.txt" {
			t.Errorf("%+v %v", old, err)
		}
		if _, diff, err := content.Changes(w.Context()); err != nil || len(diff.Files) != 1 || diff.Files[0].Old != "n.txt" {
			t.Errorf("%+v %v", diff, err)
		}
		for _, bad := range []git.OID{"HEAD", "", git.ZeroOID, "../x"} {
			if _, err := content.At(w.Context(), bad); !errs.Is(err, errs.KindNotFound) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		got, err := w.Get(w.Context(), g)
		if err != nil || got.Title != "Other" || got.Username != "ada" {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(w *world) {
		x := []byte("x")
		for _, files := range [][]snippet.File{
			nil,
			{{Data: x}},
			{{Name: "..", Data: x}},
			{{Name: "a/b", Data: x}},
			{{Name: `a\b`, Data: x}},
			{{Name: ".git", Data: x}},
			{{Name: ".GITmodules", Data: x}},
			{{Name: "git~1", Data: x}},
			{{Name: "a\x00", Data: x}},
			{{Name: "\xff", Data: x}},
			{{Name: "\u202ea", Data: x}},
			{{Name: " a", Data: x}},
			{{Name: strings.Repeat("a", 101), Data: x}},
			{{Name: "a", Data: x}, {Name: "A", Data: x}},
			{{Name: "a", Data: make([]byte, 1<<20+1)}},
			make([]snippet.File, 21),
		} {
			if _, err := w.create(files...); !errs.Is(err, errs.KindInvalid) && !errs.Is(err, errs.KindConflict) && !errs.Is(err, errs.KindTooLarge) {
				t.Errorf("%.60v: %v", files, err)
			}
		}
		for _, title := range []string{"", " ", "a\nb", "\xff", strings.Repeat("x", 201)} {
			if _, err := w.Create(w.Context(), w.ada.Grant(access.CreateSnippet, acme), snippet.Input{Title: title, Files: []snippet.File{{Name: "a", Data: x}}}); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["title"] == "" {
				t.Errorf("%q: %v", title, err)
			}
		}
		if left, err := filepath.Glob(filepath.Join(w.Dir, "*", "*")); err != nil || len(left) > 0 {
			t.Errorf("%v stays, %v", left, err)
		}
		if _, err := db.Exec(w.Context(), w.DB, `UPDATE workspace SET no_public = TRUE`); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Create(w.Context(), w.ada.Grant(access.CreateSnippet, acme), snippet.Input{Title: "t", Public: true, Files: []snippet.File{{Name: "a", Data: x}}}); !errs.Is(err, errs.KindInvalid) {
			t.Error(err)
		}
		at := w.must()
		if err := w.SetVisibility(w.Context(), w.ada.Grant(access.ManageSnippet, at), true); !errs.Is(err, errs.KindInvalid) {
			t.Error(err)
		}
		if err := w.Update(w.Context(), w.ada.Grant(access.WriteSnippet, at), snippet.Change{Edits: []snippet.Edit{{Was: "a.txt", Remove: true}, {Was: "b.txt", Remove: true}}}); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("without a file: %v", err)
		}
	})
}

func TestCommentsAndDeletion(t *testing.T) {
	each(t, func(w *world) {
		at := w.must()
		mine, owners := w.ada.Grant(access.CommentSnippet, at), w.carl.Grant(access.CommentSnippet, at)
		id, err := w.AddComment(w.Context(), owners, " *Good* ")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.EditComment(w.Context(), mine, id, "Bad"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("edited by another: %v", err)
		}
		if err := w.EditComment(w.Context(), owners, id, "Better"); err != nil {
			t.Error(err)
		}
		carls, err := w.Create(w.Context(), w.carl.Grant(access.CreateSnippet, acme), snippet.Input{Title: "Carl's", Files: []snippet.File{{Name: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		there := access.Target{Workspace: "acme", Snippet: carls.ID}
		his, err := w.AddComment(w.Context(), w.carl.Grant(access.CommentSnippet, there), "His")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DeleteComment(w.Context(), w.ada.Grant(access.CommentSnippet, there), his); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("deleted by who only reads: %v", err)
		}
		other := w.must()
		if err := w.DeleteComment(w.Context(), w.ada.Grant(access.CommentSnippet, other), id); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("deleted through another snippet: %v", err)
		}
		list, more, err := w.Comments(w.Context(), mine)
		if err != nil || more || len(list) != 1 || list[0].Body != "Better" || list[0].Username != "carl" || list[0].Edited.IsZero() {
			t.Errorf("%+v %v", list, err)
		}
		for _, body := range []string{"", " \n", "\xff", "a\x00", strings.Repeat("x", 32<<10+1)} {
			if _, err := w.AddComment(w.Context(), mine, body); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%.10q: %v", body, err)
			}
		}
		if err := w.DeleteComment(w.Context(), mine, id); err != nil { // the snippet is ada's
			t.Error(err)
		}
		if _, err := w.AddComment(w.Context(), mine, "again"); err != nil {
			t.Error(err)
		}
		if err := w.Delete(w.Context(), w.ada.Grant(access.DeleteSnippet, at)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(w.Dir, at.Snippet[len(at.Snippet)-2:], at.Snippet+".git")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its files stay: %v", err)
		}
		if n, err := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM snippet_comment`); err != nil || n != 1 {
			t.Errorf("%d comments are left, not the one of another snippet: %v", n, err)
		}
		if n, err := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM audit WHERE action LIKE 'snippet.%'`); err != nil || n != 9 {
			t.Errorf("%d entries, %v", n, err)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(w *world) {
		for range 5 { // three at one time, two at the next
			w.must()
		}
		g := w.ada.Grant(access.ListSnippets, acme)
		seen, after := map[string]bool{}, ""
		for range 4 {
			list, err := w.List(w.Context(), g, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				if seen[s.ID] {
					t.Errorf("%s twice", s.ID)
				}
				seen[s.ID], after = true, s.Key()
			}
		}
		if len(seen) != 5 {
			t.Errorf("%d seen", len(seen))
		}
		for _, key := range []string{"x", "-", "99999999999999999999-a"} {
			if _, err := w.List(w.Context(), g, key, 2); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}

func TestEveryFunctionNeedsItsGrant(t *testing.T) {
	each(t, func(w *world) {
		at := w.must()
		ctx := w.Context()
		for _, g := range []access.Grant{{}, w.ada.Grant(access.ReadWorkspace, acme)} {
			_, e1 := w.Create(ctx, g, snippet.Input{})
			_, e2 := w.List(ctx, g, "", 1)
			_, e3 := w.Get(ctx, g)
			_, e4 := w.Open(ctx, g)
			_, _, e5 := w.Comments(ctx, g)
			_, e6 := w.Comment(ctx, g, "x")
			_, e7 := w.AddComment(ctx, g, "x")
			for i, err := range []error{
				e1, e2, e3, e4, e5, e6, e7, w.EditComment(ctx, g, "x", "x"), w.DeleteComment(ctx, g, "x"), w.SetVisibility(ctx, g, true), w.Delete(ctx, g), w.Update(ctx, g, snippet.Change{}),
			} {
				if !errors.Is(err, access.ErrNoGrant) {
					t.Errorf("%d: %v", i+1, err)
				}
			}
		}
		read := w.carl.Grant(access.ReadSnippet, at)
		for i, err := range []error{w.Update(ctx, read, snippet.Change{Title: "x"}), w.Delete(ctx, read), w.SetVisibility(ctx, read, true), w.EditComment(ctx, read, "x", "x")} {
			if !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("reading, %d: %v", i+1, err)
			}
		}
	})
}

// A workspace that is deleted takes its snippets along, and no other's.
func TestRemoveOf(t *testing.T) {
	each(t, func(w *world) {
		at := w.must()
		if _, err := w.AddComment(w.Context(), w.ada.Grant(access.CommentSnippet, at), "x"); err != nil {
			t.Fatal(err)
		}
		remove := func(workspace string) (snippets, files int) {
			err := w.DB.InTx(w.Context(), func(tx *db.Tx) error { return w.RemoveOf(w.Context(), tx, workspace) })
			if err != nil {
				t.Fatal(err)
			}
			snippets, err = db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM snippet`)
			if err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(w.Dir, "*", "*.git"))
			if err != nil {
				t.Fatal(err)
			}
			return snippets, len(found)
		}
		if snippets, files := remove("another"); snippets != 1 || files != 1 {
			t.Errorf("%d snippets and %d of their files are left", snippets, files)
		}
		if snippets, files := remove(w.ada.Grant(access.ListSnippets, acme).Workspace().ID); snippets != 0 || files != 0 {
			t.Errorf("%d snippets and %d of their files stay", snippets, files)
		}
	})
}
