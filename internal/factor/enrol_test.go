package factor_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
)

// Attack 14.
func TestAttack14AHalfFinishedSetUpIsNothing(t *testing.T) {
	each(t, func(w world) {
		p := w.begin("alice")
		if w.enrolled("alice") {
			w.Error("begun, and counted as enrolled")
		}
		w.refuses("alice", w.code(p))
		again := w.begin("alice")
		if again.Secret.Reveal() == p.Secret.Reveal() || again.ID == p.ID {
			w.Error("the second set-up shows the first one's secret")
		}
		shown, err := w.Pending(w.Context(), "alice", p.ID, "alice")
		if err != nil || shown.Secret.Reveal() != p.Secret.Reveal() || shown.QR != p.QR {
			w.Errorf("a set-up shown again: %v", err)
		}
		if err := w.confirm("alice", p.ID, "000000"); !errs.Is(err, errs.KindInvalid) {
			w.Errorf("a wrong code: %v", err)
		}
		if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error {
			_, err := w.NewRecoveryCodes(w.Context(), tx, "alice")
			return err
		}); !errs.Is(err, errs.KindConflict) {
			w.Errorf("recovery codes without a factor: %v", err)
		}
		w.now.Advance(30 * time.Minute)
		if err := w.confirm("alice", p.ID, w.code(p)); !errs.Is(err, errs.KindConflict) {
			w.Errorf("after half an hour: %v", err)
		}
		if w.enrolled("alice") {
			w.Error("enrolled by nothing")
		}
	})
}

func TestASetUpBelongsToItsHolderAndRealm(t *testing.T) {
	each(t, func(w world) {
		p := w.begin("alice")
		for what, err := range map[string]error{
			"another holder": w.confirm("mallory", p.ID, w.code(p)),
			"another realm":  w.other().confirm("alice", p.ID, w.code(p)),
		} {
			if !errs.Is(err, errs.KindConflict) {
				w.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.Pending(w.Context(), "mallory", p.ID, "mallory"); !errs.Is(err, errs.KindConflict) {
			w.Errorf("another holder saw it: %v", err)
		}
	})
}

func TestTwoTabs(t *testing.T) {
	each(t, func(w world) {
		one, two := w.begin("alice"), w.begin("alice")
		if err := w.confirm("alice", two.ID, w.code(two)); err != nil {
			w.Fatal(err)
		}
		if err := w.confirm("alice", one.ID, w.code(one)); !errs.Is(err, errs.KindConflict) {
			w.Errorf("the slower tab: %v", err)
		}
		w.now.Advance(30 * time.Second)
		w.refuses("alice", w.code(one))
		w.accepts("alice", w.code(two), factor.TOTP)
	})
}

func TestManyTabsAtOnceMakeOneFactor(t *testing.T) {
	each(t, func(w world) {
		var tabs []factor.Pending
		for range 5 {
			tabs = append(tabs, w.begin("alice"))
		}
		var confirmed, conflicts atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			for _, tab := range tabs {
				code := w.code(tab)
				all.Go(func() {
					switch err := w.confirm("alice", tab.ID, code); {
					case err == nil:
						confirmed.Add(1)
					case errs.Is(err, errs.KindConflict):
						conflicts.Add(1)
					default:
						w.Error(err)
					}
				})
			}
		}
		all.Wait()
		factors, err := w.List(w.Context(), "alice")
		if err != nil || len(factors) != 1 || confirmed.Load() != 1 || conflicts.Load() != 19 {
			w.Errorf("%d factors, %d confirmed, %d conflicts, %v", len(factors), confirmed.Load(), conflicts.Load(), err)
		}
	})
}

func TestSetUpsUnderWayAreBounded(t *testing.T) {
	each(t, func(w world) {
		first := w.begin("alice")
		for range 10 {
			w.now.Advance(time.Second)
			w.begin("alice")
		}
		n, err := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM factor`)
		if err != nil || n != 5 {
			w.Errorf("%d are kept, %v", n, err)
		}
		if err := w.confirm("alice", first.ID, w.code(first)); !errs.Is(err, errs.KindConflict) {
			w.Errorf("the oldest: %v", err)
		}
	})
}
