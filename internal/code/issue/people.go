package issue

import (
	"context"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// Voted reports whether the grant's actor has voted for an issue.
func (s *Service) Voted(ctx context.Context, g access.Grant, i Issue) (bool, error) {
	if err := g.Require(reading...); err != nil {
		return false, err
	}
	return db.One[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM issue_vote WHERE issue = $1 AND user_id = $2)`, i.ID, g.Actor().User)
}

// Vote gives an issue the actor's vote, or takes it back. It wants a grant for
// RaiseIssues or WriteIssues.
func (s *Service) Vote(ctx context.Context, g access.Grant, number int64, on bool) error {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return err
	}
	if g.Actor().User == "" {
		return errNoPerson
	}
	statement := `INSERT INTO issue_vote (issue, user_id) VALUES ($1, $2) ON CONFLICT (issue, user_id) DO NOTHING`
	if !on {
		statement = `DELETE FROM issue_vote WHERE issue = $1 AND user_id = $2`
	}
	err := s.within(ctx, g, number, func(tx *db.Tx, i Issue) error {
		changed, err := db.Exec(ctx, tx, statement, i.ID, g.Actor().User)
		if err != nil || changed == 0 {
			return err
		}
		_, err = db.Exec(ctx, tx, `UPDATE issue SET votes = (SELECT COUNT(*) FROM issue_vote v WHERE v.issue = $1) WHERE id = $1`, i.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("voting for an issue: %w", err)
	}
	return nil
}
