package workspace

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// What the operator of the program can do to a workspace without being in it.

// All lists every workspace by slug.
func (s *Service) All(ctx context.Context) ([]Workspace, error) {
	ids, err := db.All[string](ctx, s.DB, `SELECT id FROM workspace ORDER BY slug`)
	if err != nil {
		return nil, fmt.Errorf("listing workspaces: %w", err)
	}
	all := make([]Workspace, 0, len(ids))
	for _, id := range ids {
		w, err := s.byID(ctx, s.DB, id)
		if err != nil {
			return nil, fmt.Errorf("listing workspaces: %w", err)
		}
		all = append(all, w)
	}
	return all, nil
}

// Find gives the workspace with the slug.
func (s *Service) Find(ctx context.Context, slug string) (Workspace, error) {
	id, err := db.One[string](ctx, s.DB, `SELECT id FROM workspace WHERE slug = $1`, slug)
	if errs.Is(err, errs.KindNotFound) {
		return Workspace{}, errs.NotFound("There is no workspace %q.", slug)
	}
	if err != nil {
		return Workspace{}, fmt.Errorf("finding a workspace: %w", err)
	}
	return s.byID(ctx, s.DB, id)
}

// BreakGlass switches off what can shut every owner out: that two-step
// verification is required, and that only some networks are allowed. The rest
// of the policy stays.
func (s *Service) BreakGlass(ctx context.Context, slug string) error {
	found, err := s.Find(ctx, slug)
	if err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, found.ID); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, found.ID)
		if err != nil {
			return err
		}
		from := rowOf(w.Policy)
		w.Policy.RequireTwoStep, w.Policy.RequireFrom, w.Policy.Networks = false, time.Time{}, nil
		to := rowOf(w.Policy)
		if from == to {
			return nil
		}
		if err := s.updatePolicy(ctx, tx, w.ID, to); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Workspace: w.ID, Actor: "operator", Action: "workspace.policy", Target: w.ID,
			Detail: map[string]any{"from": from, "to": to},
		})
	})
	if err != nil {
		return fmt.Errorf("breaking the glass: %w", err)
	}
	return nil
}
