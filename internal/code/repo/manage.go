package repo

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Rename gives the grant's repository another name and address, and returns the
// address. The former one leads on until another repository takes it. It wants a
// grant for EditRepository, and is of kind Invalid or Conflict for "name".
func (s *Service) Rename(ctx context.Context, g access.Grant, name string) (address string, err error) {
	if err := g.Require(access.EditRepository); err != nil {
		return "", err
	}
	name = strings.TrimSpace(name)
	if address, err = slug(name); err != nil {
		return "", err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		was, err := s.byID(ctx, tx, g.Repository().ID)
		if err != nil || was.Name == name {
			return err
		}
		if _, err := db.Exec(ctx, tx, `UPDATE repository SET name = $2, slug = $3 WHERE id = $1`, was.ID, name, address); db.IsDuplicate(err) {
			return errs.Conflict("name", "There is a repository of that name already.")
		} else if err != nil {
			return err
		}
		if was.Slug != address {
			if _, err := db.Exec(ctx, tx, `DELETE FROM repository_name WHERE workspace = $1 AND slug = $2`, g.Workspace().ID, address); err != nil {
				return err
			}
			if _, err := db.Exec(ctx, tx, `
				INSERT INTO repository_name (workspace, slug, repository) VALUES ($1, $2, $3)
				ON CONFLICT (workspace, slug) DO UPDATE SET repository = $3`, g.Workspace().ID, was.Slug, was.ID); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, g, "repository.name", was.ID, map[string]any{"from": was.Name, "to": name})
	})
	if err != nil {
		return "", fmt.Errorf("renaming a repository: %w", err)
	}
	return address, nil
}

// SetArchived makes the grant's repository, with its wiki and tracker, read-only
// or writable again, from the next request on. It wants a grant for
// EditRepository.
func (s *Service) SetArchived(ctx context.Context, g access.Grant, archived bool) error {
	if err := g.Require(access.EditRepository); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		n, err := db.Exec(ctx, tx, `UPDATE repository SET archived = $2 WHERE id = $1 AND archived <> $2`, g.Repository().ID, archived)
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, g, "repository.archived", g.Repository().ID, map[string]any{"to": archived})
	})
	if err != nil {
		return fmt.Errorf("archiving a repository: %w", err)
	}
	return nil
}
