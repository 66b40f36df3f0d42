package access

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"sallyport.dev/internal/db"
)

const (
	decisionsKept = 200                 // of each person
	decisionsLast = 30 * 24 * time.Hour // how long they are kept
	nameShown     = 100                 // bytes of a name that somebody asked for
)

// Decision is what the gate said to a person on one day, as often as it was the
// same: by which door and credential, about what, and why. Names are those that
// were asked for, so that they tell nothing of what exists.
type Decision struct {
	DecisionKey
	Count int64
	Last  time.Time
	Held  Evidence // the last time
}

// DecisionKey is what makes decisions of a day the same.
type DecisionKey struct {
	User         string
	Day          int64 // since 1970, UTC
	Door         Door
	Credential   Credential
	CredentialID string
	Action       string
	Target       Target
	Outcome      Outcome
	Reason       Reason
}

// Why says it in a sentence.
func (d *Decision) Why() string {
	r := &Refusal{Verdict: Verdict{Outcome: d.Outcome, Reason: d.Reason}, Credential: d.Credential}
	for _, action := range Actions() {
		if action.String() == d.Action {
			r.Action = action
		}
	}
	if d.Outcome != Hidden {
		r.WorkspaceSlug = d.Target.Workspace
	}
	return Why(r)
}

// trail keeps in memory what was decided since the last batch, bounded for each
// person; the oldest give way. Its zero value is empty.
type trail struct {
	mu   sync.Mutex
	last map[string][]Decision // by user, the oldest first
}

// note keeps a decision about a person. What they do in their own settings in a
// browser, and are let, isn't worth a line.
func (t *trail) note(now time.Time, a Actor, target Target, action Action, v Verdict) {
	if a.User == "" || !a.known() || action.Content() == Self && a.Door == Web && v.Outcome == Allow {
		return
	}
	t.add(Decision{
		DecisionKey: DecisionKey{
			User: a.User, Day: now.Unix() / 86400, Door: a.Door, Credential: a.Credential, CredentialID: a.CredentialID,
			Action: action.String(), Target: target.shown(), Outcome: v.Outcome, Reason: v.Reason,
		},
		Count: 1, Last: now, Held: a.carried(),
	})
}

// shown gives the names as they can be kept.
func (t Target) shown() Target {
	cut := func(name string) string {
		name = slug(name)
		for len(name) > nameShown || !utf8.ValidString(name) {
			name = name[:min(len(name)-1, nameShown)]
		}
		return name
	}
	return Target{cut(t.Workspace), cut(t.Repository), cut(t.Snippet)}
}

// add keeps a decision as the newest of its person's, together with those that
// were the same.
func (t *trail) add(d Decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string][]Decision{}
	}
	t.last[d.User] = merged(t.last[d.User], d)
}

// merged adds a decision to those of a person, the oldest first.
func merged(all []Decision, d Decision) []Decision {
	same := func(o Decision) bool { return o.DecisionKey == d.DecisionKey }
	if i := slices.IndexFunc(all, same); i >= 0 {
		d.Count += all[i].Count
		if all[i].Last.After(d.Last) {
			d.Last, d.Held = all[i].Last, all[i].Held
		}
		all = slices.Delete(all, i, i+1)
	}
	if all = append(all, d); len(all) > decisionsKept {
		all = slices.Delete(all, 0, 1)
	}
	return all
}

func (t *trail) of(user string) []Decision {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.last[user])
}

func (t *trail) take() map[string][]Decision {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.last
	t.last = nil
	return taken
}

// flush writes what was kept, in one transaction, and drops what is too old or
// too much. What can't be written is kept for the next time.
func (t *trail) flush(ctx context.Context, d *db.DB) error {
	batch := t.take()
	if len(batch) == 0 {
		return nil
	}
	err := d.InTx(ctx, func(tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "decision"); err != nil {
			return err
		}
		for user, decisions := range batch {
			for _, decision := range decisions {
				if err := putDecision(ctx, tx, decision); err != nil {
					return err
				}
			}
			if err := dropDecisions(ctx, tx, user, decisions[len(decisions)-1].Last); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	for _, decisions := range batch {
		for _, decision := range decisions {
			t.add(decision)
		}
	}
	return fmt.Errorf("writing decisions: %w", err)
}

func putDecision(ctx context.Context, tx *db.Tx, d Decision) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO decision (user_id, day, door, credential, credential_id, action, workspace, repository, snippet, outcome, reason,
		  count, last, totp, webauthn, step_method, step_at, account_acr, account_time)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (user_id, day, door, credential, credential_id, action, workspace, repository, snippet, outcome, reason)
		DO UPDATE SET count = decision.count + excluded.count, last = excluded.last, totp = excluded.totp, webauthn = excluded.webauthn,
		  step_method = excluded.step_method, step_at = excluded.step_at, account_acr = excluded.account_acr, account_time = excluded.account_time`,
		d.User, d.Day, d.Door, d.Credential, d.CredentialID, d.Action, d.Target.Workspace, d.Target.Repository, d.Target.Snippet, d.Outcome, d.Reason,
		d.Count, d.Last, d.Held.Factors.TOTP, d.Held.Factors.WebAuthn, d.Held.Step.Method, d.Held.Step.At, d.Held.Account.acr(), d.Held.Account.AuthTime)
	return err
}

// dropDecisions keeps a person's newest ones, and of everybody's none that is
// too old.
func dropDecisions(ctx context.Context, tx *db.Tx, user string, now time.Time) error {
	_, err := db.Exec(ctx, tx, `
		DELETE FROM decision WHERE user_id = $1 AND last < (
		  SELECT min(last) FROM (SELECT last FROM decision WHERE user_id = $1 ORDER BY last DESC LIMIT $2) AS kept)`,
		user, decisionsKept)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, tx, `DELETE FROM decision WHERE day < $1`, now.Add(-decisionsLast).Unix()/86400)
	return err
}

// Decisions gives what the gate said to the grant's actor lately, the newest
// first: at most 200 lines of the last 30 days. It needs ReadSelf. What was said
// on another node comes some seconds later.
func (g *Gate) Decisions(ctx context.Context, grant Grant) ([]Decision, error) {
	if err := grant.Require(ReadSelf); err != nil {
		return nil, err
	}
	user := grant.Actor().User
	waiting := g.records.trail.of(user) // first: what is written meanwhile is then only counted twice
	rows, err := db.All[struct {
		DecisionKey
		Count    int64
		Last     time.Time
		Factors  Factors
		Step     Step
		ACR      string
		AuthTime time.Time
	}](ctx, g.db, `
		SELECT user_id, day, door, credential, credential_id, action, workspace, repository, snippet, outcome, reason,
		  count, last, totp, webauthn, step_method, step_at, account_acr, account_time
		FROM decision WHERE user_id = $1 AND day >= $2 ORDER BY last DESC, day DESC LIMIT $3`,
		user, g.clock().Add(-decisionsLast).Unix()/86400, decisionsKept)
	if err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	var all []Decision // the oldest first
	for _, r := range slices.Backward(rows) {
		held := Evidence{Factors: r.Factors, Step: r.Step, Account: Account{ACR: r.ACR, AuthTime: r.AuthTime}}
		all = append(all, Decision{r.DecisionKey, r.Count, r.Last, held})
	}
	for _, d := range waiting {
		all = merged(all, d)
	}
	slices.Reverse(all)
	return all, nil
}
