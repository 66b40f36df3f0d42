package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sallyport.dev/internal/errs"
)

// ArchiveFormat is what git packs an archive as.
type ArchiveFormat string

const (
	Zip   ArchiveFormat = "zip"
	TarGz ArchiveFormat = "tar.gz"
)

// Archive writes a commit's files to w, in a folder of the name. Where a file's
// name would lead whoever unpacks it elsewhere, nothing is written and the error
// is of kind Conflict.
func (r *Repository) Archive(ctx context.Context, commit OID, format ArchiveFormat, folder string, w io.Writer) error {
	if _, ok := ParseOID(string(commit)); !ok {
		return ErrNoObject
	}
	if err := r.packable(ctx, commit); err != nil {
		return fmt.Errorf("making an archive: %w", err)
	}
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return err
	}
	defer done()
	cmd, stderr := r.git.command(ctx, process{
		dir: r.dir, config: []string{askBigFile}, memory: askMemory,
		args: []string{"archive", "--format=" + string(format), "--prefix=" + folder + "/", string(commit)},
	})
	cmd.Stdout = w
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("making an archive: %w", finish(ctx, cmd, err, stderr))
	}
	return nil
}

// packable makes sure that every name in a commit's tree can be unpacked where
// it belongs, and none comes twice.
func (r *Repository) packable(ctx context.Context, commit OID) error {
	printed, more, err := r.ask(ctx, maxListing, "ls-tree", "-r", "-t", "-l", "-z", string(commit))
	if err != nil {
		return err
	}
	if more {
		return errs.TooLarge("It has too many files for an archive. Clone the repository instead.")
	}
	seen := map[string]bool{}
	for raw := range bytes.SplitAfterSeq(printed, []byte{0}) {
		line, whole := strings.CutSuffix(string(raw), "\x00")
		head, name, ok := strings.Cut(line, "\t")
		if !whole || !ok {
			break
		}
		if strings.HasSuffix(head, " BAD") { // a file that isn't there
			return ErrDamaged(errors.New("no object for " + name))
		}
		if seen[name] || !safeName(name) {
			return errs.Conflict("", "No archive can be made of this: the name %q in it could be unpacked to another place. Clone the repository to look at it.", name)
		}
		seen[name] = true
	}
	return nil
}

// safeName reports whether a path stays inside the folder that it is unpacked to,
// on any system, and out of that folder's own git data.
func safeName(name string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "\\", "/"), "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}
