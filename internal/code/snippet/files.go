package snippet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

const (
	maxFiles = 20      // that are written at once
	maxBytes = 1 << 20 // of all files that are written at once
	maxName  = 100     // bytes of a file's name

	maxShown = 2 << 20  // bytes of a file that are read
	maxList  = 64 << 10 // bytes of the list of files
)

// File is a file of a snippet.
type File struct {
	Name string
	Data []byte
	Size int64  // bytes, also where Data is left out
	Why  string // why Data is left out; empty: it isn't
}

// Edit is what a change does to one file.
type Edit struct {
	Was    string // its name until now; empty: it is new
	Name   string
	Data   []byte
	Remove bool
}

// checkName says what is wrong with a file's name.
func checkName(name string) error {
	switch {
	case name == "":
		return errs.Invalid("", "Give each file a name.")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }):
		return errs.Invalid("", "A file's name can't hold characters that aren't seen.")
	case len(name) > maxName:
		return errs.Invalid("", "A file's name is too long: %d bytes are allowed.", maxName)
	case strings.ContainsAny(name, `/\:*?"<>|`):
		return errs.Invalid("", "A file's name can't hold any of / \\ : * ? \" < > |.")
	case strings.HasPrefix(strings.ToLower(name), ".git"), strings.EqualFold(name, "git~1"), strings.Trim(name, ".") == "", strings.HasSuffix(name, "."), strings.TrimSpace(name) != name:
		return errs.Invalid("", "%q can't be a file's name.", name)
	}
	return nil
}

// newFiles gives the edits that make the files of a new snippet.
func newFiles(files []File) ([]git.Edit, error) {
	edits := make([]Edit, len(files))
	for i, f := range files {
		edits[i] = Edit{Name: f.Name, Data: f.Data}
	}
	return check(edits, nil)
}

// check looks a change over, against the files that there are, and gives what
// is to be done. One file at least stays.
func check(edits []Edit, have []string) ([]git.Edit, error) {
	var all []git.Edit
	left := slices.Clone(have)
	total := 0
	for _, edit := range edits {
		if edit.Was != "" && !slices.Contains(have, edit.Was) {
			return nil, errs.Conflict("", "The file %s isn't there any more.", edit.Was)
		}
		left = slices.DeleteFunc(left, func(name string) bool { return name == edit.Was })
		if edit.Remove {
			all = append(all, git.Edit{Path: edit.Was, Remove: true})
			continue
		}
		if err := checkName(edit.Name); err != nil && (edit.Was == "" || edit.Name != edit.Was) { // what was pushed keeps its name
			return nil, err
		}
		if edit.Was != "" && edit.Name != edit.Was {
			all = append(all, git.Edit{Path: edit.Was, Remove: true})
		}
		total += len(edit.Data)
	}
	for _, edit := range edits {
		if edit.Remove {
			continue
		}
		if slices.ContainsFunc(left, func(name string) bool { return strings.EqualFold(name, edit.Name) }) {
			return nil, errs.Conflict("", "There are two files of the name %s.", edit.Name)
		}
		left = append(left, edit.Name)
		all = append(all, git.Edit{Path: edit.Name, Data: edit.Data})
	}
	switch {
	case len(left) == 0:
		return nil, errs.Invalid("", "A snippet needs a file.")
	case len(edits) > maxFiles:
		return nil, errs.Invalid("", "%d files can be written at once. Push more with git.", maxFiles)
	case total > maxBytes:
		return nil, errs.TooLarge("The files are larger than %s. Push them with git.", git.Size(maxBytes))
	}
	return all, nil
}

// Content is what a snippet holds at one commit.
type Content struct {
	git    *git.Repository
	Head   git.OID // empty: nothing
	branch string
	Names  []string
	More   bool // there are more files
}

// Open opens a snippet's files for reading. It wants a grant for ReadSnippet,
// CommentSnippet or WriteSnippet.
func (s *Service) Open(ctx context.Context, g access.Grant) (*Content, error) {
	if err := g.Require(access.ReadSnippet, access.CommentSnippet, access.WriteSnippet); err != nil {
		return nil, err
	}
	r := s.git(g)
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a snippet: %w", err)
	}
	return (&Content{git: r, branch: refs.Head.Target}).at(ctx, refs.Head.OID)
}

// At gives what the snippet held at a commit of its own.
func (c *Content) At(ctx context.Context, commit git.OID) (*Content, error) {
	if _, err := c.git.Resolve(ctx, string(commit)); err != nil {
		return nil, missing(err)
	}
	return (&Content{git: c.git, branch: c.branch}).at(ctx, commit)
}

