package user_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

func TestTheOperatorResetsTwoStep(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		w.is(w.ResetTwoStep(w.Context(), "alice"), errs.KindConflict, "without any")
		alice.enrol()
		bob.enrol()
		w.subjects()
		if err := w.ResetTwoStep(w.Context(), "Alice"); err != nil {
			w.Fatal(err)
		}
		if !alice.signedOut(alice.session) || bob.signedOut(bob.session) {
			w.Error("the wrong sessions ended")
		}
		alice.session = alice.signIn()
		if actor := alice.actorOf(alice.session); actor.Factors.Enrolled() {
			w.Error("the factors are there")
		}
		if got := strings.Join(w.subjects(), ", "); got != "alice@example.com: Two-step verification was reset" {
			w.Errorf("mails: %s", got)
		}
		w.is(w.ResetTwoStep(w.Context(), "nobody"), errs.KindNotFound, "nobody")
	})
}

func TestASuspendedPersonIsOutAtOnce(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		_, plain, err := w.tokens.CreateFor(w.Context(), "alice", token.Input{Name: "ci", Scopes: []access.Scope{access.ScopeReadUser}})
		if err != nil {
			w.Fatal(err)
		}
		before, err := w.tokens.FromBearer(w.Context(), plain.Reveal(), here)
		if err != nil {
			w.Fatal(err)
		}
		if n, err := w.Suspend(w.Context(), alice.id.Issuer, alice.id.Subject, true); n != 1 || err != nil {
			w.Fatalf("Suspend = %d, %v", n, err)
		}
		if _, _, err := w.FromSession(w.Context(), alice.session, here); !errs.Is(err, errs.KindUnauthenticated) {
			w.Errorf("her session: %v", err)
		}
		if _, err := w.tokens.FromBearer(w.Context(), plain.Reveal(), here); !errs.Is(err, errs.KindUnauthenticated) {
			w.Errorf("her token: %v", err)
		}
		if _, err := w.gate.Check(w.Context(), before, access.Target{}, access.ReadSelf); !errs.Is(err, errs.KindUnauthenticated) {
			w.Errorf("a request that was under way: %v", err)
		}
		if _, err := w.OpenSession(w.Context(), alice.id, user.SessionInfo{}); !errs.Is(err, errs.KindDenied) {
			w.Errorf("signing in: %v", err)
		}
		if _, _, err := w.FromSession(w.Context(), bob.session, here); err != nil {
			w.Errorf("bob: %v", err)
		}
		if n, err := w.Suspend(w.Context(), alice.id.Issuer, alice.id.Subject, false); n != 1 || err != nil {
			w.Fatalf("lifting it = %d, %v", n, err)
		}
		if _, err := w.tokens.FromBearer(w.Context(), plain.Reveal(), here); err != nil {
			w.Errorf("her token after it was lifted: %v", err)
		}
		if _, _, err := w.FromSession(w.Context(), alice.session, here); !errs.Is(err, errs.KindUnauthenticated) {
			w.Errorf("her old session came back: %v", err)
		}
	})
}

// Each shuts out; only the operator lets in again whom the operator shut out.
func TestWhoMayLetASuspendedUserInAgain(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		issuer := func(suspended bool) int {
			w.Helper()
			n, err := w.Suspend(w.Context(), alice.id.Issuer, alice.id.Subject, suspended)
			if err != nil {
				w.Fatal(err)
			}
			return n
		}
		operator := func(suspended bool) {
			w.Helper()
			if err := w.SuspendUser(w.Context(), "Alice", suspended); err != nil {
				w.Fatal(err)
			}
		}
		out := func(want bool) {
			w.Helper()
			if u, err := w.Find(w.Context(), alice.id.Issuer, alice.id.Subject); err != nil || u.Suspended != want {
				w.Errorf("suspended: %v, %v", u.Suspended, err)
			}
		}
		operator(true)
		if n := issuer(true); n != 0 {
			w.Errorf("%d changed that was so already", n)
		}
		if n := issuer(false); n != 0 {
			w.Errorf("the issuer let in whom the operator shut out: %d", n)
		}
		out(true)
		operator(false)
		out(false)
		if n := issuer(true); n != 1 {
			w.Errorf("%d", n)
		}
		operator(true) // takes it over
		issuer(false)
		out(true)
		operator(false)
		operator(false)
		out(false)
		if n, err := w.Suspend(w.Context(), "https://other.test", alice.id.Subject, true); n != 0 || err != nil {
			w.Errorf("another issuer's word: %d, %v", n, err)
		}
		if n, err := w.Suspend(w.Context(), "", alice.id.Subject, true); n != 1 || err != nil {
			w.Errorf("the person's, by the operator: %d, %v", n, err)
		}
		if err := w.SuspendUser(w.Context(), "nobody", true); !errs.Is(err, errs.KindNotFound) {
			w.Error(err)
		}
		u, err := w.Find(w.Context(), alice.id.Issuer, alice.id.Subject)
		if err != nil {
			w.Fatal(err)
		}
		said, err := db.All[string](w.Context(), w.DB, `SELECT action || ' ' || actor FROM audit WHERE target = $1 AND action LIKE 'user.%ed' AND action <> 'user.created' ORDER BY seq`, u.ID)
		want := []string{
			"user.suspended operator", "user.resumed operator", "user.suspended issuer", "user.suspended operator", "user.resumed operator", "user.suspended operator",
		}
		if diff := cmp.Diff(want, said); diff != "" || err != nil {
			w.Error(diff, err)
		}
	})
}
