package git

import (
	"bytes"
	"context"
	"fmt"
)

// Counts is how two commits differ: how many only the one has, and how many
// only the other.
type Counts struct{ Ahead, Behind int }

type countKey struct {
	dir       string
	tip, base OID
}

// maxGraph is how much of a history is counted at once, in bytes: some 200,000
// commits.
const maxGraph = 16 << 20

// CountAll gives, for each tip, the commits that only it has, and those that
// only base has. A history that is too long for that is left uncounted: what it
// gives then lacks tips. It reads the history once for all, and remembers.
func (r *Repository) CountAll(ctx context.Context, base OID, tips []OID) (map[OID]Counts, error) {
	counted := map[OID]Counts{}
	var missing []OID
	for _, tip := range tips {
		if known, ok := r.git.counts.Get(countKey{r.dir, tip, base}); ok {
			counted[tip] = known
		} else if _, ok := ParseOID(string(tip)); ok {
			missing = append(missing, tip)
		}
	}
	if _, ok := ParseOID(string(base)); !ok || len(missing) == 0 {
		return counted, nil
	}
	args := []string{"rev-list", "--parents", string(base)}
	for _, tip := range missing {
		args = append(args, string(tip))
	}
	printed, more, err := r.ask(ctx, maxGraph, append(args, "--")...)
	if err != nil {
		return nil, fmt.Errorf("counting commits: %w", err)
	}
	if more {
		return counted, nil
	}
	graph := readGraph(printed)
	below, size := graph.reach(base, nil)
	for _, tip := range missing {
		_, of := graph.reach(tip, below)
		made := Counts{Ahead: of[0] - of[1], Behind: size[0] - of[1]}
		r.git.counts.Put(countKey{r.dir, tip, base}, made, 0)
		counted[tip] = made
	}
	return counted, nil
}

// graph is a history: the place of each commit, and of its parents.
type graph struct {
	places  map[OID]int32
	parents [][]int32
}

// readGraph reads lines of a commit and its parents.
func readGraph(printed []byte) graph {
	g := graph{places: map[OID]int32{}}
	place := func(id OID) int32 {
		at, known := g.places[id]
		if !known {
			at = int32(len(g.parents)) //nolint:gosec // maxGraph bounds it
			g.places[id], g.parents = at, append(g.parents, nil)
		}
		return at
	}
	for line := range bytes.Lines(printed) {
		ids := bytes.Fields(line)
		if len(ids) == 0 {
			continue
		}
		at := place(OID(ids[0]))
		for _, parent := range ids[1:] {
			above := place(OID(parent))
			g.parents[at] = append(g.parents[at], above)
		}
	}
	return g
}

// reach marks a commit and all that it comes from, and counts them, and how many
// of them are marked in other too.
func (g graph) reach(from OID, other []bool) (marked []bool, counts [2]int) {
	marked = make([]bool, len(g.parents))
	at, known := g.places[from]
	if !known {
		return marked, counts
	}
	marked[at] = true
	for open := []int32{at}; len(open) > 0; {
		at, open = open[len(open)-1], open[:len(open)-1]
		counts[0]++
		if other != nil && other[at] {
			counts[1]++
		}
		for _, parent := range g.parents[at] {
			if !marked[parent] {
				marked[parent] = true
				open = append(open, parent)
			}
		}
	}
	return marked, counts
}
