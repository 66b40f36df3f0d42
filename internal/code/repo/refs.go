package repo

import (
	"context"
	"errors"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// CreateRef makes a branch or a tag at a place. It wants a grant for
// WriteRepository.
func (s *Service) CreateRef(ctx context.Context, g access.Grant, tag bool, name string, at Place) error {
	if err := g.Require(access.WriteRepository); err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	full := kind(tag) + name
	if name == "" || !git.ValidBranchName(name) || git.LooksLikeOID(name) {
		return errs.Invalid("name", "That can't be a name here: use letters, digits, dashes, dots and slashes.")
	}
	if err := s.allowed(ctx, g, git.Update{Name: full, Old: git.ZeroOID, New: at.Commit}); err != nil {
		return err
	}
	err := s.git(g).UpdateRef(ctx, full, git.ZeroOID, at.Commit)
	if errors.Is(err, git.ErrMoved) {
		return errs.Conflict("name", "There is one of that name already, or a name that begins like it.")
	}
	if err != nil {
		return err
	}
	return s.changedRef(ctx, g, git.Update{Name: full, Old: git.ZeroOID, New: at.Commit})
}

// changedRef follows up a branch or tag that was made or deleted here.
func (s *Service) changedRef(ctx context.Context, g access.Grant, u git.Update) error {
	return errors.Join(s.touch(ctx, g), s.noteUpdates(ctx, g, s.git(g), []git.Update{u}))
}

// DeleteRef deletes a branch or a tag, if it still is where the person saw it.
// The default branch can't be deleted. It wants a grant for WriteRepository.
func (s *Service) DeleteRef(ctx context.Context, g access.Grant, tag bool, name string, seen git.OID) error {
	if err := g.Require(access.WriteRepository); err != nil {
		return err
	}
	full := kind(tag) + name
	r := s.git(g)
	refs, err := r.Refs(ctx)
	if err != nil {
		return err
	}
	if refs.Head.Target == full {
		return errs.Conflict("", "This is the default branch. Make another one the default first.")
	}
	ref, found := refs.Find(full)
	if !found {
		return errs.NotFound("It is gone already.")
	}
	at := ref.OID
	if seen != "" && seen != ref.OID && seen != ref.Peeled {
		return errs.Conflict("", "Something was pushed to it meanwhile. Look again before you delete it.")
	}
	if err := s.allowed(ctx, g, git.Update{Name: full, Old: at, New: git.ZeroOID}); err != nil {
		return err
	}
	err = r.UpdateRef(ctx, full, at, git.ZeroOID)
	if errors.Is(err, git.ErrMoved) {
		return errs.Conflict("", "Something was pushed to it meanwhile. Look again before you delete it.")
	}
	if err != nil {
		return err
	}
	return s.changedRef(ctx, g, git.Update{Name: full, Old: at, New: git.ZeroOID})
}

// SetDefaultBranch chooses the branch that is shown first and cloned. It wants
// a grant for EditRepository.
func (s *Service) SetDefaultBranch(ctx context.Context, g access.Grant, name string) error {
	if err := g.Require(access.EditRepository); err != nil {
		return err
	}
	r := s.git(g)
	refs, err := r.Refs(ctx)
	if err != nil {
		return err
	}
	if _, found := refs.Find(branches + name); !found {
		return errs.Invalid("branch", "There is no such branch.")
	}
	if err := r.SetHead(branches + name); err != nil {
		return err
	}
	if err := s.touch(ctx, g); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		return s.note(ctx, tx, g, "repository.default_branch", g.Repository().ID, map[string]any{"to": name})
	})
}
