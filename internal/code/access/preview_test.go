package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/db"
)

// browser signs a member in, with what that has proven.
func (w *world) browser(user string, step Step, account Account, address string) {
	w.t.Helper()
	w.sql(`INSERT INTO code_session (id, hash, user_id, step_method, step_at, account_acr, account_amr, account_time, address, agent, created, seen)
		VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, '', $9, $9)`,
		db.NewID(), user, step.Method, step.At, account.ACR, strings.Join(account.AMR, " "), account.AuthTime, address, w.clock.Now())
}

func (w *world) token(user, name, from string, expires time.Time) {
	w.t.Helper()
	w.sql(`INSERT INTO token (id, hash, kind, holder, user_id, name, scopes, made_by, created, issued, expires, last_used, last_from)
		VALUES ($1, $1, 'api_token', $2, $2, $3, '', $2, 0, 0, $4, $5, $6)`, db.NewID(), user, name, expires, w.clock.Now(), from)
}

func (w *world) preview(p Policy) Preview {
	w.t.Helper()
	owner := session("olga")
	owner.Step = Step{TOTP, w.clock.Now()}
	g, err := w.gate.Check(w.t.Context(), owner, Target{Workspace: "acme"}, ManageAccess)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.gate.Preview(w.t.Context(), g, p, "", 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// Each kind of member under each kind of policy, as Decide says it.
func TestPreviewOfMembersAndCredentials(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		mfa := Account{ACR: "aal2", AuthTime: now}
		for user, kind := range map[string]string{"none": "", "app": "totp", "key": "webauthn", "both": "totp webauthn", "mfa": "", "late": "totp", "gone": ""} {
			w.user(user)
			w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', $1, 'member', 0)`, user)
			for k := range strings.FieldsSeq(kind) {
				w.factor(user, k)
			}
			w.token(user, "t-"+user, "192.0.2.1", now.Add(time.Hour))
		}
		w.sql(`INSERT INTO token (id, hash, kind, holder, workspace, name, scopes, made_by, created, issued, expires, last_used)
			VALUES ('m', 'm', 'workspace_token', 'w-acme', 'w-acme', 't-machine', '', 'olga', 0, 0, $1, $2)`, now.Add(time.Hour), now)
		w.token("none", "expired", "", now)
		w.sql(`UPDATE code_user SET suspended = TRUE WHERE id = 'gone'`)
		w.browser("none", Step{}, Account{}, "192.0.2.1")
		w.browser("app", Step{TOTP, now}, Account{}, "192.0.2.1")
		w.browser("both", Step{TOTP, now}, Account{}, "198.51.100.1")
		w.browser("mfa", Step{}, mfa, "192.0.2.1")
		w.browser("late", Step{TOTP, now.Add(-2 * time.Hour)}, Account{}, "192.0.2.1")
		required := Policy{RequireTwoStep: true}
		with := func(change func(p *Policy)) Policy {
			p := required
			change(&p)
			return p
		}
		for _, c := range []struct {
			name             string
			policy           Policy
			members, stopped string
		}{
			{"nothing", Policy{}, "", ""},
			{"required", required, "alice:enrol mfa:enrol none:enrol", "t-mfa t-none"},
			{"required later", with(func(p *Policy) { p.RequireFrom = now.Add(24 * time.Hour) }), "alice:enrol mfa:enrol none:enrol", "t-mfa t-none"},
			{"account too", with(func(p *Policy) { p.AcceptAccountMFA = true }), "alice:verify none:verify", "t-mfa t-none"},
			{
				"resistant", with(func(p *Policy) { p.PhishingResistant = true }),
				"alice:enrol app:strengthen both:verify late:strengthen mfa:enrol none:enrol olga:strengthen", "t-app t-late t-mfa t-none",
			},
			{"again after an hour", with(func(p *Policy) { p.AskAgain = time.Hour }), "alice:enrol late:renew mfa:enrol none:enrol", "t-mfa t-none"},
			{
				"networks",
				Policy{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
				"app:forbidden late:forbidden mfa:forbidden none:forbidden", "t-app t-both t-key t-late t-mfa t-none",
			},
			{"machines", Policy{RefuseMachines: true}, "", "t-machine"},
		} {
			got := w.preview(c.policy)
			var members, stopped []string
			for _, m := range got.Affected.Shown {
				members = append(members, strings.TrimPrefix(m.Username, "name-")+":"+string(m.Verdict.Outcome))
			}
			for _, s := range got.Stopped.Shown {
				stopped = append(stopped, s.Name)
				want := Stopped{Kind: APIToken, Owner: "name-" + strings.TrimPrefix(s.Name, "t-")}
				if s.Name == "t-machine" {
					want = Stopped{Kind: WorkspaceToken}
				}
				if s.Owner != want.Owner || s.Kind != want.Kind || !s.LastUsed.Equal(now) {
					t.Errorf("%s: %+v", c.name, s)
				}
			}
			slices.Sort(stopped)
			if diff := cmp.Diff([2]string{c.members, c.stopped}, [2]string{strings.Join(members, " "), strings.Join(stopped, " ")}); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if got.Members != 8 || got.Affected.Total != len(members) || got.Affected.Old != 0 {
				t.Errorf("%s: %+v", c.name, got.Affected)
			}
		}
		if own := w.preview(with(func(p *Policy) { p.PhishingResistant = true })).Own; own.Outcome != Strengthen {
			t.Errorf("the owner's own standing: %+v", own)
		}
	})
}

// The list of members goes on from a username, and says what holds already.
func TestPreviewPagesByKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		for _, user := range []string{"u1", "u2", "u3", "u4"} {
			w.user(user)
			w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', $1, 'member', 0)`, user)
		}
		w.require("acme")
		owner := session("olga")
		owner.Step = Step{TOTP, now}
		g, err := w.gate.Check(t.Context(), owner, Target{Workspace: "acme"}, ReadAccess)
		if err != nil {
			t.Fatal(err)
		}
		var pages []string
		for after := ""; len(pages) == 0 || after != ""; {
			p, err := w.gate.Preview(t.Context(), g, Policy{RequireTwoStep: true}, after, 2)
			if err != nil || p.Affected.Total != 5 || p.Affected.Old != 5 {
				t.Fatalf("%+v, %v", p.Affected, err)
			}
			page := ""
			for _, m := range p.Affected.Shown {
				page += strings.TrimPrefix(m.Username, "name-") + " "
			}
			pages, after = append(pages, page), p.Affected.Next
		}
		if diff := cmp.Diff([]string{"alice u1 ", "u2 u3 ", "u4 "}, pages); diff != "" {
			t.Error(diff)
		}
		if _, err := w.gate.Preview(t.Context(), Grant{}, Policy{}, "", 1); err == nil {
			t.Error("the zero Grant was taken")
		}
	})
}

