package request

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/errs"
)

const (
	maxForm  = 2 << 20 // bytes of a form
	maxField = 10_000  // characters of one field, but for a Text; the rooms have limits of their own
)

// Text begins the name of a field that holds a whole text, as long as a form may be.
const Text = "text"

// ParseForm reads the form of a POST, up to a limit.
func ParseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errs.TooLarge("The form is too large: %d KB are allowed.", maxForm>>10)
	}
	if err != nil {
		return errs.Invalid("", "The form can't be read.")
	}
	return nil
}

// Clean reports whether text is something that a database and a page can take.
func Clean(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// CleanForm says what is wrong with the fields, and makes them fit to be shown
// again.
func CleanForm(fields url.Values) error {
	var failures []error
	for name, values := range fields {
		for i, value := range values {
			switch {
			case !Clean(value) || !Clean(name):
				values[i] = strings.ReplaceAll(strings.ToValidUTF8(value, string(unicode.ReplacementChar)), "\x00", "")
				failures = append(failures, errs.Invalid(name, "There are characters in it that aren't text. Type it again."))
			case !strings.HasPrefix(name, Text) && utf8.RuneCountInString(value) > maxField:
				failures = append(failures, errs.Invalid(name, "That is too long: %d characters are allowed.", maxField))
			}
		}
	}
	return errors.Join(failures...)
}
