package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/secret"
)

// FreshFor is how long ago a person may have proven who they are to change
// how they sign in.
const FreshFor = 15 * time.Minute

// ErrStale says that the session must prove once more who it is, by the
// strongest evidence that its person can give.
var ErrStale = errors.New("the session's evidence is older than 15 minutes")

// Fresh is what is needed of a session that changes how its person signs in.
func Fresh(now time.Time) Need { return Need{After: now.Add(-FreshFor)} }

// Fresh reports whether the person has just given the strongest evidence that
// they can: the second step, where they have one.
func (s Session) Fresh(now time.Time) bool {
	class, _ := s.proven.level(Fresh(now).After)
	if s.Kinds.Any() {
		return class.Reaches(ClassTwo)
	}
	return class != ""
}

func (s *Service) fresh(session Session) error {
	if !session.Fresh(s.Clock()) {
		return ErrStale
	}
	return nil
}

// MFA is what a person's second step is made of.
type MFA struct {
	Factors      []factor.Factor // none: MFA is off
	RecoveryLeft int
	Keys         bool // security keys can be added at this site's address
}

// On reports whether MFA is on.
func (m MFA) On() bool { return len(m.Factors) > 0 }

// MFA tells what the person's second step is made of.
func (s *Service) MFA(ctx context.Context, session Session) (MFA, error) {
	factors, err := s.Factors.List(ctx, session.Person.ID)
	if err != nil {
		return MFA{}, err
	}
	left, err := s.Factors.RecoveryLeft(ctx, session.Person.ID)
	return MFA{Factors: factors, RecoveryLeft: left, Keys: s.Factors.TakesKeys()}, err
}

// BeginTOTP starts to set up an authenticator app; see factor.Service. It is
// ErrStale where the session has to prove itself first, as is every change here.
func (s *Service) BeginTOTP(ctx context.Context, session Session) (factor.Pending, error) {
	if err := s.fresh(session); err != nil {
		return factor.Pending{}, err
	}
	return s.Factors.BeginTOTP(ctx, session.Person.ID, session.Person.Email)
}

// PendingTOTP shows a set-up again; see factor.Service.
func (s *Service) PendingTOTP(ctx context.Context, session Session, id string) (factor.Pending, error) {
	if err := s.fresh(session); err != nil {
		return factor.Pending{}, err
	}
	return s.Factors.Pending(ctx, session.Person.ID, id, session.Person.Email)
}

// BeginKey asks for a new security key or passkey; see factor.Service. token is
// the session's.
func (s *Service) BeginKey(ctx context.Context, session Session, token secret.String) (factor.Options, error) {
	if err := s.fresh(session); err != nil {
		return factor.Options{}, err
	}
	return s.Factors.BeginKey(ctx, session.Person.ID, session.Person.Email, boundTo(token))
}

// Changed is what comes of a change of the second step.
type Changed struct {
	Token         secret.String   // the session goes on under it
	RecoveryCodes []secret.String // where new ones were made: for the person alone, once
}

// ConfirmTOTP adds the authenticator app that was set up, by a code from it.
// The first factor turns MFA on and brings recovery codes. The session has
// thereby taken the step; the person's other sessions end.
func (s *Service) ConfirmTOTP(ctx context.Context, session Session, id, code, label string, v Visit) (Changed, error) {
	if err := s.fresh(session); err != nil {
		return Changed{}, err
	}
	return s.add(ctx, session, factor.Taken{Method: factor.TOTP}, v, func(tx *db.Tx) error {
		return s.Factors.ConfirmTOTP(ctx, tx, session.Person.ID, id, code, label)
	})
}

// ConfirmKey adds the security key or passkey that has answered; see ConfirmTOTP.
func (s *Service) ConfirmKey(ctx context.Context, session Session, token secret.String, a factor.Answer, label string, v Visit) (Changed, error) {
	if err := s.fresh(session); err != nil {
		return Changed{}, err
	}
	key, err := s.Factors.ReadKey(ctx, session.Person.ID, boundTo(token), a)
	if err != nil {
		return Changed{}, err
	}
	return s.add(ctx, session, key.Taken(), v, func(tx *db.Tx) error { return s.Factors.AddKey(ctx, tx, key, label) })
}

