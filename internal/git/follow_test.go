package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/git/gittest"
)

// renaming is a repository with files that plain git renames.
type renaming struct {
	repo
	work string
}

func newRenaming(t *testing.T) renaming {
	r := renaming{newRepo(t, installed(t)), t.TempDir()}
	r.run("init", "-q", "-b", "main")
	return r
}

func (r renaming) run(args ...string) string {
	r.t.Helper()
	return gittest.Run(r.t, r.work, nil, args...)
}

// commits commits what a line of words does: "mv a b", "rm a", or a file's name
// and the text that it gets.
func (r renaming) commits(author string, words ...string) OID {
	r.t.Helper()
	if words[0] == "mv" || words[0] == "rm" {
		r.run(words...)
	} else if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(r.work, words[0])), 0o700), os.WriteFile(filepath.Join(r.work, words[0]), []byte(words[1]), 0o600)); err != nil {
		r.t.Fatal(err)
	}
	r.run("add", "-A")
	r.run("commit", "-q", "--author", author+" <"+author+"@example.com>", "-m", strings.Join(words[:1], " "))
	return OID(r.run("rev-parse", "HEAD"))
}

// follows checks the whole history of a path from the newest commit on, read in
// pages of different lengths.
func (r renaming) follows(options LogOptions, want ...string) {
	r.t.Helper()
	r.run("push", "-q", "--force", r.dir, "HEAD:refs/heads/main")
	from := OID(r.run("rev-parse", "HEAD"))
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []string
		options.After, options.Limit = "", limit
		for {
			page, err := r.FileHistory(r.t.Context(), from, options)
			if err != nil {
				r.t.Fatal(err)
			}
			for _, c := range page {
				got = append(got, strings.TrimRight(fmt.Sprint(c.OID.Short(), " ", c.Path, " ", c.Was), " "))
				options.After = c.OID
			}
			if len(page) < limit {
				break
			}
		}
		if !slices.Equal(got, want) {
			r.t.Errorf("%+v: got\n%s\nwant\n%s", options, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// text is alike enough in each version for git to know it again.
func text(version int) string {
	return strings.Repeat("a line that stays\n", 20) + fmt.Sprintln("version", version)
}

func TestAFileIsFollowedToTheNamesItHad(t *testing.T) {
	r := newRenaming(t)
	first := r.commits("ada", "docs/one.txt", text(1))
	r.commits("ada", "other.txt", "something else")
	edited := r.commits("bob", "docs/one.txt", text(2))
	moved := r.commits("ada", "mv", "docs/one.txt", "two.txt")
	after := r.commits("bob", "two.txt", text(3))
	if err := os.Mkdir(filepath.Join(r.work, "far"), 0o700); err != nil {
		t.Fatal(err)
	}
	again := r.commits("ada", "mv", "two.txt", "far/three.txt")
	last := r.commits("ada", "far/three.txt", text(4))

	line := func(c OID, path ...string) string { return c.Short() + " " + strings.Join(path, " ") }
	r.follows(
		LogOptions{Path: "far/three.txt"},
		line(last, "far/three.txt"), line(again, "far/three.txt", "two.txt"), line(after, "two.txt"),
		line(moved, "two.txt", "docs/one.txt"), line(edited, "docs/one.txt"), line(first, "docs/one.txt"),
	)
	r.follows(LogOptions{Path: "far/three.txt", Author: "BOB@"}, line(after, "two.txt"), line(edited, "docs/one.txt"))
	r.follows(LogOptions{Path: "far"}, line(last, "far"), line(again, "far"))
	// Whoever asks for an old name gets what was done under it.
	r.follows(LogOptions{Path: "two.txt"}, line(again, "two.txt"), line(after, "two.txt"), line(moved, "two.txt"))
	if _, err := r.FileHistory(t.Context(), last, LogOptions{Path: "far/three.txt", Limit: 3, After: OID(strings.Repeat("1", 40))}); !errors.Is(err, ErrNoObject) {
		t.Errorf("after a commit that isn't in the list: %v", err)
	}
	if _, err := r.FileHistory(t.Context(), last, LogOptions{Path: "../x", Limit: 3}); !errors.Is(err, ErrNoObject) {
		t.Errorf("of a path outside: %v", err)
	}
}

// A name that was another file's before: what that one's history was isn't this
// one's.
func TestANameThatWasAnotherFilesBefore(t *testing.T) {
	r := newRenaming(t)
	r.commits("ada", "name.txt", "quite another text\n")
	first := r.commits("ada", "draft.txt", text(1))
	r.commits("ada", "rm", "name.txt")
	moved := r.commits("ada", "mv", "draft.txt", "name.txt")
	last := r.commits("ada", "name.txt", text(2))
	r.follows(LogOptions{Path: "name.txt"}, last.Short()+" name.txt", moved.Short()+" name.txt draft.txt", first.Short()+" draft.txt")

	// But one that came, went and came again, renamed from nothing, is one file.
	r.commits("ada", "rm", "name.txt")
	r.commits("ada", "name.txt", "new\n")
	if page, err := r.FileHistory(t.Context(), r.pushed(), LogOptions{Path: "name.txt", Limit: 9}); err != nil || len(page) != 5 || page[4].OID != first {
		t.Errorf("%v %v", page, err)
	}
}

func (r renaming) pushed() OID {
	r.t.Helper()
	r.run("push", "-q", "--force", r.dir, "HEAD:refs/heads/main")
	return OID(r.run("rev-parse", "HEAD"))
}

// A file that goes to and fro costs no more than maxBirths looks.
func TestFollowingIsBounded(t *testing.T) {
	r := newRenaming(t)
	r.commits("ada", "a", text(1))
	for range maxBirths {
		r.commits("ada", "mv", "a", "b")
		r.commits("ada", "mv", "b", "a")
	}
	page, err := r.FileHistory(t.Context(), r.pushed(), LogOptions{Path: "a", Limit: 1000})
	renames := 0
	for _, c := range page {
		if c.Was != "" {
			renames++
		}
	}
	if err != nil || renames != maxBirths {
		t.Errorf("%d renames of %d commits, %v", renames, len(page), err)
	}
}
