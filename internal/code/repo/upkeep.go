package repo

import (
	"context"

	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/job"
)

// Jobs is what the room does of its own accord.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "repository-upkeep", Every: transport.TendEvery, Do: s.Tend}}
}

// Tend puts the git data of repositories in order that changed since.
func (s *Service) Tend(ctx context.Context) error {
	return transport.Upkeep{DB: s.DB, Table: "repository", Key: "id", Open: s.store().Open}.Tend(ctx, s.Clock())
}
