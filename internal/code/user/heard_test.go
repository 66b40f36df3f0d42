package user_test

import (
	"fmt"
	"testing"
	"time"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
)

func TestTheIssuerSignsOut(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		open := func(p *person, session string) {
			w.Helper()
			id := p.id
			id.Session = session
			opened, err := w.OpenSession(w.Context(), id, user.SessionInfo{Address: here})
			if err != nil {
				w.Fatal(err)
			}
			p.session = opened.Token
		}
		hear := func(id, subject, session string) int {
			w.Helper()
			n, err := w.SignedOut(w.Context(), user.Heard{
				ID: id, Issuer: alice.id.Issuer, Subject: subject, Session: session, Expires: w.now.Now().Add(time.Hour),
			})
			if err != nil {
				w.Fatal(err)
			}
			return n
		}
		open(alice, "s1")
		one := alice.session
		open(alice, "s2")
		open(bob, "s3")
		if n := hear("1", alice.id.Subject, "s1"); n != 1 || !alice.signedOut(one) || alice.signedOut(alice.session) {
			w.Errorf("one session: %d ended", n)
		}
		if n := hear("2", bob.id.Subject, "s2"); n != 0 || alice.signedOut(alice.session) {
			w.Errorf("another's session: %d ended", n)
		}
		open(alice, "s1")
		if n := hear("1", alice.id.Subject, "s1"); n != 0 || alice.signedOut(alice.session) {
			w.Errorf("told again: %d ended", n)
		}
		if n := hear("3", "", ""); n != 0 {
			w.Errorf("about nobody: %d ended", n)
		}
		if hear("4", alice.id.Subject, ""); !alice.signedOut(alice.session) || bob.signedOut(bob.session) {
			w.Error("all of hers, and nobody else's")
		}
	})
}

func TestOfTwoTellingsTheLaterCounts(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		told := 0
		hear := func(after time.Duration, suspended bool) {
			w.Helper()
			told++
			h := user.Heard{
				ID: fmt.Sprint(told), Issuer: alice.id.Issuer, Subject: alice.id.Subject,
				At: w.now.Now().Add(after), Expires: w.now.Now().Add(time.Hour),
			}
			for range 2 { // and a second time, which does nothing more
				if err := w.AccountChanged(w.Context(), h, suspended); err != nil {
					w.Fatal(err)
				}
			}
		}
		shut := func() bool {
			w.Helper()
			_, err := w.OpenSession(w.Context(), alice.id, user.SessionInfo{Address: here})
			if err != nil && !errs.Is(err, errs.KindDenied) {
				w.Fatal(err)
			}
			return err != nil
		}
		hear(time.Second, true)
		if !shut() || !alice.signedOut(alice.session) {
			w.Error("a shut account isn't shut here")
		}
		hear(3*time.Second, false)
		if shut() {
			w.Error("opened again, and shut here")
		}
		hear(2*time.Second, true) // on its way for longer
		if shut() {
			w.Error("an older telling shut it")
		}
		// The operator shuts and opens the account; what is told of it comes after.
		w.now.Advance(10 * time.Second)
		for _, suspended := range []bool{true, false} {
			if n, err := w.Suspend(w.Context(), "", alice.id.Subject, suspended); err != nil || n != 1 {
				w.Fatal(n, err)
			}
		}
		if hear(-time.Second, true); shut() {
			w.Error("an older telling shut what the operator opened")
		}
		// The operator's word is the last.
		if err := w.SuspendUser(w.Context(), "alice", true); err != nil {
			w.Fatal(err)
		}
		if hear(4*time.Second, false); !shut() {
			w.Error("the issuer let in whom the operator shut out")
		}
	})
}
