package user

import (
	"context"
	"net/netip"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

// Lost tells, to whoever is asked for their second step in a session, whether
// their lost second steps are being reset: the zero Reset where they aren't.
func (s *Service) Lost(ctx context.Context, token secret.String) (factor.Reset, error) {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return factor.Reset{}, err
	}
	r, err := s.Factors.Resetting(ctx, live.User.ID)
	if errs.Is(err, errs.KindNotFound) {
		return factor.Reset{}, nil
	}
	return r, err
}

// BeginReset begins the day after which lost second steps are reset, for
// whoever is signed in and has yet to take theirs. Errors are those of
// factor.BeginReset, and Conflict where no mail could reach them.
func (s *Service) BeginReset(ctx context.Context, token secret.String, from netip.Addr) error {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return err
	}
	if live.User.Email == "" {
		return errs.Conflict("", "Your account gave no address to which the link could be mailed. Ask whoever runs this site.")
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		r, cancel, err := s.Factors.BeginReset(ctx, tx, live.User.ID)
		if err != nil {
			return err
		}
		if err := s.tellReset(ctx, tx, r, cancel, secret.String{}); err != nil {
			return err
		}
		return s.noteReset(ctx, tx, "two_step.reset_begin", live.User.ID, from)
	})
}

// Jobs are what this room does by itself.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "resets of two-step verification", Every: time.Minute, Do: s.AdvanceResets}}
}

// AdvanceResets brings the resets that are due to their next stage.
func (s *Service) AdvanceResets(ctx context.Context) error {
	return s.Factors.AdvanceResets(ctx, s.tellReset)
}

// tellReset mails a person to which stage their reset has come.
func (s *Service) tellReset(ctx context.Context, tx *db.Tx, r factor.Reset, cancel, link secret.String) error {
	u, err := s.byID(ctx, tx, r.Holder)
	if err != nil {
		return err
	}
	stop := "\n\nTaking your second step, or a recovery code, stops it. So does this link:\n\n" + s.URL + "/login/reset/stop?token=" + cancel.Reveal()
	ready := r.Ready().UTC().Format("2 January 2006, 15:04 UTC")
	switch r.Stage {
	case factor.ResetBegun:
		return s.notice(ctx, tx, u, netip.Addr{}, "Two-step verification will be reset",
			"Somebody who is signed in to your account said that they lost the second step of Code. If it was you, wait: on "+ready+
				" a link comes by mail that removes every second step, so that you can set up a new one."+stop)
	case factor.ResetHalf:
		return s.notice(ctx, tx, u, netip.Addr{}, "Two-step verification will be reset soon",
			"The second steps of your profile in Code were said to be lost, and half of the wait is over. On "+ready+" a link comes by mail that removes them all."+stop)
	default:
		return s.notice(ctx, tx, u, netip.Addr{}, "Reset two-step verification",
			"The wait is over. With this link, within 24 hours, you remove every second step of your profile in Code, and your recovery codes. It works once:\n\n"+
				s.URL+"/login/reset?token="+link.Reveal()+stop)
	}
}

// FinishReset removes every second step by the link that the wait ended with.
// It is of kind NotFound where the link isn't valid any more.
func (s *Service) FinishReset(ctx context.Context, token secret.String, from netip.Addr) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		holder, err := s.Factors.FinishReset(ctx, tx, token)
		if err != nil {
			return err
		}
		u, err := s.byID(ctx, tx, holder)
		if err != nil {
			return err
		}
		return s.afterReset(ctx, tx, u, audit.Entry{Actor: holder, Credential: "link", Address: request.AddressText(from)})
	})
}

// StopReset stops a reset by the link in its notices. It is of kind NotFound
// where there is none any more.
func (s *Service) StopReset(ctx context.Context, token secret.String, from netip.Addr) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		holder, err := s.Factors.CancelResetByLink(ctx, tx, token)
		if err != nil {
			return err
		}
		u, err := s.byID(ctx, tx, holder)
		if err != nil {
			return err
		}
		return s.stopped(ctx, tx, u, from)
	})
}

// stopReset stops the reset of whoever has just taken their second step.
func (s *Service) stopReset(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	was, err := s.Factors.CancelReset(ctx, tx, u.ID)
	if err != nil || !was {
		return err
	}
	return s.stopped(ctx, tx, u, from)
}

func (s *Service) stopped(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	if err := s.notice(ctx, tx, u, from, "Two-step verification stays as it is",
		"The reset of your second steps in Code was stopped: by taking one of them, or by the link in a mail. Nothing has changed."); err != nil {
		return err
	}
	return s.noteReset(ctx, tx, "two_step.reset_stop", u.ID, from)
}

func (s *Service) noteReset(ctx context.Context, tx *db.Tx, action, user string, from netip.Addr) error {
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Actor: user, Credential: "link", Address: request.AddressText(from), Action: action, Target: user,
	})
}
