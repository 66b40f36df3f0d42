package gittest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// Gigabyte is the size of the file that HoldsAGigabyte makes.
const Gigabyte = 1 << 30

// HoldsAGigabyte gives a repository's branch main a commit with a file "small"
// and one with a text "huge.txt" of a gigabyte. It takes few bytes on disk.
func HoldsAGigabyte(t testing.TB, dir string) {
	t.Helper()
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(writeGigabyte(write)) }()
	Run(t, dir, read, "-c", "core.compression=1", "fast-import", "--quiet")
}

func writeGigabyte(w io.Writer) error {
	piece := bytes.Repeat([]byte("sixteen letters\n"), 1<<16)
	_, err := fmt.Fprintf(w, "commit refs/heads/main\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 5\nSmall\nM 100644 inline small\ndata 6\nsmall\n\n"+
		"commit refs/heads/main\ncommitter Ada <ada@example.com> 1700000001 +0000\ndata 4\nHuge\nM 100644 inline huge.txt\ndata %d\n", Gigabyte)
	for range Gigabyte / len(piece) {
		if err == nil {
			_, err = w.Write(piece)
		}
	}
	_, last := io.WriteString(w, "\n")
	return errors.Join(err, last)
}

// HoldsManyFiles gives a repository's branch main one commit with so many files
// in the folder "many".
func HoldsManyFiles(t testing.TB, dir string, files int) {
	t.Helper()
	blob := Object(t, dir, "blob", []byte("needle\n"))
	entries := make([]Entry, files)
	for i := range entries {
		entries[i] = Entry{Mode: "100644", Name: fmt.Sprintf("file%06d", i), Object: blob}
	}
	top := Tree(t, dir, Entry{Mode: "40000", Name: "many", Object: Tree(t, dir, entries...)})
	Ref(t, dir, "refs/heads/main", Commit(t, dir, top, "Many"))
}
