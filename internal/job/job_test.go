package job_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/job"
)

func TestOneNodeOfMany(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
		var done atomic.Int32
		j := job.Job{Name: "notices", Every: time.Minute, Do: func(context.Context) error { done.Add(1); return nil }}
		turn := func() {
			var all sync.WaitGroup
			for range 8 { // nodes
				all.Go(func() {
					if _, err := (&job.Runner{DB: d, Clock: now.Now}).Turn(t.Context(), j); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		for i, step := range []struct {
			wait time.Duration
			want int32
		}{{0, 1}, {59 * time.Second, 1}, {time.Second, 2}, {time.Hour, 3}} {
			now.Advance(step.wait)
			turn()
			if done.Load() != step.want {
				t.Errorf("step %d: done %d times, want %d", i, done.Load(), step.want)
			}
		}
	})
}

func TestAJobThatFailsIsTriedAgain(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	r := &job.Runner{DB: dbtest.SQLite(t), Clock: now.Now}
	failure := errors.New("broken")
	j := job.Job{Name: "x", Every: time.Minute, Do: func(ctx context.Context) error {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it may take forever")
		}
		return failure
	}}
	if ran, err := r.Turn(t.Context(), j); !ran || !errors.Is(err, failure) {
		t.Errorf("%v %v", ran, err)
	}
	if ran, err := r.Turn(t.Context(), j); ran || err != nil {
		t.Errorf("at once: %v %v", ran, err)
	}
	now.Advance(time.Minute)
	if ran, err := r.Turn(t.Context(), j); !ran || !errors.Is(err, failure) {
		t.Errorf("later: %v %v", ran, err)
	}
}

func TestRunStops(t *testing.T) {
	d := dbtest.SQLite(t)
	began := make(chan struct{}, 10)
	r := &job.Runner{DB: d, Clock: clock.System, Jobs: []job.Job{
		{Name: "a", Every: time.Minute, Do: func(context.Context) error { began <- struct{}{}; return nil }},
		{Name: "b", Every: time.Minute, Do: func(ctx context.Context) error { began <- struct{}{}; <-ctx.Done(); return ctx.Err() }},
	}}
	ctx, stop := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() { r.Run(ctx); close(finished) }()
	<-began
	<-began
	stop()
	<-finished
}
