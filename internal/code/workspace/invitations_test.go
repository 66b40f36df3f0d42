package workspace_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

func TestAnInvitationFromEndToEnd(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		made := alice.found()
		var seen int64
		w.audited(&seen)
		sent, err := w.Invite(w.Context(), alice.grant("acme", access.ManageMembers), " Bob@Example.com ", access.Member)
		if err != nil || sent.Email != "bob@example.com" || sent.Inviter != "Alice" || !sent.Expires.Equal(w.now.Now().Add(7*24*time.Hour)) {
			w.Fatalf("%+v, %v", sent, err)
		}
		mails := w.mails()
		if len(mails) != 1 || mails[0].To != "bob@example.com" || mails[0].Subject != "Alice invites you to Acme" || strings.Contains(mails[0].Text, "two-step") {
			w.Fatalf("%+v", mails)
		}
		token := inviteLink.FindStringSubmatch(mails[0].Text)[1]
		offer, err := w.Invitation(w.Context(), token)
		if err != nil || offer.WorkspaceName != "Acme" || offer.Inviter != "Alice" || offer.Role != access.Member || offer.RequiresTwoStep {
			w.Errorf("%+v, %v", offer, err)
		}
		open, err := w.Invitations(w.Context(), alice.grant("acme", access.ReadMembers))
		if err != nil || len(open) != 1 || open[0] != sent {
			w.Errorf("%+v, %v", open, err)
		}

		bob := w.signUp("bob")
		accepted, err := w.Accept(w.Context(), bob.grant("", access.AcceptInvitation), token)
		if err != nil || accepted.WorkspaceSlug != "acme" {
			w.Fatalf("%+v, %v", accepted, err)
		}
		if bob.grant("acme", access.ReadWorkspace).Workspace().Role != access.Member {
			w.Error("he isn't a member")
		}
		if list, err := w.Invitations(w.Context(), bob.grant("acme", access.ReadMembers)); err != nil || len(list) != 0 {
			w.Errorf("a member sees who is invited: %+v, %v", list, err)
		}
		_, err = w.Accept(w.Context(), bob.grant("", access.AcceptInvitation), token)
		w.is(err, errs.KindNotFound, "again")
		_, err = w.Invitation(w.Context(), token)
		w.is(err, errs.KindNotFound, "used")
		if open, _ := w.Invitations(w.Context(), alice.grant("acme", access.ManageMembers)); len(open) != 0 {
			w.Errorf("still open: %+v", open)
		}
		if diff := cmp.Diff([]string{"invitation.sent", "invitation.accepted"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		stored, err := db.All[string](w.Context(), w.DB, `SELECT hash FROM invitation WHERE workspace = $1`, made.ID)
		if err != nil || strings.Contains(strings.Join(stored, " "), token) {
			w.Errorf("the token is stored, %v", err)
		}
	})
}

func TestTheInvitationSaysWhatIsRequired(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		alice.found()
		policy := access.Policy{RequireTwoStep: true, RequireFrom: w.now.Now().Add(7 * 24 * time.Hour)}
		if err := w.SetPolicy(w.Context(), alice.grant("acme", access.ManageAccess), policy); err != nil {
			w.Fatal(err)
		}
		w.mails()
		if _, err := w.Invite(w.Context(), alice.grant("acme", access.ManageMembers), "bob@example.com", access.Owner); err != nil {
			w.Fatal(err)
		}
		text := w.mails()[0].Text
		for _, says := range []string{"requires two-step verification", "required from 8 July 2026, 12:00 UTC", "as its owner"} {
			if !strings.Contains(text, says) {
				w.Errorf("the mail doesn't say %q:\n%s", says, text)
			}
		}
		offer, err := w.Invitation(w.Context(), inviteLink.FindStringSubmatch(text)[1])
		if err != nil || !offer.RequiresTwoStep || !offer.RequiredFrom.Equal(policy.RequireFrom) {
			w.Errorf("%+v, %v", offer, err)
		}
	})
}

func TestAnInvitationIsForOneProvenAddress(t *testing.T) {
	each(t, func(w *world) {
		alice, eve := w.signUp("alice"), w.signUp("eve")
		alice.found()
		token := alice.invite("bob@example.com", access.Member)
		_, err := w.Accept(w.Context(), eve.grant("", access.AcceptInvitation), token)
		w.is(err, errs.KindDenied, "somebody else")
		if says := errs.Message(err); !strings.Contains(says, "bob@example.com") || !strings.Contains(says, "eve@example.com") {
			w.Errorf("it doesn't say why: %s", says)
		}
		unproven := w.signUpAs(user.Identity{Issuer: "https://id.test", Subject: "x", PreferredUsername: "bob-x", Email: "bob@example.com"})
		_, err = w.Accept(w.Context(), unproven.grant("", access.AcceptInvitation), token)
		w.is(err, errs.KindDenied, "an address that isn't proven")
		nobody := w.signUpAs(user.Identity{Issuer: "https://id.test", Subject: "y", PreferredUsername: "bob-y"})
		_, err = w.Accept(w.Context(), nobody.grant("", access.AcceptInvitation), token)
		w.is(err, errs.KindDenied, "no address")
		// None of them used it up, and the case of an address doesn't matter.
		bob := w.signUpAs(user.Identity{Issuer: "https://id.test", Subject: "z", PreferredUsername: "bob", Email: "BOB@example.com", EmailVerified: true})
		if _, err := w.Accept(w.Context(), bob.grant("", access.AcceptInvitation), token); err != nil {
			w.Error(err)
		}
	})
}

