package git

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// files makes a commit whose tree holds these files and no others.
func (r repo) files(message string, parent string, content map[string]string) OID {
	r.t.Helper()
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata %d\n%s\n", 1_700_000_000+len(r.git("rev-list", "--all"))/41, len(message), message)
	if parent != "" {
		fmt.Fprintf(&stream, "from %s\n", parent)
	}
	stream.WriteString("deleteall\n")
	for name, text := range content {
		fmt.Fprintf(&stream, "M 100644 inline %q\ndata %d\n%s\n", name, len(text), text)
	}
	r.input(stream.String(), "fast-import", "--quiet", "--force")
	return OID(strings.TrimSpace(r.git("rev-parse", "refs/heads/main")))
}

func TestDiffTrees(t *testing.T) {
	r := newRepo(t, installed(t))
	long := strings.Repeat("the same line\n", 30)
	first := r.files("one", "", map[string]string{"a.txt": "one\ntwo\nthree\n", "gone.txt": "x\n", "old name": long, "b.bin": "\x00\x01"})
	second := r.files("two", string(first), map[string]string{"a.txt": "one\n2\nthree", "new\n\"é\"": "y\n", "moved/here": long, "b.bin": "\x00\x02"})
	diff, err := r.DiffTrees(t.Context(), first, second, DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]FileDiff{}
	for _, file := range diff.Files {
		got[file.Path()] = file
	}
	if len(got) != 5 || diff.More || !strings.HasPrefix(diff.Summary, "5 files changed") {
		t.Errorf("%d files, more %v, %q", len(got), diff.More, diff.Summary)
	}
	want := []DiffLine{
		{Op: ' ', Old: 1, New: 1, Text: "one"},
		{Op: '-', Old: 2, Text: "two"},
		{Op: '-', Old: 3, Text: "three"},
		{Op: '+', New: 2, Text: "2"},
		{Op: '+', New: 3, Text: "three", NoEnd: true},
	}
	if a := got["a.txt"]; a.Added != 2 || a.Removed != 2 || len(a.Hunks) != 1 || !slices.Equal(a.Hunks[0].Lines, want) {
		t.Errorf("a.txt: %+v", a)
	}
	if file := got["gone.txt"]; file.New != "" || file.Removed != 1 {
		t.Errorf("gone.txt: %+v", file)
	}
	if file := got["new\n\"é\""]; file.Old != "" || file.Added != 1 {
		t.Errorf("a new file with a hostile name: %+v of %v", file, got)
	}
	if file := got["moved/here"]; !file.Renamed || file.Old != "old name" || len(file.Hunks) != 0 {
		t.Errorf("a renamed file: %+v", file)
	}
	if b := got["b.bin"]; !b.Binary || string(b.OldBlob) != r.git("rev-parse", string(first)+":b.bin") || string(b.NewBlob) != r.git("rev-parse", string(second)+":b.bin") {
		t.Errorf("b.bin: %+v", b)
	}
	if file := got["gone.txt"]; file.OldBlob == "" || file.NewBlob != "" {
		t.Errorf("gone.txt has the contents %q and %q", file.OldBlob, file.NewBlob)
	}

	// A first commit is compared with nothing; one file can be looked at alone.
	if diff, err := r.DiffTrees(t.Context(), "", first, DiffOptions{Path: "a.txt"}); err != nil || len(diff.Files) != 1 || diff.Files[0].Old != "" {
		t.Errorf("%+v %v", diff, err)
	}
	if _, err := r.DiffTrees(t.Context(), first, "--output=/tmp/x", DiffOptions{}); !errors.Is(err, ErrNoObject) {
		t.Error(err)
	}
}

func TestADiffThatIsTooLargeEndsAtAWholeFile(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.files("one", "", map[string]string{"a": "small\n", "b": strings.Repeat("0123456789\n", maxDiff/11)})
	diff, err := r.DiffTrees(t.Context(), "", c, DiffOptions{})
	if err != nil || !diff.More || len(diff.Files) != 1 || diff.Files[0].New != "a" {
		t.Errorf("%v files, more %v, %v", len(diff.Files), diff.More, err)
	}
}

func TestDiffIgnoringSpace(t *testing.T) {
	r := newRepo(t, installed(t))
	first := r.files("one", "", map[string]string{"a": "x y\n"})
	second := r.files("two", string(first), map[string]string{"a": "  x   y\n"})
	if diff, err := r.DiffTrees(t.Context(), first, second, DiffOptions{IgnoreSpace: true}); err != nil || len(diff.Files) != 0 {
		t.Errorf("%+v %v", diff, err)
	}
}