func (s *Service) add(ctx context.Context, session Session, taken factor.Taken, v Visit, keep func(*db.Tx) error) (Changed, error) {
	p := session.Person
	var done Changed
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := keep(tx); err != nil {
			return err
		}
		var err error
		action := "factor.add"
		if !session.Kinds.Any() {
			action = "mfa.on"
			if done.RecoveryCodes, err = s.Factors.NewRecoveryCodes(ctx, tx, p.ID); err != nil {
				return err
			}
		}
		proof := Proof{person: p, proven: session.proven.with(evidenceOf(taken, s.Clock())), session: session.ID}
		if done.Token, err = s.goOn(ctx, tx, proof); err != nil {
			return err
		}
		if err := s.People.Notify(ctx, tx, p.ID, "A second step was added", fmt.Sprintf(noticeAdded, kindWords(taken.Method))); err != nil {
			return err
		}
		return s.note(ctx, tx, session, action, map[string]any{"method": taken.Method}, v)
	})
	if err != nil {
		return Changed{}, fmt.Errorf("adding a second step: %w", err)
	}
	return done, nil
}

func kindWords(m factor.Method) string {
	if m == factor.WebAuthn {
		return "A security key or passkey"
	}
	return "An authenticator app"
}

// RenameFactor gives a factor another label.
func (s *Service) RenameFactor(ctx context.Context, session Session, id, label string, v Visit) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.Factors.Rename(ctx, tx, session.Person.ID, id, label); err != nil {
			return err
		}
		return s.note(ctx, tx, session, "factor.rename", map[string]any{"factor": id}, v)
	})
}

// RemoveFactor removes one of several factors; the person's other sessions
// end. The last one is removed by TurnOffMFA alone.
func (s *Service) RemoveFactor(ctx context.Context, session Session, id string, v Visit) (Changed, error) {
	return s.change(ctx, session, v, "factor.remove", "A second step was removed", noticeRemoved, func(tx *db.Tx) ([]secret.String, error) {
		_, err := s.Factors.Remove(ctx, tx, session.Person.ID, id)
		return nil, err
	})
}

// ReplaceRecoveryCodes makes new recovery codes and voids the old ones; the
// person's other sessions end.
func (s *Service) ReplaceRecoveryCodes(ctx context.Context, session Session, v Visit) (Changed, error) {
	return s.change(ctx, session, v, "mfa.recovery_codes", "New recovery codes were made", noticeCodes, func(tx *db.Tx) ([]secret.String, error) {
		return s.Factors.NewRecoveryCodes(ctx, tx, session.Person.ID)
	})
}

// TurnOffMFA removes every factor and recovery code; the person's other
// sessions end. It is of kind Conflict where the operator requires MFA.
func (s *Service) TurnOffMFA(ctx context.Context, session Session, v Visit) (Changed, error) {
	rules, err := s.rules(ctx, session.Person)
	if err != nil {
		return Changed{}, err
	}
	if rules.MFARequired {
		return Changed{}, errs.Conflict("", "MFA is required here, so it can't be turned off. To change how you take the step, add another one and then remove this.")
	}
	return s.change(ctx, session, v, "mfa.off", "MFA is off", noticeOff, func(tx *db.Tx) ([]secret.String, error) {
		return nil, s.Factors.RemoveAll(ctx, tx, session.Person.ID)
	})
}

// change is a change of the second step that needs a fresh session, ends the
// others, and is told to the person.
func (s *Service) change(ctx context.Context, session Session, v Visit, action, subject, text string, do func(*db.Tx) ([]secret.String, error)) (Changed, error) {
	if err := s.fresh(session); err != nil {
		return Changed{}, err
	}
	var done Changed
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		var err error
		if done.RecoveryCodes, err = do(tx); err != nil {
			return err
		}
		if done.Token, err = s.goOn(ctx, tx, Proof{person: session.Person, proven: session.proven, session: session.ID}); err != nil {
			return err
		}
		if err := s.People.Notify(ctx, tx, session.Person.ID, subject, text); err != nil {
			return err
		}
		return s.note(ctx, tx, session, action, nil, v)
	})
	if err != nil {
		return Changed{}, fmt.Errorf("changing the second step: %w", err)
	}
	return done, nil
}

func (s *Service) note(ctx context.Context, tx *db.Tx, session Session, action string, detail map[string]any, v Visit) error {
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: session.Person.ID, Credential: "session", Address: v.Address,
		Action: action, Target: session.Person.ID, Detail: detail,
	})
}

const ifNot = `
Other browsers that were signed in to it are signed out.

If it wasn't you, change your password now and look at your security page.
`

const (
	noticeAdded   = "%s was added to your Sallyport account as a second step.\n" + ifNot
	noticeRemoved = "A second step of your Sallyport account was removed. You still have another one.\n" + ifNot
	noticeCodes   = "New recovery codes were made for your Sallyport account. The old ones no longer work.\n" + ifNot
	noticeOff     = "MFA of your Sallyport account was turned off: your password alone signs you in now, and your recovery codes no longer work.\n" + ifNot
)
