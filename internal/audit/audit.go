// Package audit is the log of what changed and who did it, for both sites.
//
// It owns the tables audit and audit_head. Entries are only ever appended,
// in the transaction of the change that they tell of, and each carries the
// SHA-256 of the one before: altering, dropping, moving or inserting one breaks
// the chain there, which Verify finds. Whoever can write the database can also
// compute a whole new chain, which only a copy kept elsewhere gives away: so
// export it, or keep backups. An entry never holds a secret.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
)

// Log appends entries and reads them back.
type Log struct {
	DB    *db.DB
	Clock clock.Clock
}

// Entry is one thing that happened.
type Entry struct {
	Realm      string         // "account" or "code"
	Workspace  string         // id; empty where it belongs to none
	Actor      string         // id of the person or user; "operator" for the command line
	Credential string         // how they came: "session", "api_token", …
	Address    string         // the network address they came from
	Action     string         // what was done, as "workspace.policy"
	Target     string         // what it was done to
	Detail     map[string]any // from what to what
}

// Record is an Entry as it stands in the chain.
type Record struct {
	Seq        int64     `json:"seq"`
	At         time.Time `json:"at"`
	Realm      string    `json:"realm"`
	Workspace  string    `json:"workspace"`
	Actor      string    `json:"actor"`
	Credential string    `json:"credential"`
	Address    string    `json:"address"`
	Action     string    `json:"action"`
	Target     string    `json:"target"`
	Detail     string    `json:"detail"` // a JSON object
	Previous   string    `json:"previous"`
	Hash       string    `json:"hash"`
}

// sum hashes all of the record but its own hash. JSON keeps the fields apart.
func (r Record) sum() string {
	r.Hash = ""
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

// Append adds an entry in the caller's transaction. Appends wait for each
// other until that transaction ends, so do it last.
func (l *Log) Append(ctx context.Context, tx *db.Tx, e Entry) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("writing the audit entry %s: %w", e.Action, err)
	}
	if e.Detail == nil {
		detail = []byte("{}")
	}
	head, err := db.One[struct {
		Seq  int64
		Hash string
	}](ctx, tx, `UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash`)
	if err != nil {
		return fmt.Errorf("reading the end of the audit log: %w", err)
	}
	r := Record{
		Seq: head.Seq, At: l.Clock(), Realm: e.Realm, Workspace: e.Workspace, Actor: e.Actor,
		Credential: e.Credential, Address: e.Address, Action: e.Action, Target: e.Target,
		Detail: string(detail), Previous: head.Hash,
	}
	r.Hash = r.sum()
	if _, err := db.Exec(ctx, tx, `
		INSERT INTO audit (seq, at, realm, workspace, actor, credential, address, action, target, detail, previous, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		r.Seq, r.At, r.Realm, r.Workspace, r.Actor, r.Credential, r.Address, r.Action, r.Target, r.Detail, r.Previous, r.Hash); err != nil {
		return fmt.Errorf("writing the audit entry %s: %w", e.Action, err)
	}
	if _, err := db.Exec(ctx, tx, `UPDATE audit_head SET hash = $1 WHERE id = 1`, r.Hash); err != nil {
		return fmt.Errorf("moving the end of the audit log: %w", err)
	}
	return nil
}

const columns = `seq, at, realm, workspace, actor, credential, address, action, target, detail, previous, hash`

// Read gives up to limit records after a sequence number, oldest first; of
// one workspace, or of all where workspace is empty.
func (l *Log) Read(ctx context.Context, workspace string, after int64, limit int) ([]Record, error) {
	if workspace == "" {
		return db.All[Record](ctx, l.DB, `SELECT `+columns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	}
	return db.All[Record](ctx, l.DB, `
		SELECT `+columns+` FROM audit WHERE workspace = $1 AND seq > $2 ORDER BY seq LIMIT $3`, workspace, after, limit)
}

// Of gives up to limit records of a realm that somebody made or that are about
// them, the newest first; those before a sequence number, or the newest where
// that is 0.
func (l *Log) Of(ctx context.Context, realm, id string, before int64, limit int) ([]Record, error) {
	return db.All[Record](ctx, l.DB, `
		SELECT `+columns+` FROM audit
		WHERE realm = $1 AND (actor = $2 OR target = $2) AND ($3 = 0 OR seq < $3) ORDER BY seq DESC LIMIT $4`,
		realm, id, before, limit)
}

// batch is how many records are held at a time while all are walked.
const batch = 1000

// Export writes the records of one workspace, or of all where it is empty, as
// JSON Lines, oldest first. It holds a batch at a time, however many there are.
func (l *Log) Export(ctx context.Context, w io.Writer, workspace string) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for after := int64(0); ; {
		records, err := l.Read(ctx, workspace, after, batch)
		if err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		if len(records) == 0 {
			return nil
		}
		for _, record := range records {
			if err := lines.Encode(record); err != nil {
				return fmt.Errorf("writing the audit log: %w", err)
			}
		}
		after = records[len(records)-1].Seq
	}
}
