package user

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

const keyColumns = `id, label, fingerprint, kind, writable, created, expires, last_used, last_from, step_method, step_at, step_from`

// ofOwner is the condition that a key is an owner's, whose two parts are $1 and $2.
const ofOwner = `(user_id = NULLIF($1, '') OR repository = NULLIF($2, ''))`

func (s *Service) keysOf(ctx context.Context, of owner) ([]Key, error) {
	keys, err := db.All[Key](ctx, s.DB, `
		SELECT `+keyColumns+` FROM ssh_key WHERE `+ofOwner+` ORDER BY created DESC, id DESC`, of.user, of.repository)
	if err != nil {
		return nil, fmt.Errorf("reading SSH keys: %w", err)
	}
	return keys, nil
}

func (s *Service) countKeys(ctx context.Context, tx *db.Tx, of owner) (int, error) {
	return db.One[int](ctx, tx, `SELECT COUNT(*) FROM ssh_key WHERE `+ofOwner, of.user, of.repository)
}

func (s *Service) insertKey(ctx context.Context, tx *db.Tx, k Key, line string, of owner) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO ssh_key (user_id, repository, id, fingerprint, kind, public_key, label, writable, created, expires)
		VALUES (NULLIF($1, ''), NULLIF($2, ''), $3, $4, $5, $6, $7, $8, $9, $10)`,
		of.user, of.repository, k.ID, k.Fingerprint, k.Kind, line, k.Label, k.Writable, k.Created, k.Expires)
	return err
}

// renameKey gives the label that the key had before.
func (s *Service) renameKey(ctx context.Context, tx *db.Tx, id, user, label string) (string, error) {
	before, err := db.One[string](ctx, tx, `SELECT label FROM ssh_key WHERE id = $1 AND user_id = $2`, id, user)
	if err != nil {
		return "", err
	}
	_, err = db.Exec(ctx, tx, `UPDATE ssh_key SET label = $3 WHERE id = $1 AND user_id = $2`, id, user, label)
	return before, err
}

func (s *Service) deleteKey(ctx context.Context, tx *db.Tx, id string, of owner) (Key, error) {
	return db.One[Key](ctx, tx, `
		DELETE FROM ssh_key WHERE `+ofOwner+` AND id = $3 RETURNING `+keyColumns, of.user, of.repository, id)
}

type liveKey struct {
	ID, Label, User, Username   string
	Repository, Workspace, Slug string
	Writable                    bool
	LastUsed                    time.Time
	Step                        access.Step
	StepFrom                    string
}

func (s *Service) liveKey(ctx context.Context, fingerprint string, now time.Time) (liveKey, error) {
	return db.One[liveKey](ctx, s.DB, `
		SELECT k.id, k.label, COALESCE(u.id, ''), COALESCE(u.username, ''),
		  COALESCE(r.id, ''), COALESCE(w.id, ''), COALESCE(w.slug || '/' || r.slug, ''),
		  k.writable, k.last_used, k.step_method, k.step_at, k.step_from
		FROM ssh_key k LEFT JOIN code_user u ON u.id = k.user_id
		LEFT JOIN repository r ON r.id = k.repository LEFT JOIN workspace w ON w.id = r.workspace
		WHERE k.fingerprint = $1 AND (k.expires = 0 OR k.expires > $2)
		AND (w.id IS NOT NULL OR u.id IS NOT NULL AND NOT u.suspended)`, fingerprint, now)
}

func (s *Service) touchKey(ctx context.Context, tx *db.Tx, id string, u use) error {
	_, err := db.Exec(ctx, tx, `UPDATE ssh_key SET last_used = $2, last_from = $3 WHERE id = $1 AND last_used < $2`, id, u.at, u.from)
	return err
}

// ownersOf gives the owners of a workspace who can be written to.
func (s *Service) ownersOf(ctx context.Context, tx *db.Tx, workspace string) ([]User, error) {
	return db.All[User](ctx, tx, `
		SELECT `+userColumns+` FROM code_user u JOIN member m ON m.user_id = u.id
		WHERE m.workspace = $1 AND m.role = 'owner' AND NOT u.suspended AND u.email <> '' ORDER BY u.id`, workspace)
}
