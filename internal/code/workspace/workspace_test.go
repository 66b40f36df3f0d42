package workspace_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
)

func TestWhoeverMakesAWorkspaceOwnsIt(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		var seen int64
		w.audited(&seen)
		made, err := w.Create(w.Context(), alice.grant("", access.CreateWorkspace), " Acme ", " Acme & Söhne ")
		if err != nil || made.Slug != "acme" || made.Name != "Acme & Söhne" || made.Plan != workspace.Premium {
			w.Fatalf("%+v, %v", made, err)
		}
		got, err := w.Get(w.Context(), alice.grant("acme", access.ReadWorkspace))
		if diff := cmp.Diff(made, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			w.Errorf("%v\n%s", err, diff)
		}
		list, err := w.Of(w.Context(), alice.grant("", access.ReadSelf))
		want := []workspace.Membership{{ID: made.ID, Slug: "acme", Name: made.Name, Role: access.Owner, Since: made.Created}}
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			w.Errorf("%v\n%s", err, diff)
		}
		if list, err := w.Of(w.Context(), bob.grant("", access.ReadSelf)); err != nil || len(list) != 0 {
			w.Errorf("bob's: %+v, %v", list, err)
		}
		if got := bob.refused("acme", access.ReadWorkspace).Outcome; got != access.Hidden {
			w.Errorf("an outsider: %s", got)
		}
		_, err = w.Create(w.Context(), bob.grant("", access.CreateWorkspace), "ACME", "Other")
		w.is(err, errs.KindConflict, "a taken address")
		if diff := cmp.Diff([]string{"workspace.created"}, w.audited(&seen)); diff != "" || errs.Fields(err)["slug"] == "" {
			w.Error(diff, err)
		}
	})
}

func TestNamesOfWorkspaces(t *testing.T) {
	each(t, func(w *world) {
		g := w.signUp("alice").grant("", access.CreateWorkspace)
		for _, slug := range []string{
			"", "a", "-a", "a_b", "a.b", "a/b", "..", ".git", "2.0", "ä", "a b", "a\x00", "\xff", strings.Repeat("a", 63),
			"account", "login", "logout", "workspaces", "snippets", "invitations", "static", "healthz", "readyz", "admin",
			"api", "dashboard", "signin", "signup", "manage-profile", "apps", "authorize", "oauth", "userinfo", "keys", "Account",
		} {
			_, err := w.Create(w.Context(), g, slug, "Name")
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["slug"] == "" {
				w.Errorf("%q: %v", slug, err)
			}
		}
		for _, name := range []string{"", "  ", "a\nb", "a\x00", "\xff", strings.Repeat("ä", 101)} {
			_, err := w.Create(w.Context(), g, "acme", name)
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["name"] == "" {
				w.Errorf("name %q: %v", name, err)
			}
		}
		for _, slug := range []string{"ab", "4u", strings.Repeat("a", 62), "a--b-"} {
			if _, err := w.Create(w.Context(), g, slug, strings.Repeat("ä", 100)); err != nil {
				w.Errorf("%q: %v", slug, err)
			}
		}
	})
}

// Every function that takes a grant refuses the zero one, and one for something else.
func TestNothingGoesWithoutItsGrant(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		bob := w.signUp("bob")
		bob.join(alice, access.Member)
		other := alice.grant("", access.ManageTokens)
		ctx := w.Context()
		for name, call := range map[string]func(g access.Grant) error{
			"Create":          func(g access.Grant) error { _, err := w.Create(ctx, g, "beta", "Beta"); return err },
			"Of":              func(g access.Grant) error { _, err := w.Of(ctx, g); return err },
			"Get":             func(g access.Grant) error { _, err := w.Get(ctx, g); return err },
			"Members":         func(g access.Grant) error { _, err := w.Members(ctx, g); return err },
			"SetRole":         func(g access.Grant) error { return w.SetRole(ctx, g, bob.user.ID, access.Owner) },
			"Remove":          func(g access.Grant) error { return w.Remove(ctx, g, bob.user.ID) },
			"Leave":           func(g access.Grant) error { return w.Leave(ctx, g) },
			"Invite":          func(g access.Grant) error { _, err := w.Invite(ctx, g, "c@example.com", access.Member); return err },
			"Invitations":     func(g access.Grant) error { _, err := w.Invitations(ctx, g); return err },
			"Revoke":          func(g access.Grant) error { return w.Revoke(ctx, g, "x") },
			"Accept":          func(g access.Grant) error { _, err := w.Accept(ctx, g, "x"); return err },
			"Rename":          func(g access.Grant) error { return w.Rename(ctx, g, "Beta") },
			"SetDefaults":     func(g access.Grant) error { return w.SetDefaults(ctx, g, workspace.Defaults{}) },
			"Groups":          func(g access.Grant) error { _, err := w.Groups(ctx, g); return err },
			"Group":           func(g access.Grant) error { _, _, err := w.Group(ctx, g, "x"); return err },
			"CreateGroup":     func(g access.Grant) error { _, err := w.CreateGroup(ctx, g, "x", true); return err },
			"ChangeGroup":     func(g access.Grant) error { return w.ChangeGroup(ctx, g, "x", "y", true) },
			"DeleteGroup":     func(g access.Grant) error { return w.DeleteGroup(ctx, g, "x") },
			"AddToGroup":      func(g access.Grant) error { return w.AddToGroup(ctx, g, "x", "bob") },
			"RemoveFromGroup": func(g access.Grant) error { return w.RemoveFromGroup(ctx, g, "x", bob.user.ID) },
			"SetPolicy":       func(g access.Grant) error { return w.SetPolicy(ctx, g, access.Policy{}) },
		} {
			for what, g := range map[string]access.Grant{"the zero grant": {}, "a grant for something else": other} {
				if err := call(g); err == nil || !strings.Contains(err.Error(), access.ErrNoGrant.Error()) {
					w.Errorf("%s with %s: %v", name, what, err)
				}
			}
		}
	})
}

