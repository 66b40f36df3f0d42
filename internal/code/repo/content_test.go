package repo_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

func (w *world) open(name string) *repo.Content {
	w.Helper()
	content, err := w.Open(w.Context(), w.grant(access.ReadRepository, name))
	if err != nil {
		w.Fatal(err)
	}
	return content
}

func TestAnEmptyRepository(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.create("site")
	content := w.open("site")
	if name, err := content.DefaultBranch(t.Context()); name != "main" || !errors.Is(err, repo.ErrEmpty) {
		t.Errorf("%q %v", name, err)
	}
	if _, err := content.Locate(t.Context(), ""); !errors.Is(err, repo.ErrEmpty) {
		t.Error(err)
	}
	if _, err := content.Locate(t.Context(), "main"); !errs.Is(err, errs.KindNotFound) {
		t.Error(err)
	}
	if list, err := first(content.Branches(t.Context(), "", 10)); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
}

func first(list []repo.Branch, _ bool, err error) ([]repo.Branch, error) { return list, err }

// A folder is shown page by page: none of its entries twice, and none left out,
// also where the last one shown is gone meanwhile.
func TestPagesOfAFolder(t *testing.T) {
	node := repo.Node{Entries: []git.Entry{
		{Name: "d", Mode: git.ModeTree}, {Name: "x", Mode: git.ModeTree}, {Name: "a", Mode: git.ModeFile}, {Name: "e", Mode: git.ModeFile}, {Name: "z", Mode: git.ModeFile},
	}}
	for _, c := range []struct {
		after string
		limit int
		want  string
		next  string
	}{
		{"", 2, "d x", "x/"},
		{"x/", 2, "a e", "e"},
		{"e", 2, "z", ""},
		{"z", 2, "", ""},
		{"", 5, "d x a e z", ""},
		{"e/", 1, "x", "x/"},
		{"y/", 1, "a", "a"},
		{"b", 9, "e z", ""},
		{"zz", 1, "", ""},
	} {
		entries, next := node.Page(c.after, c.limit)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name)
		}
		if strings.Join(names, " ") != c.want || next != c.next {
			t.Errorf("%+v: %v %q", c, names, next)
		}
	}
}

