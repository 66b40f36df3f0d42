package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

const (
	// TendEvery is how often a room looks for what is to be put in order.
	TendEvery = time.Hour

	tendAfter  = 30             // pushes
	wholeAfter = 24 * time.Hour // of what changed
)

// Upkeep is how a room's git data is put in order (decision 0031).
type Upkeep struct {
	DB *db.DB
	// What is kept is the room's: its table, with the columns pushes and tended,
	// and the one that names a row.
	Table, Key string
	Open       func(id string) *git.Repository
}

// Tend puts the git data in order that changed: after many pushes, and whole
// once a day (git.Repository.Maintain). It takes one at a time, and goes on with
// the next where one fails; that one is tried again a day later. Nobody waits
// for it.
func (u Upkeep) Tend(ctx context.Context, now time.Time) error {
	due, err := db.All[struct {
		ID     string
		Pushes int64
		Tended time.Time
	}](ctx, u.DB, `SELECT `+u.Key+`, pushes, tended FROM `+u.Table+` WHERE pushes >= $1 OR pushes > 0 AND tended <= $2 ORDER BY tended, `+u.Key,
		tendAfter, now.Add(-wholeAfter))
	if err != nil {
		return fmt.Errorf("looking for what to put in order: %w", err)
	}
	for _, r := range due {
		whole := !r.Tended.After(now.Add(-wholeAfter))
		failed := u.Open(r.ID).Maintain(ctx, whole)
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), failed)
		}
		if failed != nil {
			slog.ErrorContext(ctx, "git's files couldn't be put in order; it is tried again tomorrow", "of", u.Table, "id", r.ID, "err", failed)
		}
		if whole || failed != nil {
			r.Tended = now
		}
		// Pushes that came meanwhile stay counted.
		if _, err := db.Exec(ctx, u.DB, `UPDATE `+u.Table+` SET pushes = pushes - $2, tended = $3 WHERE `+u.Key+` = $1`, r.ID, r.Pushes, r.Tended); err != nil {
			return fmt.Errorf("noting that it was put in order: %w", err)
		}
	}
	return nil
}

// HasRoom makes sure that git data may grow at all, for what is written here
// rather than pushed; most is as MaxSize is.
func HasRoom(r *git.Repository, most int64) error {
	if most == 0 {
		return nil
	}
	held, err := r.Held()
	if err == nil && held >= most {
		err = errs.TooLarge("This holds %s, and may hold %s here. Whoever runs this site can raise the limit.", git.Size(held), git.Size(most))
	}
	return err
}
