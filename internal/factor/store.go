package factor

import (
	"context"
	"time"

	"sallyport.dev/internal/db"
)

func (s *Service) confirmed(ctx context.Context, q db.Q, holder string) ([]Factor, error) {
	return db.All[Factor](ctx, q, `
		SELECT id, kind, label, confirmed, last_used, failures, synced FROM factor
		WHERE realm = $1 AND holder = $2 AND confirmed > 0 ORDER BY confirmed, id`, s.Realm, holder)
}

func (s *Service) deleteAll(ctx context.Context, tx *db.Tx, holder string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM factor WHERE realm = $1 AND holder = $2`, s.Realm, holder); err != nil {
		return err
	}
	if _, err := db.Exec(ctx, tx, `DELETE FROM factor_challenge WHERE realm = $1 AND holder = $2`, s.Realm, holder); err != nil {
		return err
	}
	_, err := db.Exec(ctx, tx, `DELETE FROM recovery_code WHERE realm = $1 AND holder = $2`, s.Realm, holder)
	return err
}

func (s *Service) delete(ctx context.Context, tx *db.Tx, holder, id string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM factor WHERE realm = $1 AND holder = $2 AND id = $3`, s.Realm, holder, id)
	return err
}

func (s *Service) setLabel(ctx context.Context, tx *db.Tx, holder, id, label string) (bool, error) {
	n, err := db.Exec(ctx, tx, `
		UPDATE factor SET label = $4 WHERE realm = $1 AND holder = $2 AND id = $3 AND confirmed > 0`, s.Realm, holder, id, label)
	return n == 1, err
}

// lock has those that change which factors a holder has run one after another.
func (s *Service) lock(ctx context.Context, tx *db.Tx, holder string) error {
	return db.Lock(ctx, tx, "factors "+string(s.Realm)+" "+holder)
}

// voidSetUps ends every set-up of the holder that was begun and not finished.
func (s *Service) voidSetUps(ctx context.Context, tx *db.Tx, holder string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM factor WHERE realm = $1 AND holder = $2 AND confirmed = 0`, s.Realm, holder); err != nil {
		return err
	}
	_, err := db.Exec(ctx, tx, `DELETE FROM factor_challenge WHERE realm = $1 AND holder = $2 AND purpose = $3`, s.Realm, holder, toEnrol)
	return err
}

// sweepPending deletes the holder's set-ups that are older than since, and
// all but the newest of the others.
func (s *Service) sweepPending(ctx context.Context, tx *db.Tx, holder string, since time.Time) error {
	_, err := db.Exec(ctx, tx, `
		DELETE FROM factor WHERE realm = $1 AND holder = $2 AND confirmed = 0 AND (created <= $3 OR id NOT IN (
			SELECT id FROM factor WHERE realm = $1 AND holder = $2 AND confirmed = 0 ORDER BY created DESC, id DESC LIMIT $4))`,
		s.Realm, holder, since, pendingAtAny-1)
	return err
}

func (s *Service) insertPending(ctx context.Context, tx *db.Tx, id, holder string, sealed []byte, now time.Time) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO factor (id, realm, holder, kind, label, secret, created) VALUES ($1, $2, $3, $4, '', $5, $6)`,
		id, s.Realm, holder, TOTP, sealed, now)
	return err
}

// unfinished is true of a set-up that can be finished: $1 realm, $2 holder,
// $3 id, $4 the time since which it must have begun.
const unfinished = `realm = $1 AND holder = $2 AND id = $3 AND kind = 'totp' AND confirmed = 0 AND created > $4`

func (s *Service) pendingSecret(ctx context.Context, q db.Q, holder, id string, since time.Time) ([]byte, error) {
	return db.One[[]byte](ctx, q, `SELECT secret FROM factor WHERE `+unfinished, s.Realm, holder, id, since)
}

// confirm makes a set-up a factor, with its first step used.
func (s *Service) confirm(ctx context.Context, tx *db.Tx, holder, id, label string, step int64, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, tx, `
		UPDATE factor SET label = $5, last_step = $6, confirmed = $7, last_used = $7 WHERE `+unfinished,
		s.Realm, holder, id, now.Add(-pendingFor), label, step, now)
	return n == 1, err
}

type totpKey struct {
	ID       string
	Sealed   []byte
	Failures int64
}

func (s *Service) totpKeys(ctx context.Context, holder string) ([]totpKey, error) {
	return db.All[totpKey](ctx, s.DB, `
		SELECT id, secret, failures FROM factor
		WHERE realm = $1 AND holder = $2 AND kind = 'totp' AND confirmed > 0 ORDER BY id`, s.Realm, holder)
}

