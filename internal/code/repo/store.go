package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const columns = `r.id, r.slug, r.name, r.description, r.public, r.archived, r.created, r.updated`

// insert writes the row of a repository whose files are there, and what also
// writes with it; nil: nothing.
func (s *Service) insert(ctx context.Context, g access.Grant, r Repository, also func(tx *db.Tx) error) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.mayBePublic(ctx, tx, g, r.Public); err != nil {
			return err
		}
		if _, err := db.Exec(ctx, tx, `DELETE FROM repository_name WHERE workspace = $1 AND slug = $2`, g.Workspace().ID, r.Slug); err != nil {
			return fmt.Errorf("keeping a repository: %w", err)
		}
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
		if err := s.keepCreator(ctx, tx, g, r.ID); err != nil {
			return err
		}
		if _, err := s.Events.Note(ctx, tx, g, activity.Happening{Kind: activity.RepositoryMade, Repository: r.ID}); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, g, "repository.created", r.ID, map[string]any{"slug": r.Slug, "visibility": visibility(r.Public)})
	})
}

// keepCreator lets a member who made a repository administer it, whatever the
// workspace gives to members. An owner does anyway.
func (s *Service) keepCreator(ctx context.Context, tx *db.Tx, g access.Grant, id string) error {
	if g.Workspace().Role != access.Member {
		return nil
	}
	return s.putUser(ctx, tx, g, id, g.Actor().User, access.Admin)
}

// List gives the workspace's repositories that the actor may read, by slug: up
// to limit of those after a slug. It wants a grant for ListRepositories, which a
// machine credential has only where it is bound to the whole workspace.
func (s *Service) List(ctx context.Context, g access.Grant, after string, limit int) ([]Repository, error) {
	if err := g.Require(access.ListRepositories); err != nil {
		return nil, err
	}
	list, err := db.All[Repository](ctx, s.DB, `
		SELECT `+columns+` FROM repository r JOIN workspace w ON w.id = r.workspace
		LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $2
		WHERE r.workspace = $1 AND r.slug > $3 AND ($5 OR `+access.ReadableSQL+`) ORDER BY r.slug LIMIT $4`,
		g.Workspace().ID, g.Actor().User, after, limit, g.Actor().Credential.Machine())
	if err != nil {
		return nil, fmt.Errorf("listing repositories: %w", err)
	}
	return list, nil
}

func (s *Service) byID(ctx context.Context, q db.Q, id string) (Repository, error) {
	return db.One[Repository](ctx, q, `SELECT `+columns+` FROM repository r WHERE r.id = $1`, id)
}

// Get gives the repository of the grant, for reading, writing or administering.
func (s *Service) Get(ctx context.Context, g access.Grant) (Repository, error) {
	if err := g.Require(access.ReadRepository, access.WriteRepository, access.ReadRepositoryAdmin, access.EditRepository,
		access.SetVisibility, access.ManagePermissions); err != nil {
		return Repository{}, err
	}
	r, err := s.byID(ctx, s.DB, g.Repository().ID)
	if err != nil {
		return Repository{}, fmt.Errorf("reading a repository: %w", err)
	}
	return r, nil
}

func (s *Service) touch(ctx context.Context, g access.Grant) error {
	_, err := db.Exec(ctx, s.DB, `UPDATE repository SET updated = $1, pushes = pushes + 1 WHERE id = $2`, s.Clock(), g.Repository().ID)
	if err != nil {
		return fmt.Errorf("noting a push: %w", err)
	}
	return nil
}
