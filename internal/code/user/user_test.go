package user_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

func TestAProfileIsMadeOnce(t *testing.T) {
	each(t, func(w *world) {
		id := w.identity("alice")
		_, err := w.Find(w.Context(), id.Issuer, id.Subject)
		w.is(err, errs.KindNotFound, "before")
		if _, err := w.OpenSession(w.Context(), id, user.SessionInfo{}); !errs.Is(err, errs.KindNotFound) {
			w.Errorf("a session without a profile: %v", err)
		}
		made, err := w.Create(w.Context(), id, " Alice ")
		if err != nil || made.Username != "alice" || made.Email != "alice@example.com" || !made.EmailProven || made.Name != "Alice" {
			w.Fatalf("%+v, %v", made, err)
		}
		found, err := w.Find(w.Context(), id.Issuer, id.Subject)
		if err != nil || found != made {
			w.Errorf("%+v, %v", found, err)
		}
		_, err = w.Create(w.Context(), id, "alice2")
		w.is(err, errs.KindConflict, "a second profile")
		if errs.Fields(err)["username"] != "" {
			w.Errorf("it blames the username: %v", err)
		}
		_, err = w.Create(w.Context(), w.identity("bob"), "alice")
		w.is(err, errs.KindConflict, "a taken username")
		if errs.Fields(err)["username"] == "" {
			w.Errorf("it doesn't name the field: %v", err)
		}
		if _, err := w.Create(w.Context(), user.Identity{}, "nobody1"); err == nil {
			w.Error("an empty identity made a profile")
		}
		// The same subject of another issuer is somebody else.
		other := id
		other.Issuer = "https://other.test"
		_, err = w.Find(w.Context(), other.Issuer, other.Subject)
		w.is(err, errs.KindNotFound, "another issuer's subject")
	})
}

