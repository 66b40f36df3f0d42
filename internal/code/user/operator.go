package user

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
)

// Suspend shuts the profiles of an issuer's subject out at once, in browsers
// and by tokens, or lets them in again. It is the operator's, and gives how
// many profiles changed: none where the person never came to Code.
func (s *Service) Suspend(ctx context.Context, subject string, suspended bool) (int, error) {
	action := "user.suspended"
	if !suspended {
		action = "user.resumed"
	}
	var changed []string
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockSessions(ctx, tx); err != nil {
			return err
		}
		var err error
		if changed, err = db.All[string](ctx, tx, `
			UPDATE code_user SET suspended = $2 WHERE subject = $1 AND suspended <> $2 RETURNING id`, subject, suspended); err != nil {
			return err
		}
		for _, id := range changed {
			if _, err := db.Exec(ctx, tx, `DELETE FROM code_session WHERE user_id = $1`, id); err != nil {
				return err
			}
			if err := s.Audit.Append(ctx, tx, audit.Entry{Realm: "code", Actor: "operator", Action: action, Target: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("suspending a profile: %w", err)
	}
	return len(changed), nil
}
