package throttle_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/throttle"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestTheWaitRises(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.NewManual(start)
		limiter := throttle.Limiter{DB: d, Clock: now.Now}
		for i := range 5 {
			if err := limiter.Take(t.Context(), "k"); err != nil {
				t.Fatalf("try %d: %v", i+1, err)
			}
		}
		for _, want := range []time.Duration{30, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
			want *= time.Second
			err := limiter.Take(t.Context(), "k")
			if !errs.Is(err, errs.KindTooMany) || errs.RetryAfter(err) != want {
				t.Fatalf("want a wait of %v, got %v (%v)", want, errs.RetryAfter(err), err)
			}
			now.Advance(want - time.Microsecond)
			if err := limiter.Take(t.Context(), "k"); err == nil {
				t.Fatal("it let through too early")
			}
			now.Advance(time.Microsecond)
			if err := limiter.Take(t.Context(), "k"); err != nil {
				t.Fatalf("after %v: %v", want, err)
			}
		}
		if err := limiter.Take(t.Context(), "another"); err != nil {
			t.Errorf("another key waits too: %v", err)
		}
		if err := limiter.Reset(t.Context(), d, "k"); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := limiter.Take(t.Context(), "k"); err != nil {
				t.Fatalf("after a reset: %v", err)
			}
		}
	})
}

func TestForgiveTakesBackOneTryOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.NewManual(start)
		limiter := throttle.Limiter{DB: d, Clock: now.Now}
		// One's own successes in between don't buy more guesses.
		wrong := 0
		for range 20 {
			if limiter.Take(t.Context(), "k") != nil {
				break
			}
			wrong++
			if limiter.Take(t.Context(), "k") == nil {
				if err := limiter.Forgive(t.Context(), d, "k"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if wrong != 5 {
			t.Errorf("%d wrong tries in a row got through", wrong)
		}
		// And a success leaves no wait behind.
		for range 20 {
			if err := limiter.Take(t.Context(), "mine"); err != nil {
				t.Fatal(err)
			}
			if err := limiter.Forgive(t.Context(), d, "mine"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestADayForgives(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.NewManual(start)
		limiter := throttle.Limiter{DB: d, Clock: now.Now}
		for range 5 {
			if err := limiter.Take(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		now.Advance(24*time.Hour + time.Second)
		for i := range 5 {
			if err := limiter.Take(t.Context(), "k"); err != nil {
				t.Fatalf("try %d of the next day: %v", i+1, err)
			}
		}
		now.Advance(25 * time.Hour)
		if err := limiter.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, _ := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM throttle`); n != 0 {
			t.Errorf("%d counters were left", n)
		}
	})
}

func TestTriesSideBySideDoNotSlipThrough(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		limiter := throttle.Limiter{DB: d, Clock: clock.NewManual(start).Now}
		var through atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				switch err := limiter.Take(t.Context(), "k"); {
				case err == nil:
					through.Add(1)
				case !errs.Is(err, errs.KindTooMany):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if through.Load() != 5 {
			t.Errorf("%d of 50 tries got through", through.Load())
		}
	})
}
