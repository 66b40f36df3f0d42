package repo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// MaxEdited is the most bytes of a file that are changed in the browser.
const MaxEdited = 1 << 20

// maxMessage is the most bytes of a commit's message.
const maxMessage = 10_000

// FileChange is a commit that changes one file.
type FileChange struct {
	Place   Place  // a branch, where the file is until now; without a path it is new
	Path    string // where it shall be
	Text    string
	Remove  bool
	Message string // empty: one is made
	Author  git.Signature
}

// ChangeFile makes a commit on a branch. It is of kind Conflict where something
// was pushed to the branch since the place was read: nothing is changed then.
// It wants a grant for WriteRepository.
func (s *Service) ChangeFile(ctx context.Context, g access.Grant, c FileChange) (git.OID, error) {
	if err := g.Require(access.WriteRepository); err != nil {
		return "", err
	}
	change, err := c.change()
	if err != nil {
		return "", err
	}
	if err := s.allowed(ctx, g, git.Update{Name: change.Branch, Old: change.Parent, New: change.Parent}); err != nil {
		return "", err
	}
	r := s.git(g)
	if err := transport.HasRoom(r, s.MaxSize); err != nil {
		return "", err
	}
	if err := c.free(ctx, r); err != nil {
		return "", err
	}
	made, err := r.CommitChange(ctx, change)
	if errors.Is(err, git.ErrMoved) {
		return "", errs.Conflict("", "Somebody pushed to this branch meanwhile. Nothing was changed; your text is kept below. Look at what is new, then commit again.")
	}
	if err != nil {
		return "", err
	}
	old := change.Parent
	if old == "" {
		old = git.ZeroOID
	}
	return made, s.pushed(ctx, g, []git.Update{{Name: change.Branch, Old: old, New: made}})
}

// free makes sure that a new or moved file takes no other's place.
func (c FileChange) free(ctx context.Context, r *git.Repository) error {
	if c.Remove || c.Path == c.Place.Path || c.Place.Commit == "" {
		return nil
	}
	_, err := r.At(ctx, c.Place.Commit, c.Path)
	if errors.Is(err, git.ErrNoObject) {
		return nil
	}
	if err == nil {
		err = errs.Conflict("path", "There is a file or folder of that name already.")
	}
	return err
}

func (c FileChange) change() (git.Change, error) {
	path := strings.Trim(strings.TrimSpace(c.Path), "/")
	text := strings.ReplaceAll(c.Text, "\r\n", "\n")
	switch {
	case c.Place.Ref == "" || !git.ValidBranchName(c.Place.Ref):
		return git.Change{}, errs.Invalid("", "Only a branch can be changed.")
	case path == "" || !editable(path):
		return git.Change{}, errs.Invalid("path", "Give the file a name: folders are divided by slashes, and no part may be empty, “.”, “..” or “.git”.")
	case len(text) > MaxEdited:
		return git.Change{}, errs.TooLarge("Files larger than %s are changed in a clone.", git.Size(MaxEdited))
	case len(c.Message) > maxMessage || !utf8.ValidString(c.Message):
		return git.Change{}, errs.Invalid("message", "Use at most %d bytes of text.", maxMessage)
	}
	made := git.Change{Branch: branches + c.Place.Ref, Parent: c.Place.Commit, Author: c.Author, Message: strings.TrimSpace(c.Message)}
	verb := "Change "
	switch was := c.Place.Path; {
	case c.Remove:
		verb, made.Edits = "Delete ", []git.Edit{{Path: was, Remove: true}}
	case was == "":
		verb, made.Edits = "Add ", []git.Edit{{Path: path, Data: []byte(text)}}
	case was != path:
		verb = "Rename " + was + " to "
		made.Edits = []git.Edit{{Path: path, From: was}, {Path: path, Data: []byte(text)}}
	default:
		made.Edits = []git.Edit{{Path: path, Data: []byte(text)}}
	}
	if made.Message == "" {
		made.Message = verb + path
	}
	return made, nil
}

// editable reports whether git takes the path in a tree: transfer.fsckObjects
// would refuse anything that some file system takes for ".git".
func editable(path string) bool {
	if !git.ValidPath(path) || !utf8.ValidString(path) || strings.ContainsAny(path, "\x00\n\r") {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		plain := strings.ToLower(strings.TrimRight(part, ". "))
		if plain == ".git" || plain == "git~1" || strings.HasPrefix(plain, ".git:") || strings.ContainsAny(part, "\\\u200c\u200d\ufeff") {
			return false
		}
	}
	return true
}

// Mergeable reports whether two versions of a text can be told apart at all:
// binary content isn't edited in a browser.
func Mergeable(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }
