package user

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
)

// Heard is something that the issuer tells by itself, verified.
type Heard struct {
	ID      string // of the telling; one that comes again does nothing more
	Issuer  string
	Subject string
	Session string // the issuer's, where a sign-out is about one
	At      time.Time
	Expires time.Time // until then ID is remembered
}

// SignedOut ends the sessions that came of a session at the issuer, or all of
// the subject's where none is named. It gives how many there were.
func (s *Service) SignedOut(ctx context.Context, h Heard) (int, error) {
	var ended []string
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if first, err := s.hear(ctx, tx, h); err != nil || !first {
			return err
		}
		if err := s.lockSessions(ctx, tx); err != nil {
			return err
		}
		var err error
		ended, err = db.All[string](ctx, tx, `
			DELETE FROM code_session WHERE ($3 = '' OR account_session = $3)
			AND user_id IN (SELECT id FROM code_user WHERE issuer = $1 AND ($2 = '' OR subject = $2))
			AND ($2 <> '' OR $3 <> '') RETURNING user_id`, h.Issuer, h.Subject, h.Session)
		if err != nil || len(ended) == 0 {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: byIssuer, Action: "session.signed_out", Target: ended[0], Detail: map[string]any{"sessions": len(ended)},
		})
	})
	if err != nil {
		return 0, fmt.Errorf("signing somebody out for the issuer: %w", err)
	}
	return len(ended), nil
}

// AccountChanged follows the issuer, who has shut an account or opened it again.
// Of two tellings the one of what happened later counts, in whichever order
// they come.
func (s *Service) AccountChanged(ctx context.Context, h Heard, suspended bool) error {
	entry := audit.Entry{Actor: byIssuer, Detail: map[string]any{"issuer": h.Issuer}}
	_, err := s.suspend(ctx, `subject = $1 AND issuer = $2`, []any{h.Subject, h.Issuer}, byIssuer, suspended, entry, func(tx *db.Tx) (bool, error) {
		if first, err := s.hear(ctx, tx, h); err != nil || !first {
			return false, err
		}
		return overtake(ctx, tx, h.Issuer, h.Subject, h.At)
	})
	return err
}

// overtake notes when something happened to an account; false where something
// later is known. An empty issuer stands for any.
func overtake(ctx context.Context, tx *db.Tx, issuer, subject string, at time.Time) (bool, error) {
	n, err := db.Exec(ctx, tx, `UPDATE code_user SET account_event = $1 WHERE ($2 = '' OR issuer = $2) AND subject = $3 AND account_event < $1`, at, issuer, subject)
	return n > 0, err
}

// hear remembers a telling; false where it was heard before.
func (s *Service) hear(ctx context.Context, tx *db.Tx, h Heard) (bool, error) {
	if _, err := db.Exec(ctx, tx, `DELETE FROM code_event WHERE expires < $1`, s.Clock()); err != nil {
		return false, err
	}
	n, err := db.Exec(ctx, tx, `INSERT INTO code_event (issuer, id, expires) VALUES ($1, $2, $3) ON CONFLICT (issuer, id) DO NOTHING`, h.Issuer, h.ID, h.Expires)
	return n == 1, err
}
