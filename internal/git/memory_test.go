package git

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git/gittest"
)

// Every git process, and whatever it starts, has its limit when it begins.
func TestMemoryOfGit(t *testing.T) {
	g := installed(t)
	for memory, want := range map[int64]string{0: "2097152", askMemory: "262144"} {
		var out bytes.Buffer
		err := g.run(t.Context(), process{args: []string{"-c", "alias.limit=!ulimit -Sd; ulimit -Hd", "limit"}, memory: memory, stdout: &out})
		if err != nil || out.String() != want+"\n"+want+"\n" {
			t.Errorf("%d bytes: %v, %q", memory, err, out.String())
		}
	}
}

// A process that wants more fails by its limit, in words, from its first use on.
func TestGitThatWantsMoreMemory(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	large := gittest.Object(t, r.dir, "tree", bytes.Repeat([]byte("x"), askMemory+1))
	_, _, err := r.ask(t.Context(), 1<<10, "ls-tree", large)
	if !errs.Is(err, errs.KindTooLarge) {
		t.Error(err)
	}
	file := gittest.Object(t, r.dir, "blob", make([]byte, askMemory+1))
	_, _, err = r.ask(t.Context(), 1<<10, "-c", "core.bigFileThreshold=1g", "diff", "--text", gittest.Object(t, r.dir, "blob", nil), file)
	if !errs.Is(err, errs.KindTooLarge) {
		t.Error(err)
	}
}

// A comparison in which a file is too large for git shows the others, and names it.
func TestDiffAroundALargeFile(t *testing.T) {
	r := newRepo(t, installed(t))
	blob := func(content []byte) string { return gittest.Object(t, r.dir, "blob", content) }
	text := bytes.Repeat([]byte("a line of the file\n"), 20)
	gone, large := blob(make([]byte, askMemory+1)), blob(bytes.Repeat([]byte("x"), askMemory+1))
	entry := func(name, object string) gittest.Entry {
		return gittest.Entry{Mode: "100644", Name: name, Object: object}
	}
	before := gittest.Tree(t, r.dir, entry("a", blob([]byte("1\n"))), entry("b:(x", blob(text)), entry("z", gone))
	after := gittest.Tree(t, r.dir, entry("a", blob([]byte("2\n"))), entry("c", blob(text)), entry("new", large))
	diff, err := r.DiffTrees(t.Context(), OID(before), OID(after), DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range diff.Files {
		got = append(got, fmt.Sprintf("%s>%s %t %d", file.Old, file.New, file.Binary, len(file.Hunks)))
	}
	if want := "a>a false 1, b:(x>c false 0, >new true 0, z> true 0"; strings.Join(got, ", ") != want || diff.Summary != "4 files changed, 1 insertion(+), 1 deletion(-)" {
		t.Errorf("%q, %s", got, diff.Summary)
	}
	diff, err = r.DiffTrees(t.Context(), OID(before), OID(after), DiffOptions{Path: "new"})
	if err != nil || len(diff.Files) != 1 || diff.Files[0].NewBlob != OID(large) || diff.Summary != "1 file changed" {
		t.Errorf("%+v %v", diff, err)
	}
	diff, err = r.DiffTrees(t.Context(), OID(before), OID(after), DiffOptions{Path: "b:(x"})
	if err != nil || len(diff.Files) != 1 || diff.Files[0].Removed != 20 {
		t.Errorf("%+v %v", diff, err)
	}
}

func TestStream(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	noise := make([]byte, 3<<20)
	_, _ = rand.Read(noise)
	for _, content := range [][]byte{nil, []byte("short"), noise} {
		file, err := r.Stream(t.Context(), OID(gittest.Object(t, r.dir, "blob", content)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, content) || file.Close() != nil {
			t.Errorf("%v, %d bytes, want %d", err, len(got), len(content))
		}
	}
	if _, err := r.Stream(t.Context(), OID(strings.Repeat("1", 40))); !errs.Is(err, errs.KindConflict) {
		t.Errorf("of a missing object: %v", err)
	}
	// One that isn't read to its end lets git go, and its place with it.
	for range 3 * cap(g.packing) {
		file, err := r.Stream(t.Context(), OID(gittest.Object(t, r.dir, "blob", noise)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Peek(1); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	if len(g.packing) != 0 {
		t.Errorf("%d places are taken", len(g.packing))
	}
}