func TestInvitationsEnd(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		accept := func(token string) error {
			_, err := w.Accept(w.Context(), bob.grant("", access.AcceptInvitation), token)
			return err
		}
		old := alice.invite("bob@example.com", access.Member)
		w.now.Advance(time.Hour)
		anew := alice.invite("Bob@example.com", access.Owner)
		open, err := w.Invitations(w.Context(), alice.grant("acme", access.ReadMembers))
		if err != nil || len(open) != 1 || open[0].Role != access.Owner || !open[0].Expires.Equal(w.now.Now().Add(7*24*time.Hour)) {
			w.Errorf("sent anew, it is doubled or old: %+v, %v", open, err)
		}
		w.is(accept(old), errs.KindNotFound, "the link from before")

		if err := w.Revoke(w.Context(), alice.grant("acme", access.ManageMembers), open[0].ID); err != nil {
			w.Fatal(err)
		}
		w.is(accept(anew), errs.KindNotFound, "a revoked one")
		w.is(w.Revoke(w.Context(), alice.grant("acme", access.ManageMembers), open[0].ID), errs.KindNotFound, "revoking again")

		_, err = w.Invite(w.Context(), alice.grant("acme", access.ManageMembers), "bob@example.com", access.Member)
		w.is(err, errs.KindTooMany, "withdrawn and invited again at once")
		w.now.Advance(2 * time.Minute)
		late := alice.invite("bob@example.com", access.Member)
		w.now.Advance(7 * 24 * time.Hour)
		alice.session, bob.session = w.again(alice), w.again(bob)
		w.is(accept(late), errs.KindNotFound, "after a week")
		for _, token := range []string{"", "x", "\xff", strings.Repeat("x", 10_000)} {
			w.is(accept(token), errs.KindNotFound, "an unknown one")
		}
		if open, err := w.Invitations(w.Context(), alice.grant("acme", access.ReadMembers)); err != nil || len(open) != 0 {
			w.Errorf("expired and listed: %+v, %v", open, err)
		}
		if err := accept(alice.invite("bob@example.com", access.Member)); err != nil {
			w.Errorf("invited again: %v", err)
		}
	})
}

func TestOneWhoIsInIsNotInvited(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		first := alice.invite("bob@example.com", access.Member)
		if _, err := w.Accept(w.Context(), bob.grant("", access.AcceptInvitation), first); err != nil {
			w.Fatal(err)
		}
		g := alice.grant("acme", access.ManageMembers)
		for _, email := range []string{"bob@example.com", "BOB@example.com", "alice@example.com"} {
			_, err := w.Invite(w.Context(), g, email, access.Owner)
			if !errs.Is(err, errs.KindConflict) || errs.Fields(err)["email"] == "" {
				w.Errorf("%s: %v", email, err)
			}
		}
		for _, email := range []string{"", "bob", "Bob <bob@example.org>", "bob@example.org\r\nBcc: eve@example.org", "a@b, c@d", "\xff@example.org", strings.Repeat("a", 250) + "@example.org"} {
			_, err := w.Invite(w.Context(), g, email, access.Member)
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["email"] == "" {
				w.Errorf("%q: %v", email, err)
			}
		}
		_, err := w.Invite(w.Context(), g, "carol@example.com", "admin")
		w.is(err, errs.KindInvalid, "an unknown role")
		if mails := w.mails(); len(mails) != 0 {
			w.Errorf("mails were sent: %+v", mails)
		}

		// He came in by another way after he was invited.
		carol := w.signUp("carol")
		token := alice.invite("carol@example.com", access.Member)
		if _, err := db.Exec(w.Context(), w.DB, `INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, 'member', 1)`,
			g.Workspace().ID, carol.user.ID); err != nil {
			w.Fatal(err)
		}
		_, err = w.Accept(w.Context(), carol.grant("", access.AcceptInvitation), token)
		w.is(err, errs.KindConflict, "accepting as a member")
	})
}

func TestAnInvitationIsAcceptedOnceAtOnce(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		token := alice.invite("bob@example.com", access.Member)
		g := bob.grant("", access.AcceptInvitation)
		var accepted atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := w.Accept(w.Context(), g, token)
				switch {
				case err == nil:
					accepted.Add(1)
				case !errs.Is(err, errs.KindNotFound) && !errs.Is(err, errs.KindConflict):
					w.Error(err)
				}
			})
		}
		all.Wait()
		if accepted.Load() != 1 {
			w.Errorf("accepted %d times", accepted.Load())
		}
	})
}

func TestInvitingAtOnceMakesOne(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		g := alice.grant("acme", access.ManageMembers)
		var all sync.WaitGroup
		var sent atomic.Int64
		for range 10 {
			all.Go(func() {
				switch _, err := w.Invite(w.Context(), g, "bob@example.com", access.Member); {
				case err == nil:
					sent.Add(1)
				case !errs.Is(err, errs.KindTooMany): // sent just now, by another
					w.Error(err)
				}
			})
		}
		all.Wait()
		if sent.Load() != 1 {
			w.Errorf("%d were sent", sent.Load())
		}
		if open, err := w.Invitations(w.Context(), g); err != nil || len(open) != 1 {
			w.Errorf("%+v, %v", open, err)
		}
	})
}
