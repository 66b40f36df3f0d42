// Package gittest makes git data for tests: long histories, and objects that no
// git would make.
package gittest

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's own
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Run runs plain git in dir, without the machine's settings, on what it reads,
// and gives what it prints.
func Run(t testing.TB, dir string, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Object writes one object into a repository, whatever it holds, and gives its
// name.
func Object(t testing.TB, dir, kind string, content []byte) string {
	t.Helper()
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)
	sum := sha1.Sum(whole) //nolint:gosec // git's own
	name := hex.EncodeToString(sum[:])
	path := filepath.Join(dir, "objects", name[:2], name[2:])
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err := w.Write(whole)
	if err = errors.Join(err, w.Close(), os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, packed.Bytes(), 0o640)); err != nil {
		t.Fatal(err)
	}
	return name
}

// Entry is a line of a tree.
type Entry struct{ Mode, Name, Object string }

// Tree writes a tree with the entries as they come.
func Tree(t testing.TB, dir string, entries ...Entry) string {
	t.Helper()
	var content []byte
	for _, e := range entries {
		raw, err := hex.DecodeString(e.Object)
		if err != nil {
			t.Fatal(err)
		}
		content = append(append(content, e.Mode+" "+e.Name+"\x00"...), raw...)
	}
	return Object(t, dir, "tree", content)
}

// Commit writes a commit of a tree.
func Commit(t testing.TB, dir, tree, message string, parents ...string) string {
	t.Helper()
	text := "tree " + tree + "\n"
	for _, parent := range parents {
		text += "parent " + parent + "\n"
	}
	const who = " Ada <ada@example.com> 1700000000 +0100\n"
	return Object(t, dir, "commit", []byte(text+"author"+who+"committer"+who+"\n"+message+"\n"))
}

// Ref makes a reference, given in full, point at an object.
func Ref(t testing.TB, dir, name, object string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(object+"\n"), 0o640)); err != nil {
		t.Fatal(err)
	}
}

// History fills a repository with a long history of many files that is the same
// each time: each commit changes a line in three of them, one in twenty merges,
// and forty branches and twenty tags stand along the way.
func History(t testing.TB, dir string, commits, files int) {
	t.Helper()
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(writeHistory(write, commits, files)) }()
	Run(t, dir, read, "fast-import", "--quiet")
}

func writeHistory(to io.Writer, commits, files int) error {
	w := bufio.NewWriterSize(to, 1<<20)
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	texts := make([][]string, files)
	for i := range texts {
		for range 10 + dice.IntN(50) {
			texts[i] = append(texts[i], goLine(dice))
		}
	}
	data := func(text string) { fmt.Fprintf(w, "data %d\n%s\n", len(text), text) }
	for c := range commits {
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Dev%d <dev%d@example.com> %d +0000\n", c+1, c%17, c%17, 1_600_000_000+c*600)
		data(fmt.Sprintf("Change number %d\n\n%s\n", c, goLine(dice)))
		if c > 40 && c%20 == 0 {
			fmt.Fprintf(w, "from :%d\nmerge :%d\n", c, c-20)
		}
		changed := []int{dice.IntN(files), dice.IntN(files), dice.IntN(files)}
		if c == 0 {
			changed = make([]int, files)
			for i := range changed {
				changed[i] = i
			}
			w.WriteString("M 100644 inline README.md\n")
			data("# A long history\n\nIt has **many** files.\n\n- one\n- two\n")
		}
		for _, i := range changed {
			texts[i][dice.IntN(len(texts[i]))] = goLine(dice)
			fmt.Fprintf(w, "M 100644 inline src/part%d/file%d.go\n", i%50, i)
			data("package part\n\n" + strings.Join(texts[i], "\n") + "\n")
		}
		w.WriteString("\n")
	}
	for i := 1; i <= 60; i++ {
		at := 1 + dice.IntN(commits)
		if i%3 == 0 {
			fmt.Fprintf(w, "tag v1.%d\nfrom :%d\ntagger Ada <ada@example.com> 1700000000 +0000\n", i, at)
			data("A release\n")
		} else {
			fmt.Fprintf(w, "reset refs/heads/team%d/topic-%d\nfrom :%d\n\n", i%7, i, at)
		}
	}
	return w.Flush()
}

func goLine(dice *rand.Rand) string {
	words := []string{"open", "shut", "gate", "door", "key", "lock", "port", "guard"}
	word := func() string { return words[dice.IntN(len(words))] }
	return fmt.Sprintf("func %s%s%d(%s int) string { return \"%s %d\" } // %s", word(), word(), dice.IntN(1000), word(), word(), dice.IntN(1000), word())
}
