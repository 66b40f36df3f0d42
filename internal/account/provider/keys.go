package provider

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/db"
)

// keys are what ID tokens are signed with. The newest signs; all are published.
type keys struct{ all []key }

type key struct {
	id      string
	private *rsa.PrivateKey
}

type keyRow struct {
	ID      string
	Sealed  []byte
	Created time.Time
}

// loadKeys reads the signing keys and makes the first. Of several processes
// that start at once all end up with the same: the first made stays.
func loadKeys(ctx context.Context, config Config) (*keys, error) {
	have, err := db.One[int](ctx, config.DB, `SELECT COUNT(*) FROM signing_key`)
	if err != nil {
		return nil, err
	}
	if have == 0 {
		if err := makeKey(ctx, config); err != nil {
			return nil, err
		}
	}
	rows, err := db.All[keyRow](ctx, config.DB, `SELECT id, sealed, created FROM signing_key ORDER BY created DESC, id DESC`)
	if err != nil {
		return nil, err
	}
	loaded := &keys{}
	for _, row := range rows {
		der, err := config.Box.Open(keyPlace(row.ID), row.Sealed)
		if err != nil {
			return nil, fmt.Errorf("the signing key %s: %w", row.ID, err)
		}
		private, err := x509.ParsePKCS1PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("the signing key %s: %w", row.ID, err)
		}
		// The id that apps see is the key's own (RFC 7638): another key never has it.
		thumbprint, err := (&jose.JSONWebKey{Key: &private.PublicKey}).Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("the signing key %s: %w", row.ID, err)
		}
		loaded.all = append(loaded.all, key{base64.RawURLEncoding.EncodeToString(thumbprint), private})
	}
	return loaded, nil
}

// firstKey is the id of the first signing key, so that two processes can't
// both make one.
const firstKey = "1"

func makeKey(ctx context.Context, config Config) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	sealed := config.Box.Seal(keyPlace(firstKey), x509.MarshalPKCS1PrivateKey(private))
	_, err = db.Exec(ctx, config.DB, `INSERT INTO signing_key (id, sealed, created) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
		firstKey, sealed, config.Clock())
	return err
}

func keyPlace(id string) string { return "signing_key|sealed|" + id }

// The library's view of a key: the signing one…

func (k key) ID() string                                  { return k.id }
func (k key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k key) Key() any                                    { return k.private }

// …and its public half.
type publicKey struct{ key }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.private.PublicKey }

func (k *keys) signing() op.SigningKey { return k.all[0] }

func (k *keys) public() []op.Key {
	public := make([]op.Key, len(k.all))
	for i, each := range k.all {
		public[i] = publicKey{each}
	}
	return public
}

// keySet answers with the public keys (RFC 7517 §5).
func (p *Provider) keySet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	p.op.ServeHTTP(w, r)
}
