package access

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
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
// with the factors that people have today and the steps and addresses that
// they had then.
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

// Preview judges members, credentials and the accesses of the last days, up to
// this moment, under a proposed policy. It changes nothing. It needs ReadAccess
// or ManageAccess. Members are listed by username from after on, at most limit of them.
func (g *Gate) Preview(ctx context.Context, grant Grant, proposed Policy, after string, limit int) (Preview, error) {
	if err := grant.Require(ReadAccess, ManageAccess); err != nil {
		return Preview{}, err
	}
	if err := g.records.Flush(ctx); err != nil {
		return Preview{}, fmt.Errorf("previewing: %w", err)
	}
	now, workspace := g.clock(), grant.Workspace()
	proposed.RequireFrom = time.Time{}
	w := would{now: now, policy: proposed, current: workspace.Policy}
	out := Preview{Own: w.say(grant.Actor(), proposed)}
	members, err := Members(ctx, g.db, workspace.ID, "", math.MaxInt32)
	if err != nil {
		return Preview{}, fmt.Errorf("previewing: reading the members: %w", err)
	}
	// Usernames in the order of their bytes, which isn't every database's.
	slices.SortFunc(members, func(a, b MemberFacts) int { return cmp.Compare(a.Username, b.Username) })
	out.Members = len(members)
	out.Affected = w.affected(members, after, limit)
	credentials, err := g.credentialFacts(ctx, workspace.ID, now)
	if err != nil {
		return Preview{}, fmt.Errorf("previewing: reading the credentials: %w", err)
	}
	byID := make(map[string]*MemberFacts, len(members))
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
	action := ReadWorkspace
	if a.Credential == FeedToken {
		action = ReadActivity
	}
	return Decide(a, p, Resource{Exists: true, Permission: Admin}, action, w.now)
}

func (w *would) judge(a Actor) (verdict Verdict, already bool) {
	return w.say(a, w.policy), w.say(a, w.current).Outcome != Allow
}

func (w *would) affected(members []MemberFacts, after string, limit int) List[Affected] {
	var list List[Affected]
	for i := range members {
		m := &members[i]
		verdict, already := w.judge(m.session(m.held(), w.now))
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

func (w *would) stopped(credentials []credentialFacts, members map[string]*MemberFacts, limit int) List[Stopped] {
	var list List[Stopped]
	for _, c := range credentials {
		m := members[c.User]
		if m == nil && c.User != "" {
			continue // suspended: it works no more
		}
		verdict, already := w.judge(c.actor(m, w.now))
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

// credentialFacts is a credential that opens something of a workspace without
// a browser.
type credentialFacts struct {
	Kind     Credential
	Name     string
	User     string // empty for a machine's
	LastUsed time.Time
	LastFrom string
	Step     Step // given to an SSH key
}

func (c *credentialFacts) actor(owner *MemberFacts, now time.Time) Actor {
	a := Actor{Credential: c.Kind, Address: addressOf(c.LastFrom)}
	if a.Step = c.Step; a.Step.Method == SecurityKey {
		a.Step.At = now // it is given anew with each connection
	}
	if owner != nil {
		a.User, a.Factors = owner.User, owner.Factors
	}
	return a
}

func (c *credentialFacts) owner(m *MemberFacts) string {
	if m == nil {
		return ""
	}
	return m.Username
}

// credentialFacts lists those that can still be used, the last used first.
func (g *Gate) credentialFacts(ctx context.Context, workspace string, now time.Time) ([]credentialFacts, error) {
	return db.All[credentialFacts](ctx, g.db, `
		SELECT kind, name, COALESCE(user_id, ''), last_used, last_from, '' AS step_method, 0 AS step_at FROM token
		WHERE expires > $2 AND (workspace = $1 OR user_id IN (SELECT user_id FROM member WHERE workspace = $1))
		UNION ALL
		SELECT CASE WHEN user_id IS NULL THEN 'deploy_key' ELSE 'ssh_key' END, label, COALESCE(user_id, ''), last_used, last_from,
		  CASE WHEN kind LIKE 'sk-%' THEN 'sk' ELSE step_method END, step_at FROM ssh_key
		WHERE (expires = 0 OR expires > $2) AND (user_id IN (SELECT user_id FROM member WHERE workspace = $1)
		  OR repository IN (SELECT id FROM repository WHERE workspace = $1))
		ORDER BY last_used DESC, name`, workspace, now)
}

type replayRow struct {
	User       string
	Credential Credential
	Door       Door
	Action     string
	Reason     Reason
	Held       string
	Address    string
	Count      int64
}

// replay judges the accesses that were allowed. What people who have left did
// meanwhile is left out, but for what was public.
func (g *Gate) replay(ctx context.Context, w *would, workspace string, members map[string]*MemberFacts) (Replay, error) {
	since := w.now.Unix()/86400 - ReplayDays
	rows, err := db.All[replayRow](ctx, g.db, `
		SELECT user_id, credential, door, action, reason, held, address, SUM(count) FROM access_record
		WHERE workspace = $1 AND outcome = 'allow' AND day >= $2
		GROUP BY user_id, credential, door, action, reason, held, address`, workspace, since)
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
func (w *would) replayed(row replayRow, m *MemberFacts) Verdict {
	if row.Action == LeaveWorkspace.String() {
		return Verdict{Outcome: Allow}
	}
	a := Actor{Door: row.Door, Credential: row.Credential, User: row.User, Scopes: Scopes(), Evidence: heldAs(row.Held, w.now)}
	r := Resource{Exists: true, Public: row.Reason == ReasonPublic}
	if m != nil {
		if row.Credential == Session {
			a = m.session(a.Evidence, w.now)
		}
		a.Factors, a.AccountOpens = m.Factors, m.AccountOpens
	}
	if m != nil || a.Credential.Machine() {
		r.Permission = Admin
	}
	p := w.policy
	if a.Address = addressOf(row.Address); !a.Address.IsValid() {
		p.Networks = nil // it isn't known, so it isn't held against it
	}
	return Decide(a, p, r, ReadRepository, w.now)
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
