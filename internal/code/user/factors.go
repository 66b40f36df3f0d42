package user

import (
	"context"
	"fmt"
	"slices"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

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
	return s.add(ctx, g, u, factor.TOTP, func(tx *db.Tx) error {
		return s.Factors.ConfirmTOTP(ctx, tx, u.ID, id, code, label)
	})
}

// BeginKey asks for a new security key or passkey; see factor.Service.
func (s *Service) BeginKey(ctx context.Context, g access.Grant) (factor.Options, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return factor.Options{}, err
	}
	return s.Factors.BeginKey(ctx, u.ID, u.Username, g.Actor().CredentialID)
}

// ConfirmKey adds the security key or passkey that has answered; see ConfirmTOTP.
func (s *Service) ConfirmKey(ctx context.Context, g access.Grant, answer factor.Answer, label string) (Enrolment, error) {
	u, err := s.manager(ctx, g)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := s.Factors.ReadKey(ctx, u.ID, g.Actor().CredentialID, answer)
	if err != nil {
		return Enrolment{}, err
	}
	return s.add(ctx, g, u, factor.WebAuthn, func(tx *db.Tx) error { return s.Factors.AddKey(ctx, tx, key, label) })
}

func (s *Service) add(ctx context.Context, g access.Grant, u User, method factor.Method, keep func(*db.Tx) error) (Enrolment, error) {
	first := !g.Actor().Factors.Enrolled()
	token, hash := secret.Token("")
	enrolment := Enrolment{Session: Session{Token: token}}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := keep(tx); err != nil {
			return err
		}
		if first {
			var err error
			if enrolment.RecoveryCodes, err = s.Factors.NewRecoveryCodes(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		if err := s.dropSteps(ctx, tx, u.ID); err != nil {
			return err
		}
		expires, err := s.markStepped(ctx, tx, g.Actor().CredentialID, u.ID, hash, method, s.Clock())
		if errs.Is(err, errs.KindNotFound) {
			return errSignedOut()
		}
		if err != nil {
			return err
		}
		enrolment.Session.Expires = expires
		action, notice := "two_step.on", s.noticeTurnedOn
		if !first {
			action, notice = "two_step.added", s.noticeAdded
		}
		if err := notice(ctx, tx, u, g.Actor().Address); err != nil {
			return err
		}
		return s.note(ctx, tx, g, action, u.ID, map[string]any{"method": method})
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("adding a second step: %w", err)
	}
	return enrolment, nil
}

// RenameFactor gives a factor of the actor's another label. It needs
// access.ManageFactors.
func (s *Service) RenameFactor(ctx context.Context, g access.Grant, id, label string) error {
	if err := g.Require(access.ManageFactors); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.Factors.Rename(ctx, tx, g.Actor().User, id, label); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "two_step.renamed", id, nil)
	})
}

// RemoveFactor removes one of several factors of the actor's and signs their
// other browsers out. It needs access.ManageFactors. It is of kind Conflict
// where it is the only one, and where a workspace would be left without an
// owner who meets its rule.
func (s *Service) RemoveFactor(ctx context.Context, g access.Grant, id string) error {
	u, err := s.manager(ctx, g)
	if err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockOwned(ctx, tx, u.ID); err != nil {
			return err
		}
		removed, err := s.Factors.Remove(ctx, tx, u.ID, id)
		if err != nil {
			return err
		}
		left, err := s.kinds(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		closings, err := s.closings(ctx, tx, g.Actor(), left)
		if err != nil {
			return err
		}
		if err := refuseLastReady(closings); err != nil {
			return err
		}
		if _, err := s.deleteOtherSessions(ctx, tx, u.ID, g.Actor().CredentialID); err != nil {
			return err
		}
		if err := s.noticeRemoved(ctx, tx, u, g.Actor().Address, removed.Label); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "two_step.removed", id, map[string]any{"method": removed.Kind, "label": removed.Label})
	})
	if err != nil {
		return fmt.Errorf("removing a second step: %w", err)
	}
	return nil
}

// ClosedByRemoving lists the workspaces that removing one factor would close to
// the actor, as ClosedByTurningOff does for all of them.
func (s *Service) ClosedByRemoving(ctx context.Context, g access.Grant, id string) ([]Closing, error) {
	if err := g.Require(access.ReadSelf, access.ManageFactors); err != nil {
		return nil, err
	}
	factors, err := s.Factors.List(ctx, g.Actor().User)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(factors, func(f factor.Factor) bool { return f.ID == id })
	return s.closings(ctx, s.DB, g.Actor(), access.Factors(factor.KindsOf(left)))
}

func (s *Service) kinds(ctx context.Context, q db.Q, user string) (access.Factors, error) {
	kinds, err := s.Factors.Kinds(ctx, q, user)
	return access.Factors(kinds), err
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
		Realm: "code", Actor: a.User, Credential: string(a.Credential), Address: request.AddressText(a.Address),
		Action: action, Target: target, Detail: detail,
	})
}
