package access

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/db"
)

// Preview tells what a policy would do if it were saved. Decide judged all of
// it, as though the policy's grace were over.
type Preview struct {
	Own      Verdict // on the owner who asks
	Members  int     // of the workspace
	Affected List[Affected]
	Stopped  List[Stopped]
	Replay   Replay
}

// List is the first of some things, and how many there are.
type List[T any] struct {
	Shown []T
	Total int
	Old   int    // of them, those that are so under the policy in force already
	Next  string // to list on from; empty: that's all
}

// Affected is a member who would be asked for something or refused.
type Affected struct {
	Username, Name string
	Role           Role
	Verdict        Verdict
	Already        bool // the policy in force says so too
}

// Stopped is a credential that would no longer work.
type Stopped struct {
	Kind     Credential
	Name     string
	Owner    string // username; empty for a machine's
	LastUsed time.Time
	Verdict  Verdict
	Already  bool
}

// Replay is what would have become of the accesses of the last days, judged
// with the factors that people have today and the steps that they had then.
type Replay struct {
	Accesses int64 // that were allowed
	Stopped  int64 // of them, those that would have been asked or refused
	Doors    []Replayed
	People   []Replayed // with any stopped; the most first
}

// Replayed is a part of a replay: of a door, or of a person.
type Replayed struct {
	Name              string // the door, or the username; empty: nobody's
	Accesses, Stopped int64
}

// ReplayDays is how many days back a preview looks, besides today.
const ReplayDays = 30

// Preview judges members, credentials and the accesses of the last days under
// a proposed policy. It changes nothing. It needs ReadAccess or ManageAccess.
// Members are listed by username from after on, at most limit of them.
func (g *Gate) Preview(ctx context.Context, grant Grant, proposed Policy, after string, limit int) (Preview, error) {
	if err := grant.Require(ReadAccess, ManageAccess); err != nil {
		return Preview{}, err
	}
	now, workspace := g.clock(), grant.Workspace()
	proposed.RequireFrom = time.Time{}
	w := would{now: now, policy: proposed, current: workspace.Policy}
	out := Preview{Own: w.say(grant.Actor(), proposed)}
	members, err := g.memberFacts(ctx, workspace.ID)
	if err != nil {
		return Preview{}, fmt.Errorf("previewing: reading the members: %w", err)
	}
	out.Members = len(members)
	out.Affected = w.affected(members, after, limit)
	credentials, err := g.credentialFacts(ctx, workspace.ID, now)
	if err != nil {
		return Preview{}, fmt.Errorf("previewing: reading the credentials: %w", err)
	}
	byID := make(map[string]*memberFacts, len(members))
	for i := range members {
		byID[members[i].User] = &members[i]
	}
	out.Stopped = w.stopped(credentials, byID, limit)
	if out.Replay, err = g.replay(ctx, &w, workspace.ID, byID); err != nil {
		return Preview{}, fmt.Errorf("previewing: reading the records: %w", err)
	}
	return out, nil
}

// would asks the gate's rules under two policies.
type would struct {
	now             time.Time
	policy, current Policy
}

// say gives the verdict on an actor who has every permission and scope, so that
// only the policy speaks. An address that isn't known isn't held against it.
func (w *would) say(a Actor, p Policy) Verdict {
	if !a.Address.IsValid() {
		p.Networks = nil
	}
	a.Scopes = Scopes()
	return Decide(a, p, Resource{Exists: true, Permission: Admin}, ReadWorkspace, w.now)
}

func (w *would) judge(a Actor) (verdict Verdict, already bool) {
	return w.say(a, w.policy), w.say(a, w.current).Outcome != Allow
}

func (w *would) affected(members []memberFacts, after string, limit int) List[Affected] {
	var list List[Affected]
	for i := range members {
		m := &members[i]
		verdict, already := w.judge(m.session(m.Held(), w.now))
		if verdict.Outcome == Allow {
			continue
		}
		list.Total++
		if already {
			list.Old++
		}
		switch {
		case m.Username <= after:
		case len(list.Shown) < limit:
			list.Shown = append(list.Shown, Affected{m.Username, m.Name, m.Role, verdict, already})
		case list.Next == "":
			list.Next = list.Shown[len(list.Shown)-1].Username
		}
	}
	return list
}

