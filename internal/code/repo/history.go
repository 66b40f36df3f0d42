package repo

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

const (
	maxBlame  = 8 << 20  // bytes of git's answer about one file
	maxPaths  = 8 << 20  // bytes of all files' paths together
	maxFound  = 64 << 10 // bytes that a search finds
	maxSearch = 200      // characters that are searched for
	lastsWait = 300 * time.Millisecond
	searchFor = 4 * time.Second
)

// Commits lists commits from one on, newest first.
func (c *Content) Commits(ctx context.Context, from git.OID, options git.LogOptions) ([]git.Commit, error) {
	list, err := c.git.Log(ctx, from, options)
	if errors.Is(err, git.ErrNoObject) {
		err = errNoRef
	}
	return list, err
}

// FileHistory lists the commits from one on that changed a file or folder, newest
// first; a file's under each name that it had.
func (c *Content) FileHistory(ctx context.Context, from git.OID, options git.LogOptions) ([]git.FileCommit, error) {
	list, err := c.git.FileHistory(ctx, from, options)
	if errors.Is(err, git.ErrNoObject) {
		err = errNoRef
	}
	return list, err
}

// Commit gives one commit.
func (c *Content) Commit(ctx context.Context, oid git.OID) (git.Commit, error) {
	return c.git.Commit(ctx, oid)
}

// Abbreviated gives the commit whose id begins with some hexadecimal digits, 8
// at least. It is of kind NotFound where there is none, or more than one.
func (c *Content) Abbreviated(ctx context.Context, id string) (git.OID, error) {
	found, err := c.git.Abbreviated(ctx, id)
	if errors.Is(err, git.ErrNoObject) {
		return "", errNoRef
	}
	return found, err
}

// Changes is what a commit changed, compared with its first parent.
func (c *Content) Changes(ctx context.Context, commit git.Commit, options git.DiffOptions) (git.Diff, error) {
	parent := git.OID("")
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	return c.git.DiffTrees(ctx, parent, commit.OID, options)
}

// Size gives the bytes of a file's content, and whether pages show so many.
func (c *Content) Size(ctx context.Context, blob git.OID) (bytes int64, shown bool, err error) {
	found, err := c.git.Blob(ctx, blob, 0)
	return found.Size, found.Size <= maxFile, err
}

// Comparison is what one side of two has and the other lacks.
type Comparison struct {
	From, To git.OID
	Base     git.OID // what they have in common last; empty: nothing
	Ahead    int     // commits that only To has
	Behind   int     // commits that only From has
	Diff     git.Diff
}

// Compare gives what to has beyond what it has in common with from. Where they
// have nothing in common, that is all of it.
func (c *Content) Compare(ctx context.Context, from, to Place, options git.DiffOptions) (Comparison, error) {
	made := Comparison{From: from.Commit, To: to.Commit}
	var err error
	if made.Base, err = c.git.MergeBase(ctx, from.Commit, to.Commit); err != nil {
		return made, err
	}
	if made.Ahead, made.Behind, err = c.git.AheadBehind(ctx, to.Commit, from.Commit); err != nil {
		return made, err
	}
	made.Diff, err = c.git.DiffTrees(ctx, made.Base, to.Commit, options)
	return made, err
}

// PrintChanges is Changes as git prints it.
func (c *Content) PrintChanges(ctx context.Context, commit git.Commit, options git.DiffOptions) ([]byte, error) {
	parent := git.OID("")
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	return c.git.PrintDiff(ctx, parent, commit.OID, options)
}

// PrintCompared is what Compare finds as git prints it.
func (c *Content) PrintCompared(ctx context.Context, from, to Place, options git.DiffOptions) ([]byte, error) {
	base, err := c.git.MergeBase(ctx, from.Commit, to.Commit)
	if err != nil {
		return nil, err
	}
	return c.git.PrintDiff(ctx, base, to.Commit, options)
}

// Counts tells of each branch how many commits only it has, and how many of the
// base it lacks. Of a history too long to be counted it tells nothing.
func (c *Content) Counts(ctx context.Context, base Branch, list []Branch) (map[git.OID]git.Counts, error) {
	tips := make([]git.OID, len(list))
	for i, b := range list {
		tips[i] = b.Commit.OID
	}
	return c.git.CountAll(ctx, base.Commit.OID, tips)
}

// Blame tells of each line of a file which commit it came with; more says that
// the file is too large to be asked that.
func (c *Content) Blame(ctx context.Context, p Place) (parts []git.BlamePart, more bool, err error) {
	parts, more, err = c.git.Blame(ctx, p.Commit, p.Path, maxBlame)
	if errors.Is(err, git.ErrNoObject) {
		err = errNoPath
	}
	return parts, more, err
}

// Lasts gives, for those entries of the folder at a place that are shown, the
// commit that each changed in last; nothing where that takes too long for now.
func (c *Content) Lasts(ctx context.Context, p Place, folder Node, shown []git.Entry) (map[string]git.Commit, error) {
	found, err := c.git.LastCommits(ctx, p.Commit, p.Path, folder.Entries, lastsWait)
	if err != nil || found == nil {
		return nil, err
	}
	made := make(map[string]git.Commit, len(shown))
	read := map[git.OID]git.Commit{}
	for _, entry := range shown {
		name := entry.Name
		oid, there := found[name]
		if !there {
			continue
		}
		commit, known := read[oid]
		if !known {
			if commit, err = c.git.Commit(ctx, oid); err != nil {
				return nil, err
			}
			read[oid] = commit
		}
		made[name] = commit
	}
	return made, nil
}

// Files lists the paths of all files; more says that there are others.
func (c *Content) Files(ctx context.Context, p Place) (paths []string, more bool, err error) {
	return c.git.Files(ctx, p.Commit, maxPaths)
}

// Search finds the lines of text files that hold a text, without regard to case.
func (c *Content) Search(ctx context.Context, p Place, text string) (matches []git.Match, more bool, err error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, false, nil
	case len(text) > maxSearch:
		return nil, false, errs.Invalid("q", "Search for at most %d characters.", maxSearch)
	}
	limited, stop := context.WithTimeout(ctx, searchFor)
	defer stop()
	matches, more, err = c.git.Grep(limited, p.Commit, text, maxFound)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, false, errs.TooLarge("The search took too long. Search for something longer, or clone the repository and search there.")
	}
	return matches, more, err
}

// Archive writes all files of a place, packed, to w.
func (c *Content) Archive(ctx context.Context, p Place, format git.ArchiveFormat, folder string, w io.Writer) error {
	return c.git.Archive(ctx, p.Commit, format, folder, w)
}

// Tags lists up to limit tags by name, from the last on, after the one named
// after; empty: from the beginning.
func (c *Content) Tags(ctx context.Context, after string, limit int) (list []Branch, more bool, err error) {
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return nil, false, err
	}
	all := refs.Under(tags)
	for i := len(all) - 1; i >= 0; i-- {
		name := strings.TrimPrefix(all[i].Name, tags)
		if after != "" && name >= after {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		oid := all[i].OID
		if all[i].Peeled != "" {
			oid = all[i].Peeled
		}
		commit, err := c.git.Commit(ctx, oid)
		if errors.Is(err, git.ErrNoObject) {
			continue // a tag of something that is no commit
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, Branch{Name: name, Commit: commit})
	}
	return list, false, nil
}

// Sizes adds up the bytes of all files by what sort says of their names. Files
// of which it says nothing aren't counted. It is found once for each tree.
func (c *Content) Sizes(ctx context.Context, p Place, sort func(name string) string) (map[string]int64, error) {
	return c.git.Sizes(ctx, p.Commit, sort)
}
