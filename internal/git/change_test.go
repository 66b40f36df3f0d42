package git

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var ada = Signature{Name: "Ada\nauthor Mallory <m@x>", Email: "ada@example.com>", When: time.Unix(1700000000, 0).In(time.FixedZone("", 3600))}

func (r repo) change(parent OID, edits ...Edit) OID {
	r.t.Helper()
	oid, err := r.CommitChange(r.t.Context(), Change{Branch: "refs/heads/main", Parent: parent, Author: ada, Message: "  A change ", Edits: edits})
	if err != nil {
		r.t.Fatal(err)
	}
	return oid
}

func TestCommitChange(t *testing.T) {
	r := newRepo(t, installed(t))
	odd := "ü \"q\" \\ \x01.md"
	first := r.change("", Edit{Path: odd, Data: []byte("one\n")}, Edit{Path: "a/b.md", Data: []byte("data 3\nM 100644 inline x\n")}, Edit{Path: "gone.md", Data: nil})
	second := r.change(first, Edit{From: "a/b.md", Path: "c.md"}, Edit{Path: "gone.md", Remove: true})
	files, more, err := r.Files(t.Context(), second, 1000)
	if err != nil || more || len(files) != 2 || files[0] != "c.md" || files[1] != odd {
		t.Errorf("%+v %v %v", files, more, err)
	}
	commit, err := r.Commit(t.Context(), second)
	if err != nil || commit.Author.Name != "Adaauthor Mallory m@x" || commit.Author.Email != "ada@example.com" || commit.Message != "A change\n" ||
		!commit.Author.When.Equal(ada.When) || !slices.Equal(commit.Parents, []OID{first}) {
		t.Errorf("%+v %v", commit, err)
	}
	entry, err := r.At(t.Context(), second, "c.md")
	if err != nil {
		t.Fatal(err)
	}
	if blob, err := r.Blob(t.Context(), entry.OID, 100); err != nil || string(blob.Data) != "data 3\nM 100644 inline x\n" {
		t.Errorf("%q %v", blob.Data, err)
	}
	cleared, err := r.CommitChange(t.Context(), Change{Branch: "refs/heads/main", Parent: second, Author: ada, Message: "x", Clear: true, Edits: []Edit{{Path: "n", Data: []byte("n")}}})
	if files, _, _ := r.Files(t.Context(), cleared, 1000); err != nil || len(files) != 1 || files[0] != "n" {
		t.Errorf("%+v %v", files, err)
	}
	if fsck := r.git("fsck", "--strict"); fsck != "" {
		t.Error(fsck)
	}

	// A branch that has moved stays where it is, and so does what must not be moved.
	for _, parent := range []OID{"", first, second} {
		if _, err := r.CommitChange(t.Context(), Change{Branch: "refs/heads/main", Parent: parent, Author: ada, Message: "x", Edits: []Edit{{Path: "y", Data: []byte("y")}}}); !errors.Is(err, ErrMoved) {
			t.Errorf("from %q: %v", parent, err)
		}
	}
	for _, c := range []Change{
		{Branch: "refs/sallyport/x"},
		{Branch: "main"},
		{Branch: "refs/heads/a b"},
		{Branch: "refs/heads/x", Edits: []Edit{{Path: "../x"}}},
		{Branch: "refs/heads/x", Edits: []Edit{{Path: "a//b"}}},
		{Branch: "refs/heads/x", Edits: []Edit{{Path: ""}}},
		{Branch: "refs/heads/x", Edits: []Edit{{Path: "x", From: "../y"}}},
	} {
		if _, err := r.CommitChange(t.Context(), c); err == nil || errors.Is(err, ErrMoved) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if tip := r.git("rev-parse", "main"); tip != string(cleared) || r.git("for-each-ref", "--format=%(refname)") != "refs/heads/main" {
		t.Errorf("the branch is at %s", tip)
	}
}

// Of many that change the same branch at once from the same place, one does.
func TestCommitChangeOnceAtTheSameTime(t *testing.T) {
	r := newRepo(t, installed(t))
	base := r.change("", Edit{Path: "a", Data: []byte("a")})
	var all sync.WaitGroup
	results := make(chan error, 6)
	for i := range cap(results) {
		all.Go(func() {
			_, err := r.CommitChange(t.Context(), Change{Branch: "refs/heads/main", Parent: base, Author: ada, Message: "x", Edits: []Edit{{Path: "b", Data: []byte{byte('0' + i)}}}})
			results <- err
		})
	}
	all.Wait()
	close(results)
	made := 0
	for err := range results {
		if err == nil {
			made++
		} else if !errors.Is(err, ErrMoved) {
			t.Error(err)
		}
	}
	if made != 1 || r.git("rev-list", "--count", "main") != "2" {
		t.Errorf("%d made, %s commits", made, r.git("rev-list", "--count", "main"))
	}
}

func TestHistory(t *testing.T) {
	r := newRepo(t, installed(t))
	text := []byte(strings.Repeat("the same line\n", 20))
	first := r.change("", Edit{Path: "*.md", Data: text}, Edit{Path: "other.md", Data: []byte("x")})
	second := r.change(first, Edit{From: "*.md", Path: "b.md"})
	third := r.change(second, Edit{Path: "other.md", Data: []byte("y")})
	fourth := r.change(third, Edit{Path: "b.md", Data: append(text, "more\n"...)})
	versions, err := r.History(t.Context(), fourth, "b.md", "", 10)
	var got []string
	for _, v := range versions {
		got = append(got, string(v.OID)+" "+v.Path)
	}
	want := []string{string(fourth) + " b.md", string(second) + " b.md", string(first) + " *.md"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	if rest, err := r.History(t.Context(), fourth, "b.md", versions[1].OID, 1); err != nil || len(rest) != 1 || rest[0].OID != first {
		t.Errorf("%+v %v", rest, err)
	}
	if star, err := r.History(t.Context(), third, "*.md", "", 9); err != nil || len(star) != 2 || star[1].OID != first {
		t.Errorf("a name with a star is a pattern: %+v %v", star, err)
	}
	for _, path := range []string{"", "../b.md", "--output=x"} {
		if versions, err := r.History(t.Context(), fourth, path, "", 1); len(versions) > 0 {
			t.Errorf("%q: %v %v", path, versions, err)
		}
	}
}

func TestDiffBlobs(t *testing.T) {
	r := newRepo(t, installed(t))
	blob := func(text string) OID { return OID(r.input(text, "hash-object", "-w", "--stdin")) }
	show := func(a, b OID) string {
		t.Helper()
		diff, more, err := r.DiffBlobs(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, hunk := range diff.Hunks {
			out.WriteString("@")
			for _, line := range hunk.Lines {
				out.WriteString(string(line.Op) + line.Text + "|")
			}
		}
		if diff.Binary {
			out.WriteString("binary")
		}
		if more {
			out.WriteString("too large")
		}
		return out.String()
	}
	a, b := blob("1\n2\n3\n4\n5\n6\n7\n8\n9\nx"), blob("1\nzwei\n3\n4\n5\n6\n7\n8\n9\nx\n")
	for _, c := range []struct {
		from, to OID
		want     string
	}{
		{a, b, "@ 1|-2|+zwei| 3| 4| 5|@ 7| 8| 9|-x|+x|"},
		{a, a, ""},
		{OID(""), blob("n\r\nm"), "@+n|+m|"},
		{blob("n\n"), OID(""), "@-n|"},
		{OID(""), blob(""), ""},
		{a, blob("\x00"), "binary"},
		{a, blob(strings.Repeat("x", 1<<20+1)), "too large"},
		{blob("--- a/x\n+++ b/x\n"), blob("@@ -1 +1 @@\ndiff --git a/x b/x\n"), "@---- a/x|-+++ b/x|+@@ -1 +1 @@|+diff --git a/x b/x|"},
	} {
		if got := show(c.from, c.to); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from.Short(), c.to.Short(), got, c.want)
		}
	}
}

func TestStore(t *testing.T) {
	g := installed(t)
	s := Store{Git: g, Dir: t.TempDir(), Suffix: ".x"}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := s.Ensure("some-id42"); err != nil {
				t.Error(err)
			}
			if _, err := s.Open("some-id42").Refs(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if found, err := filepath.Glob(filepath.Join(s.Dir, "*", "*")); err != nil || len(found) != 1 || found[0] != filepath.Join(s.Dir, "42", "some-id42.x") {
		t.Errorf("%v %v", found, err)
	}
	if err := s.Create("some-id42"); !errors.Is(err, os.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if err := errors.Join(s.Create("n-42"), s.Remove("some-id42")); err != nil {
		t.Error(err)
	}
	if found, err := filepath.Glob(filepath.Join(s.Dir, "*", "*")); err != nil || len(found) != 1 {
		t.Errorf("%v %v", found, err)
	}
}