func (w *would) stopped(credentials []credentialFacts, members map[string]*memberFacts, limit int) List[Stopped] {
	var list List[Stopped]
	for _, c := range credentials {
		m := members[c.User]
		if m == nil && c.User != "" {
			continue // suspended: it works no more
		}
		verdict, already := w.judge(c.actor(m))
		if verdict.Outcome == Allow {
			continue
		}
		list.Total++
		if already {
			list.Old++
		}
		if len(list.Shown) < limit {
			list.Shown = append(list.Shown, Stopped{c.Kind, c.Name, c.owner(m), c.LastUsed, verdict, already})
		}
	}
	return list
}

// memberFacts is a member with the factors that are on and what the browser
// that they used last has proven.
type memberFacts struct {
	User, Username, Name string
	Role                 Role
	Factors              Factors
	AccountOpens         bool
	Step                 Step
	ACR, AMR             string
	AuthTime             time.Time
	Address              string // empty: no browser is signed in
}

// Held is what that browser has proven.
func (m *memberFacts) Held() Evidence {
	return Evidence{Step: m.Step, Account: Account{ACR: m.ACR, AMR: strings.Fields(m.AMR), AuthTime: m.AuthTime}}
}

// session is the member in a browser that has proven something. Where signing
// in would ask for a step whatever the policy, it counts as taken.
func (m *memberFacts) session(held Evidence, now time.Time) Actor {
	a := Actor{Door: Web, Credential: Session, User: m.User, Address: addressOf(m.Address), Evidence: held}
	a.Factors, a.AccountOpens = m.Factors, m.AccountOpens
	if a.Step.Method == "" && !(a.AccountOpens && a.Account.MFA()) {
		switch {
		case m.Factors.WebAuthn:
			a.Step = Step{WebAuthn, now}
		case m.Factors.TOTP:
			a.Step = Step{TOTP, now}
		}
	}
	return a
}

func addressOf(text string) netip.Addr {
	address, _ := netip.ParseAddr(text) // what can't be read isn't known
	return address
}

func (g *Gate) memberFacts(ctx context.Context, workspace string) ([]memberFacts, error) {
	return db.All[memberFacts](ctx, g.db, `
		SELECT u.id, u.username, u.name, m.role,
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'totp' AND confirmed > 0),
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'webauthn' AND confirmed > 0),
		  u.account_opens, COALESCE(s.step_method, ''), COALESCE(s.step_at, 0),
		  COALESCE(s.account_acr, ''), COALESCE(s.account_amr, ''), COALESCE(s.account_time, 0), COALESCE(s.address, '')
		FROM member m JOIN code_user u ON u.id = m.user_id
		LEFT JOIN code_session s ON s.id = (SELECT l.id FROM code_session l WHERE l.user_id = u.id ORDER BY l.seen DESC, l.id DESC LIMIT 1)
		WHERE m.workspace = $1 AND NOT u.suspended ORDER BY u.username`, workspace)
}

// credentialFacts is a credential that opens something of a workspace without
// a browser.
type credentialFacts struct {
	Kind     Credential
	Name     string
	User     string // empty for a machine's
	LastUsed time.Time
	LastFrom string
}

func (c *credentialFacts) actor(owner *memberFacts) Actor {
	a := Actor{Credential: c.Kind, Address: addressOf(c.LastFrom)}
	if owner != nil {
		a.User, a.Factors = owner.User, owner.Factors
	}
	return a
}

func (c *credentialFacts) owner(m *memberFacts) string {
	if m == nil {
		return ""
	}
	return m.Username
}

