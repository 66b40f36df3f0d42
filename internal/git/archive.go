package git

import (
	"context"
	"fmt"
	"io"
)

// ArchiveFormat is what git packs an archive as.
type ArchiveFormat string

const (
	Zip   ArchiveFormat = "zip"
	TarGz ArchiveFormat = "tar.gz"
)

// Archive writes a commit's files to w, in a folder of the name.
func (r *Repository) Archive(ctx context.Context, commit OID, format ArchiveFormat, folder string, w io.Writer) error {
	if _, ok := ParseOID(string(commit)); !ok {
		return ErrNoObject
	}
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return err
	}
	defer done()
	cmd, stderr := r.git.command(ctx, process{
		dir: r.dir, args: []string{"archive", "--format=" + string(format), "--prefix=" + folder + "/", string(commit)},
	})
	cmd.Stdout = w
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("making an archive: %w", finish(ctx, cmd, err, stderr))
	}
	return nil
}
