package factor_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/secret"
)

// lost is a holder who has factors and begins a reset.
func (w world) lost(holder string) secret.String {
	w.Helper()
	w.enrol(holder)
	var cancel secret.String
	w.tx(func(tx *db.Tx) error {
		var err error
		_, cancel, err = w.BeginReset(w.Context(), tx, holder)
		return err
	})
	return cancel
}

func (w world) tx(f func(tx *db.Tx) error) {
	w.Helper()
	if err := w.DB.InTx(w.Context(), f); err != nil {
		w.Fatal(err)
	}
}

// told is what the holders are told as time goes on.
type told struct {
	mu           sync.Mutex
	stages       []string
	cancel, link secret.String
}

func (t *told) tell(_ context.Context, _ *db.Tx, r factor.Reset, cancel, link secret.String) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stages = append(t.stages, r.Holder+" "+string(r.Stage))
	t.cancel, t.link = cancel, link
	return nil
}

func (w world) advance(t *told) {
	w.Helper()
	if err := w.AdvanceResets(w.Context(), t.tell); err != nil {
		w.Fatal(err)
	}
}

func TestAResetTakesADay(t *testing.T) {
	each(t, func(w world) {
		w.lost("ada")
		var told told
		for _, step := range []struct {
			wait time.Duration
			want string
		}{
			{0, ""},
			{12*time.Hour - time.Second, ""},
			{time.Second, "ada half"},
			{12*time.Hour - time.Second, "ada half"},
			{time.Second, "ada half ada ready"},
			{time.Hour, "ada half ada ready"},
		} {
			w.now.Advance(step.wait)
			for range 2 {
				w.advance(&told)
			}
			if got := fmt.Sprint(told.stages); got != "["+step.want+"]" {
				t.Errorf("after another %v: %s", step.wait, got)
			}
			if !w.enrolled("ada") {
				t.Fatal("the factors are gone")
			}
		}
		if r, err := w.ResetByLink(w.Context(), told.link); err != nil || r.Holder != "ada" {
			t.Errorf("%+v %v", r, err)
		}
		var finished atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				err := w.DB.InTx(w.Context(), func(tx *db.Tx) error {
					holder, err := w.FinishReset(w.Context(), tx, told.link)
					if err == nil && holder == "ada" {
						finished.Add(1)
					}
					return err
				})
				if err != nil && !errs.Is(err, errs.KindNotFound) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if finished.Load() != 1 || w.enrolled("ada") {
			t.Errorf("finished %d times; on: %v", finished.Load(), w.enrolled("ada"))
		}
	})
}

func TestAResetIsStopped(t *testing.T) {
	each(t, func(w world) {
		for name, stop := range map[string]func(tx *db.Tx, cancel secret.String) error{
			"by a sign-in": func(tx *db.Tx, _ secret.String) error {
				stopped, err := w.CancelReset(w.Context(), tx, "by a sign-in")
				if !stopped {
					t.Error("nothing was stopped")
				}
				return err
			},
			"by the first mail": func(tx *db.Tx, cancel secret.String) error {
				holder, err := w.CancelResetByLink(w.Context(), tx, cancel)
				if holder != "by the first mail" {
					t.Errorf("%q", holder)
				}
				return err
			},
		} {
			cancel := w.lost(name)
			var told told
			w.now.Advance(12 * time.Hour)
			w.advance(&told)
			w.now.Advance(12 * time.Hour)
			w.advance(&told)
			if told.cancel != cancel || len(told.stages) != 2 {
				t.Fatalf("%+v", told.stages)
			}
			w.tx(func(tx *db.Tx) error { return stop(tx, cancel) })
			for what, err := range map[string]error{
				"its link": w.DB.InTx(w.Context(), func(tx *db.Tx) error { _, err := w.FinishReset(w.Context(), tx, told.link); return err }),
				"stopping": w.DB.InTx(w.Context(), func(tx *db.Tx) error { _, err := w.CancelResetByLink(w.Context(), tx, cancel); return err }),
				"looking":  func() error { _, err := w.Resetting(w.Context(), name); return err }(),
			} {
				if !errs.Is(err, errs.KindNotFound) {
					t.Errorf("%s, then %s: %v", name, what, err)
				}
			}
			if !w.enrolled(name) {
				t.Error("the factors are gone")
			}
		}
	})
}

func TestWhatAResetIsNot(t *testing.T) {
	each(t, func(w world) {
		cancel := w.lost("ada")
		begin := func(w world, holder string) error {
			return w.DB.InTx(w.Context(), func(tx *db.Tx) error { _, _, err := w.BeginReset(w.Context(), tx, holder); return err })
		}
		if err := begin(w, "ada"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("twice: %v", err)
		}
		if err := begin(w, "bob"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("without a factor: %v", err)
		}
		if _, err := w.other().Resetting(w.Context(), "ada"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("in the other realm: %v", err)
		}
		if err := begin(w.other(), "ada"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("in the other realm, without a factor: %v", err)
		}
		// Attack 21's kin: a token of the one realm is none of the other, and the
		// link that stops it doesn't do it.
		var told told
		w.now.Advance(12 * time.Hour)
		w.advance(&told)
		w.now.Advance(12 * time.Hour)
		w.other().advance(&told)
		if len(told.stages) != 1 {
			t.Errorf("the other realm advanced it: %v", told.stages)
		}
		w.advance(&told)
		for what, try := range map[string]struct {
			in    world
			token secret.String
		}{
			"the other realm": {w.other(), told.link}, "the link that stops it": {w, cancel}, "nothing": {w, secret.New("")}, "a guess": {w, secret.New("x")},
		} {
			if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error { _, err := try.in.FinishReset(w.Context(), tx, try.token); return err }); !errs.Is(err, errs.KindNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.now.Advance(24 * time.Hour)
		if _, err := w.ResetByLink(w.Context(), told.link); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("after another day: %v", err)
		}
		w.advance(&told)
		if n, _ := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM factor_reset`); n != 0 || !w.enrolled("ada") {
			t.Errorf("%d are left; on: %v", n, w.enrolled("ada"))
		}
		if err := begin(w, "ada"); err != nil {
			t.Errorf("anew: %v", err)
		}
	})
}

// Where the program stood still, the notice still comes half a day before the link.
func TestAResetAfterAStandstill(t *testing.T) {
	each(t, func(w world) {
		w.lost("ada")
		var told told
		w.now.Advance(40 * time.Hour)
		w.advance(&told)
		w.advance(&told)
		if len(told.stages) != 1 {
			t.Errorf("%v", told.stages)
		}
		w.now.Advance(12*time.Hour - time.Second)
		w.advance(&told)
		if len(told.stages) != 1 {
			t.Errorf("too early: %v", told.stages)
		}
		w.now.Advance(time.Second)
		var all sync.WaitGroup
		for range 8 { // nodes
			all.Go(func() { w.advance(&told) })
		}
		all.Wait()
		if len(told.stages) != 2 {
			t.Errorf("%v", told.stages)
		}
	})
}
