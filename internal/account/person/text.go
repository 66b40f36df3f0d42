package person

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"sallyport.dev/internal/errs"
)

const (
	maxName  = 100 // code points
	maxEmail = 254 // bytes: RFC 5321 §4.5.3.1.3 less the angle brackets
	maxLocal = 64  // bytes
)

// Normalise gives the one form under which an address is kept and looked for:
// NFC, lower case, the domain in ASCII. RFC 5321 would let mail servers tell
// Ada@ from ada@; none that people use does, and two accounts for one mailbox
// would be a trap.
func Normalise(email string) (string, error) {
	refused := errs.Invalid("email", "That isn't an email address.")
	if len(email) > 4*maxEmail || !utf8.ValidString(email) {
		return "", refused
	}
	email = norm.NFC.String(strings.TrimSpace(email))
	at := strings.LastIndexByte(email, '@')
	if at < 1 {
		return "", refused
	}
	domain, err := idna.Lookup.ToASCII(email[at+1:])
	if err != nil || domain == "" || strings.HasPrefix(domain, ".") {
		return "", refused
	}
	local := strings.ToLower(email[:at])
	address := local + "@" + strings.ToLower(domain)
	if len(address) > maxEmail || len(local) > maxLocal {
		return "", errs.Invalid("email", "That email address is too long.")
	}
	if strings.ContainsFunc(address, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }) {
		return "", refused
	}
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || parsed.Name != "" {
		return "", refused
	}
	return address, nil
}

// cleanName gives a name as it is kept: NFC, one space between words.
func cleanName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", errs.Invalid("name", "That isn't valid text.")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) || isDirection(r) }) {
		return "", errs.Invalid("name", "A name can't hold invisible characters.")
	}
	name = norm.NFC.String(strings.Join(strings.Fields(name), " "))
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", errs.Invalid("name", "Enter a name.")
	case n > maxName:
		return "", errs.Invalid("name", "Use at most %d characters; this has %d.", maxName, n)
	}
	return name, nil
}

// isDirection tells the marks that turn the order of the text around them,
// which would let a name spoil the sentence it stands in.
func isDirection(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}
