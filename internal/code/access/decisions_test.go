package access

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/db"
)

// told is what somebody is shown of the gate's decisions, one a line.
func (w *world) told(user string) []string {
	w.t.Helper()
	grant, err := w.gate.Check(w.t.Context(), stepped(user), self, ReadSelf)
	if err != nil {
		w.t.Fatal(err)
	}
	decisions, err := w.gate.Decisions(w.t.Context(), grant)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, d := range decisions {
		lines = append(lines, fmt.Sprintf("%s %s %s/%s %d %s: %s", d.Door, d.Credential, d.Target.Workspace, d.Target.Repository, d.Count, d.Outcome, d.Why()))
	}
	return lines
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each person is shown their own decisions, the newest first, at once and after
// they were written; what they are let do in their own settings isn't worth a line.
func TestDecisionsAreShownToWhomTheyAreAbout(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		for range 3 {
			w.verdict(token("alice"), secret, ReadRepository)
		}
		w.clock.Advance(time.Second)
		w.verdict(session("alice"), open, ReadRepository)
		w.clock.Advance(time.Second)
		w.verdict(session("bob"), secret, ReadRepository)
		w.verdict(session("alice"), self, ReadSelf)
		w.verdict(Actor{Door: Web}, open, ReadRepository)
		alice := []string{
			"web session acme/open 1 allow: It is public.",
			"githttp api_token acme/secret 3 enrol: Workspace acme requires two-step verification.",
		}
		same(t, w.told("alice"), alice...)
		same(t, w.told("bob"), "web session acme/secret 1 hidden: There is nothing here.")
		if n, err := db.One[int](t.Context(), w.d, `SELECT COUNT(*) FROM decision`); n != 0 || err != nil {
			t.Errorf("a request wrote %d, %v", n, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		w.records.Run(ctx) // a graceful stop loses nothing
		if left := w.records.trail.of("alice"); len(left) != 0 {
			t.Errorf("left in memory: %+v", left)
		}
		same(t, w.told("alice"), alice...)
		w.factor("alice", "totp")
		w.clock.Advance(time.Second)
		w.verdict(token("alice"), secret, ReadRepository)
		w.verdict(token("alice"), secret, WriteRepository)
		same(t, w.told("alice"), append([]string{
			"githttp api_token acme/secret 1 allow: Every rule is met.",
			"githttp api_token acme/secret 1 allow: Every rule is met.",
		}, alice...)...)
	})
}

// What was held at the time stays as it was, whatever is held now.
func TestADecisionTellsWhatWasHeldThen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("alice", "totp")
		a := stepped("alice")
		a.Account = Account{AMR: []string{"mfa"}, AuthTime: now}
		w.verdict(a, secret, ReadRepository)
		want := Evidence{Factors: Factors{TOTP: true}, Step: Step{TOTP, now}, Account: Account{ACR: "aal2", AuthTime: now}}
		if err := w.records.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.sql(`DELETE FROM factor`)
		grant, err := w.gate.Check(t.Context(), session("alice"), self, ReadSelf)
		if err != nil {
			t.Fatal(err)
		}
		decisions, err := w.gate.Decisions(t.Context(), grant)
		if err != nil || len(decisions) != 1 || fmt.Sprint(decisions[0].Held) != fmt.Sprint(want) {
			t.Errorf("%+v, %v", decisions, err)
		}
		if _, err := w.gate.Decisions(t.Context(), Grant{}); err == nil {
			t.Error("the zero grant reads decisions")
		}
	})
}

// Neither a flood of names nor time makes the trail grow, in memory or at rest,
// and no name breaks a batch.
func TestDecisionsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.verdict(session("bob"), secret, ReadRepository)
		for i := range 2*decisionsKept + 50 {
			w.clock.Advance(time.Millisecond)
			w.verdict(session("alice"), Target{Workspace: "acme", Repository: fmt.Sprintf("r%d\x00\xffä%s", i, strings.Repeat("ä", 200))}, ReadRepository)
			if i%150 == 149 {
				if err := w.records.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := len(w.records.trail.of("alice")); n > decisionsKept {
			t.Errorf("%d in memory", n)
		}
		if err := w.records.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := db.One[int](t.Context(), w.d, `SELECT COUNT(*) FROM decision WHERE user_id = 'alice'`)
		if n != decisionsKept || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
		lines := w.told("alice")
		if len(lines) != decisionsKept || !strings.Contains(lines[0], fmt.Sprintf("/r%d?", 2*decisionsKept+49)) {
			t.Errorf("%d lines, first %s", len(lines), lines[0])
		}
		w.clock.Advance(decisionsLast + 24*time.Hour)
		if got := w.told("alice"); len(got) != 0 {
			t.Errorf("after a month: %v", got)
		}
		w.verdict(session("alice"), secret, ReadRepository)
		if err := w.records.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := db.One[int](t.Context(), w.d, `SELECT COUNT(*) FROM decision`); n != 1 || err != nil {
			t.Errorf("after a month: %d rows, %v", n, err)
		}
	})
}

// A batch that fails is kept for the next.
func TestDecisionsOutliveAFailure(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.verdict(token("alice"), secret, ReadRepository)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := w.records.Flush(ctx); err == nil {
			t.Fatal("it was written")
		}
		w.verdict(token("alice"), secret, ReadRepository)
		if err := w.records.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, w.told("alice"), "githttp api_token acme/secret 2 allow: Every rule is met.")
	})
}

// Explain says what Check says, for every actor and action, and counts nothing.
func TestExplainAgreesWithCheck(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		machine := Actor{Door: API, Credential: WorkspaceToken, CredentialID: "m", Workspace: "w-acme", Scopes: Scopes()}
		for _, change := range []string{``, `require_two_step = TRUE`, `refuse_machines = TRUE, networks = '198.51.100.0/24'`} {
			if change != "" {
				w.sql(`UPDATE workspace SET ` + change)
			}
			for _, actor := range []Actor{session("olga"), stepped("olga"), token("olga"), session("alice"), token("alice"), session("bob"), machine, {Door: Web}} {
				for _, action := range Actions() {
					target := targetOf(action)
					e, err := w.gate.Explain(t.Context(), actor, target, action)
					if err != nil {
						t.Fatal(err)
					}
					want := w.verdict(actor, target, action)
					if want.Outcome == Allow {
						want.Reason = e.Reason
					}
					if e.Verdict != want || e.Why() == "" {
						t.Errorf("%v by %s %s: %+v, Check says %+v", action, actor.Credential, actor.User, e.Verdict, want)
					}
					if e.Known != (actor.User == "olga" || actor.User == "alice" || actor.Credential.Machine()) && action.Content() != Self {
						t.Errorf("%v by %s %s: known %t", action, actor.Credential, actor.User, e.Known)
					}
				}
			}
		}
		w.records = NewRecords(w.d)
		w.gate = New(w.d, w.clock.Now, w.records)
		if _, err := w.gate.Explain(t.Context(), token("alice"), secret, ReadRepository); err != nil || len(w.records.counts)+len(w.records.trail.of("alice")) != 0 {
			t.Errorf("explaining counts: %v, %v", w.records.counts, err)
		}
	})
}
