package token

import (
	"context"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// held picks the tokens of a holder; $1 is its kind and $2 its id.
const held = `kind = $1 AND holder = $2`

func (s *Service) live(ctx context.Context, hash string, now time.Time) (live, error) {
	return db.One[live](ctx, s.DB, `
		SELECT t.id, t.hash, t.kind, COALESCE(t.user_id, ''), COALESCE(t.workspace, ''), COALESCE(t.repository, ''), t.scopes,
		  COALESCE(u.username, ''), COALESCE(u.email, '')
		FROM token t LEFT JOIN code_user u ON u.id = t.user_id
		WHERE t.hash = $1 AND t.expires > $2 AND NOT COALESCE(u.suspended, FALSE)`, hash, now)
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, h holder, t Token, hash string) error {
	if err := db.Lock(ctx, tx, "token "+h.id()); err != nil {
		return err
	}
	n, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM token WHERE `+held, h.kind, h.id())
	if err != nil {
		return err
	}
	if n >= maxEach {
		return errs.Conflict("", "There are %d tokens already. Revoke those that nothing uses any more first.", n)
	}
	_, err = db.Exec(ctx, tx, `
		INSERT INTO token (id, hash, kind, holder, user_id, workspace, repository, name, scopes, made_by, created, issued, expires)
		VALUES ($1, $2, $3, $4, NULLIF($5, ''), NULLIF($6, ''), NULLIF($7, ''), $8, $9, $10, $11, $11, $12)`,
		t.ID, hash, h.kind, h.id(), h.user, h.workspace, h.repository, t.Name, joinScopes(t.Scopes), t.By, t.Created, t.Expires)
	return err
}

type row struct {
	ID, Name, Scopes, By               string
	Created, Issued, Expires, LastUsed time.Time
	LastFrom                           string
}

func (r row) token() Token {
	return Token{r.ID, r.Name, splitScopes(r.Scopes), r.By, r.Created, r.Issued, r.Expires, r.LastUsed, r.LastFrom}
}

func (s *Service) list(ctx context.Context, h holder) ([]Token, error) {
	rows, err := db.All[row](ctx, s.DB, `
		SELECT t.id, t.name, t.scopes, COALESCE(u.username, t.made_by), t.created, t.issued, t.expires, t.last_used, t.last_from
		FROM token t LEFT JOIN code_user u ON u.id = t.made_by
		WHERE t.kind = $1 AND t.holder = $2 ORDER BY t.created DESC, t.id DESC`, h.kind, h.id())
	tokens := make([]Token, len(rows))
	for i, r := range rows {
		tokens[i] = r.token()
	}
	return tokens, err
}

// rotate puts another secret in a token's place: of two at once, both work in
// turn and the later one stays. What is left of the life of an old secret
// doesn't matter: the new one has the whole of it.
func (s *Service) rotate(ctx context.Context, tx *db.Tx, h holder, id, hash string, now time.Time) (Token, error) {
	r, err := db.One[row](ctx, tx, `
		UPDATE token SET hash = $4, expires = $5 + (expires - issued), issued = $5
		WHERE `+held+` AND id = $3
		RETURNING id, name, scopes, made_by, created, issued, expires, last_used, last_from`, h.kind, h.id(), id, hash, now)
	return r.token(), err
}

// rename gives the name that the token had.
func (s *Service) rename(ctx context.Context, tx *db.Tx, h holder, id, name string) (string, error) {
	from, err := db.One[string](ctx, tx, `SELECT name FROM token WHERE `+held+` AND id = $3`, h.kind, h.id(), id)
	if err != nil {
		return "", err
	}
	_, err = db.Exec(ctx, tx, `UPDATE token SET name = $2 WHERE id = $1`, id, name)
	return from, err
}

// delete gives the name that the token had.
func (s *Service) delete(ctx context.Context, tx *db.Tx, h holder, id string) (string, error) {
	return db.One[string](ctx, tx, `DELETE FROM token WHERE `+held+` AND id = $3 RETURNING name`, h.kind, h.id(), id)
}

func (s *Service) touch(ctx context.Context, tx *db.Tx, id string, u use) error {
	_, err := db.Exec(ctx, tx, `UPDATE token SET last_used = $2, last_from = $3 WHERE id = $1 AND last_used < $2`, id, u.at, u.from)
	return err
}

// Tables of other packages, which are only read here.

func (s *Service) userID(ctx context.Context, username string) (string, error) {
	return db.One[string](ctx, s.DB, `SELECT id FROM code_user WHERE username = $1`, username)
}

type recipient struct{ Name, Email string }

// recipients are those who hear of a token: its owner, or the owners of the
// workspace.
func (s *Service) recipients(ctx context.Context, tx *db.Tx, h holder) ([]recipient, error) {
	if h.user != "" {
		return db.All[recipient](ctx, tx, `SELECT name, email FROM code_user WHERE id = $1 AND email <> ''`, h.user)
	}
	return db.All[recipient](ctx, tx, `
		SELECT u.name, u.email FROM member m JOIN code_user u ON u.id = m.user_id
		WHERE m.workspace = $1 AND m.role = 'owner' AND u.email <> '' AND NOT u.suspended ORDER BY u.id`, h.workspace)
}

// nameOf gives what a machine's token belongs to, by its place in addresses.
func (s *Service) nameOf(ctx context.Context, tx *db.Tx, h holder) (string, error) {
	if h.repository == "" {
		return db.One[string](ctx, tx, `SELECT slug FROM workspace WHERE id = $1`, h.workspace)
	}
	return db.One[string](ctx, tx, `
		SELECT w.slug || '/' || r.slug FROM repository r JOIN workspace w ON w.id = r.workspace WHERE r.id = $1`, h.repository)
}