func (c *Content) at(ctx context.Context, commit git.OID) (*Content, error) {
	c.Head = commit
	if commit == "" {
		return c, nil
	}
	var err error
	if c.Names, c.More, err = c.git.Files(ctx, commit, maxList); err != nil {
		return nil, fmt.Errorf("opening a snippet: %w", err)
	}
	return c, nil
}

func missing(err error) error {
	if errors.Is(err, git.ErrNoObject) {
		return errs.NotFound("There is no such file or version.")
	}
	return err
}

// File reads one file.
func (c *Content) File(ctx context.Context, name string) (File, error) {
	if c.Head == "" || name == "" {
		return File{}, missing(git.ErrNoObject)
	}
	entry, err := c.git.At(ctx, c.Head, name)
	if err != nil {
		return File{}, missing(err)
	}
	if !entry.Mode.IsFile() {
		if entry.Mode.IsTree() {
			return File{}, missing(git.ErrNoObject)
		}
		return File{Name: name, Why: "This is a link or a submodule that was pushed; those are never followed."}, nil
	}
	blob, err := c.git.Blob(ctx, entry.OID, maxShown)
	if err != nil {
		return File{}, missing(err)
	}
	made := File{Name: name, Data: blob.Data, Size: blob.Size}
	if blob.Data == nil && blob.Size > 0 {
		made.Why = "This file is too large to be shown (" + git.Size(blob.Size) + "). Clone the snippet to read it."
	}
	return made, nil
}

// Versions lists the commits, newest first: at most limit of those after one of
// them, or from the newest on where that is empty.
func (c *Content) Versions(ctx context.Context, after git.OID, limit int) ([]git.Commit, error) {
	if c.Head == "" {
		return nil, nil
	}
	list, err := c.git.Log(ctx, c.Head, git.LogOptions{After: after, Limit: limit})
	return list, missing(err)
}

// Changes tells what the commit that is open did.
func (c *Content) Changes(ctx context.Context) (git.Commit, git.Diff, error) {
	commit, err := c.git.Commit(ctx, c.Head)
	if err != nil {
		return commit, git.Diff{}, missing(err)
	}
	parent := git.OID("")
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	diff, err := c.git.DiffTrees(ctx, parent, c.Head, git.DiffOptions{})
	return commit, diff, err
}

// Change is what somebody wants a snippet to be.
type Change struct {
	Title string // empty: as it is
	Edits []Edit
	Base  git.OID // what the snippet held as they began; empty: whatever it holds
}

// Update changes a snippet's title and files. It wants a grant for WriteSnippet.
func (s *Service) Update(ctx context.Context, g access.Grant, in Change) error {
	c, err := s.Open(ctx, g)
	if err == nil {
		err = g.Require(access.WriteSnippet)
	}
	if err != nil {
		return err
	}
	title := ""
	if in.Title != "" {
		if title, err = cleanTitle(in.Title); err != nil {
			return err
		}
	}
	if in.Base != "" && in.Base != c.Head {
		return errs.Conflict("", "Somebody has changed this snippet since you began. Your text is kept below; look at their version beside it, then save again.")
	}
	edits, err := s.changes(ctx, c, in.Edits)
	if err != nil {
		return err
	}
	if len(edits) > 0 {
		if err := transport.HasRoom(c.git, s.MaxSize); err != nil {
			return err
		}
		_, signature, err := s.author(ctx, g)
		if err != nil {
			return err
		}
		_, err = c.git.CommitChange(ctx, git.Change{Branch: c.branch, Parent: c.Head, Author: signature, Message: "Edit " + edits[len(edits)-1].Path, Edits: edits})
		if errors.Is(err, git.ErrMoved) {
			return errs.Conflict("", "Somebody has changed this snippet at the same moment. Your text is kept below; look at theirs, then save again.")
		}
		if err != nil {
			return fmt.Errorf("changing a snippet: %w", err)
		}
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `UPDATE snippet SET title = CASE WHEN $1 = '' THEN title ELSE $1 END, updated = $2 WHERE id = $3`, title, s.Clock(), g.Snippet().ID); err != nil {
			return err
		}
		if err := s.changed(ctx, tx, g); err != nil {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.changed", g.Snippet().ID, map[string]any{"files": len(edits)})
	})
}

// changes leaves out the files that stay as they are.
func (s *Service) changes(ctx context.Context, c *Content, edits []Edit) ([]git.Edit, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	all, err := check(edits, c.Names)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(e git.Edit) bool {
		if e.Remove || !slices.Contains(c.Names, e.Path) {
			return false
		}
		now, err := c.File(ctx, e.Path)
		return err == nil && now.Why == "" && string(now.Data) == string(e.Data)
	}), nil
}
