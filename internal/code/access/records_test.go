package access

import (
	"context"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

type recorded struct {
	Day             int64
	Workspace, User string
	Credential      Credential
	Door            Door
	Action          string
	Outcome         Outcome
	Reason          Reason
	Count           int64
	Last            time.Time
}

func (w *world) recorded() []recorded {
	w.t.Helper()
	rows, err := db.All[recorded](w.t.Context(), w.d, `
		SELECT day, workspace, user_id, credential, door, action, outcome, reason, count, last
		FROM access_record ORDER BY day, workspace, user_id, credential, door, action, outcome, reason`)
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.records.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) total() (n int64) {
	w.t.Helper()
	for _, row := range w.recorded() {
		n += row.Count
	}
	return n
}

// What the gate decides is counted by day and by all that tells cases apart,
// and adds up over batches.
func TestRecordsAddUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.flush() // nothing counted: nothing written
		for range 3 {
			w.allowed(session("alice"), secret, ReadRepository)
		}
		w.require("acme")
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.expect(token("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.allowed(Actor{Door: GitHTTP}, open, ReadRepository)
		w.flush()
		w.clock.Advance(time.Hour)
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.flush()
		w.clock.Advance(12 * time.Hour) // past midnight, UTC
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.flush()
		w.flush()

		day := now.Unix() / 86400
		want := []recorded{
			{day, "w-acme", "", "", GitHTTP, "read_repository", Allow, ReasonPublic, 1, now},
			{day, "w-acme", "alice", APIToken, GitHTTP, "read_repository", Enrol, ReasonTwoStepRequired, 2, now.Add(time.Hour)},
			{day, "w-acme", "alice", Session, Web, "read_repository", Allow, ReasonAllowed, 3, now},
			{day, "w-acme", "bob", APIToken, GitHTTP, "read_repository", Hidden, ReasonNotFound, 1, now},
			{day + 1, "w-acme", "alice", APIToken, GitHTTP, "read_repository", Enrol, ReasonTwoStepRequired, 1, now.Add(13 * time.Hour)},
		}
		got := w.recorded()
		if len(got) != len(want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got  %+v\nwant %+v", got[i], want[i])
			}
		}
	})
}

// A batch that the store won't take is kept, with what comes meanwhile.
func TestRecordsAreKeptWhenTheStoreFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.allowed(session("alice"), secret, ReadRepository)
		w.expect(session("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.sql(`ALTER TABLE access_record RENAME TO access_record_away`)
		for range 2 {
			if w.records.Flush(t.Context()) == nil {
				t.Fatal("written without a table")
			}
		}
		w.clock.Advance(time.Second)
		w.allowed(session("alice"), secret, ReadRepository)
		w.sql(`ALTER TABLE access_record_away RENAME TO access_record`)
		w.flush()
		rows := w.recorded()
		if len(rows) != 2 || rows[0].Count != 2 || !rows[0].Last.Equal(now.Add(time.Second)) || rows[1].Count != 1 || !rows[1].Last.Equal(now) {
			t.Errorf("%+v", rows)
		}
	})
}

// What is counted while batches are written is in one of them.
func TestRecordsCountConcurrently(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if _, err := w.gate.Check(t.Context(), session("alice"), secret, ReadRepository); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			all.Go(func() {
				for range 10 {
					if err := w.records.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		w.flush()
		if n := w.total(); n != 8*50 {
			t.Errorf("%d of %d counted", n, 8*50)
		}
	})
}

// At a graceful stop the last counts are written, though the context is over.
func TestRecordsAreWrittenAtTheStop(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			w.records.Run(ctx)
			close(done)
		}()
		for range 5 {
			w.allowed(session("alice"), secret, ReadRepository)
		}
		stop()
		<-done
		if n := w.total(); n != 5 {
			t.Errorf("%d of 5 written", n)
		}
	})
}

// A store that is down at the stop doesn't hold the stop up.
func TestStopWithoutAStore(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t)).usual()
	w.allowed(session("alice"), secret, ReadRepository)
	w.d.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.records.Run(ctx)
	if len(w.records.counts) != 1 {
		t.Errorf("kept: %v", w.records.counts)
	}
}

// What was counted while a batch failed adds to what the batch brings back.
func TestPutBackAddsToWhatCameMeanwhile(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t)).usual()
	w.allowed(session("alice"), secret, ReadRepository)
	w.allowed(session("alice"), secret, ReadRepository)
	batch := w.records.counts
	w.records.counts = map[recordKey]recordCount{}
	w.clock.Advance(time.Second)
	w.allowed(session("alice"), secret, ReadRepository)
	w.records.putBack(batch)
	w.flush()
	if rows := w.recorded(); len(rows) != 1 || rows[0].Count != 3 || !rows[0].Last.Equal(now.Add(time.Second)) {
		t.Errorf("%+v", rows)
	}
}
