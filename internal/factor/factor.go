// Package factor is the second step, for both sites: authenticator apps
// (TOTP, RFC 6238), security keys and passkeys (WebAuthn Level 3), and recovery
// codes, each belonging to a realm and a holder.
//
// It owns the tables factor, factor_challenge, factor_reset and recovery_code.
// It knows neither sessions nor who may ask: its callers bind a holder to a
// request, slow down guessing (package throttle), audit, and send notices.
//
// What always holds:
//   - A secret is 160 random bits, new at every Begin, and sealed for its row.
//   - Only a confirmed factor counts as enrolment. A set-up that was begun and
//     not finished doesn't, and recovery codes alone don't.
//   - A code opens once. Each decision is one conditional UPDATE: of any number
//     of equal codes at the same time, on any number of nodes, one is accepted.
//   - A code serves its own holder in its own realm.
//   - What a key signs is a random challenge of ours, taken out of the store to
//     be judged: once, for one purpose, one holder and one session or flow.
//   - After 100 wrong codes in a row a factor is off until it is set up anew
//     (NIST SP 800-63B-4 §3.2.2). It still counts as enrolment: otherwise
//     guessing badly would be a way round the second step.
package factor

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// Realm is the site that a factor belongs to.
type Realm string

const (
	Account Realm = "account"
	Code    Realm = "code"
)

// Method is a way to take the second step, and the kind of a factor.
type Method string

const (
	TOTP     Method = "totp"     // an authenticator app
	WebAuthn Method = "webauthn" // a security key or passkey
	Recovery Method = "recovery" // a recovery code; never a factor of its own
)

// maxFailures is how many wrong codes in a row a factor bears.
const maxFailures = 100

// Service keeps the factors of one realm.
type Service struct {
	DB     *db.DB
	Box    *secret.Box
	Clock  clock.Clock
	Realm  Realm
	Issuer string // the name that authenticator apps show, as "Sallyport Code"
	URL    string // of the site, to which security keys bind themselves
}

// Factor is one confirmed second step of a holder.
type Factor struct {
	ID       string
	Kind     Method
	Label    string
	Added    time.Time
	LastUsed time.Time
	Failures int64 // wrong codes in a row
	Synced   bool  // a passkey that its owner's devices share
}

// maxFactors is how many factors one holder may have.
const maxFactors = 20

// Off reports whether too many wrong codes have turned the factor off.
func (f Factor) Off() bool { return f.Failures >= maxFailures }

// Kinds tells which kinds of factor a holder has.
type Kinds struct{ TOTP, WebAuthn bool }

// Any reports whether there is one.
func (k Kinds) Any() bool { return k.TOTP || k.WebAuthn }

// KindsOf tells the kinds of some factors.
func KindsOf(factors []Factor) Kinds {
	var k Kinds
	for _, f := range factors {
		k.TOTP = k.TOTP || f.Kind == TOTP
		k.WebAuthn = k.WebAuthn || f.Kind == WebAuthn
	}
	return k
}

// List gives the holder's confirmed factors, oldest first. None means that
// the holder isn't enrolled.
func (s *Service) List(ctx context.Context, holder string) ([]Factor, error) {
	factors, err := s.confirmed(ctx, s.DB, holder)
	if err != nil {
		return nil, fmt.Errorf("reading second steps: %w", err)
	}
	return factors, nil
}

// Kinds tells which kinds of confirmed factor the holder has.
func (s *Service) Kinds(ctx context.Context, q db.Q, holder string) (Kinds, error) {
	factors, err := s.confirmed(ctx, q, holder)
	if err != nil {
		return Kinds{}, fmt.Errorf("reading second steps: %w", err)
	}
	return KindsOf(factors), nil
}

// Enrolled reports whether the holder has a confirmed factor.
func (s *Service) Enrolled(ctx context.Context, q db.Q, holder string) (bool, error) {
	factors, err := s.confirmed(ctx, q, holder)
	if err != nil {
		return false, fmt.Errorf("reading second steps: %w", err)
	}
	return len(factors) > 0, nil
}

// Rename gives a factor another label, in the caller's transaction. It is of
// kind NotFound where the holder has no such factor.
func (s *Service) Rename(ctx context.Context, tx *db.Tx, holder, id, label string) error {
	label, err := cleanLabel(label, "")
	if err != nil {
		return err
	}
	if label == "" {
		return errs.Invalid("label", "Give it a name.")
	}
	renamed, err := s.setLabel(ctx, tx, holder, id, label)
	if err != nil {
		return fmt.Errorf("renaming a second step: %w", err)
	}
	if !renamed {
		return errGone()
	}
	return nil
}

// Remove takes one factor from the holder, in the caller's transaction, and
// gives what it was. The last one is not removed: that is RemoveAll, which its
// callers judge apart. It is of kind Conflict then, and NotFound where the
// holder has no such factor.
func (s *Service) Remove(ctx context.Context, tx *db.Tx, holder, id string) (Factor, error) {
	if err := s.lock(ctx, tx, holder); err != nil {
		return Factor{}, fmt.Errorf("removing a second step: %w", err)
	}
	factors, err := s.confirmed(ctx, tx, holder)
	if err != nil {
		return Factor{}, fmt.Errorf("removing a second step: %w", err)
	}
	for _, f := range factors {
		if f.ID != id {
			continue
		}
		if len(factors) == 1 {
			return f, errs.Conflict("", "This is the only one. Add another first, or turn the whole off.")
		}
		if err := s.delete(ctx, tx, holder, id); err != nil {
			return f, fmt.Errorf("removing a second step: %w", err)
		}
		return f, nil
	}
	return Factor{}, errGone()
}

func errGone() error { return errs.NotFound("There is no such second step any more.") }

// RecoveryLeft tells how many unused recovery codes the holder has.
func (s *Service) RecoveryLeft(ctx context.Context, holder string) (int, error) {
	n, err := s.unusedRecovery(ctx, holder)
	if err != nil {
		return 0, fmt.Errorf("counting recovery codes: %w", err)
	}
	return n, nil
}

// RemoveAll takes from the holder every factor, every set-up under way and
// every recovery code, in the caller's transaction.
func (s *Service) RemoveAll(ctx context.Context, tx *db.Tx, holder string) error {
	if err := s.deleteAll(ctx, tx, holder); err != nil {
		return fmt.Errorf("removing second steps: %w", err)
	}
	return nil
}
