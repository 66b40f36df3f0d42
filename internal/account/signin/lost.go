package signin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/secret"
)

// Lost tells, to whoever waits at their second step, who they are and whether
// their lost second steps are being reset: the zero Reset where they aren't.
func (s *Service) Lost(ctx context.Context, token secret.String) (person.Person, factor.Reset, error) {
	f, err := s.Held(ctx, token)
	if err != nil {
		return person.Person{}, factor.Reset{}, err
	}
	r, err := s.Factors.Resetting(ctx, f.person.ID)
	if errs.Is(err, errs.KindNotFound) {
		return f.person, factor.Reset{}, nil
	}
	return f.person, r, err
}

// BeginReset begins the day after which lost second steps are reset, for
// whoever waits at theirs. Errors are those of factor.BeginReset.
func (s *Service) BeginReset(ctx context.Context, token secret.String, v Visit) error {
	f, err := s.Held(ctx, token)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		r, cancel, err := s.Factors.BeginReset(ctx, tx, f.person.ID)
		if err != nil {
			return err
		}
		if err := s.tellReset(ctx, tx, r, cancel, secret.String{}); err != nil {
			return err
		}
		return s.noteReset(ctx, tx, "mfa.reset_begin", f.person.ID, v.Address)
	})
}

// Jobs are what this room does by itself.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "resets of MFA", Every: time.Minute, Do: s.AdvanceResets}}
}

// AdvanceResets brings the resets that are due to their next stage.
func (s *Service) AdvanceResets(ctx context.Context) error {
	return s.Factors.AdvanceResets(ctx, s.tellReset)
}

// tellReset mails every address of a person to which stage their reset has come.
func (s *Service) tellReset(ctx context.Context, tx *db.Tx, r factor.Reset, cancel, link secret.String) error {
	stop := s.People.URL + "/reset-mfa/stop?token=" + cancel.Reveal()
	ready := r.Ready().UTC().Format("2 January 2006, 15:04 UTC")
	switch r.Stage {
	case factor.ResetBegun:
		return s.People.Notify(ctx, tx, r.Holder, "MFA of your account will be reset", fmt.Sprintf(mailResetBegun, ready, stop))
	case factor.ResetHalf:
		return s.People.Notify(ctx, tx, r.Holder, "MFA of your account will be reset soon", fmt.Sprintf(mailResetHalf, ready, stop))
	default:
		return s.People.Notify(ctx, tx, r.Holder, "Reset MFA of your account", fmt.Sprintf(mailResetReady, s.People.URL+"/reset-mfa?token="+link.Reveal(), stop))
	}
}

const resetStops = `Signing in stops it: with a second step, a recovery code, or in a browser that isn't asked for one. So does this link:

%s
`

const (
	mailResetBegun = `Somebody with the password of your Sallyport account said that they lost its second step. If it was you, wait: on %s a link comes by mail that removes every second step, so that you can set up a new one.

If it wasn't you, stop it now and change your password.

` + resetStops

	mailResetHalf = `The second steps of your Sallyport account were said to be lost, and half of the wait is over. On %s a link comes by mail that removes them all.

If it wasn't you who asked for it, stop it now and change your password.

` + resetStops

	mailResetReady = `The wait is over. With this link, within 24 hours, you remove every second step of your Sallyport account, and your recovery codes. It works once:

%s

If it wasn't you who asked for it, stop it now and change your password.

` + resetStops
)

// FinishReset removes every second step by the link that the wait ended with,
// and ends all that the person has open. It is of kind NotFound where the link
// isn't valid any more.
func (s *Service) FinishReset(ctx context.Context, token secret.String, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		holder, err := s.Factors.FinishReset(ctx, tx, token)
		if err != nil {
			return err
		}
		return s.afterReset(ctx, tx, holder, noticeFinished, s.entry("mfa.reset", holder, from))
	})
}

const noticeFinished = `Every second step of your Sallyport account was removed, and your recovery codes, with the link that was mailed after the wait: your password alone signs you in now. You are signed out everywhere.

Sign in and set up a second step again.

If it wasn't you, change your password at once and tell your administrators.
`

// StopReset stops a reset by the link in its notices. It is of kind NotFound
// where there is none any more.
func (s *Service) StopReset(ctx context.Context, token secret.String, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		holder, err := s.Factors.CancelResetByLink(ctx, tx, token)
		if err != nil {
			return err
		}
		return s.stopped(ctx, tx, holder, from)
	})
}

// stopReset stops the reset of whoever has just signed in. That takes a second
// step, or a browser that is trusted with it: a password alone goes no further
// than half a sign-in.
func (s *Service) stopReset(ctx context.Context, tx *db.Tx, p Proof, from string) error {
	was, err := s.Factors.CancelReset(ctx, tx, p.person.ID)
	if err != nil || !was {
		return err
	}
	return s.stopped(ctx, tx, p.person.ID, from)
}

func (s *Service) stopped(ctx context.Context, tx *db.Tx, holder, from string) error {
	if err := s.People.Notify(ctx, tx, holder, "MFA of your account stays as it is", noticeStopped); err != nil {
		return err
	}
	return s.noteReset(ctx, tx, "mfa.reset_stop", holder, from)
}

const noticeStopped = `The reset of the second steps of your Sallyport account was stopped: by a sign-in, or by the link in a mail. Nothing has changed.

If you didn't ask for a reset, somebody has your password: change it now.
`

func (s *Service) noteReset(ctx context.Context, tx *db.Tx, action, holder, from string) error {
	return s.Audit.Append(ctx, tx, s.entry(action, holder, from))
}

func (s *Service) entry(action, holder, from string) audit.Entry {
	return audit.Entry{Realm: "account", Actor: holder, Credential: "link", Address: from, Action: action, Target: holder}
}
