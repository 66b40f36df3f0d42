package git

import (
	"bytes"
	"crypto/rand"
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
