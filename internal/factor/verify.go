package factor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// VerifyCode takes the second step with a code of the holder's: six digits
// from an authenticator app, or else a recovery code. Spaces, hyphens and
// case don't matter. It tells by which method the code was accepted.
//
// An accepted code is used up at once, whatever its caller does next. A wrong
// or used code is of kind Invalid, for the field "code". The caller throttles.
func (s *Service) VerifyCode(ctx context.Context, holder, code string) (Method, error) {
	code = squeeze(code)
	if code == "" {
		return "", errs.Invalid("code", "Type the code.")
	}
	if looksLikeTOTP(code) {
		return s.verifyTOTP(ctx, holder, code)
	}
	// At 120 random bits a recovery code can't be guessed, so failures aren't
	// counted here (NIST SP 800-63B-4 §3.1.2.2).
	used, err := s.useRecovery(ctx, holder, secret.Hash(code), s.Clock())
	if err != nil {
		return "", fmt.Errorf("checking a recovery code: %w", err)
	}
	if !used {
		return "", errs.Invalid("code", "That code isn't right, or has been used before.")
	}
	return Recovery, nil
}

func (s *Service) verifyTOTP(ctx context.Context, holder, code string) (Method, error) {
	factors, err := s.totpKeys(ctx, holder)
	if err != nil {
		return "", fmt.Errorf("checking a code: %w", err)
	}
	now := s.Clock()
	refusal := errWrong()
	for _, f := range factors {
		if f.Failures >= maxFailures {
			refusal = errs.Invalid("code", "Too many wrong codes have turned this authenticator app off. Use a recovery code, then set it up again.")
			continue
		}
		err := s.tryTOTP(ctx, f, code, now)
		if err == nil {
			return TOTP, nil
		}
		if !errors.Is(err, errMismatch) {
			return "", err
		}
	}
	// The code fits none of them, so it counts against each.
	if err := s.countFailure(ctx, holder); err != nil {
		return "", fmt.Errorf("counting a wrong code: %w", err)
	}
	return "", refusal
}

// errMismatch says that a code isn't one of the factor's.
var errMismatch = errors.New("not a code of this factor")

// tryTOTP uses up the step that the code belongs to.
func (s *Service) tryTOTP(ctx context.Context, f totpKey, code string, now time.Time) error {
	key, err := s.Box.Open(place(f.ID), f.Sealed)
	if err != nil {
		return fmt.Errorf("opening the secret of factor %s: %w", f.ID, err)
	}
	steps := matching(key, code, now)
	if len(steps) == 0 {
		return errMismatch
	}
	for _, step := range steps {
		used, err := s.useStep(ctx, f.ID, step, now)
		if err != nil {
			return fmt.Errorf("using up a code: %w", err)
		}
		if used {
			return nil
		}
	}
	return errs.Invalid("code", "That code has been used already. Wait for the next one.")
}

// squeeze takes out what people type between the groups of a code.
func squeeze(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\t", "", "\u00a0", "", "\r", "", "\n", "").Replace(code))
}

func looksLikeTOTP(code string) bool {
	return len(code) == digits && strings.Trim(code, "0123456789") == ""
}
