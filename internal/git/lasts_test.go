package git

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// noted is the installed git, which notes every process; began gives those of a
// command since it was asked last.
func noted(t *testing.T) (g *Git, began func(command string) []string) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, notes := filepath.Join(dir, "git"), filepath.Join(dir, "notes")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$*\" >>"+notes+"\nexec "+real+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if g, err = Find(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, func(command string) []string {
		t.Helper()
		text, err := os.ReadFile(notes)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(notes, 0); err != nil {
			t.Fatal(err)
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, " "+command+" ") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
}

// lasts checks which commits the entries of a folder changed in last.
func (r repo) lasts(commit OID, path string, want map[string]OID) {
	r.t.Helper()
	at, err := r.At(r.t.Context(), commit, path)
	if err != nil {
		r.t.Error(err)
		return
	}
	entries, err := r.Tree(r.t.Context(), at.OID)
	if err != nil {
		r.t.Error(err)
		return
	}
	got, err := r.LastCommits(r.t.Context(), commit, path, entries, time.Minute)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("%q at %s: %v %v, want %v", path, commit, got, err, want)
	}
}

func TestLastCommits(t *testing.T) {
	r := newRepo(t, installed(t))
	first := r.files("one", "", map[string]string{"a": "1", "dir/b": "1", "dir/c": "1"})
	second := r.files("two", string(first), map[string]string{"a": "1", "dir/b": "2", "dir/c": "1"})
	r.lasts(first, "", map[string]OID{"a": first, "dir": first})
	r.lasts(second, "", map[string]OID{"a": first, "dir": second}) // from the first on
	r.lasts(second, "dir", map[string]OID{"b": second, "c": first})
	reverted := r.files("three", string(second), map[string]string{"a": "1", "dir/b": "1", "dir/c": "1"})
	r.lasts(reverted, "", map[string]OID{"a": first, "dir": reverted})
	r.lasts(reverted, "dir", map[string]OID{"b": reverted, "c": first})
}

// Which commit each file changed in last is looked for once, however many ask
// and however often; after a push only among the commits that it brought
// (decision 0052).
func TestLastCommitsAreLookedForOnce(t *testing.T) {
	g, began := noted(t)
	r := newRepo(t, g)
	first := r.files("one", "", map[string]string{"a": "1", "dir/b": "1"})
	second := r.files("two", string(first), map[string]string{"a": "2", "dir/b": "1"})
	began("log")
	looked := func(times int) []string {
		t.Helper()
		walks := began("log")
		if len(walks) != times {
			t.Errorf("looked %d times, want %d: %q", len(walks), times, walks)
		}
		return walks
	}
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() { r.lasts(second, "", map[string]OID{"a": second, "dir": first}) })
	}
	asking.Wait()
	r.lasts(second, "", map[string]OID{"a": second, "dir": first})
	looked(1)
	r.lasts(second, "dir", map[string]OID{"b": first})
	r.lasts(second, "dir", map[string]OID{"b": first})
	looked(1)
	third := r.files("three", string(second), map[string]string{"a": "3", "dir/b": "1"})
	r.lasts(third, "", map[string]OID{"a": third, "dir": first})
	r.lasts(third, "", map[string]OID{"a": third, "dir": first})
	if walks := looked(1); len(walks) == 1 && !strings.Contains(walks[0], "^"+string(second)) {
		t.Errorf("after a push the whole history is read again: %s", walks[0])
	}
	r.lasts(second, "", map[string]OID{"a": second, "dir": first}) // an older commit's page
	looked(0)
}
