package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const keySize = 32

// ErrForged says that what was sealed or signed is not ours, was altered, or
// was made for another place.
var ErrForged = errors.New("not sealed here, or altered")

// ErrExpired says that a sealed value was ours and its time is over.
var ErrExpired = errors.New("expired")

// Box seals, signs and derives with the master key. It is safe for concurrent use.
type Box struct {
	master []byte
	sealer cipher.AEAD
	signer []byte
}

// Load reads the master key at path, and makes it where there is none.
// A key file that others may read is refused.
func Load(path string) (*Box, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return NewBox(key)
}

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read it (mode %#o); run: chmod 600 %s", info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, errors.New("it doesn't hold a key; restore it from a backup: without it, what it sealed can't be read")
	}
	return key, nil
}

// makeKey writes the key under another name and links it into place, so that
// two processes starting at once end up with the same key.
func makeKey(path string) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*") // CreateTemp makes it with mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

// NewBox makes a box from a master key of 32 bytes.
func NewBox(master []byte) (*Box, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("a master key has %d bytes, not %d", keySize, len(master))
	}
	b := &Box{master: master}
	block, err := aes.NewCipher(b.Derive("seal"))
	if err != nil {
		return nil, err
	}
	if b.sealer, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	b.signer = b.Derive("sign")
	return b, nil
}

// Derive gives the 32-byte subkey for a label.
func (b *Box) Derive(label string) []byte {
	key, err := hkdf.Key(sha256.New, b.master, nil, "sallyport "+label, keySize)
	if err != nil {
		panic(err) // only for an absurd key length
	}
	return key
}

// sealVersion is the first byte of everything sealed: the id of the key and
// the algorithm, so that a later one can be told apart.
const sealVersion = 1

// Seal encrypts plain with AES-256-GCM, bound to a place such as
// "factor|secret|<row id>": it opens only there.
func (b *Box) Seal(place string, plain []byte) []byte {
	return b.sealer.Seal([]byte{sealVersion}, nil, plain, []byte(place))
}

// Open decrypts what Seal made for the same place; otherwise ErrForged.
func (b *Box) Open(place string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, ErrForged
	}
	plain, err := b.sealer.Open(nil, nil, sealed[1:], []byte(place))
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}

// Sign gives a signature over data for one purpose, fit for a URL.
func (b *Box) Sign(purpose string, data []byte) string {
	return base64.RawURLEncoding.EncodeToString(b.mac(purpose, data))
}

// Verify reports whether signature is Sign's for the same purpose and data.
func (b *Box) Verify(purpose string, data []byte, signature string) bool {
	given, err := base64.RawURLEncoding.DecodeString(signature)
	return err == nil && hmac.Equal(given, b.mac(purpose, data))
}

func (b *Box) mac(purpose string, data []byte) []byte {
	mac := hmac.New(sha256.New, b.signer)
	fmt.Fprintf(mac, "%d|%s|", len(purpose), purpose)
	mac.Write(data)
	return mac.Sum(nil)
}

type parcel struct {
	Until int64           `json:"u"`
	Value json.RawMessage `json:"v"`
}

// SealValue gives value as JSON, sealed for a name and until a time, fit for a cookie or a URL.
func (b *Box) SealValue(name string, until time.Time, value any) (string, error) {
	inner, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("sealing %s: %w", name, err)
	}
	outer, err := json.Marshal(parcel{Until: until.UnixMicro(), Value: inner})
	if err != nil {
		return "", fmt.Errorf("sealing %s: %w", name, err)
	}
	return base64.RawURLEncoding.EncodeToString(b.Seal("value|"+name, outer)), nil
}

// OpenValue reads into value what SealValue made for the same name.
// It returns ErrForged, or ErrExpired where now is past its time.
func (b *Box) OpenValue(name, sealed string, now time.Time, value any) error {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return ErrForged
	}
	outer, err := b.Open("value|"+name, raw)
	if err != nil {
		return err
	}
	var p parcel
	if err := json.Unmarshal(outer, &p); err != nil {
		return ErrForged
	}
	if now.UnixMicro() >= p.Until {
		return ErrExpired
	}
	if err := json.Unmarshal(p.Value, value); err != nil {
		return fmt.Errorf("opening %s: %w", name, err)
	}
	return nil
}
