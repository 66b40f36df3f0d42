package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/git/gittest"
)

func TestObjects(t *testing.T) {
	r := newRepo(t, installed(t))
	blob := r.input("hello\n", "hash-object", "-w", "--stdin")
	empty := r.input("", "hash-object", "-w", "--stdin")
	below := r.input("100755 blob "+blob+"\trun me\n120000 blob "+blob+"\tlink\n", "mktree")
	tree := r.input(fmt.Sprintf("100644 blob %s\tREADME.md\n040000 tree %s\tdir\n160000 commit %s\tmodule\n100644 blob %s\tempty\n", blob, below, strings.Repeat("1", 40), empty), "mktree", "--missing")
	commit := r.git("commit-tree", tree, "-m", "Subject\nover two lines\n\nBody.\n\nMore.")
	child := r.git("commit-tree", tree, "-m", "child", "-p", commit)
	ctx := t.Context()

	got, err := r.Commit(ctx, OID(child))
	if err != nil || len(got.Parents) != 1 || string(got.Parents[0]) != commit || string(got.Tree) != tree {
		t.Errorf("%+v %v", got, err)
	}
	got, err = r.Commit(ctx, OID(commit))
	if err != nil || got.Subject() != "Subject over two lines" || got.Body() != "Body.\n\nMore." || got.Author.Name != "Ada" || got.Author.Email != "ada@example.com" {
		t.Errorf("%+v %v", got, err)
	}
	if want := time.Unix(1700000000, 0); !got.Author.When.Equal(want) || got.Author.When.Format("-0700") != "+0100" {
		t.Errorf("at %v, want %v", got.Author.When, want)
	}
	entries, err := r.Tree(ctx, OID(tree))
	if err != nil || len(entries) != 4 || entries[0] != (Entry{"README.md", ModeFile, OID(blob)}) || !entries[1].Mode.IsTree() || entries[3].Mode != ModeSubmodule {
		t.Errorf("%+v %v", entries, err)
	}
	for path, want := range map[string]string{"": tree, "README.md": blob, "dir": below, "dir/run me": blob} {
		if at, err := r.At(ctx, OID(child), path); err != nil || string(at.OID) != want {
			t.Errorf("%q: %+v %v", path, at, err)
		}
	}
	for _, path := range []string{"none", "dir/none", "README.md/x", "module/x", "../x", "/", "dir/"} {
		if at, err := r.At(ctx, OID(child), path); !errors.Is(err, ErrNoObject) {
			t.Errorf("%q: %+v %v", path, at, err)
		}
	}
	for range 2 { // from git, then from memory
		if b, err := r.Blob(ctx, OID(blob), 6); err != nil || b.Size != 6 || string(b.Data) != "hello\n" {
			t.Errorf("%+v %v", b, err)
		}
		if b, err := r.Blob(ctx, OID(blob), 5); err != nil || b.Size != 6 || b.Data != nil {
			t.Errorf("over the limit: %+v %v", b, err)
		}
		if b, err := r.Blob(ctx, OID(empty), 5); err != nil || b.Size != 0 || b.Data == nil {
			t.Errorf("empty: %+v %v", b, err)
		}
	}
	for name, err := range map[string]error{
		"a tree as blob":   second(r.Blob(ctx, OID(tree), 100)),
		"a blob as tree":   second(r.Tree(ctx, OID(blob))),
		"a missing object": second(r.Commit(ctx, OID(strings.Repeat("1", 40)))),
		"a name":           second(r.Commit(ctx, "HEAD")),
		"nothing":          second(r.Commit(ctx, "")),
		"a second line":    second(r.Commit(ctx, OID(commit+"\ncontents "+blob))),
	} {
		if !errors.Is(err, ErrNoObject) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestLog(t *testing.T) {
	r := newRepo(t, installed(t))
	var all []string
	parent := []string{}
	for i := range 7 {
		c := r.commit(fmt.Sprintf("commit %d", i), parent...)
		parent = []string{c}
		all = append([]string{c}, all...)
	}
	for _, want := range []struct{ limit, from, to int }{{3, 0, 3}, {3, 3, 6}, {3, 6, 7}, {3, 7, 7}} {
		after := OID("")
		if want.from > 0 {
			after = OID(all[want.from-1])
		}
		commits, err := r.Log(t.Context(), OID(all[0]), LogOptions{After: after, Limit: want.limit})
		if err != nil || len(commits) != want.to-want.from {
			t.Fatalf("%+v: %d commits, %v", want, len(commits), err)
		}
		for i, commit := range commits {
			if string(commit.OID) != all[want.from+i] {
				t.Errorf("%+v: commit %d is %s", want, i, commit.OID)
			}
		}
	}
	for _, from := range []OID{"HEAD", "--all", ""} {
		if _, err := r.Log(t.Context(), from, LogOptions{Limit: 1}); !errors.Is(err, ErrNoObject) {
			t.Errorf("from %q: %v", from, err)
		}
	}
}

// Leafing through a history of many merges shows each commit once, in git's
// order, with and without a filter; and what is counted is what git counts.
func TestHistoryOfManyMerges(t *testing.T) {
	r := newRepo(t, installed(t))
	gittest.History(t, r.dir, 1500, 30)
	tip := OID(r.git("rev-parse", "main"))
	for name, c := range map[string]struct {
		options LogOptions
		args    []string
	}{
		"all":    {LogOptions{}, nil},
		"path":   {LogOptions{Path: "src/part7"}, []string{"--", "src/part7"}},
		"author": {LogOptions{Author: "DEV3@"}, []string{"-F", "-i", "--author=dev3@"}},
	} {
		want := strings.Fields(r.git(append([]string{"rev-list", string(tip)}, c.args...)...))
		var got []string
		for c.options.Limit = 70; len(got) < len(want); {
			commits, err := r.Log(t.Context(), tip, c.options)
			if err != nil || len(commits) == 0 {
				t.Fatalf("%s: after %d: %d commits, %v", name, len(got), len(commits), err)
			}
			for _, commit := range commits {
				got = append(got, string(commit.OID))
			}
			c.options.After = commits[len(commits)-1].OID
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d commits differ from git's %d", name, len(got), len(want))
		}
		c.options.After = OID(strings.Repeat("1", 40))
		if _, err := r.Log(t.Context(), tip, c.options); !errors.Is(err, ErrNoObject) {
			t.Errorf("%s: after a commit that isn't in the list: %v", name, err)
		}
	}
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var tips []OID
	for _, ref := range refs.Under(branches) {
		tips = append(tips, ref.OID)
	}
	for range 2 { // found, and remembered
		counts, err := r.CountAll(t.Context(), tip, tips)
		if err != nil || len(tips) < 40 {
			t.Fatal(err, len(tips))
		}
		for _, at := range tips {
			ahead, behind, err := r.AheadBehind(t.Context(), at, tip)
			if err != nil || counts[at] != (Counts{ahead, behind}) {
				t.Errorf("%s: %+v, git says %d and %d: %v", at, counts[at], ahead, behind, err)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	r.git("tag", "-a", "v1", "-m", "one", c)
	r.git("tag", "-a", "v2", "-m", "tag of a tag", "v1")
	for _, name := range []string{c, strings.ToUpper(c), r.git("rev-parse", "v1"), r.git("rev-parse", "v2")} {
		if got, err := r.Resolve(t.Context(), name); err != nil || string(got) != c {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	for _, name := range []string{"v1", c[:8], r.git("rev-parse", c+"^{tree}"), strings.Repeat("2", 40)} {
		if got, err := r.Resolve(t.Context(), name); !errors.Is(err, ErrNoObject) {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
}

func TestHostileCommits(t *testing.T) {
	for raw, check := range map[string]func(Commit) bool{
		"tree " + strings.Repeat("a", 40) + "\nauthor \xe9 <\xe9> 99999999999999999 +9999\nencoding ISO-8859-1\n\nCaf\xe9": func(c Commit) bool {
			return c.Author.Name == "é" && c.Subject() == "Café" && c.Author.When.Year() > 2000
		},
		"tree " + strings.Repeat("a", 40) + "\nauthor nobody\n\n\xff": func(c Commit) bool {
			return c.Author.Name == "nobody" && c.Author.When.IsZero() && c.Message == "\uFFFD"
		},
		"tree " + strings.Repeat("a", 40) + "\nauthor <> <x> -5 +0000":     func(c Commit) bool { return c.Author.When.Unix() == -5 && c.Subject() == "" },
		"tree " + strings.Repeat("a", 40) + "\nauthor >x<\ncommitter \n\n": func(c Commit) bool { return c.Author.Name == ">x<" },
	} {
		commit, ok := parseCommit([]byte(raw))
		if !ok || !check(commit) {
			t.Errorf("%q: %+v %v", raw, commit, ok)
		}
	}
	for _, raw := range []string{"", "tree x\n\n", "parent " + strings.Repeat("a", 40)} {
		if _, ok := parseCommit([]byte(raw)); ok {
			t.Errorf("%q is taken for a commit", raw)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa"))
	f.Add([]byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 1 +0100\n\nx"))
	f.Add([]byte("# pack-refs with: peeled fully-peeled sorted \n4b825dc642cb6eb9a060e54bf8d69288fbee4904 refs/tags/x\n^4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"))
	f.Add([]byte("100644 ..\x00aaaaaaaaaaaaaaaaaaaa120000 a\nb\\\xff\x00aaaaaaaaaaaaaaaaaaaa40000 \x00aaaaaaaaaaaaaaaaaaaa"))
	f.Add([]byte("ref: refs/heads/../../x\n"))
	f.Add([]byte("4b825dc642cb6eb9a060e54bf8d69288fbee4904 1 1 99999999999\nauthor-time 99999999999999999999\nsummary \xff\n\tx\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseTree(data)
		parseBlame(string(data))
		parseCommit(data)
		mergeRefs(string(data), parsePackedRefs(string(data)), nil, nil)
	})
}

// More readers than processes share the pool; one that gives up harms no other.
func TestReadersAreShared(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	var blobs []OID
	for i := range 50 {
		blobs = append(blobs, OID(r.input(strings.Repeat(fmt.Sprint(i), 1000), "hash-object", "-w", "--stdin")))
	}
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for i := range 30 {
				ctx := t.Context()
				if worker == 0 {
					gone, cancel := context.WithCancel(ctx)
					cancel()
					ctx = gone
				}
				g.objects.Clear()
				b, err := r.Blob(ctx, blobs[(i*7+worker)%len(blobs)], 1<<20)
				if worker == 0 {
					continue // either outcome is right
				}
				if want := strings.Repeat(fmt.Sprint((i*7+worker)%len(blobs)), 1000); err != nil || string(b.Data) != want {
					t.Errorf("%v %.10q, want %.10q", err, b.Data, want)
				}
			}
		})
	}
	all.Wait()
	g.readers.mu.Lock()
	waiting := len(g.readers.idle)
	g.readers.mu.Unlock()
	if waiting < 1 || waiting > cap(r.busy) {
		t.Errorf("%d processes wait", waiting)
	}
	g.Close()
	if _, err := r.Blob(t.Context(), blobs[0], 1<<20); err == nil {
		g.objects.Clear()
		_, err = r.Blob(t.Context(), blobs[0], 1<<20)
		if err == nil {
			t.Error("reads after it was closed")
		}
	}
}

// A process that has died is not used again.
func TestDeadReaderIsReplaced(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	blob := OID(r.input("x", "hash-object", "-w", "--stdin"))
	if _, err := r.Blob(t.Context(), blob, 10); err != nil {
		t.Fatal(err)
	}
	g.readers.idle[0].kill()
	_, _ = g.readers.idle[0].cmd.Process.Wait()
	g.objects.Clear()
	if _, err := r.Blob(t.Context(), blob, 10); err == nil {
		t.Error("a dead process answers")
	}
	if _, err := r.Blob(t.Context(), blob, 10); err != nil {
		t.Errorf("the next read: %v", err)
	}
}
