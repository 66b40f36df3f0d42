package signin

import (
	"context"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/db"
)

// ResetMFA removes every second step of somebody who lost theirs, on somebody
// else's word, and ends all that they have open. It is in the caller's
// transaction. Their password, which stays, then signs them in alone, or to
// setting up a new second step where the site requires one.
func (s *Service) ResetMFA(ctx context.Context, tx *db.Tx, p person.Person, by person.Author) error {
	if err := s.Factors.RemoveAll(ctx, tx, p.ID); err != nil {
		return err
	}
	if _, err := s.Factors.CancelReset(ctx, tx, p.ID); err != nil {
		return err
	}
	if err := s.endAll(ctx, tx, p.ID); err != nil {
		return err
	}
	if err := s.People.Notify(ctx, tx, p.ID, "MFA of your account was reset", noticeReset); err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, by.Entry("mfa.reset", p.ID))
}

const noticeReset = `An administrator removed every second step of your Sallyport account, and your recovery codes: your password alone signs you in now. You are signed out everywhere.

Sign in and set up a second step again.

If you didn't ask for this, change your password at once and tell your administrators.
`
