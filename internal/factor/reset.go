package factor

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// How long a reset of lost factors waits, and how long its link then works.
const (
	resetHalf = 12 * time.Hour
	resetWait = 24 * time.Hour
	resetLink = 24 * time.Hour // OWASP ASVS 5.0 6.4.1
)

// Stage is how far the reset of lost factors has come.
type Stage string

const (
	ResetBegun Stage = "begun" // somebody with the password has asked for it
	ResetHalf  Stage = "half"  // half of the wait is over
	ResetReady Stage = "ready" // the link that does it is on its way
)

// Reset is a holder's wait for their lost factors to be removed. It takes a
// day, in which whoever still has the factors can stop it by signing in, or by
// the link in each notice (NIST SP 800-63B-4 §4.2).
type Reset struct {
	ID     string
	Holder string
	Stage  Stage
	Begun  time.Time
	Due    time.Time // when the next stage comes; of the last, when its link ends
}

// Ready is when the link comes, as it stands now.
func (r Reset) Ready() time.Time {
	if r.Stage == ResetHalf {
		return r.Due
	}
	return r.Begun.Add(resetWait)
}

const selectReset = `SELECT id, holder, stage, begun, due FROM factor_reset `

// BeginReset begins the wait, in the caller's transaction, and gives the token
// of the link that stops it. It is of kind Conflict where the holder waits
// already, or has nothing to lose.
func (s *Service) BeginReset(ctx context.Context, tx *db.Tx, holder string) (Reset, secret.String, error) {
	enrolled, err := s.Enrolled(ctx, tx, holder)
	if err != nil {
		return Reset{}, secret.String{}, err
	}
	if !enrolled {
		return Reset{}, secret.String{}, errs.Conflict("", "There is no second step that you could have lost.")
	}
	now := s.Clock()
	r := Reset{ID: db.NewID(), Holder: holder, Stage: ResetBegun, Begun: now, Due: now.Add(resetHalf)}
	cancel := s.cancelToken(r.ID)
	made, err := db.Exec(ctx, tx, `
		INSERT INTO factor_reset (id, realm, holder, stage, begun, due, cancel) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		r.ID, s.Realm, holder, r.Stage, r.Begun, r.Due, secret.Hash(cancel.Reveal()))
	if err != nil {
		return Reset{}, secret.String{}, fmt.Errorf("beginning a reset: %w", err)
	}
	if made == 0 {
		return Reset{}, secret.String{}, errs.Conflict("", "You asked for this already. The mails say when the link comes.")
	}
	return r, cancel, nil
}

// cancelToken is the same in every notice of a reset, and nowhere kept.
func (s *Service) cancelToken(id string) secret.String {
	return secret.New(hex.EncodeToString(s.Box.Derive("factor reset cancel " + id)))
}

// Resetting gives the holder's reset; NotFound where none is under way.
func (s *Service) Resetting(ctx context.Context, holder string) (Reset, error) {
	return db.One[Reset](ctx, s.DB, selectReset+`WHERE realm = $1 AND holder = $2 AND (stage <> $3 OR due > $4)`,
		s.Realm, holder, ResetReady, s.Clock())
}

// CancelReset stops the holder's reset, in the caller's transaction, and
// reports whether there was one: for whoever has just shown that nothing is lost.
func (s *Service) CancelReset(ctx context.Context, tx *db.Tx, holder string) (bool, error) {
	n, err := db.Exec(ctx, tx, `DELETE FROM factor_reset WHERE realm = $1 AND holder = $2`, s.Realm, holder)
	if err != nil {
		return false, fmt.Errorf("stopping a reset: %w", err)
	}
	return n > 0, nil
}

var errResetOver = errs.NotFound("This link isn't valid any more: the reset was stopped, is done, or is over.")

// ResetByCancel looks at a reset by the token of the link that stops it;
// NotFound where there is none any more.
func (s *Service) ResetByCancel(ctx context.Context, token secret.String) (Reset, error) {
	return s.reset(ctx, `WHERE realm = $1 AND cancel = $2`, s.Realm, secret.Hash(token.Reveal()))
}

// ResetByLink looks at a reset by the token of the link that does it; NotFound
// where there is none any more.
func (s *Service) ResetByLink(ctx context.Context, token secret.String) (Reset, error) {
	return s.reset(ctx, `WHERE realm = $1 AND link = $2 AND stage = $3 AND due > $4`,
		s.Realm, secret.Hash(token.Reveal()), ResetReady, s.Clock())
}

func (s *Service) reset(ctx context.Context, where string, args ...any) (Reset, error) {
	r, err := db.One[Reset](ctx, s.DB, selectReset+where, args...)
	if errs.Is(err, errs.KindNotFound) {
		return Reset{}, errResetOver
	}
	if err != nil {
		return Reset{}, fmt.Errorf("reading a reset: %w", err)
	}
	return r, nil
}

// CancelResetByLink stops a reset by the token in its notices, in the caller's
// transaction, and tells whose it was.
func (s *Service) CancelResetByLink(ctx context.Context, tx *db.Tx, token secret.String) (holder string, err error) {
	return s.endReset(ctx, tx, `DELETE FROM factor_reset WHERE realm = $1 AND cancel = $2 RETURNING holder`, s.Realm, secret.Hash(token.Reveal()))
}

// FinishReset does what was waited for, by the token of the last mail's link:
// it removes every factor and recovery code of the holder, in the caller's
// transaction, and tells whose they were.
func (s *Service) FinishReset(ctx context.Context, tx *db.Tx, token secret.String) (holder string, err error) {
	holder, err = s.endReset(ctx, tx, `DELETE FROM factor_reset WHERE realm = $1 AND link = $2 AND stage = $3 AND due > $4 RETURNING holder`,
		s.Realm, secret.Hash(token.Reveal()), ResetReady, s.Clock())
	if err != nil {
		return "", err
	}
	return holder, s.RemoveAll(ctx, tx, holder)
}

func (s *Service) endReset(ctx context.Context, tx *db.Tx, statement string, args ...any) (string, error) {
	holder, err := db.One[string](ctx, tx, statement, args...)
	if errs.Is(err, errs.KindNotFound) {
		return "", errResetOver
	}
	if err != nil {
		return "", fmt.Errorf("ending a reset: %w", err)
	}
	return holder, nil
}

// Tell mails the holder what stage their reset has come to, within the
// transaction in which it has. cancel is the token of the link that stops it;
// link that of the one which does it, at ResetReady, and else empty.
type Tell func(ctx context.Context, tx *db.Tx, r Reset, cancel, link secret.String) error

// AdvanceResets brings every reset that is due to its next stage, once, on
// whichever node, and ends those whose link nobody used.
func (s *Service) AdvanceResets(ctx context.Context, tell Tell) error {
	due, err := db.All[Reset](ctx, s.DB, selectReset+`WHERE realm = $1 AND due <= $2 ORDER BY due, id`, s.Realm, s.Clock())
	if err != nil {
		return fmt.Errorf("finding the resets that are due: %w", err)
	}
	for _, r := range due {
		if err := s.DB.InTx(ctx, func(tx *db.Tx) error { return s.advance(ctx, tx, r, tell) }); err != nil {
			return fmt.Errorf("advancing a reset: %w", err)
		}
	}
	return nil
}

func (s *Service) advance(ctx context.Context, tx *db.Tx, r Reset, tell Tell) error {
	now, next := s.Clock(), r
	var link secret.String
	var hash string
	switch r.Stage {
	case ResetBegun:
		// Where the program stood still meanwhile, the notice still comes half a
		// day before the link does.
		next.Stage, next.Due = ResetHalf, r.Ready()
		if latest := now.Add(resetWait - resetHalf); next.Due.Before(latest) {
			next.Due = latest
		}
	case ResetHalf:
		link, hash = secret.Token("")
		next.Stage, next.Due = ResetReady, now.Add(resetLink)
	default:
		_, err := db.Exec(ctx, tx, `DELETE FROM factor_reset WHERE id = $1 AND stage = $2 AND due = $3`, r.ID, r.Stage, r.Due)
		return err
	}
	cancel := s.cancelToken(r.ID)
	n, err := db.Exec(ctx, tx, `UPDATE factor_reset SET stage = $1, due = $2, link = $3, cancel = $4 WHERE id = $5 AND stage = $6 AND due = $7`,
		next.Stage, next.Due, hash, secret.Hash(cancel.Reveal()), r.ID, r.Stage, r.Due)
	if err != nil || n == 0 { // stopped, or advanced by another node
		return err
	}
	return tell(ctx, tx, next, cancel, link)
}
