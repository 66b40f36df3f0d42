package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

type counter struct {
	Key      string
	Failures int64
	RetryAt  time.Time
	Last     time.Time
}

const insert = `INSERT INTO throttle (key, failures, retry_at, last) VALUES ($1, $2, $3, $4)`

func TestRowsComeBackAsTheyWentIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		in := counter{Key: "a", Failures: 3, RetryAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}
		if _, err := db.Exec(ctx, d, insert, in.Key, in.Failures, in.RetryAt, in.Last); err != nil {
			t.Fatal(err)
		}
		out, err := db.One[counter](ctx, d, `SELECT key, failures, retry_at, last FROM throttle WHERE key = $1`, "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Error(diff)
		}
		if _, err := db.One[string](ctx, d, `SELECT key FROM throttle WHERE key = 'none'`); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("no row: %v", err)
		}
		for _, text := range []string{"a\x00", "\xff"} {
			if _, err := db.Exec(ctx, d, insert, text, 1, 0, 0); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%q was kept: %v", text, err)
			}
		}
		if _, err := db.Exec(ctx, d, insert, "a", 1, 0, 0); !db.IsDuplicate(err) {
			t.Errorf("a second row with the key: %v", err)
		}
		blob, err := db.One[[]byte](ctx, d, `INSERT INTO signing_key (id, sealed, created) VALUES ($1, $2, $3) RETURNING sealed`, "k", []byte{0, 1, 255}, 0)
		if err != nil || !cmp.Equal(blob, []byte{0, 1, 255}) {
			t.Errorf("bytes: %v, %v", blob, err)
		}
		yes, err := db.One[bool](ctx, d, `INSERT INTO person (id, name, administrator, suspended, created) VALUES ('p', 'P', $1, FALSE, 0) RETURNING administrator`, true)
		if err != nil || !yes {
			t.Errorf("boolean: %v, %v", yes, err)
		}
	})
}

func TestATransactionIsWholeOrNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		stop := errors.New("stop")
		err := d.InTx(ctx, func(tx *db.Tx) error {
			if _, err := db.Exec(ctx, tx, insert, "a", 1, 0, 0); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if n, err := db.One[int](ctx, d, `SELECT COUNT(*) FROM throttle`); err != nil || n != 0 {
			t.Errorf("%d rows were left, %v", n, err)
		}
	})
}

func TestOneConditionalUpdateWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if _, err := db.Exec(ctx, d, insert, "a", 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		var wins sync.Map
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				n, err := db.Exec(ctx, d, `UPDATE throttle SET failures = 1 WHERE key = 'a' AND failures < 1`)
				if err != nil {
					t.Error(err)
				}
				if n == 1 {
					wins.Store(i, true)
				}
			})
		}
		all.Wait()
		count := 0
		wins.Range(func(any, any) bool { count++; return true })
		if count != 1 {
			t.Errorf("%d of 50 won", count)
		}
	})
}

func TestALockPutsTransactionsInARow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if _, err := db.Exec(ctx, d, insert, "a", 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				err := d.InTx(ctx, func(tx *db.Tx) error {
					if err := db.Lock(ctx, tx, "a"); err != nil {
						return err
					}
					n, err := db.One[int](ctx, tx, `SELECT failures FROM throttle WHERE key = 'a'`)
					if err != nil {
						return err
					}
					_, err = db.Exec(ctx, tx, `UPDATE throttle SET failures = $1 WHERE key = 'a'`, n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n, err := db.One[int](ctx, d, `SELECT failures FROM throttle`); err != nil || n != 20 {
			t.Errorf("%d of 20 counted, %v", n, err)
		}
	})
}

// What each engine made of the migrations must agree, whether they have one text
// or twins. The tables that FTS5 keeps its index in are SQLite's own affair.
func TestBothEnginesHaveTheSameSchema(t *testing.T) {
	type column struct{ Table, Column string }
	lite, err := db.All[column](t.Context(), dbtest.SQLite(t), `
		SELECT m.name, p.name FROM pragma_table_list m, pragma_table_info(m.name) p
		WHERE m.schema = 'main' AND m.type IN ('table', 'virtual') AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'goose_db_version' ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	pg, err := db.All[column](t.Context(), dbtest.Postgres(t), `
		SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'goose_db_version' ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lite, pg); diff != "" {
		t.Error(diff)
	}
	if len(lite) < 100 {
		t.Errorf("only %d columns were compared", len(lite))
	}
}

func TestSeveralProcessesMayMigrateAtOnce(t *testing.T) {
	path := "sqlite:" + t.TempDir() + "/test.db"
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			d, err := db.Open(context.Background(), path, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if err := d.Migrate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAnUnknownAddressIsRefused(t *testing.T) {
	if _, err := db.Open(t.Context(), "mysql://x", t.TempDir()); err == nil {
		t.Error("mysql was taken")
	}
}
