package signin

import (
	"context"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// Forgot has a link mailed with which whoever has the address chooses a new
// password. It answers alike whether anybody has it. flow is the authorization
// request to go on with; it may be empty.
func (s *Service) Forgot(ctx context.Context, email, flow string, v Visit) error {
	if err := s.Throttle.Take(ctx, forgotKey(v)); err != nil {
		return err
	}
	return s.People.Forgot(ctx, email, flow)
}

// forgotKey counts what one network asks to be mailed to others.
func forgotKey(v Visit) string { return throttle.Key("mail", "source", request.Network(v.Address)) }

// ResetPassword puts the password that was chosen with a mailed link in place
// of the one before and ends everything that the person has open. Having the
// link proves the mailbox alone: the flow that it gives has the new password
// proven, and the second step still to come (OWASP ASVS 5.0 6.4.3).
func (s *Service) ResetPassword(ctx context.Context, token, chosen secret.String, v Visit) (Flow, error) {
	p, err := s.People.ResetOf(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	if p.Suspended {
		return Flow{}, errSuspended
	}
	password, err := s.People.NewOwnPassword(ctx, p, chosen)
	if err != nil {
		return Flow{}, err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.endAll(ctx, tx, p.ID); err != nil {
			return err
		}
		return s.People.ResetPassword(ctx, tx, token, p, password, v.Address)
	})
	if err != nil {
		return Flow{}, err
	}
	// The failures were against the password before.
	if err := s.Throttle.Reset(ctx, s.DB, s.counters(p, "", Visit{}).own, forgotKey(v)); err != nil {
		return Flow{}, err
	}
	return s.furnish(ctx, Flow{person: p, proven: proven{{Method: MethodPassword, At: s.Clock()}}}, v)
}

var errSuspended = errs.Denied("This account is suspended. Ask an administrator.")

// MailRecovery is ResetPassword's beginning on somebody else's word.
func (s *Service) MailRecovery(ctx context.Context, p person.Person, by person.Author) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error { return s.People.MailRecovery(ctx, tx, p, by) })
}
