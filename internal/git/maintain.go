package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// unreachableFor is how long objects that no reference leads to are kept: longer
// than any push takes between sending an object and naming it.
const unreachableFor = "2.weeks.ago"

// Held gives how many bytes the repository's objects take on disk, with those
// that are to be pruned.
func (r *Repository) Held() (int64, error) {
	var held int64
	err := filepath.WalkDir(filepath.Join(r.dir, "objects"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				held += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // packed or cleared away meanwhile
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("adding up a repository's files: %w", err)
	}
	return held, nil
}

// Maintain puts the repository's files in order, beside whoever reads and
// pushes: each of git's steps writes what is new before it removes what that
// replaces, and readers look again for what has moved.
//
// The small round packs references, gathers small packs and loose objects so
// that each pack is at least twice the next (so few are written anew), and adds
// to the commit graph with its filters of changed paths. The whole round makes
// one pack with a bitmap, for clones, and one with the objects that nothing
// leads to, and drops those that nothing has led to for two weeks.
//
// The processes have the lowest priority and one thread.
func (r *Repository) Maintain(ctx context.Context, whole bool) error {
	steps := [][]string{
		{"pack-refs", "--all", "--prune"},
		{"repack", "-q", "-d", "-l", "--geometric=2", "--no-write-bitmap-index"},
		{"commit-graph", "write", "--reachable", "--changed-paths", "--split", "--no-progress"},
	}
	if whole {
		steps = [][]string{
			{"pack-refs", "--all", "--prune"},
			{"repack", "-q", "-d", "-l", "--cruft", "--cruft-expiration=" + unreachableFor, "--write-bitmap-index"},
			{"prune", "--expire=" + unreachableFor}, // what pushes that were killed left behind
			{"commit-graph", "write", "--reachable", "--changed-paths", "--split=replace", "--no-progress"},
		}
	}
	for _, step := range steps {
		if err := r.git.runLow(ctx, process{
			dir: r.dir, args: step, config: []string{"pack.threads=1", "pack.windowMemory=256m", "core.commitGraph=true"},
		}); err != nil {
			return fmt.Errorf("putting a repository's files in order: %w", err)
		}
	}
	return nil
}

// lowest is the priority of work that can wait (setpriority(2)).
const lowest = 19

// runLow runs git as run does, behind everything else that wants the processor.
func (g *Git) runLow(ctx context.Context, p process) error {
	cmd, stderr := g.command(ctx, p)
	if p.stdout != nil {
		cmd.Stdout = p.stdout
	}
	err := cmd.Start()
	if err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, lowest) // of its group, which is its own
		err = cmd.Wait()
	}
	return finish(ctx, cmd, err, stderr)
}
