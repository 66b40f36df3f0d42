package user

import (
	"context"
	"slices"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/factor"
)

// Profiles.

const userColumns = `u.id, u.issuer, u.subject, u.username, u.name, u.email, u.email_proven, u.account_opens, u.suspended, u.created`

func (s *Service) bySubject(ctx context.Context, q db.Q, issuer, subject string) (User, error) {
	return db.One[User](ctx, q, `SELECT `+userColumns+` FROM code_user u WHERE issuer = $1 AND subject = $2`, issuer, subject)
}

func (s *Service) byID(ctx context.Context, q db.Q, id string) (User, error) {
	return db.One[User](ctx, q, `SELECT `+userColumns+` FROM code_user u WHERE id = $1`, id)
}

func (s *Service) insertUser(ctx context.Context, tx *db.Tx, u User) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO code_user (id, issuer, subject, username, name, email, email_proven, account_opens, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		u.ID, u.Issuer, u.Subject, u.Username, u.Name, u.Email, u.EmailProven, u.AccountOpens, u.Created)
	return err
}

func (s *Service) updateUser(ctx context.Context, tx *db.Tx, u User) error {
	_, err := db.Exec(ctx, tx, `UPDATE code_user SET name = $2, email = $3, email_proven = $4 WHERE id = $1`,
		u.ID, u.Name, u.Email, u.EmailProven)
	return err
}

// Sessions.

type sessionRow struct {
	ID, Hash, User, ACR, AMR string
	AuthTime                 time.Time
	Address, Agent           string
	Created                  time.Time
	AccountSession           string // the issuer's name for its own session; may be empty
	Expires                  time.Time
	Idle                     time.Duration
}

func (s *Service) insertSession(ctx context.Context, tx *db.Tx, r sessionRow) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO code_session (id, hash, user_id, account_acr, account_amr, account_time, address, agent, created, seen, account_session, expires, idle)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)`,
		r.ID, r.Hash, r.User, r.ACR, r.AMR, r.AuthTime, r.Address, r.Agent, r.Created, r.AccountSession, r.Expires, r.Idle)
	return err
}

type liveSession struct {
	ID, Hash      string
	Method        access.Method
	StepAt        time.Time
	ACR, AMR      string
	AuthTime      time.Time
	Expires, Seen time.Time
	User          User
	Factors       access.Factors
}

// liveNow is the condition that a session isn't over at the time $2.
const liveNow = `expires > $2 AND seen + idle > $2`

// liveSession reads a session that isn't over.
func (s *Service) liveSession(ctx context.Context, q db.Q, hash string, now time.Time) (liveSession, error) {
	return db.One[liveSession](ctx, q, `
		SELECT s.id, s.hash, s.step_method, s.step_at, s.account_acr, s.account_amr, s.account_time, s.expires, s.seen, `+userColumns+`,
		  EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'code' AND f.holder = u.id AND f.kind = 'totp' AND f.confirmed > 0),
		  EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'code' AND f.holder = u.id AND f.kind = 'webauthn' AND f.confirmed > 0)
		FROM code_session s JOIN code_user u ON u.id = s.user_id
		WHERE s.hash = $1 AND `+liveNow+` AND NOT u.suspended`, hash, now)
}

// rotate marks a session as stepped and gives it another token, where it still
// has the one that was read.
func (s *Service) rotate(ctx context.Context, tx *db.Tx, id, old, hash string, method factor.Method, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, tx, `
		UPDATE code_session SET hash = $3, step_method = $4, step_at = $5, seen = $5 WHERE id = $1 AND hash = $2`,
		id, old, hash, method, now)
	return n == 1, err
}

// markStepped is rotate for the session that a grant names. It gives the time
// at which the session is over at the latest.
func (s *Service) markStepped(ctx context.Context, tx *db.Tx, id, user, hash string, method factor.Method, now time.Time) (time.Time, error) {
	return db.One[time.Time](ctx, tx, `
		UPDATE code_session SET hash = $3, step_method = $4, step_at = $5, seen = $5 WHERE id = $1 AND user_id = $2
		RETURNING expires`, id, user, hash, method, now)
}

// lockSessions is for transactions that change several sessions: they run one
// after another, so that none can wait for a row of another's in a circle.
func (s *Service) lockSessions(ctx context.Context, tx *db.Tx) error {
	return db.Lock(ctx, tx, "code_session")
}

// dropSteps takes from every session and key of the user the step that it has
// taken.
func (s *Service) dropSteps(ctx context.Context, tx *db.Tx, user string) error {
	if err := s.lockSessions(ctx, tx); err != nil {
		return err
	}
	if err := s.dropKeySteps(ctx, tx, user); err != nil {
		return err
	}
	_, err := db.Exec(ctx, tx, `UPDATE code_session SET step_method = '', step_at = 0 WHERE user_id = $1`, user)
	return err
}

func (s *Service) deleteOtherSessions(ctx context.Context, tx *db.Tx, user, keep string) (int64, error) {
	if err := s.lockSessions(ctx, tx); err != nil {
		return 0, err
	}
	return db.Exec(ctx, tx, `DELETE FROM code_session WHERE user_id = $1 AND id <> $2`, user, keep)
}

func (s *Service) touchSession(ctx context.Context, tx *db.Tx, id string, at time.Time) error {
	_, err := db.Exec(ctx, tx, `UPDATE code_session SET seen = $2 WHERE id = $1 AND seen < $2`, id, at)
	return err
}

func (s *Service) sweepSessions(ctx context.Context, now time.Time) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockSessions(ctx, tx); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, `DELETE FROM code_session WHERE expires <= $1 OR seen + idle <= $1`, now)
		return err
	})
}

// Workspaces, which package workspace owns; here they are only read.

type requiringRow struct {
	Slug, Name                       string
	AcceptAccount, PhishingResistant bool
	Role                             access.Role
	OtherReadyOwner                  bool
}

// requiring lists the user's workspaces that require two-step verification,
// and whether each has another owner with a factor that it takes.
func (s *Service) requiring(ctx context.Context, q db.Q, user string) ([]requiringRow, error) {
	return db.All[requiringRow](ctx, q, `
		SELECT w.slug, w.name, w.accept_account, w.phishing_resistant, m.role, EXISTS (
			SELECT 1 FROM member o JOIN factor f ON f.realm = 'code' AND f.holder = o.user_id AND f.confirmed > 0
			WHERE o.workspace = w.id AND o.role = 'owner' AND o.user_id <> m.user_id
			AND (f.kind = 'webauthn' OR NOT w.phishing_resistant))
		FROM member m JOIN workspace w ON w.id = m.workspace
		WHERE m.user_id = $1 AND w.require_two_step ORDER BY w.slug`, user)
}

// lockOwned holds the workspaces that the user owns, by the name under which
// package workspace holds one too, until the transaction ends.
func (s *Service) lockOwned(ctx context.Context, tx *db.Tx, user string) error {
	ids, err := db.All[string](ctx, tx, `SELECT workspace FROM member WHERE user_id = $1 AND role = 'owner'`, user)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := db.Lock(ctx, tx, "workspace "+id); err != nil {
			return err
		}
	}
	return nil
}
