package user

import (
	"context"
	"fmt"
	"net/netip"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// TwoStep is what a person's second step is made of.
type TwoStep struct {
	Factors      []factor.Factor // none: two-step verification is off
	RecoveryLeft int             // unused recovery codes
}

// On reports whether two-step verification is on.
func (t TwoStep) On() bool { return len(t.Factors) > 0 }

// TwoStep tells what the actor's second step is made of.
func (s *Service) TwoStep(ctx context.Context, g access.Grant) (TwoStep, error) {
	if err := g.Require(access.ReadSelf, access.ManageFactors, access.TurnOffTwoStep); err != nil {
		return TwoStep{}, err
	}
	factors, err := s.Factors.List(ctx, g.Actor().User)
	if err != nil {
		return TwoStep{}, err
	}
	left, err := s.Factors.RecoveryLeft(ctx, g.Actor().User)
	return TwoStep{Factors: factors, RecoveryLeft: left}, err
}

// AskKey asks for a security key as the second step of a session.
func (s *Service) AskKey(ctx context.Context, token secret.String) (factor.Options, error) {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return factor.Options{}, err
	}
	return s.Factors.AskKey(ctx, live.User.ID, live.ID)
}

// VerifyStep takes the second step in a session, with a code of an
// authenticator app, a recovery code or a security key, and gives the session a
// new token. Whose step it is, the session alone says.
//
// It is of kind Invalid for the field "code" or "credential" where the answer is
// wrong or used, TooMany where too many were, and Unauthenticated where the
// session is over.
func (s *Service) VerifyStep(ctx context.Context, token secret.String, answer factor.Answer, v Visit) (Session, error) {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return Session{}, err
	}
	taken, err := s.useAnswer(ctx, live.User.ID, live.ID, answer, v.Browser)
	if err != nil {
		return Session{}, s.noticePartial(ctx, live.User, v, err)
	}
	fresh, hash := secret.Token("")
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		rotated, err := s.rotate(ctx, tx, live.ID, live.Hash, hash, taken.Method, s.Clock())
		if err != nil {
			return err
		}
		if !rotated { // ended, or rotated by another tab, since it was read
			return errSignedOut()
		}
		if taken.Method == factor.Recovery {
			if err := s.noticeRecoveryUsed(ctx, tx, live.User, v.Address); err != nil {
				return err
			}
		}
		if err := s.stopReset(ctx, tx, live.User, v.Address); err != nil {
			return err
		}
		return s.noteTaken(ctx, tx, live, taken, v.Address)
	})
	if err != nil {
		return Session{}, fmt.Errorf("taking the second step: %w", err)
	}
	return Session{Token: fresh, Expires: live.Expires}, nil
}

// noteTaken audits a second step, and warns of a key whose count didn't grow.
func (s *Service) noteTaken(ctx context.Context, tx *db.Tx, live liveSession, taken factor.Taken, address netip.Addr) error {
	entry := audit.Entry{
		Realm: "code", Actor: live.User.ID, Credential: string(access.Session), Address: request.AddressText(address),
		Action: "session.second_step", Target: live.ID,
		Detail: map[string]any{"method": taken.Method, "factor": taken.Factor, "user_verified": taken.Verified},
	}
	if err := s.Audit.Append(ctx, tx, entry); err != nil || !taken.Stalled {
		return err
	}
	entry.Action, entry.Target = "two_step.sign_count", taken.Factor
	entry.Detail = map[string]any{"warning": "the key's count of signatures didn't grow: there may be a copy of it"}
	return s.Audit.Append(ctx, tx, entry)
}

// useAnswer uses up what a user gives for their second step. bound is the
// session in which a key was asked. Codes count, at whichever entrance, until a
// right one comes; a key can't be guessed.
func (s *Service) useAnswer(ctx context.Context, user, bound string, answer factor.Answer, b throttle.Browser) (factor.Taken, error) {
	if answer.Credential != "" {
		return s.Factors.VerifyKey(ctx, user, bound, answer)
	}
	method, err := s.useCode(ctx, user, answer.Code, b)
	return factor.Taken{Method: method}, err
}

// useCode uses up a code of the user's. Every try counts, at whichever
// entrance, until a right one comes; in a browser that the user is known by
// they count apart.
func (s *Service) useCode(ctx context.Context, user, code string, b throttle.Browser) (factor.Method, error) {
	enrolled, err := s.Factors.Enrolled(ctx, s.DB, user)
	if err != nil {
		return "", err
	}
	if !enrolled {
		return "", errs.Conflict("", "Two-step verification is off, so there is no code to give.")
	}
	key := b.TryKey("code", user)
	if err := s.Throttle.Take(ctx, key); err != nil {
		return "", err
	}
	method, err := s.Factors.VerifyCode(ctx, user, code)
	if err != nil {
		return "", err
	}
	return method, s.Throttle.Reset(ctx, s.DB, key)
}
