package person

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"github.com/trustelem/zxcvbn/frequency"
	"github.com/trustelem/zxcvbn/match"
	"golang.org/x/text/unicode/norm"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

const (
	minPassword = 15   // code points: it may be the only factor (NIST SP 800-63B-4 §3.1.1.2)
	maxPassword = 1024 // bytes
	judged      = 72   // code points that zxcvbn looks at; its time grows with the cube
	enough      = 3    // zxcvbn's score: more than 10^8 guesses
	ownWord     = 3    // code points from which on a word of the person's own counts
	rest        = 8    // code points that must remain beside the person's own words
)

// commonPasswords holds the lower-case texts of zxcvbn's frequency lists
// (passwords, words, names, film) that are long enough to be passwords here.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for _, list := range frequency.FrequencyLists {
		for _, text := range list {
			if utf8.RuneCountInString(text) >= minPassword {
				common[text] = true
			}
		}
	}
	return common
})

// checkPassword says why a password can't be taken, beside the field; nil where
// it can. own are texts of the person's: name and address.
// There are no rules of composition.
func checkPassword(field string, password secret.String, own ...string) error {
	text := password.Reveal()
	switch {
	case !utf8.ValidString(text):
		return errs.Invalid(field, "That isn't valid text.")
	case len(text) > maxPassword:
		return errs.Invalid(field, "Use at most %d bytes.", maxPassword)
	}
	text = norm.NFC.String(text)
	if n := utf8.RuneCountInString(text); n < minPassword {
		return errs.Invalid(field, "Use at least %d characters; this has %d. A few words in a row are easy to remember.", minPassword, n)
	}
	if why := weakness(strings.ToLower(text), own); why != "" {
		return errs.Invalid(field, "%s Choose another one.", why)
	}
	return nil
}

// weakness says why a lower-case text is easy to guess; empty where it isn't.
func weakness(text string, own []string) string {
	if commonPasswords()[text] {
		return "This is on the lists of common passwords that are tried first."
	}
	if repeats(text) {
		return "This repeats one short piece."
	}
	words := ownWords(own)
	if mostly(text, words) {
		return "This is mostly your name, your address or the name of this service."
	}
	cut := []rune(text)
	if len(cut) > judged {
		cut = cut[:judged]
	}
	result := zxcvbn.PasswordStrength(string(cut), words)
	if result.Score >= enough {
		return ""
	}
	return reason(result.Sequence)
}

// repeats reports whether the text is one piece over and over, the last time
// perhaps cut short, with the piece too short to be a password itself.
func repeats(text string) bool {
	runes := []rune(text)
	for piece := 1; piece < minPassword && 2*piece <= len(runes); piece++ {
		if slices.Equal(runes[piece:], runes[:len(runes)-piece]) {
			return true
		}
	}
	return false
}

// ownWords are the words that a stranger would try for this person here.
func ownWords(own []string) []string {
	words := []string{"sallyport", "account", "code"}
	for _, text := range own {
		text = strings.ToLower(norm.NFC.String(text))
		words = append(words, text)
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return utf8.RuneCountInString(w) < ownWord })
	// The longest first, so that a whole address goes before its parts.
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(words)
}

// mostly reports whether little remains of the text without the words.
func mostly(text string, words []string) bool {
	remains := text
	for _, word := range words {
		remains = strings.ReplaceAll(remains, word, "")
	}
	return remains != text && utf8.RuneCountInString(remains) < rest
}

// reason puts into words what zxcvbn found in the longest part of the text.
func reason(sequence []*match.Match) string {
	var longest *match.Match
	for _, m := range sequence {
		if longest == nil || m.J-m.I > longest.J-longest.I {
			longest = m
		}
	}
	pattern := ""
	if longest != nil {
		pattern = longest.Pattern
	}
	switch pattern {
	case "repeat":
		return "This repeats one short piece."
	case "sequence":
		return "Most of this is a sequence such as abc or 123."
	case "spatial":
		return "Most of this is a row of neighbouring keys."
	case "date":
		return "Most of this is a date."
	case "dictionary":
		return "Most of this is a common word or password."
	default:
		return "This would be guessed quickly."
	}
}