// What was let through is judged anew: by door and by person, with the steps
// of then and the factors of now. Nothing is changed by it.
func TestReplayOfRecordedAccesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		many := func(n int, a Actor, target Target, action Action) {
			for range n {
				w.allowed(a, target, action)
			}
		}
		owner := session("olga")
		owner.Step = Step{TOTP, now.Add(-2 * time.Hour)}
		token := Actor{Door: GitHTTP, Credential: APIToken, User: "alice", Scopes: Scopes()}
		w.clock.Advance(-31 * 24 * time.Hour)
		many(7, session("alice"), secret, ReadRepository) // too long ago
		w.clock.Advance(31 * 24 * time.Hour)
		many(5, owner, secret, ReadRepository)
		many(3, session("alice"), secret, ReadRepository)
		many(2, token, secret, WriteRepository)
		many(4, Actor{Door: Web}, open, ReadRepository)
		many(1, session("alice"), Target{Workspace: "acme"}, LeaveWorkspace)
		for i, c := range []struct {
			name     string
			policy   Policy
			stopped  int64
			byPerson string
		}{
			{"nothing", Policy{}, 0, ""},
			{"required", Policy{RequireTwoStep: true}, 5, "name-alice:5"},
			{"again after an hour", Policy{RequireTwoStep: true, AskAgain: time.Hour}, 10, "name-olga:5 name-alice:5"},
			{"again after a day", Policy{RequireTwoStep: true, AskAgain: 24 * time.Hour}, 5, "name-alice:5"},
			{"no public content", Policy{NoPublic: true}, 4, ":4"},
		} {
			got := w.preview(c.policy).Replay // itself an access of olga's, counted too
			var people []string
			for _, p := range got.People {
				people = append(people, fmt.Sprintf("%s:%d", p.Name, p.Stopped))
			}
			if got.Accesses != int64(16+i) || got.Stopped != c.stopped || strings.Join(people, " ") != c.byPerson {
				t.Errorf("%s: %+v", c.name, got)
			}
			var doors int64
			for _, d := range got.Doors {
				doors += d.Accesses
			}
			if doors != got.Accesses {
				t.Errorf("%s: the doors have %d of %d", c.name, doors, got.Accesses)
			}
		}
		// Alice enrols: what she did before wouldn't be asked of her now.
		w.factor("alice", "totp")
		if got := w.preview(Policy{RequireTwoStep: true}).Replay; got.Stopped != 0 {
			t.Errorf("after enrolling: %+v", got)
		}
	})
}

// What was held is read back as it can be told apart, at every age.
func TestHeldIsKeptAsFinelyAsPoliciesTell(t *testing.T) {
	for _, age := range []time.Duration{0, time.Hour, time.Hour + 1, 24 * time.Hour, 6 * 24 * time.Hour, 8 * 24 * time.Hour, 40 * 24 * time.Hour} {
		e := Evidence{Step: Step{WebAuthn, now.Add(-age)}, Account: Account{AMR: []string{"pwd", "mfa"}, AuthTime: now.Add(-age)}}
		text := heldBy(e, now)
		back := heldAs(text, now)
		if back.Step.Method != WebAuthn || !back.Account.MFA() || back.Account.PhishingResistant() || heldBy(back, now) != text {
			t.Errorf("%v: %q, %+v", age, text, back)
		}
		for _, again := range append(AskAgains(), 0) {
			p := Policy{RequireTwoStep: true, AskAgain: again}
			a, b := session("u"), session("u")
			a.Evidence, b.Evidence = e, back
			a.Factors, b.Factors = Factors{WebAuthn: true}, Factors{WebAuthn: true}
			r := Resource{Exists: true, Permission: Admin}
			if x, y := Decide(a, p, r, ReadRepository, now), Decide(b, p, r, ReadRepository, now); x != y {
				t.Errorf("%v, again after %v: %+v then, %+v replayed", age, again, x, y)
			}
		}
	}
	if heldBy(Evidence{Step: Step{Method: "magic"}}, now) != "" || heldAs("", now).Step.Method != "" {
		t.Error("an unknown method was kept")
	}
}
