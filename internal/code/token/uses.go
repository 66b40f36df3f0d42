package token

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sallyport.dev/internal/db"
)

// flushEvery is how often last uses are written.
const flushEvery = 10 * time.Second

// uses keeps in memory when tokens were last used, so that no request has to
// write. Its zero value is empty.
type uses struct {
	mu   sync.Mutex
	last map[string]use // by token id
}

type use struct {
	at   time.Time
	from string
}

func (u *uses) note(id string, now use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[string]use{}
	}
	u.last[id] = now
}

func (u *uses) take() map[string]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = nil
	return taken
}

// putBack keeps what couldn't be written, where nothing newer came.
func (u *uses) putBack(batch map[string]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(batch, u.last)
	u.last = batch
}

// Flush writes when tokens were last used, in one transaction. What can't be
// written is kept for the next time.
func (s *Service) Flush(ctx context.Context) error {
	batch := s.uses.take()
	if len(batch) == 0 {
		return nil
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(batch)) { // in one order on all nodes
			if err := s.touch(ctx, tx, id, batch[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.uses.putBack(batch)
		return fmt.Errorf("writing when tokens were last used: %w", err)
	}
	return nil
}

// Run writes every few seconds until ctx ends, and then once more.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "tokens: last uses; they are kept and tried again", "err", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
			defer cancel()
			if err := s.Flush(last); err != nil {
				slog.ErrorContext(last, "tokens: the last uses", "err", err)
			}
			return
		}
	}
}
