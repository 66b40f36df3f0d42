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

// VerifyStep takes the second step in a session, with a code of an
// authenticator app or a recovery code, and gives the session a new token.
// Whose step it is, the session alone says.
//
// It is of kind Invalid for the field "code" where the code is wrong or used,
// TooMany where too many were, and Unauthenticated where the session is over.
func (s *Service) VerifyStep(ctx context.Context, token secret.String, code string, address netip.Addr) (Session, error) {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return Session{}, err
	}
	method, err := s.useCode(ctx, live.User.ID, code)
	if err != nil {
		return Session{}, err
	}
	fresh, hash := secret.Token("")
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		rotated, err := s.rotate(ctx, tx, live.ID, live.Hash, hash, method, s.Clock())
		if err != nil {
			return err
		}
		if !rotated { // ended, or rotated by another tab, since it was read
			return errSignedOut()
		}
		if method == factor.Recovery {
			if err := s.noticeRecoveryUsed(ctx, tx, live.User, address); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: live.User.ID, Credential: string(access.Session), Address: addressText(address),
			Action: "session.second_step", Target: live.ID, Detail: map[string]any{"method": method},
		})
	})
	if err != nil {
		return Session{}, fmt.Errorf("taking the second step: %w", err)
	}
	return Session{Token: fresh, Expires: live.Created.Add(sessionMost)}, nil
}

// useCode uses up a code of the user's. Every try counts, at whichever
// entrance, until a right one comes.
func (s *Service) useCode(ctx context.Context, user, code string) (factor.Method, error) {
	enrolled, err := s.Factors.Enrolled(ctx, s.DB, user)
	if err != nil {
		return "", err
	}
	if !enrolled {
		return "", errs.Conflict("", "Two-step verification is off, so there is no code to give.")
	}
	key := throttle.Key("code", "user", user)
	if err := s.Throttle.Take(ctx, key); err != nil {
		return "", err
	}
	method, err := s.Factors.VerifyCode(ctx, user, code)
	if err != nil {
		return "", err
	}
	return method, s.Throttle.Reset(ctx, key)
}

// BeginTOTP starts to set up an authenticator app; see factor.Service.
func (s *Service) BeginTOTP(ctx context.Context, g access.Grant) (factor.Pending, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return factor.Pending{}, err
	}
	return s.Factors.BeginTOTP(ctx, u.ID, u.Username)
}

// PendingTOTP shows a set-up again; see factor.Service.
func (s *Service) PendingTOTP(ctx context.Context, g access.Grant, id string) (factor.Pending, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return factor.Pending{}, err
	}
	return s.Factors.Pending(ctx, u.ID, id, u.Username)
}

// manager gives the profile of whoever manages their factors.
func (s *Service) manager(ctx context.Context, g access.Grant) (User, error) {
	if err := g.Require(access.ManageFactors); err != nil {
		return User{}, err
	}
	u, err := s.byID(ctx, s.DB, g.Actor().User)
	if err != nil {
		return User{}, fmt.Errorf("reading a profile: %w", err)
	}
	return u, nil
}

// Enrolment is what comes of turning two-step verification on.
type Enrolment struct {
	Session       Session         // the session goes on under this token
	RecoveryCodes []secret.String // for the person alone, once
}

// ConfirmTOTP adds the authenticator app that was set up, by a code from it.
// The first factor turns two-step verification on and brings recovery codes.
// The session that does it has thereby taken the step; every other session of
// the person has to take it before it can go on.
// Errors are those of factor.ConfirmTOTP; nothing is half-made.
func (s *Service) ConfirmTOTP(ctx context.Context, g access.Grant, id, code, label string) (Enrolment, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return Enrolment{}, err
	}
	token, hash := secret.Token("")
	enrolment := Enrolment{Session: Session{Token: token}}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.Factors.ConfirmTOTP(ctx, tx, u.ID, id, code, label); err != nil {
			return err
		}
		if !g.Actor().Factors.Enrolled() {
			var err error
			if enrolment.RecoveryCodes, err = s.Factors.NewRecoveryCodes(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		if err := s.dropSteps(ctx, tx, u.ID); err != nil {
			return err
		}
		created, err := s.markStepped(ctx, tx, g.Actor().CredentialID, u.ID, hash, factor.TOTP, s.Clock())
		if errs.Is(err, errs.KindNotFound) {
			return errSignedOut()
		}
		if err != nil {
			return err
		}
		enrolment.Session.Expires = created.Add(sessionMost)
		if err := s.noticeTurnedOn(ctx, tx, u, g.Actor().Address); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "two_step.on", u.ID, map[string]any{"method": factor.TOTP})
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("turning two-step verification on: %w", err)
	}
	return enrolment, nil
}

// ReplaceRecoveryCodes makes new recovery codes, voids the old ones and signs
// the person's other browsers out. It needs access.ManageFactors.
func (s *Service) ReplaceRecoveryCodes(ctx context.Context, g access.Grant) ([]secret.String, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return nil, err
	}
	var codes []secret.String
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		var err error
		if codes, err = s.Factors.NewRecoveryCodes(ctx, tx, u.ID); err != nil {
			return err
		}
		if _, err := s.deleteOtherSessions(ctx, tx, u.ID, g.Actor().CredentialID); err != nil {
			return err
		}
		if err := s.noticeCodesReplaced(ctx, tx, u, g.Actor().Address); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "two_step.recovery_codes", u.ID, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("replacing recovery codes: %w", err)
	}
	return codes, nil
}

// note adds to the audit log what the grant's actor did.
func (s *Service) note(ctx context.Context, tx *db.Tx, g access.Grant, action, target string, detail map[string]any) error {
	a := g.Actor()
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Actor: a.User, Credential: string(a.Credential), Address: addressText(a.Address),
		Action: action, Target: target, Detail: detail,
	})
}