func TestReadingContent(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.create("site")
	k := w.work("site")
	if err := os.Symlink("a.txt", filepath.Join(k.dir, "link")); err != nil {
		t.Fatal(err)
	}
	first := k.commit("one",
		"a.txt", "hello\n", "z/deep/er.go", "package er\n", "Z.txt", "", "bin", "\x00\x01", "README.md", "# Site\n", "readme.txt", "plain\n",
		"big.txt", strings.Repeat("x", 2<<20+1), "z/Readme", "in z\n")
	k.git("tag", "-a", "v1", "-m", "one")
	k.git("branch", "feature/x/y")
	second := k.commit("two", "a.txt", "changed\n")
	k.push(create(second, "refs/heads/main"), create(first, "refs/heads/feature/x/y"), create(k.git("rev-parse", "v1"), "refs/tags/v1"),
		create(first, "refs/tags/feature/x"), create(k.git("rev-parse", "HEAD:a.txt"), "refs/tags/blob"))
	content := w.open("site")

	for address, want := range map[string]repo.Place{
		"":                           {Ref: "main", Commit: git.OID(second)},
		"main":                       {Ref: "main", Commit: git.OID(second)},
		"/main/":                     {Ref: "main", Commit: git.OID(second)},
		"main/z/deep":                {Ref: "main", Commit: git.OID(second), Path: "z/deep"},
		"feature/x/y":                {Ref: "feature/x/y", Commit: git.OID(first)},
		"feature/x/y/a.txt":          {Ref: "feature/x/y", Commit: git.OID(first), Path: "a.txt"},
		"feature/x/z":                {Ref: "feature/x", Commit: git.OID(first), Path: "z"},
		"v1/a.txt":                   {Ref: "v1", Commit: git.OID(first), Path: "a.txt"},
		first:                        {Ref: first, Commit: git.OID(first)},
		first + "/z":                 {Ref: first, Commit: git.OID(first), Path: "z"},
		k.git("rev-parse", "v1"):     {Ref: k.git("rev-parse", "v1"), Commit: git.OID(first)},
		"main/none/such":             {Ref: "main", Commit: git.OID(second), Path: "none/such"},
		strings.ToUpper(first) + "/": {Ref: strings.ToUpper(first), Commit: git.OID(first)},
	} {
		if got, err := content.Locate(t.Context(), address); err != nil || got != want {
			t.Errorf("%q is %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{
		"none", "feature", "feature/y", first[:10], strings.Repeat("1", 40), "main/../x", "main//x", "main/a\x00b", "refs/heads/main",
		"..", "blob", k.git("rev-parse", "HEAD^{tree}"), "-x", "--all", "main^", "HEAD~1", "main:a.txt",
	} {
		if got, err := content.Locate(t.Context(), address); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("%q is %+v, %v", address, got, err)
		}
	}

	top := repo.Place{Ref: "main", Commit: git.OID(second)}
	node, err := content.At(t.Context(), top)
	if err != nil || !node.Entry.Mode.IsTree() {
		t.Fatalf("%+v %v", node, err)
	}
	var names []string
	for _, e := range node.Entries {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "z README.md Z.txt a.txt big.txt bin link readme.txt" {
		t.Errorf("listed as %s", got)
	}
	if name, text, err := content.Readme(t.Context(), node.Entries); name != "README.md" || string(text) != "# Site\n" || err != nil {
		t.Errorf("%q %q %v", name, text, err)
	}
	below, err := content.At(t.Context(), repo.Place{Commit: git.OID(second), Path: "z"})
	if err != nil {
		t.Fatal(err)
	}
	if name, text, err := content.Readme(t.Context(), below.Entries); name != "Readme" || string(text) != "in z\n" || err != nil {
		t.Errorf("%q %q %v", name, text, err)
	}
	for path, want := range map[string]struct {
		size int64
		data string
	}{"a.txt": {8, "changed\n"}, "Z.txt": {0, ""}, "bin": {2, "\x00\x01"}, "link": {5, "a.txt"}, "big.txt": {2<<20 + 1, ""}, "z/deep/er.go": {11, "package er\n"}} {
		node, err := content.At(t.Context(), repo.Place{Commit: git.OID(second), Path: path})
		if err != nil || node.Blob.Size != want.size || string(node.Blob.Data) != want.data || (node.Blob.Data == nil) != (path == "big.txt") {
			t.Errorf("%s: %d bytes, %v", path, node.Blob.Size, err)
		}
	}
	for _, path := range []string{"none", "a.txt/x", "z/none"} {
		if _, err := content.At(t.Context(), repo.Place{Commit: git.OID(second), Path: path}); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPagesOfCommits(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.create("site")
	k := w.work("site")
	var all []string
	for i := range 5 {
		all = append([]string{k.commit(fmt.Sprintf("commit %d", i))}, all...)
	}
	k.push(create(all[0], "refs/heads/main"))
	content := w.open("site")
	page := func(from int, after string, limit int) string {
		commits, err := content.Commits(t.Context(), git.OID(all[from]), git.LogOptions{After: git.OID(after), Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		var subjects []string
		for _, c := range commits {
			subjects = append(subjects, c.Subject())
		}
		return strings.Join(subjects, ", ")
	}
	if got := page(0, "", 2); got != "commit 4, commit 3" {
		t.Error(got)
	}
	later := k.commit("later")
	k.push(all[0] + " " + later + " refs/heads/main")
	if got := page(0, all[1], 2); got != "commit 2, commit 1" { // not shifted by the push
		t.Error(got)
	}
	if got := page(3, "", 10); got != "commit 1, commit 0" {
		t.Error(got)
	}
	if _, err := content.Commits(t.Context(), git.OID(strings.Repeat("1", 40)), git.LogOptions{Limit: 1}); err == nil {
		t.Error("commits from one that isn't there")
	}
	if c, err := content.Commit(t.Context(), git.OID(later)); err != nil || c.Subject() != "later" {
		t.Error(c, err)
	}
}

func TestBranches(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.create("site")
	k := w.work("site")
	oid := k.commit("one")
	k.push(create(oid, "refs/heads/main"), create(oid, "refs/heads/a"), create(oid, "refs/heads/z"), create(oid, "refs/tags/t"))
	for _, c := range []struct {
		after string
		limit int
		want  string
		more  bool
	}{
		{"", 10, "main a z", false},
		{"", 2, "main a", true},
		{"", 1, "main", true},
		{"a", 10, "z", false},
		{"aa", 10, "z", false},
		{"main", 1, "z", false},
		{"z", 10, "", false},
		{"0", 1, "a", true},
	} {
		list, more, err := w.open("site").Branches(t.Context(), c.after, c.limit)
		var names []string
		for _, b := range list {
			names = append(names, b.Name)
			if b.Default != (b.Name == "main") || b.Commit.Subject() != "one" {
				t.Errorf("%+v", b)
			}
		}
		if err != nil || strings.Join(names, " ") != c.want || more != c.more {
			t.Errorf("%+v: %v %v %v", c, names, more, err)
		}
	}
}