func TestMembersAndTheirRoles(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Member)
		var seen int64
		w.audited(&seen)
		members, err := w.Members(w.Context(), alice.grant("acme", access.ReadMembers))
		if err != nil || len(members) != 2 || members[0].Username != "alice" || members[0].Role != access.Owner ||
			members[1].Username != "bob" || members[1].Role != access.Member || members[1].Email != "bob@example.com" {
			w.Fatalf("%+v, %v", members, err)
		}
		if seenByBob, err := w.Members(w.Context(), bob.grant("acme", access.ReadMembers)); err != nil || seenByBob[0].Email != "" {
			w.Errorf("a member sees addresses: %+v, %v", seenByBob, err)
		}
		if got := bob.refused("acme", access.ManageMembers).Outcome; got != access.Forbidden {
			w.Errorf("a member managing members: %s", got)
		}
		g := alice.grant("acme", access.ManageMembers)
		w.is(w.SetRole(w.Context(), g, bob.user.ID, "admin"), errs.KindInvalid, "an unknown role")
		w.is(w.SetRole(w.Context(), g, "nobody", access.Owner), errs.KindNotFound, "nobody's role")
		w.is(w.Remove(w.Context(), g, "nobody"), errs.KindNotFound, "removing nobody")
		w.is(w.SetRole(w.Context(), g, alice.user.ID, access.Member), errs.KindConflict, "demoting the last owner")
		w.is(w.Remove(w.Context(), g, alice.user.ID), errs.KindConflict, "removing the last owner")
		w.is(w.Leave(w.Context(), alice.grant("acme", access.LeaveWorkspace)), errs.KindConflict, "the last owner leaving")

		for range 2 { // the second time changes nothing
			if err := w.SetRole(w.Context(), g, bob.user.ID, access.Owner); err != nil {
				w.Fatal(err)
			}
		}
		if err := w.SetRole(w.Context(), g, alice.user.ID, access.Member); err != nil {
			w.Errorf("with another owner: %v", err)
		}
		if err := w.Leave(w.Context(), alice.grant("acme", access.LeaveWorkspace)); err != nil {
			w.Errorf("a member leaving: %v", err)
		}
		if got := alice.refused("acme", access.ReadWorkspace).Outcome; got != access.Hidden {
			w.Errorf("after leaving: %s", got)
		}
		w.is(w.SetRole(w.Context(), bob.grant("acme", access.ManageMembers), alice.user.ID, access.Owner), errs.KindNotFound, "one who left")
		if diff := cmp.Diff([]string{"member.role", "member.role", "member.left"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
	})
}

func TestAMemberIsTakenOut(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Owner)
		if err := w.Remove(w.Context(), alice.grant("acme", access.ManageMembers), bob.user.ID); err != nil {
			w.Fatal(err)
		}
		if got := bob.refused("acme", access.ReadWorkspace).Outcome; got != access.Hidden {
			w.Errorf("after it: %s", got)
		}
	})
}

func TestOwnersGoingAtOnceLeaveOne(t *testing.T) {
	each(t, func(w *world) {
		names := []string{"alice", "bob", "carol", "dave", "erin", "frank"}
		var owners []*person
		for i, name := range names {
			owners = append(owners, w.signUp(name))
			if i == 0 {
				owners[0].found()
			} else {
				owners[i].join(owners[0], access.Owner)
			}
		}
		var going []func() error
		for i, p := range owners {
			leave, manage := p.grant("acme", access.LeaveWorkspace), p.grant("acme", access.ManageMembers)
			next := owners[(i+1)%len(owners)].user.ID
			going = append(going,
				func() error { return w.Leave(w.Context(), leave) },
				func() error { return w.SetRole(w.Context(), manage, p.user.ID, access.Member) },
				func() error { return w.Remove(w.Context(), manage, next) })
		}
		var gone atomic.Int64
		var all sync.WaitGroup
		for _, goes := range going {
			all.Go(func() {
				switch err := goes(); {
				case err == nil:
					gone.Add(1)
				case !errs.Is(err, errs.KindConflict) && !errs.Is(err, errs.KindNotFound):
					w.Error(err)
				}
			})
		}
		all.Wait()
		for _, p := range owners {
			if _, err := p.check("acme", access.ManageMembers); err == nil {
				return // an owner is left
			}
		}
		w.Errorf("nobody owns it any more; %d went", gone.Load())
	})
}

