package user

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sallyport.dev/internal/db"
)

const (
	seenEvery  = time.Minute      // how exactly it is kept when something was last used
	flushEvery = 10 * time.Second // how often that is written
	sweepEvery = time.Hour        // how often sessions that are over are deleted
)

// seen keeps in memory when sessions and keys were last used, so that no request
// has to write. Its zero value is empty.
type seen struct {
	mu       sync.Mutex
	sessions map[string]time.Time
	keys     map[string]use
}

type use struct {
	at   time.Time
	from string
}

func (s *seen) session(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[string]time.Time{}
	}
	s.sessions[id] = now
}

func (s *seen) key(id string, now time.Time, from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]use{}
	}
	s.keys[id] = use{now, from}
}

// take gives what was noted and forgets it.
func (s *seen) take() (sessions map[string]time.Time, keys map[string]use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions, keys = s.sessions, s.keys
	s.sessions, s.keys = nil, nil
	return sessions, keys
}

// Flush writes when sessions and keys were last used. What can't be written is
// forgotten: the next use notes it again.
func (s *Service) Flush(ctx context.Context) error {
	sessions, keys := s.seen.take()
	if len(sessions)+len(keys) == 0 {
		return nil
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockSessions(ctx, tx); err != nil {
			return err
		}
		for id, at := range sessions {
			if err := s.touchSession(ctx, tx, id, at); err != nil {
				return err
			}
		}
		for id, use := range keys {
			if err := s.touchKey(ctx, tx, id, use); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing when sessions and keys were last used: %w", err)
	}
	return nil
}

// Run writes and sweeps in the background until ctx ends, and then writes once more.
func (s *Service) Run(ctx context.Context) {
	flush, sweep := time.NewTicker(flushEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-flush.C:
			err = s.Flush(ctx)
		case <-sweep.C:
			err = s.sweepSessions(ctx, s.Clock())
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
			defer cancel()
			if err := s.Flush(last); err != nil {
				slog.ErrorContext(last, "users: the last batch", "err", err)
			}
			return
		}
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "users: work in the background", "err", err)
		}
	}
}
