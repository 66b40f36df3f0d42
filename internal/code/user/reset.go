package user

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// ResetTwoStep removes every second step of a user who lost theirs, on the
// operator's word. It is of kind NotFound where there is no such user, and
// Conflict where they have none.
func (s *Service) ResetTwoStep(ctx context.Context, username string) error {
	u, err := db.One[User](ctx, s.DB, `SELECT `+userColumns+` FROM code_user u WHERE u.username = $1`, strings.ToLower(username))
	if errs.Is(err, errs.KindNotFound) {
		return errs.NotFound("There is no user %q.", username)
	}
	if err != nil {
		return fmt.Errorf("finding a user: %w", err)
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		enrolled, err := s.Factors.Enrolled(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		if !enrolled {
			return errs.Conflict("", "%s has no second step that could be reset.", u.Username)
		}
		if err := s.Factors.RemoveAll(ctx, tx, u.ID); err != nil {
			return err
		}
		return s.afterReset(ctx, tx, u, audit.Entry{Actor: byOperator})
	})
}

// afterReset ends what was open under the factors that are gone, stops a reset
// that waits, and tells.
func (s *Service) afterReset(ctx context.Context, tx *db.Tx, u User, entry audit.Entry) error {
	if _, err := s.Factors.CancelReset(ctx, tx, u.ID); err != nil {
		return err
	}
	if err := s.dropSteps(ctx, tx, u.ID); err != nil {
		return err
	}
	if _, err := s.deleteOtherSessions(ctx, tx, u.ID, ""); err != nil {
		return err
	}
	if err := s.notice(ctx, tx, u, netip.Addr{}, "Two-step verification was reset",
		"Every second step of your profile in Code was removed, and so were your recovery codes. "+
			"You are signed out of Code everywhere. Workspaces that require two-step verification, and your tokens there, are closed to you until you set it up again."); err != nil {
		return err
	}
	entry.Realm, entry.Action, entry.Target = "code", "two_step.reset", u.ID
	return s.Audit.Append(ctx, tx, entry)
}