// credentialFacts lists those that can still be used, the last used first.
func (g *Gate) credentialFacts(ctx context.Context, workspace string, now time.Time) ([]credentialFacts, error) {
	return db.All[credentialFacts](ctx, g.db, `
		SELECT kind, name, COALESCE(user_id, ''), last_used, last_from FROM token
		WHERE expires > $2 AND (workspace = $1 OR user_id IN (SELECT user_id FROM member WHERE workspace = $1))
		ORDER BY last_used DESC, id`, workspace, now)
}

type replayRow struct {
	User       string
	Credential Credential
	Door       Door
	Action     string
	Reason     Reason
	Held       string
	Count      int64
}

// replay judges the accesses that were allowed. What people who have left did
// meanwhile is left out, but for what was public.
func (g *Gate) replay(ctx context.Context, w *would, workspace string, members map[string]*memberFacts) (Replay, error) {
	since := w.now.Unix()/86400 - ReplayDays
	rows, err := db.All[replayRow](ctx, g.db, `
		SELECT user_id, credential, door, action, reason, held, SUM(count) FROM access_record
		WHERE workspace = $1 AND outcome = 'allow' AND day >= $2
		GROUP BY user_id, credential, door, action, reason, held`, workspace, since)
	if err != nil {
		return Replay{}, err
	}
	var out Replay
	doors, people := map[string]*Replayed{}, map[string]*Replayed{}
	for _, row := range rows {
		m := members[row.User]
		if m == nil && row.User != "" && row.Reason != ReasonPublic {
			continue
		}
		var stopped int64
		if w.replayed(row, m).Outcome != Allow {
			stopped = row.Count
		}
		name := ""
		if m != nil {
			name = m.Username
		}
		out.Accesses, out.Stopped = out.Accesses+row.Count, out.Stopped+stopped
		add(doors, string(row.Door), row.Count, stopped)
		add(people, name, row.Count, stopped)
	}
	out.Doors, out.People = sorted(doors), sorted(people)
	out.People = slices.DeleteFunc(out.People, func(r Replayed) bool { return r.Stopped == 0 })
	return out, nil
}

// replayed judges one counter anew. Only the policy speaks: the permission was
// there, and how fresh the step was for a sensitive action isn't the policy's.
func (w *would) replayed(row replayRow, m *memberFacts) Verdict {
	if row.Action == LeaveWorkspace.String() {
		return Verdict{Outcome: Allow}
	}
	a := Actor{Door: row.Door, Credential: row.Credential, User: row.User, Scopes: Scopes(), Evidence: heldAs(row.Held, w.now)}
	r := Resource{Exists: true, Public: row.Reason == ReasonPublic}
	p := w.policy
	p.Networks = nil // a counter keeps no address
	if m != nil {
		if row.Credential == Session {
			a = m.session(a.Evidence, w.now)
			p.Networks = w.networks(a.Address)
		}
		a.Factors, a.AccountOpens = m.Factors, m.AccountOpens
	}
	if m != nil || a.Credential.Machine() {
		r.Permission = Admin
	}
	return Decide(a, p, r, ReadRepository, w.now)
}

// networks are the proposed ones, where the address is known.
func (w *would) networks(address netip.Addr) []netip.Prefix {
	if !address.IsValid() {
		return nil
	}
	return w.policy.Networks
}

func add(to map[string]*Replayed, name string, accesses, stopped int64) {
	r := to[name]
	if r == nil {
		r = &Replayed{Name: name}
		to[name] = r
	}
	r.Accesses, r.Stopped = r.Accesses+accesses, r.Stopped+stopped
}

// sorted puts those first of which the most was stopped.
func sorted(parts map[string]*Replayed) []Replayed {
	out := make([]Replayed, 0, len(parts))
	for _, part := range parts {
		out = append(out, *part)
	}
	slices.SortFunc(out, func(a, b Replayed) int {
		return cmp.Or(cmp.Compare(b.Stopped, a.Stopped), cmp.Compare(b.Accesses, a.Accesses), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Under gives what the gate would say to the grant's actor, who has every
// permission, under another policy whose grace is over.
func (g Grant) Under(p Policy, now time.Time) Verdict {
	p.RequireFrom = time.Time{}
	w := would{now: now}
	return w.say(g.Actor(), p)
}
