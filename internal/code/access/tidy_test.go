package access

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
)

func (w *world) tidy(log *audit.Log) {
	w.t.Helper()
	if err := w.records.Tidy(w.t.Context(), log, w.clock.Now()); err != nil {
		w.t.Fatal(err)
	}
}

// The challenges and refusals of a day stand in the audit log once it is over:
// counted, one entry for each person and workspace, and none of them twice.
func TestRefusalsAreToldToTheAuditLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		log := &audit.Log{DB: w.d, Clock: w.clock.Now}
		for range 3 {
			w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		}
		w.expect(session("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.expect(token("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.expect(Actor{Door: GitHTTP}, secret, ReadRepository, Unauthenticated, ReasonSignedOut)
		w.allowed(Actor{Door: GitHTTP}, open, ReadRepository)
		w.flush()
		told := func(want ...string) {
			t.Helper()
			records, err := log.Read(t.Context(), "w-acme", 0, 100)
			if err != nil || len(records) != len(want) {
				t.Fatalf("%+v, %v", records, err)
			}
			for i, r := range records {
				var detail any
				if err := json.Unmarshal([]byte(r.Detail), &detail); err != nil {
					t.Fatal(err)
				}
				text, _ := json.Marshal(detail)
				if got := r.Action + " " + r.Actor + " " + string(text); got != want[i] {
					t.Errorf("got  %s\nwant %s", got, want[i])
				}
			}
		}
		w.tidy(log)
		told() // the day isn't over
		day := now.UTC().Format(time.DateOnly)
		w.clock.Advance(24 * time.Hour)
		w.tidy(log)
		w.tidy(log)
		first := []string{
			`access.turned_away  {"day":"` + day + `","githttp signed_out":1}`,
			`access.turned_away alice {"day":"` + day + `","githttp two_step_required":3,"web two_step_required":1}`,
			`access.turned_away bob {"day":"` + day + `","githttp not_found":1}`,
		}
		told(first...)
		// What another node writes of that day only now isn't lost.
		w.sql(`UPDATE access_record SET count = count + 2 WHERE user_id = 'bob'`)
		w.tidy(log)
		told(append(first, `access.turned_away bob {"day":"`+day+`","githttp not_found":2}`)...)
		if _, err := log.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Counters are dropped when nothing looks at them any more; only the last day of
// whoever was let in stays, which the roster shows.
func TestOldRecordsAreDropped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		log := &audit.Log{DB: w.d, Clock: w.clock.Now}
		for range 3 {
			w.allowed(session("alice"), secret, ReadRepository)
			w.expect(session("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
			w.clock.Advance(24 * time.Hour)
		}
		w.allowed(session("olga"), secret, ReadRepository)
		w.flush()
		w.tidy(log)
		if n := len(w.recorded()); n != 7 {
			t.Errorf("%d rows at first, want 7", n)
		}
		w.clock.Advance((ReplayDays - 1) * 24 * time.Hour)
		w.tidy(log)
		if n := len(w.recorded()); n != 7 {
			t.Errorf("%d rows while they are looked at, want 7", n)
		}
		w.clock.Advance(10 * 24 * time.Hour)
		w.tidy(log)
		rows := w.recorded()
		if len(rows) != 2 || rows[0].User != "alice" || !rows[0].Last.Equal(now.Add(48*time.Hour)) || rows[1].User != "olga" {
			t.Errorf("%+v", rows)
		}
		if n, err := db.One[int](t.Context(), w.d, `SELECT COUNT(*) FROM audit`); n != 3 || err != nil {
			t.Errorf("%d entries of refusals that were dropped, %v", n, err)
		}
	})
}

// Allowed networks are judged by the address of each access, whatever the door
// and wherever its person came from last.
func TestReplayJudgesTheAddressOfEachAccess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		at := func(a Actor, address string) Actor {
			a.Address = netip.MustParseAddr(address)
			return a
		}
		for _, a := range []Actor{
			at(session("alice"), "192.0.2.7"), at(session("alice"), "198.51.100.7"), at(token("alice"), "198.51.100.8"),
			at(token("alice"), "::ffff:192.0.2.9"), at(session("alice"), "2001:db8::1"),
			{Door: Web, Address: netip.MustParseAddr("203.0.113.1")},
		} {
			if a.User == "" {
				w.allowed(a, open, ReadRepository)
			} else {
				w.allowed(a, secret, ReadRepository)
			}
		}
		for network, stopped := range map[string]int64{"192.0.2.0/24": 3, "198.51.100.0/24": 3, "2001:db8::/32": 4, "198.51.100.8/32": 4, "0.0.0.0/0": 1} {
			p := Policy{Networks: []netip.Prefix{netip.MustParsePrefix(network)}}
			got := w.preview(p).Replay
			// The previews themselves are olga's accesses, from 192.0.2.7.
			for _, person := range got.People {
				if person.Name == "name-alice" && person.Stopped != stopped {
					t.Errorf("%s: %+v", network, person)
				}
				if person.Name == "" {
					t.Errorf("%s: what is public was held to be stopped", network)
				}
			}
		}
	})
}