func TestMergeBaseAndAheadBehind(t *testing.T) {
	r := newRepo(t, installed(t))
	base := r.commit("base")
	a := r.commit("a2", r.commit("a1", base))
	b := r.commit("b1", base)
	if got, err := r.MergeBase(t.Context(), OID(a), OID(b)); err != nil || string(got) != base {
		t.Errorf("%s %v", got, err)
	}
	if got, err := r.MergeBase(t.Context(), OID(a), OID(r.commit("apart"))); err != nil || got != "" {
		t.Errorf("without anything in common: %s %v", got, err)
	}
	if ahead, behind, err := r.AheadBehind(t.Context(), OID(a), OID(b)); err != nil || ahead != 2 || behind != 1 {
		t.Errorf("%d ahead, %d behind, %v", ahead, behind, err)
	}
}

func TestBlame(t *testing.T) {
	r := newRepo(t, installed(t))
	first := r.files("one", "", map[string]string{"a": "one\ntwo\nthree\n"})
	second := r.files("two", string(first), map[string]string{"a": "one\n2\nthree\n"})
	parts, more, err := r.Blame(t.Context(), second, "a", 1<<20)
	if err != nil || more || len(parts) != 3 {
		t.Fatalf("%+v %v %v", parts, more, err)
	}
	for i, want := range []struct {
		commit OID
		line   string
	}{{first, "one"}, {second, "2"}, {first, "three"}} {
		if parts[i].Commit != want.commit || parts[i].From != i+1 || !slices.Equal(parts[i].Lines, []string{want.line}) || parts[i].Author != "A" {
			t.Errorf("part %d: %+v", i, parts[i])
		}
	}
	if _, more, err := r.Blame(t.Context(), second, "a", 10); err != nil || !more {
		t.Errorf("beyond the limit: %v %v", more, err)
	}
}

func TestLogOfAPathAndOfAnAuthor(t *testing.T) {
	r := newRepo(t, installed(t))
	first := r.files("one", "", map[string]string{"a": "1", "dir/b": "1"})
	second := r.files("two", string(first), map[string]string{"a": "2", "dir/b": "1"})
	for _, want := range []struct {
		options LogOptions
		oids    []OID
	}{
		{LogOptions{}, []OID{second, first}},
		{LogOptions{Path: "dir"}, []OID{first}},
		{LogOptions{Path: "a"}, []OID{second, first}},
		{LogOptions{Author: "A@EXAMPLE"}, []OID{second, first}},
		{LogOptions{Author: "^A"}, nil},
	} {
		want.options.Limit = 9
		commits, err := r.Log(t.Context(), second, want.options)
		var got []OID
		for _, commit := range commits {
			got = append(got, commit.OID)
		}
		if err != nil || !slices.Equal(got, want.oids) {
			t.Errorf("%+v: %v %v", want.options, got, err)
		}
	}
}

func TestFilesAndGrep(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.files("one", "", map[string]string{"a b.txt": "alpha\nBeta $x.*\n", "dir/x": "gamma\n", "bin": "\x00beta"})
	if paths, more, err := r.Files(t.Context(), c, 1<<20); err != nil || more || !slices.Equal(paths, []string{"a b.txt", "bin", "dir/x"}) {
		t.Errorf("%q %v %v", paths, more, err)
	}
	for text, want := range map[string][]Match{
		"beta":   {{Path: "a b.txt", Line: 2, Text: "Beta $x.*"}},
		"$X.*":   {{Path: "a b.txt", Line: 2, Text: "Beta $x.*"}},
		"--help": nil,
		"gam":    {{Path: "dir/x", Line: 1, Text: "gamma"}},
	} {
		if got, more, err := r.Grep(t.Context(), c, text, 1<<20); err != nil || more || !slices.Equal(got, want) {
			t.Errorf("%s: %+v %v %v", text, got, more, err)
		}
	}
}

func TestArchive(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.files("one", "", map[string]string{"a": "1", "dir/b": "2"})
	var out bytes.Buffer
	if err := r.Archive(t.Context(), c, Zip, "app-main", &out); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	if !slices.Equal(names, []string{"app-main/a", "app-main/dir/b"}) {
		t.Error(names)
	}
	out.Reset()
	if err := r.Archive(t.Context(), c, TarGz, "app-main", &out); err != nil || !bytes.HasPrefix(out.Bytes(), []byte{0x1f, 0x8b}) {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
