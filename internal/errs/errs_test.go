package errs_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/errs"
)

func TestKindsLookThroughWrapping(t *testing.T) {
	for _, c := range []struct {
		err    error
		kind   errs.Kind
		status int
	}{
		{errs.Invalid("name", "Too long."), errs.KindInvalid, http.StatusBadRequest},
		{errs.Unauthenticated("Who?"), errs.KindUnauthenticated, http.StatusUnauthorized},
		{errs.Denied("No."), errs.KindDenied, http.StatusForbidden},
		{errs.NotFound("Nothing here."), errs.KindNotFound, http.StatusNotFound},
		{errs.Conflict("", "Taken."), errs.KindConflict, http.StatusConflict},
		{errs.TooLarge("Too big."), errs.KindTooLarge, http.StatusRequestEntityTooLarge},
		{errs.TooMany(time.Minute, "Wait."), errs.KindTooMany, http.StatusTooManyRequests},
		{errs.Unavailable(errors.New("refused"), "Down."), errs.KindUnavailable, http.StatusServiceUnavailable},
		{errors.New("disk on fire"), errs.KindInternal, http.StatusInternalServerError},
	} {
		wrapped := fmt.Errorf("doing it: %w", c.err)
		if got := errs.KindOf(wrapped); got != c.kind {
			t.Errorf("KindOf(%v) = %v, want %v", wrapped, got, c.kind)
		}
		if got := errs.Status(wrapped); got != c.status {
			t.Errorf("Status(%v) = %d, want %d", wrapped, got, c.status)
		}
	}
}

func TestMessageOfAnInternalErrorTellsNothing(t *testing.T) {
	if got := errs.Message(errors.New("password=hunter2")); got != "Something went wrong on our side." {
		t.Errorf("an internal error was shown: %q", got)
	}
	if got := errs.Message(errs.Unavailable(errors.New("10.0.0.1 refused"), "Mail is down.")); got != "Mail is down." {
		t.Errorf("the cause was shown: %q", got)
	}
}

func TestFieldsOfJoinedErrors(t *testing.T) {
	err := fmt.Errorf("signing up: %w", errors.Join(
		errs.Invalid("name", "Say a name."),
		fmt.Errorf("email: %w", errs.Conflict("email", "Taken.")),
	))
	want := map[string]string{"name": "Say a name.", "email": "Taken."}
	if diff := cmp.Diff(want, errs.Fields(err)); diff != "" {
		t.Error(diff)
	}
}
