package repo

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Transfer gives the grant's repository to another workspace, with its wiki,
// issues and forks, and returns its new address. From then on that workspace's
// rules hold, also for the address of until now, which leads on. What the old
// one gave ends: permissions of people and groups, branch restrictions, deploy
// keys and access tokens. Whoever does it types its address. It wants a grant for
// TransferRepository, and one for CreateRepository in the other workspace; it is
// of kind Invalid or Conflict for "confirm" or "workspace".
func (s *Service) Transfer(ctx context.Context, g, into access.Grant, typed string) (address string, err error) {
	if err := g.Require(access.TransferRepository); err != nil {
		return "", err
	}
	if err := into.Require(access.CreateRepository); err != nil {
		return "", err
	}
	was, is := g.Workspace(), into.Workspace()
	switch {
	case strings.TrimSpace(typed) != g.Repository().Slug:
		return "", errs.Invalid("confirm", "Type %s to transfer it.", g.Repository().Slug)
	case was.ID == is.ID:
		return "", errs.Invalid("workspace", "It is in this workspace already.")
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		moved, err := s.byID(ctx, tx, g.Repository().ID)
		if err != nil {
			return err
		}
		address = moved.Slug
		if err := s.mayMove(ctx, tx, into, moved); err != nil {
			return err
		}
		if err := s.move(ctx, tx, moved, was.ID, is.ID); err != nil {
			return err
		}
		for _, leave := range s.Leaving {
			if err := leave(ctx, tx, moved.ID, is.ID); err != nil {
				return err
			}
		}
		if err := s.keepCreator(ctx, tx, into, moved.ID); err != nil {
			return err
		}
		detail := map[string]any{"slug": moved.Slug, "from": was.Slug, "to": is.Slug}
		if err := s.note(ctx, tx, g, "repository.transferred", moved.ID, detail); err != nil {
			return err
		}
		return s.note(ctx, tx, into, "repository.received", moved.ID, detail)
	})
	if err != nil {
		return "", fmt.Errorf("transferring a repository: %w", err)
	}
	return "/" + is.Slug + "/" + address, nil
}

// mayMove refuses what the other workspace doesn't take: public content where it
// allows none.
func (s *Service) mayMove(ctx context.Context, tx *db.Tx, into access.Grant, r Repository) error {
	public, err := db.One[bool](ctx, tx, `
		SELECT public OR has_wiki AND wiki_public OR has_issues AND issues_public FROM repository WHERE id = $1`, r.ID)
	if err != nil {
		return err
	}
	if err := s.mayBePublic(ctx, tx, into, public); errs.Is(err, errs.KindInvalid) {
		return errs.Invalid("workspace", "That workspace allows no public content. Make the repository, its wiki and its issues private first.")
	} else if err != nil {
		return err
	}
	return nil
}

// move rewrites what package repo keeps of a repository's workspace. Of two
// transfers at once, one finds the repository elsewhere.
func (s *Service) move(ctx context.Context, tx *db.Tx, r Repository, from, to string) error {
	n, err := db.Exec(ctx, tx, `UPDATE repository SET workspace = $3 WHERE id = $1 AND workspace = $2`, r.ID, from, to)
	if db.IsDuplicate(err) {
		return errs.Conflict("workspace", "There is a repository of that name already.")
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errs.Conflict("", "It was transferred already.")
	}
	for _, change := range []struct {
		sql  string
		args []any
	}{
		{`DELETE FROM repository_user WHERE repository = $1`, []any{r.ID}},
		{`DELETE FROM repository_group WHERE repository = $1`, []any{r.ID}},
		{`DELETE FROM branch_rule WHERE repository = $1`, []any{r.ID}},
		{`DELETE FROM repository_name WHERE workspace = $1 AND slug = $2`, []any{to, r.Slug}},
		{`INSERT INTO repository_name (workspace, slug, repository) VALUES ($1, $2, $3)
			ON CONFLICT (workspace, slug) DO UPDATE SET repository = $3`, []any{from, r.Slug, r.ID}},
	} {
		if _, err := db.Exec(ctx, tx, change.sql, change.args...); err != nil {
			return err
		}
	}
	return nil
}
