package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// diffAround compares two trees without their large files, which git would hold
// whole where they are new or gone, and tells of those that they changed. Where
// there are none, or many, the error stays what it was.
func (r *Repository) diffAround(ctx context.Context, from, to OID, options DiffOptions, tooLarge error) (Diff, error) {
	large, err := r.largeChanges(ctx, cmp.Or(from, emptyTree), to, options.Path)
	if err != nil || len(large) == 0 || len(large) > leftOut {
		return Diff{}, errors.Join(tooLarge, err)
	}
	for _, file := range large {
		options.without = append(options.without, file.Path())
	}
	made, err := r.DiffTrees(ctx, from, to, options)
	if err != nil {
		return Diff{}, err
	}
	made.Files = append(made.Files, large...)
	slices.SortStableFunc(made.Files, func(a, b FileDiff) int { return cmp.Compare(a.Path(), b.Path()) })
	made.Summary = moreFiles(made.Summary, len(large))
	return made, nil
}

// moreFiles adds files to git's own "3 files changed, 10 insertions(+)".
func moreFiles(summary string, files int) string {
	counted, rest, _ := strings.Cut(summary, " ")
	before, _ := strconv.Atoi(counted)
	_, lines, found := strings.Cut(rest, ",")
	made := fmt.Sprintf("%d files changed", before+files)
	if before+files == 1 {
		made = "1 file changed"
	}
	if found {
		made += "," + lines
	}
	return made
}

// largeChanges gives the files that differ between two trees and are, on either
// side, larger than git should hold.
func (r *Repository) largeChanges(ctx context.Context, from, to OID, path string) ([]FileDiff, error) {
	args := []string{"--literal-pathspecs", "diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", string(from), string(to), "--"}
	if path != "" {
		args = append(args, path)
	}
	printed, more, err := r.ask(ctx, 1<<20, args...)
	if err != nil || more {
		return nil, err
	}
	var large []FileDiff
	pieces := bytes.Split(printed, []byte{0})
	for i := 0; i+1 < len(pieces); i += 2 { // ":mode mode oid oid status", path
		fields := strings.Fields(strings.TrimPrefix(string(pieces[i]), ":"))
		if len(fields) != 5 {
			return nil, fmt.Errorf("git says %q of a change", pieces[i])
		}
		file := FileDiff{Binary: true}
		over := false
		for side, at := range []struct {
			path *string
			mode *Mode
			blob *OID
		}{{&file.Old, &file.OldMode, &file.OldBlob}, {&file.New, &file.NewMode, &file.NewBlob}} {
			mode, _ := strconv.ParseUint(fields[side], 8, 32)
			if !Mode(mode).IsFile() {
				continue
			}
			*at.path, *at.mode, *at.blob = string(pieces[i+1]), Mode(mode), OID(fields[2+side])
			found, err := r.object(ctx, *at.blob, 0)
			if err != nil {
				return nil, err
			}
			over = over || found.size > unsearched
		}
		if over {
			large = append(large, file)
		}
	}
	return large, nil
}