func TestTwoOwnersLeavingAtOnceLeaveOne(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Owner)
		var left atomic.Int64
		var all sync.WaitGroup
		for _, p := range []*person{alice, bob} {
			g := p.grant("acme", access.LeaveWorkspace)
			all.Go(func() {
				err := w.Leave(w.Context(), g)
				if err == nil {
					left.Add(1)
				} else if !errs.Is(err, errs.KindConflict) {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if left.Load() != 1 {
			w.Errorf("%d left", left.Load())
		}
	})
}

func TestPlans(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		w.DefaultPlan = workspace.Free
		if made := alice.found(); made.Plan != workspace.Free {
			w.Errorf("%+v", made)
		}
		var seen int64
		w.audited(&seen)
		for range 2 {
			if err := w.SetPlan(w.Context(), "acme", workspace.Premium); err != nil {
				w.Fatal(err)
			}
		}
		got, err := w.Get(w.Context(), alice.grant("acme", access.ReadPlan))
		if err != nil || got.Plan != workspace.Premium {
			w.Errorf("%+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{"workspace.plan"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		w.is(w.SetPlan(w.Context(), "acme", "gold"), errs.KindInvalid, "an unknown plan")
		w.is(w.SetPlan(w.Context(), "beta", workspace.Free), errs.KindNotFound, "an unknown workspace")
	})
}

// An owner who is shut out of Code is none that a workspace could be left to.
func TestASuspendedOwnerIsNotTheOtherOne(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Owner)
		if err := w.users.SuspendUser(w.Context(), "bob", true); err != nil {
			w.Fatal(err)
		}
		w.is(w.Leave(w.Context(), alice.grant("acme", access.LeaveWorkspace)), errs.KindConflict, "leaving it to bob")
		g := alice.grant("acme", access.ManageMembers)
		w.is(w.SetRole(w.Context(), g, alice.user.ID, access.Member), errs.KindConflict, "leaving the role to bob")
		if err := w.Remove(w.Context(), g, bob.user.ID); err != nil {
			w.Errorf("removing bob: %v", err)
		}
	})
}

// Attack 16: whoever comes in, by whichever path, meets the same rule.
func TestAttack16EveryPathEndsAtTheRule(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		alice.enrol()
		makers, err := w.CreateGroup(w.Context(), alice.grant("acme", access.ManageGroups), "Makers", true)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.SetPolicy(w.Context(), alice.grant("acme", access.ManageAccess), access.Policy{RequireTwoStep: true}); err != nil {
			w.Fatal(err)
		}
		for _, role := range []access.Role{access.Member, access.Owner} {
			bob.join(alice, role)
			if err := w.AddToGroup(w.Context(), alice.grant("acme", access.ManageGroups), makers.ID, "bob"); err != nil {
				w.Fatal(err)
			}
			for _, action := range []access.Action{access.ReadWorkspace, access.ListRepositories, access.CreateRepository, access.ReadMembers} {
				if got := bob.refused("acme", action); got.Outcome != access.Enrol {
					w.Errorf("%v as %s: %s", action, role, got.Outcome)
				}
			}
			if err := w.Remove(w.Context(), alice.grant("acme", access.ManageMembers), bob.user.ID); err != nil {
				w.Fatal(err)
			}
			if got := bob.refused("acme", access.ReadWorkspace).Outcome; got != access.Hidden {
				w.Errorf("removed: %s", got)
			}
		}
	})
}

// Attack 17: a workspace's rule locks nobody out of the rest.
func TestAttack17ABlockedMemberCanLeaveAndGoesOnElsewhere(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Member)
		alice.enrol()
		if err := w.SetPolicy(w.Context(), alice.grant("acme", access.ManageAccess), access.Policy{RequireTwoStep: true}); err != nil {
			w.Fatal(err)
		}
		if got := bob.refused("acme", access.ReadWorkspace); got.Outcome != access.Enrol || got.WorkspaceName != "Acme" {
			w.Errorf("%+v", got)
		}
		list, err := w.Of(w.Context(), bob.grant("", access.ReadSelf))
		if err != nil || len(list) != 1 || !list[0].RequiresTwoStep {
			w.Errorf("%+v, %v", list, err)
		}
		if _, err := w.Create(w.Context(), bob.grant("", access.CreateWorkspace), "beta", "Beta"); err != nil {
			w.Error(err)
		}
		w.now.Advance(time.Second)
		if err := w.Leave(w.Context(), bob.grant("acme", access.LeaveWorkspace)); err != nil {
			w.Error(err)
		}
	})
}
