package snippet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
)

const (
	clearEvery = 24 * time.Hour
	leftFor    = 24 * time.Hour // files without a row, before they count as left behind
)

// Jobs is what the room does of its own accord.
func (s *Service) Jobs() []job.Job {
	return []job.Job{
		{Name: "snippet-upkeep", Every: transport.TendEvery, Do: s.Tend},
		{Name: "snippet-clearing", Every: clearEvery, Do: s.Clear},
	}
}

// Tend puts the git data of snippets in order that changed since.
func (s *Service) Tend(ctx context.Context) error {
	return transport.Upkeep{DB: s.DB, Table: "snippet", Key: "id", Open: s.store().Open}.Tend(ctx, s.Clock())
}

// Clear removes files that no row leads to: a crash left them between the files
// and the row of a new snippet, or between the row and the files of one that was
// deleted. Those that were touched within a day are left: their row may be about
// to come.
func (s *Service) Clear(ctx context.Context) error {
	found, err := filepath.Glob(filepath.Join(s.Dir, "??", "*"))
	if err != nil {
		return fmt.Errorf("looking for files of snippets: %w", err)
	}
	var failed error
	for _, path := range found {
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), failed)
		}
		info, err := os.Stat(path)
		if err != nil || s.Clock().Sub(info.ModTime()) < leftFor {
			continue // gone meanwhile, or new
		}
		id := strings.TrimSuffix(filepath.Base(path), ".git")
		known, err := db.One[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM snippet WHERE id = $1)`, id)
		if err == nil && !known {
			err = os.RemoveAll(path)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("removing the files of snippet %s: %w", id, err))
		}
	}
	return failed
}
