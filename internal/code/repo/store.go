package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const columns = `id, slug, name, description, public, created, updated`

func (s *Service) insert(ctx context.Context, g access.Grant, r Repository) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `
			INSERT INTO repository (id, workspace, slug, name, description, public, created, updated)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			r.ID, g.Workspace().ID, r.Slug, r.Name, r.Description, r.Public, r.Created, r.Updated)
		if db.IsDuplicate(err) {
			return errs.Conflict("name", "There is a repository of that name already.")
		}
		if err != nil {
			return fmt.Errorf("keeping a repository: %w", err)
		}
		actor := g.Actor()
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Workspace: g.Workspace().ID, Actor: actor.User, Credential: string(actor.Credential),
			Address: actor.Address.String(), Action: "repository.create", Target: r.ID,
			Detail: map[string]any{"slug": r.Slug, "public": r.Public},
		})
	})
}

// List gives a workspace's repositories by slug: up to limit of those after a
// slug. It wants a grant for ListRepositories.
func (s *Service) List(ctx context.Context, g access.Grant, after string, limit int) ([]Repository, error) {
	if err := g.Require(access.ListRepositories); err != nil {
		return nil, err
	}
	list, err := db.All[Repository](ctx, s.DB, `
		SELECT `+columns+` FROM repository WHERE workspace = $1 AND slug > $2 ORDER BY slug LIMIT $3`,
		g.Workspace().ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing repositories: %w", err)
	}
	return list, nil
}

// Get gives the repository of the grant, for reading or writing.
func (s *Service) Get(ctx context.Context, g access.Grant) (Repository, error) {
	if err := g.Require(access.ReadRepository, access.WriteRepository); err != nil {
		return Repository{}, err
	}
	r, err := db.One[Repository](ctx, s.DB, `SELECT `+columns+` FROM repository WHERE id = $1`, g.Repository().ID)
	if err != nil {
		return Repository{}, fmt.Errorf("reading a repository: %w", err)
	}
	return r, nil
}

func (s *Service) touch(ctx context.Context, g access.Grant) error {
	_, err := db.Exec(ctx, s.DB, `UPDATE repository SET updated = $1 WHERE id = $2`, s.Clock(), g.Repository().ID)
	if err != nil {
		return fmt.Errorf("noting a push: %w", err)
	}
	return nil
}
