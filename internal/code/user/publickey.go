package user

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/errs"
)

const (
	leastRSA   = 3072 // bits (NIST SP 800-57 part 1, 128 bits of strength)
	maxKeyText = 16 << 10
	newKey     = "Make a new one: ssh-keygen -t ed25519."
)

// publicKey is a public key as somebody brought it.
type publicKey struct {
	Kind        string // ssh-ed25519, …
	Line        string // as it stands in a .pub file, without its comment
	Fingerprint string // SHA256:…
	Comment     string
}

// keyKinds are the kinds of key that are taken.
func keyKinds() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
	}
}

// parsePublicKey reads the one line of a .pub file. Whatever else it is, the
// error says what; it is of kind Invalid for the field "key".
func parsePublicKey(text string) (publicKey, error) {
	text = strings.TrimSpace(text)
	if err := notPublicKey(text); err != nil {
		return publicKey{}, err
	}
	if err := notPlainKey(text); err != nil {
		return publicKey{}, err
	}
	kind, rest, _ := strings.Cut(text, " ")
	encoded, comment, _ := strings.Cut(strings.TrimSpace(rest), " ")
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return publicKey{}, errs.Invalid("key", "The key is damaged or cut short. Copy the whole line of the .pub file again.")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || key.Type() != kind || !bytes.Equal(key.Marshal(), blob) {
		return publicKey{}, errs.Invalid("key", "The key is damaged or cut short. Copy the whole line of the .pub file again.")
	}
	if strong, ok := key.(ssh.CryptoPublicKey); ok {
		if k, ok := strong.CryptoPublicKey().(*rsa.PublicKey); ok && k.N.BitLen() < leastRSA {
			return publicKey{}, errs.Invalid("key", "This RSA key has %d bits; at least %d are needed. %s", k.N.BitLen(), leastRSA, newKey)
		}
	}
	return publicKey{
		Kind: kind, Line: kind + " " + encoded, Fingerprint: ssh.FingerprintSHA256(key), Comment: clean(comment, maxName),
	}, nil
}

// PrivateKey reports whether a text holds a private key, which no page may
// show again.
func PrivateKey(text string) bool {
	return strings.Contains(text, "PRIVATE KEY-----") || strings.Contains(text, "PuTTY-User-Key-File")
}

// notPublicKey says what a text is that is no line of a .pub file.
func notPublicKey(text string) error {
	switch {
	case text == "":
		return errs.Invalid("key", "Paste a public key: the one line of a file such as ~/.ssh/id_ed25519.pub.")
	case len(text) > maxKeyText:
		return errs.Invalid("key", "This is too long for a public key. Paste the one line of a file such as ~/.ssh/id_ed25519.pub.")
	case PrivateKey(text):
		return errs.Invalid("key", "This is a private key, which nobody but you may have; it was not kept. Paste the public key from the file that ends in .pub. "+
			"If anybody else could have seen this one, make a new pair.")
	case strings.HasPrefix(text, "---- BEGIN SSH2"):
		return errs.Invalid("key", "This key is in another form (RFC 4716). Turn it into one line with: ssh-keygen -i -f FILE")
	case strings.HasPrefix(text, "-----BEGIN"):
		return errs.Invalid("key", "This key is in another form (PEM). Turn it into one line with: ssh-keygen -i -m PKCS8 -f FILE")
	case strings.ContainsAny(text, "\r\n"):
		return errs.Invalid("key", "Paste one key, on one line.")
	}
	return nil
}

// notPlainKey says what stands in a line that doesn't begin with a kind of key
// that is taken.
func notPlainKey(text string) error {
	kind, rest, _ := strings.Cut(text, " ")
	switch {
	case slices.Contains(keyKinds(), kind) && rest != "":
		return nil
	case strings.Contains(kind, "-cert-v01@"):
		return errs.Invalid("key", "This is a certificate, and those aren't taken. Paste the public key that it was made for.")
	case kind == "ssh-dss":
		return errs.Invalid("key", "DSA keys are no longer safe. %s", newKey)
	}
	if _, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text)); err == nil && len(options) > 0 {
		return errs.Invalid("key", "Options such as %q aren't taken. Paste the key without them, beginning with its kind.", clean(options[0], 40))
	}
	return errs.Invalid("key", "This is no public key of a kind that is taken: ed25519, ecdsa, rsa from %d bits, or one on a security key (sk).", leastRSA)
}
