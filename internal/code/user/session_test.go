package user_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

func TestASessionSaysWhoAndWhatWasProven(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.id.ACR, alice.id.AMR = "aal2", []string{"pwd", "otp", "mfa"}
		session := alice.signIn()
		actor, u, err := w.FromSession(w.Context(), session, here)
		if err != nil || u.Username != "alice" || actor.User != u.ID || actor.Credential != access.Session || actor.Address != here {
			w.Fatalf("%+v, %+v, %v", actor, u, err)
		}
		want := access.Account{ACR: "aal2", AMR: []string{"pwd", "otp", "mfa"}, AuthTime: alice.id.AuthTime}
		if diff := cmp.Diff(want, actor.Account); diff != "" || !actor.Account.MFA() {
			w.Error(diff)
		}
		if actor.Step.Method != "" {
			w.Error("a new session has taken a step in Code")
		}
		if session.Reveal() == alice.session.Reveal() || len(session.Reveal()) < 43 {
			w.Error("a sign-in doesn't make a token of its own, or a short one")
		}
		stored, err := db.All[string](w.Context(), w.DB, `SELECT hash FROM code_session`)
		if err != nil || strings.Contains(strings.Join(stored, " "), session.Reveal()) {
			w.Errorf("tokens are stored plainly, %v", err)
		}
		for _, token := range []string{"", "x", session.Reveal() + "x", stored[0]} {
			_, _, err := w.FromSession(w.Context(), secret.New(token), here)
			w.is(err, errs.KindUnauthenticated, "the session "+token)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		w.now.Advance(7*24*time.Hour - time.Second)
		if alice.signedOut(alice.session) {
			w.Error("over before a week without use")
		}
		if err := w.Flush(w.Context()); err != nil { // it was used
			w.Fatal(err)
		}
		for range 4 {
			w.now.Advance(5 * 24 * time.Hour)
			if alice.signedOut(alice.session) {
				w.Fatal("over though it is used")
			}
			if err := w.Flush(w.Context()); err != nil {
				w.Fatal(err)
			}
		}
		w.now.Advance(3*24*time.Hour + time.Second)
		if !alice.signedOut(alice.session) {
			w.Error("it outlived 30 days")
		}

		idle := alice.signIn()
		w.now.Advance(7 * 24 * time.Hour)
		if !alice.signedOut(idle) {
			w.Error("it outlived a week without use")
		}

		out := alice.signIn()
		for range 2 {
			if err := w.EndSession(w.Context(), out, netip.MustParseAddr("192.0.2.9")); err != nil {
				w.Fatal(err)
			}
		}
		if n, err := db.One[int](w.Context(), w.DB, `SELECT COUNT(*) FROM audit WHERE action = 'session.closed' AND actor <> '' AND address = '192.0.2.9'`); n != 1 || err != nil {
			w.Errorf("signing out is in the log %d times, %v", n, err)
		}
		if !alice.signedOut(out) {
			w.Error("signed out, and it goes on")
		}
	})
}

func TestStandard15TheIssuerHasSessionsEndSooner(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.id.SessionEnds, alice.id.SessionIdle = w.now.Now().Add(8*time.Hour), time.Hour
		session := alice.signIn()
		for range 9 {
			w.now.Advance(50 * time.Minute)
			if alice.signedOut(session) {
				w.Fatal("over though it is used")
			}
			if err := w.Flush(w.Context()); err != nil {
				w.Fatal(err)
			}
		}
		w.now.Advance(30*time.Minute + time.Second)
		if !alice.signedOut(session) {
			w.Error("it outlived the session at the account")
		}
		alice.id.SessionEnds = time.Time{}
		idle := alice.signIn()
		w.now.Advance(time.Hour)
		if !alice.signedOut(idle) {
			w.Error("it outlived an hour without use")
		}
		// Never longer than our own limits, and not at all where it is over.
		alice.id.SessionEnds, alice.id.SessionIdle = w.now.Now().Add(1000*time.Hour), 1000*time.Hour
		long := alice.signIn()
		w.now.Advance(7 * 24 * time.Hour)
		if !alice.signedOut(long) {
			w.Error("the issuer made it longer")
		}
		alice.id.SessionEnds = w.now.Now()
		_, err := w.OpenSession(w.Context(), alice.id, user.SessionInfo{Address: here})
		w.is(err, errs.KindUnauthenticated, "a session that is over at its beginning")
	})
}

