package repo

import (
	"context"
	"errors"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/git"
)

// Transport is repositories as git clients see them.
func (s *Service) Transport() transport.Transport {
	return transport.Transport{
		Read: access.ReadRepository, Write: access.WriteRepository, MaxPush: s.MaxPush, MaxSize: s.MaxSize, MaxRefs: s.MaxRefs,
		Open:   func(g access.Grant) (*git.Repository, error) { return s.git(g), nil },
		Judge:  s.judge,
		Pushed: s.pushed,
	}
}

// maxNew is how many new commits of a push are told of, the newest ones.
const maxNew = 500

// pushed follows up what was pushed to the grant's repository, or written to
// it here.
func (s *Service) pushed(ctx context.Context, g access.Grant, happened []git.Update) error {
	r := s.git(g)
	err := errors.Join(s.touch(ctx, g), s.noteUpdates(ctx, g, r, happened))
	if s.OnDefault == nil {
		return err
	}
	refs, failed := r.Refs(ctx)
	if failed != nil {
		return errors.Join(err, failed)
	}
	for _, update := range happened {
		if update.Name != refs.Head.Target || update.New == git.ZeroOID {
			continue
		}
		commits, failed := r.Log(ctx, update.New, git.LogOptions{Limit: maxNew, Without: update.Old})
		if failed == nil {
			failed = s.OnDefault(ctx, g, commits)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("telling of new commits: %w", failed))
		}
	}
	return err
}
