package git

import (
	"context"
	"errors"
	"slices"
	"strconv"
)

const (
	maxChanged  = 200_000 // paths that may differ between two trees which are compared
	maxRenaming = 5_000   // beyond it no renames are looked for
)

// changed counts the paths that differ between two trees or commits, up to a
// limit. Git gathers them all before it says anything, and a few small trees that
// name one another can stand for a billion. What is found is remembered.
func (r *Repository) changed(ctx context.Context, from, to OID, limit int) (int, error) {
	key := answerKey{r.dir, "changed\x00" + string(from) + "\x00" + string(to), limit}
	if known, ok := r.git.answers.Get(key); ok {
		return strconv.Atoi(string(known.printed))
	}
	count, err := r.count(ctx, from, to, limit)
	if err == nil {
		r.git.answers.Put(key, answer{printed: strconv.AppendInt(nil, int64(count), 10)}, 0)
	}
	return count, err
}

func (r *Repository) count(ctx context.Context, from, to OID, limit int) (int, error) {
	var trees [2]OID
	for i, oid := range []OID{from, to} {
		if oid == emptyTree {
			continue
		}
		trees[i] = oid
		if found, err := r.object(ctx, oid, maxCommit); err == nil && found.kind == "commit" {
			commit, err := r.Commit(ctx, oid)
			if err != nil {
				return 0, err
			}
			trees[i] = commit.Tree
		}
	}
	left := limit
	err := r.countChanged(ctx, trees[0], trees[1], &left)
	return limit - left, err
}

func (r *Repository) countChanged(ctx context.Context, from, to OID, left *int) error {
	var sides [2]map[string]Entry
	var names []string
	for i, oid := range []OID{from, to} {
		sides[i] = map[string]Entry{}
		if oid == "" {
			continue
		}
		entries, err := r.Tree(ctx, oid)
		if errors.Is(err, ErrNoObject) {
			continue // git says so itself
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, there := sides[0][e.Name]; i == 0 || !there {
				names = append(names, e.Name)
			}
			sides[i][e.Name] = e
		}
	}
	for _, name := range names {
		before, after := sides[0][name], sides[1][name]
		if before == after {
			continue
		}
		if *left--; *left <= 0 {
			return nil
		}
		trees := [2]OID{}
		for i, e := range []Entry{before, after} {
			if e.Mode.IsTree() {
				trees[i] = e.OID
			}
		}
		if slices.Max(trees[:]) != "" {
			if err := r.countChanged(ctx, trees[0], trees[1], left); err != nil || *left <= 0 {
				return err
			}
		}
	}
	return nil
}