func TestUseIsWrittenOffTheRequest(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		seen := func() time.Time {
			at, err := db.One[time.Time](w.Context(), w.DB, `SELECT seen FROM code_session`)
			if err != nil {
				w.Fatal(err)
			}
			return at
		}
		opened := seen()
		w.now.Advance(time.Hour)
		alice.actorOf(alice.session)
		if !seen().Equal(opened) {
			w.Error("a request wrote")
		}
		ctx, stop := context.WithCancel(w.Context())
		stop()
		w.Service.Run(ctx) // a graceful stop writes the last of it
		if !seen().Equal(w.now.Now()) {
			w.Errorf("last used %v, not %v", seen(), w.now.Now())
		}
	})
}

func TestEndingTheOtherSessions(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		other := alice.signIn()
		if err := w.EndOtherSessions(w.Context(), alice.grant(access.EndSessions)); err != nil {
			w.Fatal(err)
		}
		if !alice.signedOut(other) || alice.signedOut(alice.session) || bob.signedOut(bob.session) {
			w.Error("the wrong sessions ended")
		}
	})
}

func TestStandard14SessionsAreListedAndEnded(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		w.now.Advance(time.Hour)
		other := alice.signIn()
		list, err := w.Sessions(w.Context(), alice.grant(access.ReadSelf))
		if err != nil || len(list) != 2 || !list[0].Current || list[1].Current || list[0].Opened.Equal(list[1].Opened) {
			w.Fatalf("%+v %v", list, err)
		}
		if got := list[1]; got.Address != here.String() || got.Agent != "test" || strings.Join(got.AMR, " ") != "pwd" || got.Step != "" {
			w.Errorf("%+v", got)
		}
		w.is(w.EndOneSession(w.Context(), bob.grant(access.EndSessions), list[1].ID), errs.KindNotFound, "bob ending alice's")
		if err := w.EndOneSession(w.Context(), alice.grant(access.EndSessions), list[1].ID); err != nil {
			w.Fatal(err)
		}
		w.is(w.EndOneSession(w.Context(), alice.grant(access.EndSessions), list[1].ID), errs.KindNotFound, "again")
		if !alice.signedOut(other) || alice.signedOut(alice.session) || bob.signedOut(bob.session) {
			w.Error("the wrong sessions ended")
		}
		w.now.Advance(8 * 24 * time.Hour)
		alice.session = alice.signIn()
		if list, err := w.Sessions(w.Context(), alice.grant(access.ReadSelf)); err != nil || len(list) != 1 {
			w.Errorf("with one that is over: %+v %v", list, err)
		}
	})
}

func TestSignInsAreAudited(t *testing.T) {
	each(t, func(w *world) {
		w.signUp("alice")
		records, err := w.Audit.Read(w.Context(), "", 0, 10)
		if err != nil || len(records) != 2 {
			w.Fatalf("%v, %v", records, err)
		}
		r := records[1]
		if r.Action != "session.opened" || r.Address != here.String() || !strings.Contains(r.Detail, `"acr":"aal1"`) || !strings.Contains(r.Detail, `"amr":"pwd"`) {
			w.Errorf("%+v", r)
		}
	})
}

func TestIdentityConverts(t *testing.T) {
	// The door converts login.Identity, whose fields these are.
	type identity struct {
		Issuer, Subject   string
		Email             string
		EmailVerified     bool
		Name              string
		PreferredUsername string
		ACR               string
		AMR               []string
		AuthTime          time.Time
		Session           string
		SessionEnds       time.Time
		SessionIdle       time.Duration
	}
	if id := user.Identity(identity{Subject: "s"}); id.Subject != "s" {
		t.Error("it doesn't")
	}
}
