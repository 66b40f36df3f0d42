package signin

import (
	"context"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/audit"
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
	return s.afterReset(ctx, tx, p.ID, noticeReset, by.Entry("mfa.reset", p.ID))
}

// afterReset ends what was open under the second steps that are gone, and tells.
func (s *Service) afterReset(ctx context.Context, tx *db.Tx, id, notice string, entry audit.Entry) error {
	if _, err := s.Factors.CancelReset(ctx, tx, id); err != nil {
		return err
	}
	if err := s.endAll(ctx, tx, id); err != nil {
		return err
	}
	if err := s.People.Notify(ctx, tx, id, "MFA of your account was reset", notice); err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, entry)
}

const noticeReset = `An administrator removed every second step of your Sallyport account, and your recovery codes: your password alone signs you in now. You are signed out everywhere.

Sign in and set up a second step again.

If you didn't ask for this, change your password at once and tell your administrators.
`
