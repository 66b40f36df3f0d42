package repo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// RemoveOf deletes a workspace's repositories in the transaction that deletes
// the workspace. Their files follow once it is committed; what a crash leaves
// of them, Clear removes.
func (s *Service) RemoveOf(ctx context.Context, tx *db.Tx, workspace string) error {
	return s.remove(ctx, tx, `workspace = $1`, workspace)
}

// Delete deletes the grant's repository with its wiki, issues, keys and tokens,
// for everyone and at once; only what the audit log says of it stays. Whoever does
// it types its address, without the workspace's. It wants a grant for
// DeleteRepository, and is of kind Invalid for "confirm" where something else was
// typed.
func (s *Service) Delete(ctx context.Context, g access.Grant, typed string) error {
	if err := g.Require(access.DeleteRepository); err != nil {
		return err
	}
	if strings.TrimSpace(typed) != g.Repository().Slug {
		return errs.Invalid("confirm", "Type %s to delete it.", g.Repository().Slug)
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		was, err := s.byID(ctx, tx, g.Repository().ID)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("The repository is deleted already.")
		}
		if err != nil {
			return err
		}
		if err := s.remove(ctx, tx, `id = $1`, was.ID); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.deleted", was.ID, map[string]any{"slug": was.Slug, "visibility": visibility(was.Public)})
	})
	if err != nil {
		return fmt.Errorf("deleting a repository: %w", err)
	}
	return nil
}

// remove deletes the repositories that a condition on an argument fits. What
// hangs on their rows goes with them.
func (s *Service) remove(ctx context.Context, tx *db.Tx, condition, argument string) error {
	if _, err := db.Exec(ctx, tx, `
		INSERT INTO repository_gone (id, at) SELECT id, $2 FROM repository WHERE `+condition, argument, s.Clock()); err != nil {
		return fmt.Errorf("noting which files to remove: %w", err)
	}
	if _, err := db.Exec(ctx, tx, `DELETE FROM repository WHERE `+condition, argument); err != nil {
		return fmt.Errorf("deleting repositories: %w", err)
	}
	tx.AfterCommit(func() {
		if err := s.Clear(context.WithoutCancel(ctx)); err != nil {
			slog.ErrorContext(ctx, "removing the files of deleted repositories; it is tried again", "err", err)
		}
	})
	return nil
}

// Clear removes the files of repositories that were deleted. It may be broken
// off at any point, and run by several at once: a row goes after its files.
func (s *Service) Clear(ctx context.Context) error {
	ids, err := db.All[string](ctx, s.DB, `SELECT id FROM repository_gone ORDER BY at, id`)
	if err != nil {
		return fmt.Errorf("reading which files to remove: %w", err)
	}
	failed := s.brokenOff(ctx)
	for _, id := range ids {
		if err := s.clear(ctx, id); err != nil {
			failed = errors.Join(failed, fmt.Errorf("removing the files of repository %s: %w", id, err))
		}
	}
	return failed
}

// clear removes everything that lies under a repository's id: its git data, and
// its wiki's beside it.
func (s *Service) clear(ctx context.Context, id string) error {
	folder := filepath.Join(s.Dir, id[len(id)-2:])
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), id+".") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	_, err = db.Exec(ctx, s.DB, `DELETE FROM repository_gone WHERE id = $1`, id)
	return err
}
