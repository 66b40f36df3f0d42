package wiki

import (
	"context"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
)

// Jobs is what the room does of its own accord.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "wiki-upkeep", Every: transport.TendEvery, Do: s.Tend}}
}

// Tend puts the git data of wikis in order that changed since.
func (s *Service) Tend(ctx context.Context) error {
	return transport.Upkeep{DB: s.DB, Table: "wiki_upkeep", Key: "repository", Open: s.store().Open}.Tend(ctx, s.Clock())
}

// touch counts that something was written to the grant's wiki.
func (s *Service) touch(ctx context.Context, tx *db.Tx, g access.Grant) error {
	_, err := db.Exec(ctx, tx, `INSERT INTO wiki_upkeep (repository, pushes) VALUES ($1, 1)
		ON CONFLICT (repository) DO UPDATE SET pushes = wiki_upkeep.pushes + 1`, g.Repository().ID)
	return err
}
