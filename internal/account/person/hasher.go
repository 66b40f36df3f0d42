package person

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// parameters of argon2id. What new hashes are made with is current; OWASP's
// first choice of equals, 19 MiB with two passes.
type parameters struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

const (
	saltSize = 16
	hashSize = 32
	queue    = 512 // how many may wait for a slot before others are turned away
)

func current() parameters { return parameters{memory: 19 * 1024, time: 2, threads: 1} }

// Hasher hashes passwords, a bounded number at a time: each takes 19 MiB, and a
// flood of sign-ins must exhaust neither memory nor processors.
type Hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
}

// NewHasher makes a hasher for so many hashes at a time; 0: as many as there
// are processors.
func NewHasher(parallel int) *Hasher {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	return &Hasher{slots: make(chan struct{}, parallel)}
}

// Hash gives the PHC string of a password.
func (h *Hasher) Hash(ctx context.Context, password secret.String) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	p := current()
	key := p.key(password, salt, hashSize)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.memory, p.time, p.threads, encode(salt), encode(key)), nil
}

// Verify reports whether phc is the password's, and whether it was made with
// other parameters than new hashes are. An empty phc takes as long as any and
// is nobody's: so that an unknown person takes as long as a known one.
func (h *Hasher) Verify(ctx context.Context, phc string, password secret.String) (right, outdated bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	if phc == "" {
		current().key(password, make([]byte, saltSize), hashSize)
		return false, false, nil
	}
	p, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got := p.key(password, salt, uint32(len(want)))
	outdated = p != current() || len(salt) < saltSize || len(want) < hashSize
	return subtle.ConstantTimeCompare(got, want) == 1, outdated, nil
}

// enter waits for a slot.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	if h.waiting.Add(1) > queue {
		h.waiting.Add(-1)
		return nil, errs.Unavailable(errors.New("too many passwords wait to be hashed"), "Too many people are signing in just now. Try again in a moment.")
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

// key hashes the password's NFC form: the same characters typed on another
// system may come as other code points (NIST SP 800-63B-4 §3.1.1.2).
func (p parameters) key(password secret.String, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password.Reveal())), salt, p.time, p.memory, p.threads, size)
}

func parsePHC(phc string) (p parameters, salt, hash []byte, err error) {
	broken := errors.New("a stored password hash can't be read")
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, broken
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || n != 3 {
		return p, nil, nil, broken
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	hash, hashErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || hashErr != nil || len(hash) < 16 || p.time < 1 || p.threads < 1 || p.memory > 1<<20 {
		return p, nil, nil, broken
	}
	return p, salt, hash, nil
}
