// Package secret keeps what must not be seen: values that don't print, the
// master key and what is sealed, signed and derived with it, and random tokens.
//
// The master key is 32 random bytes in one file (mode 0600), made at the first
// start. Everything else is derived from it with HKDF-SHA-256 (RFC 5869) under
// a label of its own, so no key serves two purposes.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
)

// String is a text that prints as [redacted] in every format and in logs.
type String struct{ plain string }

const redacted = "[redacted]"

// New wraps a text.
func New(plain string) String { return String{plain} }

// Reveal gives the text itself, at the one place that needs it.
func (s String) Reveal() string { return s.plain }

func (s String) String() string               { return redacted }
func (s String) GoString() string             { return redacted }
func (s String) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s String) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Token makes a token of 256 random bits behind prefix, and the hash under
// which it is stored. The plain text is for its owner alone, once.
func Token(prefix string) (plain String, hash string) {
	var random [32]byte
	rand.Read(random[:])
	token := prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return New(token), Hash(token)
}

// Hash gives the SHA-256 of a token in hex. It is for random tokens of 64 bits
// or more only: a password needs a slow hash.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Equal compares in constant time.
func Equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
