package user_test

import (
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
)

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
		if n, err := w.Suspend(w.Context(), alice.id.Subject, true); n != 1 || err != nil {
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
		if n, err := w.Suspend(w.Context(), alice.id.Subject, false); n != 1 || err != nil {
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
