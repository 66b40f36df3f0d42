package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
	const copied = `INSERT INTO audit SELECT %d, at, realm, workspace, actor, credential, address, action, target, detail, previous, hash FROM audit WHERE seq = %d`
	for name, c := range map[string]struct {
		sql []string
		seq int64
	}{
		"altered":                     {[]string{`UPDATE audit SET actor = 'mallory' WHERE seq = 3`}, 3},
		"the first altered":           {[]string{`UPDATE audit SET detail = '{}' WHERE seq = 1`}, 1},
		"its time altered":            {[]string{`UPDATE audit SET at = at + 1 WHERE seq = 4`}, 4},
		"dropped":                     {[]string{`DELETE FROM audit WHERE seq = 3`}, 3},
		"the first dropped":           {[]string{`DELETE FROM audit WHERE seq = 1`}, 1},
		"the end cut off":             {[]string{`DELETE FROM audit WHERE seq = 5`}, 5},
		"all dropped":                 {[]string{`DELETE FROM audit`}, 1},
		"hash replaced":               {[]string{`UPDATE audit SET hash = previous WHERE seq = 3`}, 3},
		"two in another order":        {[]string{`UPDATE audit SET seq = 100 WHERE seq = 2`, `UPDATE audit SET seq = 2 WHERE seq = 3`, `UPDATE audit SET seq = 3 WHERE seq = 100`}, 2},
		"appended outside":            {[]string{fmt.Sprintf(copied, 6, 5)}, 6},
		"appended, and the end moved": {[]string{fmt.Sprintf(copied, 6, 5), `UPDATE audit_head SET seq = 6`}, 6},
		"put in before the beginning": {[]string{fmt.Sprintf(copied, 0, 1)}, 0},
		"the end moved back":          {[]string{`UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)`}, 5},
		"the end's hash replaced":     {[]string{`UPDATE audit_head SET hash = 'x'`}, 5},
		"dropped and closed up":       {[]string{`DELETE FROM audit WHERE seq = 3`, `UPDATE audit SET seq = 3 WHERE seq = 4`, `UPDATE audit SET seq = 4 WHERE seq = 5`, `UPDATE audit_head SET seq = 4`}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				log := fill(t, d, 5)
				for _, statement := range c.sql {
					if _, err := db.Exec(t.Context(), d, statement); err != nil {
						t.Fatal(err)
					}
				}
				_, err := log.Verify(t.Context())
				if broken, ok := errors.AsType[*audit.Broken](err); !ok || broken.Seq != c.seq {
					t.Errorf("Verify: %v, want entry %d", err, c.seq)
				}
			})
		})
	}
}

// More than a batch, with others appending meanwhile: it is whole all the same.
func TestVerifyWhileOthersAppend(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := fill(t, d, 30)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			for ctx.Err() == nil {
				if err := d.InTx(t.Context(), func(tx *db.Tx) error { return log.Append(t.Context(), tx, audit.Entry{Action: "x"}) }); err != nil {
					t.Error(err)
				}
			}
		})
		for range 20 {
			if n, err := log.Verify(t.Context()); err != nil || n < 30 {
				t.Errorf("Verify = %d, %v", n, err)
			}
		}
		stop()
		all.Wait()
	})
}

func TestExportGivesAWorkspacesPart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := fill(t, d, 3)
		if err := d.InTx(t.Context(), func(tx *db.Tx) error {
			return log.Append(t.Context(), tx, audit.Entry{Workspace: "v", Action: "group.created", Detail: map[string]any{"name": "Devs"}})
		}); err != nil {
			t.Fatal(err)
		}
		for workspace, want := range map[string]string{"v": "4", "w": "1 2 3", "": "1 2 3 4", "x": ""} {
			var out strings.Builder
			if err := log.Export(t.Context(), &out, workspace); err != nil {
				t.Fatal(err)
			}
			var seqs []string
			for line := range strings.Lines(out.String()) {
				var r audit.Record
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				seqs = append(seqs, fmt.Sprint(r.Seq))
			}
			if got := strings.Join(seqs, " "); got != want {
				t.Errorf("of %q: %s, want %s", workspace, got, want)
			}
		}
	})
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
