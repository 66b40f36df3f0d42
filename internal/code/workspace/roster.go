package workspace

import (
	"context"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// Standing is a member and whether they meet, or would meet, the requirement
// of two-step verification.
type Standing struct {
	Member
	Ready bool
}

// Roster lists the members with their standing, those who aren't ready first.
// It is for owners: it needs access.ReadAccess or access.ManageAccess.
func (s *Service) Roster(ctx context.Context, g access.Grant) ([]Standing, error) {
	if err := g.Require(access.ReadAccess, access.ManageAccess); err != nil {
		return nil, err
	}
	policy := g.Workspace().Policy
	rows, err := db.All[struct {
		Member
		Factors access.Factors
	}](ctx, s.DB, `
		SELECT u.id, u.username, u.name, u.email, m.role, m.created,
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'totp' AND confirmed > 0),
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'webauthn' AND confirmed > 0)
		FROM member m JOIN code_user u ON u.id = m.user_id WHERE m.workspace = $1 ORDER BY u.username`, g.Workspace().ID)
	if err != nil {
		return nil, fmt.Errorf("listing who is ready: %w", err)
	}
	var ready, waiting []Standing
	for _, row := range rows {
		standing := Standing{row.Member, policy.Suits(row.Factors)}
		if standing.Ready {
			ready = append(ready, standing)
		} else {
			waiting = append(waiting, standing)
		}
	}
	return append(waiting, ready...), nil
}
