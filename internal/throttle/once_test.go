package throttle_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/throttle"
)

func TestOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
		l := &throttle.Limiter{DB: d, Clock: now.Now}
		for i, step := range []struct {
			wait time.Duration
			want int32
		}{{0, 1}, {59 * time.Minute, 0}, {time.Minute, 1}, {time.Minute, 0}} {
			now.Advance(step.wait)
			var first atomic.Int32
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					yes, err := l.Once(t.Context(), "notice", time.Hour)
					if err != nil {
						t.Error(err)
					}
					if yes {
						first.Add(1)
					}
				})
			}
			all.Wait()
			if first.Load() != step.want {
				t.Errorf("step %d: %d times", i, first.Load())
			}
		}
	})
}