// useStep uses up a step, where it is later than every one used before.
func (s *Service) useStep(ctx context.Context, id string, step int64, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, s.DB, `
		UPDATE factor SET last_step = $2, last_used = $3, failures = 0
		WHERE id = $1 AND confirmed > 0 AND last_step < $2 AND failures < $4`, id, step, now, maxFailures)
	return n == 1, err
}

func (s *Service) countFailure(ctx context.Context, holder string) error {
	_, err := db.Exec(ctx, s.DB, `
		UPDATE factor SET failures = failures + 1
		WHERE realm = $1 AND holder = $2 AND kind = 'totp' AND confirmed > 0 AND failures < $3`, s.Realm, holder, maxFailures)
	return err
}

// lockConfirmed holds the holder's factors until the transaction ends, and
// tells whether there are any.
func (s *Service) lockConfirmed(ctx context.Context, tx *db.Tx, holder string) (bool, error) {
	n, err := db.Exec(ctx, tx, `
		UPDATE factor SET confirmed = confirmed WHERE realm = $1 AND holder = $2 AND confirmed > 0`, s.Realm, holder)
	return n > 0, err
}

func (s *Service) replaceRecovery(ctx context.Context, tx *db.Tx, holder string, hashes []string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM recovery_code WHERE realm = $1 AND holder = $2`, s.Realm, holder); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := db.Exec(ctx, tx, `
			INSERT INTO recovery_code (realm, holder, hash) VALUES ($1, $2, $3)`, s.Realm, holder, hash); err != nil {
			return err
		}
	}
	return nil
}

// useRecovery uses up a recovery code of the holder's. Without a factor there
// is nothing to recover.
func (s *Service) useRecovery(ctx context.Context, holder, hash string, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, s.DB, `
		UPDATE recovery_code SET used = $4 WHERE realm = $1 AND holder = $2 AND hash = $3 AND used = 0
		AND EXISTS (SELECT 1 FROM factor f WHERE f.realm = $1 AND f.holder = $2 AND f.confirmed > 0)`,
		s.Realm, holder, hash, now)
	return n == 1, err
}

func (s *Service) unusedRecovery(ctx context.Context, holder string) (int, error) {
	return db.One[int](ctx, s.DB, `
		SELECT COUNT(*) FROM recovery_code WHERE realm = $1 AND holder = $2 AND used = 0`, s.Realm, holder)
}

// Security keys.

func (s *Service) keysOf(ctx context.Context, holder string) ([]key, error) {
	return db.All[key](ctx, s.DB, `
		SELECT id, holder, secret FROM factor
		WHERE realm = $1 AND holder = $2 AND kind = 'webauthn' AND confirmed > 0 ORDER BY confirmed, id`, s.Realm, holder)
}

func (s *Service) credentialHolder(ctx context.Context, credential string) (string, error) {
	return db.One[string](ctx, s.DB, `
		SELECT holder FROM factor WHERE realm = $1 AND credential = $2 AND kind = 'webauthn' AND confirmed > 0`, s.Realm, credential)
}

func (s *Service) insertKey(ctx context.Context, tx *db.Tx, id string, k NewKey, label string, sealed []byte, now time.Time) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed, last_used, credential, synced)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9)`,
		id, s.Realm, k.holder, WebAuthn, label, sealed, now, k.id, k.credential.Flags.BackupEligible)
	return err
}

func (s *Service) updateKey(ctx context.Context, id string, sealed []byte, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, s.DB, `UPDATE factor SET secret = $2, last_used = $3 WHERE id = $1 AND confirmed > 0`, id, sealed, now)
	return n == 1, err
}

func (s *Service) insertChallenge(ctx context.Context, id, purpose, holder, bound string, data []byte, now time.Time) error {
	if _, err := db.Exec(ctx, s.DB, `DELETE FROM factor_challenge WHERE expires <= $1`, now); err != nil {
		return err
	}
	_, err := db.Exec(ctx, s.DB, `
		INSERT INTO factor_challenge (id, realm, purpose, holder, bound, data, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, s.Realm, purpose, holder, bound, data, now.Add(challengeLife))
	return err
}

func (s *Service) deleteChallenge(ctx context.Context, id, purpose, holder, bound string, now time.Time) ([]byte, error) {
	return db.One[[]byte](ctx, s.DB, `
		DELETE FROM factor_challenge WHERE id = $1 AND realm = $2 AND purpose = $3 AND holder = $4 AND bound = $5 AND expires > $6
		RETURNING data`, id, s.Realm, purpose, holder, bound, now)
}
