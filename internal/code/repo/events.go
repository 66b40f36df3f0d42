package repo

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/git"
)

// maxNoted is how many branches and tags of one push are told of.
const maxNoted = 20

// noteUpdates tells of what was done to branches and tags.
func (s *Service) noteUpdates(ctx context.Context, g access.Grant, r *git.Repository, happened []git.Update) error {
	var all []activity.Happening
	for _, update := range happened[:min(len(happened), maxNoted)] {
		h, told, err := told(ctx, r, update)
		if err != nil {
			return fmt.Errorf("telling of a push: %w", err)
		}
		if told {
			all = append(all, h)
		}
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, h := range all {
			if err := s.Events.Announce(ctx, tx, g, h); err != nil {
				return err
			}
		}
		return nil
	})
}

// told says what an update of a reference did; not of those that nobody browses.
func told(ctx context.Context, r *git.Repository, u git.Update) (h activity.Happening, told bool, err error) {
	if name, tag := strings.CutPrefix(u.Name, tags); tag {
		h = activity.Happening{Kind: activity.TagMade, Subject: name}
		if u.New == git.ZeroOID {
			h.Kind = activity.TagGone
		}
		return h, true, nil
	}
	name, branch := strings.CutPrefix(u.Name, branches)
	h = activity.Happening{Subject: name, Detail: string(u.New)}
	switch {
	case !branch:
		return h, false, nil
	case u.New == git.ZeroOID:
		h.Kind, h.Detail = activity.BranchGone, ""
	case u.Old == git.ZeroOID:
		h.Kind = activity.BranchMade
	default:
		h.Kind = activity.Pushed
		commits, err := r.Log(ctx, u.New, git.LogOptions{Limit: activity.ManyCommits, Without: u.Old})
		if err != nil {
			return h, false, err
		}
		h.Count = len(commits)
	}
	return h, true, nil
}
