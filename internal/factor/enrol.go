package factor

import (
	"context"
	"crypto/rand"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

const (
	pendingFor   = 30 * time.Minute // how long a set-up may take
	pendingAtAny = 5                // how many set-ups of one holder are kept
	maxLabel     = 60               // characters
	recoverySize = 24               // base32 characters: 120 bits
	recoveryEach = 10
)

// Pending is an authenticator app being set up. It is no factor yet.
type Pending struct {
	ID     string
	Secret secret.String // the key to type: base32, in groups of four
	URI    secret.String // otpauth://…
	QR     template.HTML // the URI as an inline SVG
}

// BeginTOTP starts to set up an authenticator app, with a secret of its own.
// account is what the app shows beside the issuer, as the holder's username.
// It is of kind Conflict where the holder has as many factors as there may be.
func (s *Service) BeginTOTP(ctx context.Context, holder, account string) (Pending, error) {
	key := make([]byte, secretSize)
	rand.Read(key)
	id := db.NewID()
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.roomForMore(ctx, tx, holder); err != nil {
			return err
		}
		now := s.Clock()
		if err := s.sweepPending(ctx, tx, holder, now.Add(-pendingFor)); err != nil {
			return err
		}
		return s.insertPending(ctx, tx, id, holder, s.Box.Seal(place(id), key), now)
	})
	if err != nil {
		return Pending{}, fmt.Errorf("beginning to set up an authenticator app: %w", err)
	}
	return s.show(id, account, key)
}

// Pending gives a set-up begun before, to show it again. It is of kind
// Conflict where it is over: expired, finished, or finished in another tab.
func (s *Service) Pending(ctx context.Context, holder, id, account string) (Pending, error) {
	key, err := s.pendingKey(ctx, s.DB, holder, id)
	if err != nil {
		return Pending{}, fmt.Errorf("showing the set-up of an authenticator app: %w", err)
	}
	return s.show(id, account, key)
}

// ConfirmTOTP turns a set-up into a factor by a code from the app, in the
// caller's transaction, and uses that code up. Every other set-up of the
// holder is void from then on. It is of kind Conflict where the set-up is
// over or another tab was faster, and Invalid where the code is wrong.
func (s *Service) ConfirmTOTP(ctx context.Context, tx *db.Tx, holder, id, code, label string) error {
	label, err := cleanLabel(label, "Authenticator app")
	if err != nil {
		return err
	}
	// Of two set-ups that are finished at the same moment, one goes first.
	if err := s.lock(ctx, tx, holder); err != nil {
		return fmt.Errorf("confirming an authenticator app: %w", err)
	}
	key, err := s.pendingKey(ctx, tx, holder, id)
	if err != nil {
		return fmt.Errorf("confirming an authenticator app: %w", err)
	}
	now := s.Clock()
	steps := matching(key, squeeze(code), now)
	if len(steps) == 0 {
		return errWrong()
	}
	confirmed, err := s.confirm(ctx, tx, holder, id, label, steps[len(steps)-1], now)
	if err == nil && !confirmed {
		return errOver()
	}
	if err == nil {
		err = s.voidSetUps(ctx, tx, holder)
	}
	if err != nil {
		return fmt.Errorf("confirming an authenticator app: %w", err)
	}
	return nil
}

// roomForMore refuses a holder who has as many factors as there may be.
func (s *Service) roomForMore(ctx context.Context, q db.Q, holder string) error {
	factors, err := s.confirmed(ctx, q, holder)
	if err != nil {
		return err
	}
	if len(factors) >= maxFactors {
		return errs.Conflict("", "You have %d second steps. Remove one that you no longer use first.", maxFactors)
	}
	return nil
}

// NewRecoveryCodes makes ten codes in place of those there were, in the
// caller's transaction. The plain codes are for the holder alone, once. It is
// of kind Conflict where the holder has no factor to recover.
func (s *Service) NewRecoveryCodes(ctx context.Context, tx *db.Tx, holder string) ([]secret.String, error) {
	// The lock puts two askers in a row, so that the codes of one are void.
	enrolled, err := s.lockConfirmed(ctx, tx, holder)
	if err != nil {
		return nil, fmt.Errorf("making recovery codes: %w", err)
	}
	if !enrolled {
		return nil, errs.Conflict("", "Recovery codes come with a second step. Set one up first.")
	}
	codes := make([]secret.String, recoveryEach)
	hashes := make([]string, recoveryEach)
	for i := range codes {
		plain := strings.ToLower(rand.Text()[:recoverySize])
		codes[i], hashes[i] = secret.New(grouped(plain, "-")), secret.Hash(plain)
	}
	if err := s.replaceRecovery(ctx, tx, holder, hashes); err != nil {
		return nil, fmt.Errorf("keeping recovery codes: %w", err)
	}
	return codes, nil
}

// pendingKey opens the secret of a set-up that can still be finished.
func (s *Service) pendingKey(ctx context.Context, q db.Q, holder, id string) ([]byte, error) {
	sealed, err := s.pendingSecret(ctx, q, holder, id, s.Clock().Add(-pendingFor))
	if errs.Is(err, errs.KindNotFound) {
		return nil, errOver()
	}
	if err != nil {
		return nil, err
	}
	return s.Box.Open(place(id), sealed)
}

func (s *Service) show(id, account string, key []byte) (Pending, error) {
	text := base32Text.EncodeToString(key)
	uri := keyURI(s.Issuer, account, text)
	qr, err := qrCode(uri)
	if err != nil {
		return Pending{}, err
	}
	return Pending{ID: id, Secret: secret.New(grouped(text, " ")), URI: secret.New(uri), QR: qr}, nil
}

// place is what a factor's secret is sealed for: its row.
func place(id string) string { return "factor|secret|" + id }

// grouped sets text in groups of four, to be read and typed.
func grouped(text, between string) string {
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), between)
}

func cleanLabel(label, otherwise string) (string, error) {
	label = strings.TrimSpace(label)
	switch {
	case label == "":
		return otherwise, nil
	case !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl):
		return "", errs.Invalid("label", "Use letters, digits and spaces.")
	case utf8.RuneCountInString(label) > maxLabel:
		return "", errs.Invalid("label", "Use at most %d characters.", maxLabel)
	}
	return label, nil
}

func errOver() error {
	return errs.Conflict("", "This set-up is over: it took too long, or was finished in another tab. Start again.")
}

func errWrong() error {
	return errs.Invalid("code", "That code isn't right. Check that the clock of your device is right, and type the code that is shown now.")
}
