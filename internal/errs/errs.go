// Package errs is how one part of Sallyport tells another what went wrong.
//
// An error made here has a Kind, which every door maps to its own status, and
// a Message that may be shown to anybody. Any other error is Internal: it is
// logged whole at the door and the person sees only the request's id.
//
// Wrap with what was being done, as usual: fmt.Errorf("opening the session: %w", err).
// Kind, Message, Fields and RetryAfter look through the wrapping.
package errs

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what sort of failure it is, and so which status a door answers with.
type Kind int

const (
	KindInternal        Kind = iota // 500: our fault; the message is not for the public
	KindInvalid                     // 400: what was sent can't be right
	KindUnauthenticated             // 401: nobody, or not who they say
	KindDenied                      // 403: known, and not allowed
	KindNotFound                    // 404: isn't there, or may not be known
	KindConflict                    // 409: somebody or something was there first
	KindTooLarge                    // 413: over a limit of size
	KindTooMany                     // 429: too often; see RetryAfter
	KindUnavailable                 // 503: something that is needed does not answer
)

// Error is a failure with a public message. Make one with the functions below.
type Error struct {
	kind    Kind
	message string
	field   string
	retry   time.Duration
	cause   error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.message + ": " + e.cause.Error()
	}
	return e.message
}

func (e *Error) Unwrap() error { return e.cause }

// Invalid says that the value of a form or query field can't be accepted.
// The message says what to do and stands beside the field; field may be empty.
func Invalid(field, format string, args ...any) error {
	return &Error{kind: KindInvalid, field: field, message: fmt.Sprintf(format, args...)}
}

// Unauthenticated says that no valid credential came.
func Unauthenticated(format string, args ...any) error {
	return &Error{kind: KindUnauthenticated, message: fmt.Sprintf(format, args...)}
}

// Denied says that the asker is known and not allowed.
func Denied(format string, args ...any) error {
	return &Error{kind: KindDenied, message: fmt.Sprintf(format, args...)}
}

// NotFound says that the thing does not exist, as far as the asker may know.
func NotFound(format string, args ...any) error {
	return &Error{kind: KindNotFound, message: fmt.Sprintf(format, args...)}
}

// Conflict says that the state of things refuses it: taken, used, changed meanwhile.
// field may be empty.
func Conflict(field, format string, args ...any) error {
	return &Error{kind: KindConflict, field: field, message: fmt.Sprintf(format, args...)}
}

// TooLarge says that a limit of size was passed.
func TooLarge(format string, args ...any) error {
	return &Error{kind: KindTooLarge, message: fmt.Sprintf(format, args...)}
}

// TooMany says that it was tried too often; it may be tried again after retry.
func TooMany(retry time.Duration, format string, args ...any) error {
	return &Error{kind: KindTooMany, retry: retry, message: fmt.Sprintf(format, args...)}
}

// Unavailable says that something needed does not answer; cause is logged, not shown.
func Unavailable(cause error, format string, args ...any) error {
	return &Error{kind: KindUnavailable, cause: cause, message: fmt.Sprintf(format, args...)}
}

// KindOf gives the kind of err; KindInternal where none was given.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.kind
	}
	return KindInternal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Message gives the sentence that may be shown to the person.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.message
	}
	return "Something went wrong on our side."
}

// RetryAfter gives how long to wait before another try; zero where it doesn't apply.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.retry
	}
	return 0
}

// Fields gives each field's message, for a form to show them in place.
// Errors joined with errors.Join are all looked at. A message without a field
// stands under "".
func Fields(err error) map[string]string {
	fields := map[string]string{}
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case nil:
		case *Error:
			if _, there := fields[e.field]; !there {
				fields[e.field] = e.message
			}
		case interface{ Unwrap() []error }:
			for _, each := range e.Unwrap() {
				walk(each)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return fields
}

// Status gives the HTTP status that stands for the kind of err.
func Status(err error) int {
	switch KindOf(err) {
	case KindInvalid:
		return http.StatusBadRequest
	case KindUnauthenticated:
		return http.StatusUnauthorized
	case KindDenied:
		return http.StatusForbidden
	case KindNotFound:
		return http.StatusNotFound
	case KindConflict:
		return http.StatusConflict
	case KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case KindTooMany:
		return http.StatusTooManyRequests
	case KindUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
