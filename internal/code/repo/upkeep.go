package repo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
)

const (
	tendEvery  = time.Hour
	tendAfter  = 30             // pushes
	wholeAfter = 24 * time.Hour // of a repository that changed
)

// Jobs is what the room does of its own accord.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "repository-upkeep", Every: tendEvery, Do: s.Tend}}
}

// Tend puts the git data of repositories in order that changed since: after
// many pushes, and whole once a day (git.Repository.Maintain). It takes one at a
// time, and goes on with the next where one fails; that one is tried again a day
// later. Nobody waits for it.
func (s *Service) Tend(ctx context.Context) error {
	now := s.Clock()
	due, err := db.All[struct {
		ID     string
		Pushes int64
		Tended time.Time
	}](ctx, s.DB, `
		SELECT id, pushes, tended FROM repository WHERE pushes >= $1 OR pushes > 0 AND tended <= $2 ORDER BY tended, id`,
		tendAfter, now.Add(-wholeAfter))
	if err != nil {
		return fmt.Errorf("looking for repositories to put in order: %w", err)
	}
	for _, r := range due {
		whole := !r.Tended.After(now.Add(-wholeAfter))
		failed := s.store().Open(r.ID).Maintain(ctx, whole)
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), failed)
		}
		if failed != nil {
			slog.ErrorContext(ctx, "a repository's files couldn't be put in order; it is tried again tomorrow", "repository", r.ID, "err", failed)
		}
		if whole || failed != nil {
			r.Tended = now
		}
		// Pushes that came meanwhile stay counted.
		if _, err := db.Exec(ctx, s.DB, `UPDATE repository SET pushes = pushes - $2, tended = $3 WHERE id = $1`, r.ID, r.Pushes, r.Tended); err != nil {
			return fmt.Errorf("noting that a repository was put in order: %w", err)
		}
	}
	return nil
}
