package user

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// SetAccountOpens keeps whether the person lets their account's MFA open Code in
// place of Code's own second step. It needs access.ManageFactors, and so a fresh
// step; it is of kind Conflict where there is no MFA in this session's sign-in,
// or no step of Code's, for it to stand for.
func (s *Service) SetAccountOpens(ctx context.Context, g access.Grant, on bool) error {
	u, err := s.manager(ctx, g)
	if err != nil {
		return err
	}
	held := g.Actor().Evidence
	switch {
	case on && !held.Factors.Enrolled():
		return errs.Conflict("", "Two-step verification of Code is off, so there is nothing that your account's MFA could stand for.")
	case on && !held.Account.MFA():
		return errs.Conflict("", "Your account's MFA wasn't used in this sign-in. Sign in with it first.")
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := s.setAccountOpens(ctx, tx, u.ID, on)
		if err != nil || !changed {
			return err
		}
		if err := s.noticeAccountOpens(ctx, tx, u, g.Actor().Address, on); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "two_step.account_opens", u.ID, map[string]any{"from": !on, "to": on})
	})
	if err != nil {
		return fmt.Errorf("choosing whether the account's MFA opens Code: %w", err)
	}
	return nil
}

func (s *Service) setAccountOpens(ctx context.Context, tx *db.Tx, user string, on bool) (changed bool, err error) {
	n, err := db.Exec(ctx, tx, `UPDATE code_user SET account_opens = $2 WHERE id = $1 AND account_opens <> $2`, user, on)
	return n == 1, err
}

// SessionEnds gives when the actor's session is over at the latest. It needs
// access.ReadSelf or access.ManageFactors, in a browser.
func (s *Service) SessionEnds(ctx context.Context, g access.Grant) (time.Time, error) {
	if err := g.Require(access.ReadSelf, access.ManageFactors); err != nil {
		return time.Time{}, err
	}
	expires, err := db.One[time.Time](ctx, s.DB, `SELECT expires FROM code_session WHERE id = $1`, g.Actor().CredentialID)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading a session: %w", err)
	}
	return expires, nil
}
