// Package factor is the second step, for both sites: authenticator apps
// (TOTP, RFC 6238) and recovery codes, each belonging to a realm and a holder.
//
// It owns the tables factor and recovery_code. It knows neither sessions nor
// who may ask: its callers bind a holder to a request, slow down guessing
// (package throttle), audit, and send notices.
//
// What always holds:
//   - A secret is 160 random bits, new at every Begin, and sealed for its row.
//   - Only a confirmed factor counts as enrolment. A set-up that was begun and
//     not finished doesn't, and recovery codes alone don't.
//   - A code opens once. Each decision is one conditional UPDATE: of any number
//     of equal codes at the same time, on any number of nodes, one is accepted.
//   - A code serves its own holder in its own realm.
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
}

// Factor is one confirmed second step of a holder.
type Factor struct {
	ID       string
	Kind     Method
	Label    string
	Added    time.Time
	LastUsed time.Time
	Failures int64 // wrong codes in a row
}

// Off reports whether too many wrong codes have turned the factor off.
func (f Factor) Off() bool { return f.Failures >= maxFailures }

// List gives the holder's confirmed factors, oldest first. None means that
// the holder isn't enrolled.
func (s *Service) List(ctx context.Context, holder string) ([]Factor, error) {
	factors, err := s.confirmed(ctx, s.DB, holder)
	if err != nil {
		return nil, fmt.Errorf("reading second steps: %w", err)
	}
	return factors, nil
}

// Enrolled reports whether the holder has a confirmed factor.
func (s *Service) Enrolled(ctx context.Context, q db.Q, holder string) (bool, error) {
	factors, err := s.confirmed(ctx, q, holder)
	if err != nil {
		return false, fmt.Errorf("reading second steps: %w", err)
	}
	return len(factors) > 0, nil
}

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
