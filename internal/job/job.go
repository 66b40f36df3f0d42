// Package job does work of the program's own accord, at intervals, on one node
// at a time.
//
// It owns the table job: one row per piece of work, with when it is due next.
// A node takes it by one conditional statement that moves that time on, so of
// any number of nodes one does it. What is done is its caller's; a node may die
// in the middle of it, so it must be such that it can be done again.
package job

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
)

// Job is a piece of work.
type Job struct {
	Name  string
	Every time.Duration // between two beginnings, over all nodes; also how long it may take
	Do    func(ctx context.Context) error
}

// Runner does jobs.
type Runner struct {
	DB    *db.DB
	Clock clock.Clock
	Jobs  []Job
}

// Run does every job whenever it is due, until ctx is over.
func (r *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, j := range r.Jobs {
		all.Go(func() { r.repeat(ctx, j) })
	}
	all.Wait()
}

func (r *Runner) repeat(ctx context.Context, j Job) {
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	for {
		if _, err := r.Turn(ctx, j); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "work in the background; it is tried again", "job", j.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Turn does the job where it is due and no other node was faster, and reports
// whether it did.
func (r *Runner) Turn(ctx context.Context, j Job) (bool, error) {
	now := r.Clock()
	taken, err := db.Exec(ctx, r.DB, `
		INSERT INTO job (name, due) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET due = $2 WHERE job.due <= $3`,
		j.Name, now.Add(j.Every), now)
	if err != nil {
		return false, fmt.Errorf("taking the job %s: %w", j.Name, err)
	}
	if taken == 0 {
		return false, nil
	}
	limited, cancel := context.WithTimeout(ctx, j.Every)
	defer cancel()
	return true, j.Do(limited)
}
