package workspace_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
)

func TestGroups(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Member)
		w.signUp("eve")
		var seen int64
		w.audited(&seen)
		ctx, g := w.Context(), alice.grant("acme", access.ManageGroups)

		devs, err := w.CreateGroup(ctx, g, " Developers ", false)
		if err != nil || devs.Name != "Developers" {
			w.Fatalf("%+v, %v", devs, err)
		}
		_, err = w.CreateGroup(ctx, g, "DEVELOPERS", true)
		if w.is(err, errs.KindConflict, "a taken name"); errs.Fields(err)["name"] == "" {
			w.Error(err)
		}
		for _, name := range []string{"", " ", "a\nb", strings.Repeat("ä", 101)} {
			_, err := w.CreateGroup(ctx, g, name, false)
			w.is(err, errs.KindInvalid, "the name "+name)
		}
		w.is(w.AddToGroup(ctx, g, devs.ID, "eve"), errs.KindInvalid, "one who is no member")
		w.is(w.AddToGroup(ctx, g, "none", "bob"), errs.KindNotFound, "an unknown group")
		for range 2 { // the second time changes nothing
			if err := w.AddToGroup(ctx, g, devs.ID, " Bob "); err != nil {
				w.Fatal(err)
			}
		}
		group, members, err := w.Group(ctx, alice.grant("acme", access.ReadGroups), devs.ID)
		if err != nil || group.Members != 1 || len(members) != 1 || members[0].Username != "bob" {
			w.Errorf("%+v %+v %v", group, members, err)
		}
		if err := w.ChangeGroup(ctx, g, devs.ID, "Makers", true); err != nil {
			w.Fatal(err)
		}
		if err := w.RemoveFromGroup(ctx, g, devs.ID, bob.user.ID); err != nil {
			w.Fatal(err)
		}
		w.is(w.RemoveFromGroup(ctx, g, devs.ID, bob.user.ID), errs.KindNotFound, "one who isn't in it")
		if list, err := w.Groups(ctx, alice.grant("acme", access.ReadGroups)); err != nil || len(list) != 1 || list[0].Name != "Makers" || list[0].Members != 0 {
			w.Errorf("%+v %v", list, err)
		}
		if err := w.DeleteGroup(ctx, g, devs.ID); err != nil {
			w.Fatal(err)
		}
		w.is(w.DeleteGroup(ctx, g, devs.ID), errs.KindNotFound, "deleting it again")
		want := []string{"group.created", "group.member_added", "group.changed", "group.member_removed", "group.deleted"}
		if diff := cmp.Diff(want, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
	})
}

// A group of another workspace can't be reached from here.
func TestGroupsOfOthers(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		if _, err := w.Create(w.Context(), bob.grant("", access.CreateWorkspace), "beta", "Beta"); err != nil {
			w.Fatal(err)
		}
		theirs, err := w.CreateGroup(w.Context(), bob.grant("beta", access.ManageGroups), "Theirs", true)
		if err != nil {
			w.Fatal(err)
		}
		g := alice.grant("acme", access.ManageGroups)
		w.is(w.AddToGroup(w.Context(), g, theirs.ID, "alice"), errs.KindNotFound, "joining it")
		w.is(w.ChangeGroup(w.Context(), g, theirs.ID, "Mine", true), errs.KindNotFound, "changing it")
		w.is(w.DeleteGroup(w.Context(), g, theirs.ID), errs.KindNotFound, "deleting it")
		_, _, err = w.Group(w.Context(), g, theirs.ID)
		w.is(err, errs.KindNotFound, "reading it")
	})
}

func TestOneNameOfAGroupAtOnce(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		g := alice.grant("acme", access.ManageGroups)
		var all sync.WaitGroup
		errors := make([]error, 8)
		for i := range errors {
			all.Go(func() { _, errors[i] = w.CreateGroup(w.Context(), g, "Devs", false) })
		}
		all.Wait()
		made := 0
		for _, err := range errors {
			if err == nil {
				made++
			} else {
				w.is(err, errs.KindConflict, "the name at once")
			}
		}
		if made != 1 {
			w.Errorf("%d were made", made)
		}
	})
}

