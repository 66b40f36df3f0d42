package audit_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

func fill(t *testing.T, d *db.DB, n int) *audit.Log {
	t.Helper()
	log := &audit.Log{DB: d, Clock: clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Now}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				return log.Append(t.Context(), tx, audit.Entry{
					Realm: "code", Workspace: "w", Actor: "u", Action: "workspace.policy",
					Detail: map[string]any{"from": false, "to": true},
				})
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return log
}

func TestAppendsSideBySideMakeOneChain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := fill(t, d, 20)
		if n, err := log.Verify(t.Context()); err != nil || n != 20 {
			t.Errorf("Verify = %d, %v", n, err)
		}
	})
}

func TestTamperingIsFoundAndNamed(t *testing.T) {
	for name, c := range map[string]struct {
		sql string
		seq int64
	}{
		"altered":       {`UPDATE audit SET actor = 'mallory' WHERE seq = 3`, 3},
		"dropped":       {`DELETE FROM audit WHERE seq = 3`, 3},
		"end cut off":   {`DELETE FROM audit WHERE seq = 5`, 5},
		"hash replaced": {`UPDATE audit SET hash = previous WHERE seq = 3`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				log := fill(t, d, 5)
				if _, err := db.Exec(t.Context(), d, c.sql); err != nil {
					t.Fatal(err)
				}
				_, err := log.Verify(t.Context())
				if broken, ok := errors.AsType[*audit.Broken](err); !ok || broken.Seq != c.seq {
					t.Errorf("Verify: %v, want entry %d", err, c.seq)
				}
			})
		})
	}
}

func TestAnUndoneChangeLeavesNoEntry(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := fill(t, d, 1)
		stop := errors.New("stop")
		if err := d.InTx(t.Context(), func(tx *db.Tx) error {
			if err := log.Append(t.Context(), tx, audit.Entry{Action: "x"}); err != nil {
				return err
			}
			return stop
		}); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if n, err := log.Verify(t.Context()); err != nil || n != 1 {
			t.Errorf("Verify = %d, %v", n, err)
		}
	})
}
