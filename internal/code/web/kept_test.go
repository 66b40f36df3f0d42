package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

func TestKeptForms(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), clock.NewManual(time.Unix(1_800_000_000, 0))
		kept := keptForms{db: d, box: newBox(t), clock: now.Now}
		typed := url.Values{"name": {"Größe <x>"}, "scopes": {"a", "b"}, "code": {"123456"}, "password": {"hunter2"}}

		id, err := kept.keep(ctx, "session-1", "/acme/form", typed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := kept.load(ctx, "session-1", "/acme/form", id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(url.Values{"name": {"Größe <x>"}, "scopes": {"a", "b"}}, got); diff != "" {
			t.Error(diff)
		}
		for _, other := range [][3]string{
			{"session-2", "/acme/form", id},
			{"session-1", "/acme/other", id},
			{"session-1", "/acme/form", "x"},
			{"", "/acme/form", id},
		} {
			if got, err := kept.load(ctx, other[0], other[1], other[2]); got != nil || err != nil {
				t.Errorf("%q loads %v, %v", other, got, err)
			}
		}
		sealed, err := db.One[[]byte](ctx, d, `SELECT fields FROM kept_form`)
		if err != nil || strings.Contains(string(sealed), "scopes") {
			t.Errorf("stored in the clear: %q, %v", sealed, err)
		}

		if _, err := kept.keep(ctx, "session-1", "/f", url.Values{"x": {strings.Repeat("x", maxKept)}}); !errs.Is(err, errs.KindTooLarge) {
			t.Errorf("too large: %v", err)
		}
		for range keptPerSession {
			if id, err = kept.keep(ctx, "session-1", "/f", typed); err != nil {
				t.Fatal(err)
			}
		}
		if count, err := db.One[int](ctx, d, `SELECT COUNT(*) FROM kept_form`); err != nil || count != keptPerSession {
			t.Errorf("%d forms are kept, %v", count, err)
		}
		if got, err := kept.load(ctx, "session-1", "/f", id); got == nil || err != nil {
			t.Errorf("the newest is gone: %v", err)
		}

		now.Advance(keptFor)
		if got, err := kept.load(ctx, "session-1", "/f", id); got != nil || err != nil {
			t.Errorf("after its time: %v, %v", got, err)
		}
		if _, err := kept.keep(ctx, "session-1", "/f", typed); err != nil {
			t.Errorf("after the others' time: %v", err)
		}
		if count, err := db.One[int](ctx, d, `SELECT COUNT(*) FROM kept_form`); err != nil || count != 1 {
			t.Errorf("%d rows remain, %v", count, err)
		}
	})
}
