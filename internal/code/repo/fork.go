package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// Origin names the repository that the grant's is a fork of; zero: it is none, or
// that one is gone. Whether the actor may know of it is for the gate to say. It
// wants a grant for ReadRepository.
func (s *Service) Origin(ctx context.Context, g access.Grant) (access.Target, error) {
	if err := g.Require(access.ReadRepository); err != nil {
		return access.Target{}, err
	}
	found, err := db.All[access.Target](ctx, s.DB, `
		SELECT w.slug, r.slug, '' FROM repository_fork f JOIN repository r ON r.id = f.origin JOIN workspace w ON w.id = r.workspace
		WHERE f.repository = $1`, g.Repository().ID)
	if err != nil {
		return access.Target{}, fmt.Errorf("reading where a fork came from: %w", err)
	}
	if len(found) == 0 {
		return access.Target{}, nil
	}
	return found[0], nil
}
