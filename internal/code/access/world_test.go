package access

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// world is a store with rows put in by hand, and a gate on it. The ids that
// it uses are short and speak: user "alice", workspace "w-acme".
type world struct {
	t       testing.TB
	d       *db.DB
	clock   *clock.Manual
	records *Records
	gate    *Gate
}

func newWorld(t testing.TB, d *db.DB) *world {
	c := clock.NewManual(now)
	records := NewRecords(d)
	return &world{t: t, d: d, clock: c, records: records, gate: New(d, c.Now, records)}
}

func (w *world) sql(query string, args ...any) {
	w.t.Helper()
	if _, err := db.Exec(w.t.Context(), w.d, query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

func (w *world) user(id string) {
	w.t.Helper()
	w.sql(`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created)
		VALUES ($1, 'https://id.test', $1, $2, $1, $3, FALSE, 0)`, id, "name-"+id, id+"@example.com")
}

// workspace makes one with members, each given as "role user".
func (w *world) workspace(slug string, members ...string) {
	w.t.Helper()
	w.sql(`INSERT INTO workspace (id, slug, name, plan, created) VALUES ($1, $2, $3, 'premium', 0)`, "w-"+slug, slug, strings.ToUpper(slug))
	for _, member := range members {
		role, user, _ := strings.Cut(member, " ")
		w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, $3, 0)`, "w-"+slug, user, role)
	}
}

func (w *world) repository(workspace, slug string, public bool) {
	w.t.Helper()
	w.sql(`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated)
		VALUES ($1, $2, $3, $3, '', $4, 0, 0)`, "r-"+workspace+"-"+slug, "w-"+workspace, slug, public)
}

func (w *world) snippet(workspace, id, author string, public bool) {
	w.t.Helper()
	w.sql(`INSERT INTO snippet (id, workspace, author, title, public, created, updated)
		VALUES ($1, $2, $3, '', $4, 0, 0)`, id, "w-"+workspace, author, public)
}

// factor gives a holder a confirmed one of Code.
func (w *world) factor(holder, kind string) {
	w.t.Helper()
	w.sql(`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed)
		VALUES ($1, 'code', $2, $3, '', $4, 0, 1)`, db.NewID(), holder, kind, []byte{})
}

func (w *world) require(workspace string) {
	w.t.Helper()
	w.sql(`UPDATE workspace SET require_two_step = TRUE WHERE slug = $1`, workspace)
}

// usual makes what most tests start from: acme, owned by olga, with alice as a
// member and author of the private snippet "s1", the private repository "secret"
// and the public one "open", whose wikis and trackers are private; bob is
// nobody's member. Nobody is enrolled and nothing is required.
func (w *world) usual() *world {
	w.t.Helper()
	for _, id := range []string{"olga", "alice", "bob"} {
		w.user(id)
	}
	w.workspace("acme", "owner olga", "member alice")
	w.repository("acme", "secret", false)
	w.repository("acme", "open", true)
	w.snippet("acme", "s1", "alice", false)
	return w
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(t, newWorld(t, d)) })
}

func session(user string) Actor {
	return Actor{Door: Web, Credential: Session, CredentialID: "s-" + user, User: user, Address: netip.MustParseAddr("192.0.2.7")}
}

// stepped is a session that has taken its second step just now.
func stepped(user string) Actor {
	a := session(user)
	a.Step = Step{Method: TOTP, At: now}
	return a
}

func token(user string) Actor {
	return Actor{Door: GitHTTP, Credential: APIToken, CredentialID: "t-" + user, User: user, Scopes: Scopes()}
}

var (
	self   = Target{}
	acme   = Target{Workspace: "acme"}
	secret = Target{Workspace: "acme", Repository: "secret"}
	open   = Target{Workspace: "acme", Repository: "open"}

	snippet1 = Target{Workspace: "acme", Snippet: "s1"}
)

// targetOf gives the target in acme that an action is done to.
func targetOf(action Action) Target {
	return map[Content]Target{
		Self: self, Workspace: acme, Repository: secret, IssueTracker: secret, Wiki: secret, Snippet: snippet1,
	}[action.Content()]
}

// verdict asks the gate and gives what it says; an error that isn't a refusal
// fails the test.
func (w *world) verdict(a Actor, target Target, action Action) Verdict {
	w.t.Helper()
	grant, err := w.gate.Check(w.t.Context(), a, target, action)
	if err == nil {
		if err := grant.Require(action); err != nil {
			w.t.Fatalf("the grant for %v isn't one: %v", action, err)
		}
		return Verdict{Outcome: Allow}
	}
	if grant.Require(Actions()...) == nil {
		w.t.Fatalf("%v was refused with a grant: %v", action, err)
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		w.t.Fatalf("%v on %+v: %v", action, target, err)
	}
	return refusal.Verdict
}

func (w *world) expect(a Actor, target Target, action Action, outcome Outcome, reason Reason) {
	w.t.Helper()
	v := w.verdict(a, target, action)
	if v.Outcome != outcome || (outcome != Allow && v.Reason != reason) {
		w.t.Errorf("%v on %+v by %s %q: %s (%s), want %s (%s)", action, target, a.Credential, a.User, v.Outcome, v.Reason, outcome, reason)
	}
}

func (w *world) allowed(a Actor, target Target, action Action) {
	w.t.Helper()
	w.expect(a, target, action, Allow, "")
}
