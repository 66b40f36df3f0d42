package provider

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/db"
)

const (
	keysEvery = 15 * time.Second    // how old a node's view of the keys may be
	keyLead   = time.Minute         // a new key is published for so long before it signs
	keyKept   = 90 * 24 * time.Hour // after its end a key still reads the hints that it signed
)

// keys are what ID tokens are signed with: one signs, and those before it are
// published until what they signed is over.
type keys struct {
	config Config
	now    atomic.Pointer[keyring]
}

// keyring is the keys as they were read.
type keyring struct {
	read      time.Time
	all       []key  // newest first
	published []byte // the key set
}

type key struct {
	id        string // what apps see: the key's own thumbprint (RFC 7638)
	private   *rsa.PrivateKey
	signsFrom time.Time
	ends      time.Time // zero: nothing has taken its place
}

func (k key) over(now time.Time) bool { return !k.ends.IsZero() && !now.Before(k.ends) }

type keyRow struct {
	ID              string
	Sealed          []byte
	SignsFrom, Ends time.Time
}

// loadKeys reads the signing keys and makes the first. Of several processes
// that start at once all end up with the same: the first made stays.
func loadKeys(ctx context.Context, config Config) (*keys, error) {
	k := &keys{config: config}
	have, err := db.One[int](ctx, config.DB, `SELECT COUNT(*) FROM signing_key`)
	if err != nil {
		return nil, err
	}
	if have == 0 {
		if err := k.make(ctx, config.DB, firstKey, time.Time{}); err != nil {
			return nil, err
		}
	}
	_, err = k.ring(ctx)
	return k, err
}

// ring gives the keys as they are, or were a moment ago.
func (k *keys) ring(ctx context.Context) (*keyring, error) {
	now := k.config.Clock()
	if ring := k.now.Load(); ring != nil && now.Sub(ring.read).Abs() < keysEvery {
		return ring, nil
	}
	rows, err := db.All[keyRow](ctx, k.config.DB, `SELECT id, sealed, signs_from, ends FROM signing_key ORDER BY signs_from DESC, created DESC, id DESC`)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	ring := &keyring{read: now}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, row := range rows {
		each, err := k.open(row)
		if err != nil {
			return nil, fmt.Errorf("the signing key %s: %w", row.ID, err)
		}
		ring.all = append(ring.all, each)
		if !each.over(now) {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: &each.private.PublicKey, KeyID: each.id, Algorithm: string(jose.RS256), Use: "sig"})
		}
	}
	if ring.published, err = json.Marshal(set); err != nil {
		return nil, err
	}
	k.now.Store(ring)
	return ring, nil
}

func (k *keys) open(row keyRow) (key, error) {
	der, err := k.config.Box.Open(keyPlace(row.ID), row.Sealed)
	if err != nil {
		return key{}, err
	}
	private, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return key{}, err
	}
	thumbprint, err := (&jose.JSONWebKey{Key: &private.PublicKey}).Thumbprint(crypto.SHA256)
	return key{base64.RawURLEncoding.EncodeToString(thumbprint), private, row.SignsFrom, row.Ends}, err
}

// signing is the key that signs now.
func (k *keys) signing(ctx context.Context) (key, error) {
	ring, err := k.ring(ctx)
	if err != nil {
		return key{}, err
	}
	now := k.config.Clock()
	for _, each := range ring.all {
		if !now.Before(each.signsFrom) && !each.over(now) {
			return each, nil
		}
	}
	return key{}, errors.New("no signing key is in force")
}

// named gives the public key with the id, in force or not: a hint may be old.
func (k *keys) named(ctx context.Context, id string) (*rsa.PublicKey, error) {
	ring, err := k.ring(ctx)
	if err != nil {
		return nil, err
	}
	for _, each := range ring.all {
		if each.id == id {
			return &each.private.PublicKey, nil
		}
	}
	return nil, errors.New("signed with a key that isn't known")
}

// firstKey is the id of the first signing key, so that two processes can't
// both make one.
const firstKey = "1"

func (k *keys) make(ctx context.Context, q db.Q, id string, signsFrom time.Time) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	sealed := k.config.Box.Seal(keyPlace(id), x509.MarshalPKCS1PrivateKey(private))
	_, err = db.Exec(ctx, q, `
		INSERT INTO signing_key (id, sealed, created, signs_from) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		id, sealed, k.config.Clock(), signsFrom)
	return err
}

func keyPlace(id string) string { return "signing_key|sealed|" + id }

// RotateKey makes a new signing key and gives the times from which it signs and
// at which those before it end. It is published a minute before it signs, so
// that every node and app can know it; the old ones stay published until what
// they signed is over. Where the old one has leaked there is no overlap: it
// ends at once, and what it signed is worth nothing.
func (p *Provider) RotateKey(ctx context.Context, by person.Author, leaked bool) (signsFrom, ends time.Time, err error) {
	now := p.config.Clock()
	signsFrom = now.Add(keyLead)
	ends = signsFrom.Add(idTokenLife + keyLead)
	if leaked {
		signsFrom, ends = now, now
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `UPDATE signing_key SET ends = $1 WHERE ends = 0 OR ends > $1`, ends)
		if err != nil {
			return err
		}
		if leaked { // not even a hint is read from it
			if _, err := db.Exec(ctx, tx, `DELETE FROM signing_key WHERE ends = $1`, ends); err != nil {
				return err
			}
		}
		if err := p.keys.make(ctx, tx, db.NewID(), signsFrom); err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, entry(by, "key.rotate", "", map[string]any{"leaked": leaked}))
	})
	if err != nil {
		return signsFrom, ends, fmt.Errorf("rotating the signing key: %w", err)
	}
	p.keys.now.Store(nil)
	return signsFrom, ends, nil
}

// keySet answers with the public keys (RFC 7517 §5).
func (p *Provider) keySet(w http.ResponseWriter, r *http.Request) {
	ring, err := p.keys.ring(r.Context())
	if err != nil {
		slog.ErrorContext(r.Context(), "the key set", "err", err)
		writeJSON(w, http.StatusServiceUnavailable, failure{"server_error", "try again in a moment"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(ring.published) // the app went away: nothing to be done
}