func TestDefaultsAndName(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		if made := alice.found(); made.Defaults != (workspace.Defaults{Access: access.Write, Creates: true}) {
			w.Errorf("%+v", made)
		}
		bob.join(alice, access.Member)
		var seen int64
		w.audited(&seen)
		g := alice.grant("acme", access.ManageGroups)
		for range 2 {
			if err := w.SetDefaults(w.Context(), g, workspace.Defaults{Access: access.None}); err != nil {
				w.Fatal(err)
			}
		}
		w.is(w.SetDefaults(w.Context(), g, workspace.Defaults{Access: access.Admin}), errs.KindInvalid, "everybody an administrator")
		if got := bob.refused("acme", access.CreateRepository).Outcome; got != access.Forbidden {
			w.Errorf("a member creates: %s", got)
		}
		makers, err := w.CreateGroup(w.Context(), g, "Makers", true)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.AddToGroup(w.Context(), g, makers.ID, "bob"); err != nil {
			w.Fatal(err)
		}
		bob.grant("acme", access.CreateRepository)

		name := alice.grant("acme", access.ManageWorkspace)
		w.is(w.Rename(w.Context(), name, " "), errs.KindInvalid, "no name")
		if err := w.Rename(w.Context(), name, "Acme Two"); err != nil {
			w.Fatal(err)
		}
		got, err := w.Get(w.Context(), alice.grant("acme", access.ReadWorkspace))
		if err != nil || got.Name != "Acme Two" || got.Defaults != (workspace.Defaults{}) {
			w.Errorf("%+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{"workspace.defaults", "group.created", "group.member_added", "workspace.renamed"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
	})
}

// Attack 16: one who was in a group and is removed, or leaves, holds nothing,
// even when they come back.
func TestAttack16MembershipTakesTheGroupsAlong(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Member)
		g := alice.grant("acme", access.ManageGroups)
		if err := w.SetDefaults(w.Context(), g, workspace.Defaults{}); err != nil {
			w.Fatal(err)
		}
		makers, err := w.CreateGroup(w.Context(), g, "Makers", true)
		if err != nil {
			w.Fatal(err)
		}
		for _, goes := range []func() error{
			func() error {
				return w.Remove(w.Context(), alice.grant("acme", access.ManageMembers), bob.user.ID)
			},
			func() error { return w.Leave(w.Context(), bob.grant("acme", access.LeaveWorkspace)) },
		} {
			if err := w.AddToGroup(w.Context(), g, makers.ID, "bob"); err != nil {
				w.Fatal(err)
			}
			bob.grant("acme", access.CreateRepository)
			if err := goes(); err != nil {
				w.Fatal(err)
			}
			if _, members, err := w.Group(w.Context(), g, makers.ID); err != nil || len(members) != 0 {
				w.Errorf("still in the group: %+v, %v", members, err)
			}
			w.is(w.AddToGroup(w.Context(), g, makers.ID, "bob"), errs.KindInvalid, "by the group alone")
			bob.join(alice, access.Member)
			if got := bob.refused("acme", access.CreateRepository).Outcome; got != access.Forbidden {
				w.Errorf("back, with what the group gave: %s", got)
			}
		}
	})
}

// A slug is free for one group alone, and stays where the name changes: what a
// program calls a group by never comes to mean another one.
func TestWhatAGroupIsCalledByStays(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		ctx, g := w.Context(), alice.grant("acme", access.ManageGroups)
		var first workspace.Group
		for _, c := range [][2]string{
			{"Core Team", "core-team"}, {"core-team", "core-team-2"}, {" Core  Team! ", "core-team-3"}, {"Core Team 2", "core-team-2-2"}, {"Ärzte", "rzte"}, {"組", "group"}, {"?", "group-2"},
		} {
			made, err := w.CreateGroup(ctx, g, c[0], false)
			if err != nil || made.Slug != c[1] {
				w.Errorf("%q: %q, %v; want %q", c[0], made.Slug, err, c[1])
			}
			if first.ID == "" {
				first = made
			}
		}
		if err := w.ChangeGroup(ctx, g, first.ID, "Others", false); err != nil {
			w.Fatal(err)
		}
		if again, err := w.CreateGroup(ctx, g, "Core Team", false); err != nil || again.Slug != "core-team-4" {
			w.Errorf("%+v %v", again, err)
		}
		if found, _, err := w.Group(ctx, g, first.ID); err != nil || found.Slug != "core-team" || found.Name != "Others" {
			w.Errorf("%+v %v", found, err)
		}
	})
}