func TestTabsAtOnceMakeOneProfile(t *testing.T) {
	each(t, func(w *world) {
		var made atomic.Int64
		var all sync.WaitGroup
		for _, name := range []string{"alice", "alice-a", "alice-b", "alice-c", "alice-d", "alice-e"} {
			all.Go(func() {
				_, err := w.Create(w.Context(), w.identity("alice"), name)
				if err == nil {
					made.Add(1)
				} else if !errs.Is(err, errs.KindConflict) {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			w.Errorf("%d profiles", made.Load())
		}
	})
}

// Attack 32 among them: a user named like an id.
func TestUsernames(t *testing.T) {
	each(t, func(w *world) {
		for _, name := range []string{
			"", "a", "-a", "_a", "a b", "a.b", "a/b", "ä", "\xff", "a\x00b", strings.Repeat("a", 40),
			"x-token-auth", "x-bitbucket-api-token-auth", "admin", "git",
			"018f3f5e-7b1c-7c3a-9d2e-0123456789ab"[:36], "018f3f5e7b1c7c3a9d2e0123456789ab",
		} {
			_, err := w.Create(w.Context(), w.identity("alice"), name)
			w.is(err, errs.KindInvalid, name)
			if errs.Fields(err)["username"] == "" {
				w.Errorf("%q: no field: %v", name, err)
			}
		}
	})
}

func TestSuggest(t *testing.T) {
	for want, id := range map[string]user.Identity{
		"alice":                 {PreferredUsername: "Alice", Email: "a@b"},
		"ali-ce":                {Email: "Ali.Ce@example.com"},
		"alice-smith":           {PreferredUsername: "admin", Email: "x@y", Name: "Alice Smith"},
		"":                      {Name: "Ä", Email: "日本@example.com"},
		strings.Repeat("a", 39): {PreferredUsername: strings.Repeat("a", 100)},
	} {
		if got := user.Suggest(id); got != want {
			t.Errorf("%+v: %q, want %q", id, got, want)
		}
	}
}

func TestWhatTheIssuerSaysIsCleaned(t *testing.T) {
	each(t, func(w *world) {
		id := w.identity("alice")
		id.Name, id.Email = "Al\r\nice\x00\xff"+strings.Repeat("x", 200), "alice@example.com\r\nBcc: eve@example.com"
		u, err := w.Create(w.Context(), id, "alice")
		if err != nil || len(u.Name) != 100 || strings.ContainsAny(u.Name, "\r\n\x00") || u.Email != "" || u.EmailProven {
			w.Errorf("%+v, %v", u, err)
		}
		id = w.identity("alice")
		if _, err := w.OpenSession(w.Context(), id, user.SessionInfo{UserAgent: "a\x00\xff" + strings.Repeat("b", 9999)}); err != nil {
			w.Fatal(err)
		}
		u, err = w.Find(w.Context(), id.Issuer, id.Subject)
		if err != nil || u.Name != "Alice" || u.Email != "alice@example.com" || !u.EmailProven || u.Username != "alice" {
			w.Errorf("signing in didn't bring it up to date: %+v, %v", u, err)
		}
	})
}

// Every function that takes a grant refuses the zero one, and one for something else.
func TestNothingGoesWithoutItsGrant(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		workspaceGrant := func() access.Grant {
			if _, err := w.workspaces.Create(w.Context(), alice.grant(access.CreateWorkspace), "acme", "Acme"); err != nil {
				w.Fatal(err)
			}
			return alice.grantOn("acme", access.ReadWorkspace)
		}()
		ctx := w.Context()
		for name, call := range map[string]func(g access.Grant) error{
			"TwoStep":              func(g access.Grant) error { _, err := w.TwoStep(ctx, g); return err },
			"BeginTOTP":            func(g access.Grant) error { _, err := w.BeginTOTP(ctx, g); return err },
			"PendingTOTP":          func(g access.Grant) error { _, err := w.PendingTOTP(ctx, g, "x"); return err },
			"ConfirmTOTP":          func(g access.Grant) error { _, err := w.ConfirmTOTP(ctx, g, "x", "1", ""); return err },
			"ReplaceRecoveryCodes": func(g access.Grant) error { _, err := w.ReplaceRecoveryCodes(ctx, g); return err },
			"ClosedByTurningOff":   func(g access.Grant) error { _, err := w.ClosedByTurningOff(ctx, g); return err },
			"Sessions":             func(g access.Grant) error { _, err := w.Sessions(ctx, g); return err },
			"EndOneSession":        func(g access.Grant) error { return w.EndOneSession(ctx, g, "x") },
			"TurnOffTwoStep":       func(g access.Grant) error { return w.TurnOffTwoStep(ctx, g, typed("1")) },
			"BeginKey":             func(g access.Grant) error { _, err := w.BeginKey(ctx, g); return err },
			"ConfirmKey":           func(g access.Grant) error { _, err := w.ConfirmKey(ctx, g, typed("1"), ""); return err },
			"RenameFactor":         func(g access.Grant) error { return w.RenameFactor(ctx, g, "x", "y") },
			"RemoveFactor":         func(g access.Grant) error { return w.RemoveFactor(ctx, g, "x") },
			"ClosedByRemoving":     func(g access.Grant) error { _, err := w.ClosedByRemoving(ctx, g, "x"); return err },
			"EndOtherSessions":     func(g access.Grant) error { return w.EndOtherSessions(ctx, g) },
		} {
			for what, g := range map[string]access.Grant{"the zero grant": {}, "a grant for something else": workspaceGrant} {
				if err := call(g); err == nil || !strings.Contains(err.Error(), access.ErrNoGrant.Error()) {
					w.Errorf("%s with %s: %v", name, what, err)
				}
			}
		}
	})
}

// Attack 15.
func TestAttack15AStoreThatIsDownIsNobodysAnswer(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		w.DB.Close()
		for what, err := range map[string]error{
			"FromSession": func() error { _, _, err := w.FromSession(w.Context(), alice.session, here); return err }(),
			"VerifyStep": func() error {
				_, err := w.VerifyStep(w.Context(), secret.New("x"), typed("000000"), user.Visit{Address: here})
				return err
			}(),
		} {
			if err == nil || errs.Is(err, errs.KindUnauthenticated) {
				w.Errorf("%s: %v", what, err)
			}
		}
	})
}
