package web

import (
	"cmp"
	"context"
	"strings"

	"sallyport.dev/internal/git"
)

// diffSides is where the two sides of a comparison lie.
type diffSides struct {
	ctx           context.Context
	o             opened
	ref           string  // the later one, as files are linked to
	before, after git.OID // empty: there is nothing before
}

// diffImage is an image on one side of a comparison.
type diffImage struct{ Label, Size, Raw string }

// look finds what is shown of a file beside its lines, or in their stead: both
// images where it is one, or else how long it was and is.
func (s diffSides) look(file git.FileDiff, shown *diffFile) error {
	var sizes []string
	for _, side := range []struct {
		label, path  string
		commit, blob git.OID
		mode         git.Mode
	}{
		{"Before", file.Old, s.before, file.OldBlob, file.OldMode},
		{"After", file.New, s.after, file.NewBlob, cmp.Or(file.NewMode, file.OldMode)},
	} {
		image := imageType(side.path) != "" && side.mode.IsFile() && git.ValidPath(side.path)
		if side.blob == "" || !image && !file.Binary {
			continue
		}
		bytes, readable, err := s.o.content.Size(s.ctx, side.blob)
		if err != nil {
			return err
		}
		size := git.Size(bytes)
		sizes = append(sizes, size+" "+strings.ToLower(side.label))
		if image && readable {
			shown.Images = append(shown.Images, diffImage{side.label, size, s.o.raw(string(side.commit), side.path)})
		}
	}
	if len(sizes) > 0 {
		shown.sizes = ": " + strings.Join(sizes, ", ")
	}
	return nil
}
