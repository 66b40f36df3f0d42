package db_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

func rowsIn(t *testing.T, d *db.DB) int {
	t.Helper()
	n, err := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM throttle`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Transactions that are committed together are each whole or nothing alone,
// and whoever is answered finds what they wrote.
func TestOfManyAtOnceEachIsUndoneAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		stop := errors.New("stop")
		var after atomic.Int64
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				key := fmt.Sprint(i)
				defer func() {
					if r := recover(); (r != nil) != (i%4 == 3) {
						t.Errorf("%d: %v", i, r)
					}
				}()
				err := d.InTx(t.Context(), func(tx *db.Tx) error {
					tx.AfterCommit(func() { after.Add(1) })
					if _, err := db.Exec(t.Context(), tx, insert, key, 1, 0, 0); err != nil {
						return err
					}
					switch i % 4 {
					case 1:
						return stop
					case 2: // a statement that fails, and nothing else
						if _, err := db.Exec(t.Context(), tx, insert, key, 1, 0, 0); !db.IsDuplicate(err) {
							t.Errorf("%d: a second row: %v", i, err)
						}
						return stop
					case 3:
						panic("stop")
					}
					return nil
				})
				if i%4 == 0 {
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
					if _, err := db.One[int](t.Context(), d, `SELECT failures FROM throttle WHERE key = $1`, key); err != nil {
						t.Errorf("%d isn't there when it is answered: %v", i, err)
					}
				} else if !errors.Is(err, stop) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		all.Wait()
		if n := rowsIn(t, d); n != 50 || after.Load() != 50 {
			t.Errorf("%d rows and %d calls after a commit of 50", n, after.Load())
		}
	})
}

func TestWhoeverGoesAwayStrandsNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		inside, goOn, first := make(chan bool), make(chan bool), make(chan error)
		go func() {
			first <- d.InTx(t.Context(), func(tx *db.Tx) error {
				close(inside)
				<-goOn
				_, err := db.Exec(t.Context(), tx, insert, "a", 1, 0, 0)
				return err
			})
		}()
		<-inside
		gone, leave := context.WithCancel(t.Context())
		leave()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := db.Exec(gone, d, insert, "b", 1, 0, 0); !errors.Is(err, context.Canceled) {
					t.Errorf("gone: %v", err)
				}
			})
		}
		all.Wait()
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if _, err := db.Exec(t.Context(), d, insert, "c", 1, 0, 0); err != nil {
			t.Error(err)
		}
		// Who goes away in its middle has done nothing.
		ctx, cancel := context.WithCancel(t.Context())
		err := d.InTx(ctx, func(tx *db.Tx) error {
			_, err := db.Exec(ctx, tx, insert, "d", 1, 0, 0)
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled in its middle: %v", err)
		}
		if n := rowsIn(t, d); n != 2 {
			t.Errorf("%d rows", n)
		}
	})
}
