package user_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// Attack 13: sessions from before enrolment live on.
func TestAttack13EnrolmentMarksOnlyTheSessionThatEnrolled(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		before, other := alice.session, alice.signIn()
		w.subjects()
		var seen int64
		w.audited(&seen)
		alice.enrol()

		if !alice.signedOut(before) {
			w.Error("the token from before the step still works")
		}
		if got := alice.outcome(alice.session); got != access.Allow {
			w.Errorf("the session that enrolled: %s", got)
		}
		if got := alice.outcome(other); got != access.Verify || !alice.actorOf(other).Factors.Enrolled() {
			w.Errorf("the other session: %s", got)
		}
		if got := alice.outcome(alice.signIn()); got != access.Verify {
			w.Errorf("a new session: %s", got)
		}
		if len(alice.codes) != 10 {
			w.Errorf("%d recovery codes", len(alice.codes))
		}
		if diff := cmp.Diff([]string{"two_step.on", "session.opened"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		if diff := cmp.Diff([]string{"alice@example.com: Two-step verification is on"}, w.subjects()); diff != "" {
			w.Error(diff)
		}
		state, err := w.TwoStep(w.Context(), alice.grant(access.ReadSelf))
		if err != nil || !state.On() || state.RecoveryLeft != 10 || state.Factors[0].Label != "Phone" {
			w.Errorf("%+v, %v", state, err)
		}
	})
}

func TestVerifyingRaisesAndRotatesTheSession(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		half := alice.signIn()
		if _, err := w.VerifyStep(w.Context(), half, typed("abc"), user.Visit{Address: here}); !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["code"] == "" {
			w.Errorf("a wrong code: %v", err)
		}
		if got := alice.outcome(half); got != access.Verify {
			w.Errorf("after a wrong code: %s", got)
		}
		full, err := w.VerifyStep(w.Context(), half, typed(alice.code()), user.Visit{Address: here})
		if err != nil {
			w.Fatal(err)
		}
		if !alice.signedOut(half) || alice.outcome(full.Token) != access.Allow {
			w.Error("the old token works, or the new one doesn't")
		}
		actor := alice.actorOf(full.Token)
		if actor.Step.Method != access.TOTP || !actor.Step.At.Equal(w.now.Now()) {
			w.Errorf("%+v", actor.Step)
		}
		if _, err := w.VerifyStep(w.Context(), half, typed(alice.code()), user.Visit{Address: here}); !errs.Is(err, errs.KindUnauthenticated) {
			w.Errorf("by the old token: %v", err)
		}
		if want := w.now.Now().Add(30 * 24 * time.Hour); !full.Expires.Equal(want) {
			w.Errorf("it expires %v, not %v", full.Expires, want)
		}
	})
}

// Attack 19: the step is of whoever the session is of; nothing else is asked.
// Attack 21: and so are the codes.
func TestAttack19TheStepIsTheSessionsOwn(t *testing.T) {
	each(t, func(w *world) {
		alice, eve := w.signUp("alice"), w.signUp("eve")
		alice.enrol()
		eve.enrol()
		half := alice.signIn()
		for _, code := range []string{eve.code(), eve.codes[0].Reveal()} {
			_, err := w.VerifyStep(w.Context(), half, typed(code), user.Visit{Address: here})
			w.is(err, errs.KindInvalid, "another's code")
		}
		if got := alice.outcome(half); got != access.Verify {
			w.Errorf("by another's code: %s", got)
		}
		w.subjects()
		done, err := w.VerifyStep(w.Context(), half, typed(alice.codes[0].Reveal()), user.Visit{Address: here})
		if err != nil || alice.actorOf(done.Token).Step.Method != access.RecoveryCode {
			w.Fatalf("her recovery code: %v", err)
		}
		if diff := cmp.Diff([]string{"alice@example.com: A recovery code was used"}, w.subjects()); diff != "" {
			w.Error(diff)
		}
	})
}

func TestASessionIsSteppedByOneOfManyEqualCodes(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		var sessions []secret.String
		for range 5 {
			sessions = append(sessions, alice.signIn())
		}
		code := alice.code()
		var accepted atomic.Int64
		var all sync.WaitGroup
		for _, session := range sessions {
			all.Go(func() {
				if _, err := w.VerifyStep(w.Context(), session, typed(code), user.Visit{Address: here}); err == nil {
					accepted.Add(1)
				}
			})
		}
		all.Wait()
		if accepted.Load() != 1 {
			w.Errorf("%d sessions by one code", accepted.Load())
		}
	})
}

// Attack 23: one count per person, whichever entrance, and no way to reset it.
func TestAttack23WrongCodesSlowDownEveryEntrance(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.enrol()
		bob.enrol()
		g := alice.grant(access.TurnOffTwoStep)
		for i := range 5 {
			var err error
			if i%2 == 0 {
				_, err = w.VerifyStep(w.Context(), alice.signIn(), typed("abc"), user.Visit{Address: here}) // a new sign-in each time
			} else {
				err = w.TurnOffTwoStep(w.Context(), g, typed("abc"))
			}
			w.is(err, errs.KindInvalid, "a wrong code")
		}
		session := alice.signIn()
		_, err := w.VerifyStep(w.Context(), session, typed(alice.code()), user.Visit{Address: here})
		w.is(err, errs.KindTooMany, "the right code, too soon")
		if errs.RetryAfter(err) != 30*time.Second {
			w.Errorf("retry after %v", errs.RetryAfter(err))
		}
		w.is(w.TurnOffTwoStep(w.Context(), g, typed(alice.code())), errs.KindTooMany, "at the other entrance")
		if _, err := w.VerifyStep(w.Context(), bob.signIn(), typed(bob.code()), user.Visit{Address: here}); err != nil {
			w.Errorf("bob is slowed down too: %v", err)
		}
		w.now.Advance(30 * time.Second)
		if _, err := w.VerifyStep(w.Context(), session, typed(alice.code()), user.Visit{Address: here}); err != nil {
			w.Errorf("after the wait: %v", err)
		}
		_, err = w.VerifyStep(w.Context(), alice.signIn(), typed("abc"), user.Visit{Address: here})
		w.is(err, errs.KindInvalid, "success resets the count")
	})
}

func TestVerifyingWithoutBeingEnrolled(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		_, err := w.VerifyStep(w.Context(), alice.session, typed("123456"), user.Visit{Address: here})
		w.is(err, errs.KindConflict, "nothing to verify")
	})
}

func TestTwoTabsEnrolling(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		g := alice.grant(access.ManageFactors)
		one, err1 := w.BeginTOTP(w.Context(), g)
		two, err2 := w.BeginTOTP(w.Context(), g)
		if err1 != nil || err2 != nil {
			w.Fatal(err1, err2)
		}
		shown, err := w.PendingTOTP(w.Context(), g, one.ID)
		if err != nil || shown.Secret.Reveal() != one.Secret.Reveal() || !strings.Contains(shown.URI.Reveal(), "alice") {
			w.Errorf("shown again: %v", err)
		}
		done, err := w.ConfirmTOTP(w.Context(), g, one.ID, alice.codeOf(one), "")
		if err != nil {
			w.Fatal(err)
		}
		w.subjects()
		var seen int64
		w.audited(&seen)
		_, err = w.ConfirmTOTP(w.Context(), g, two.ID, alice.codeOf(two), "")
		w.is(err, errs.KindConflict, "the second tab")
		// Nothing half-made: the first tab's session, codes and factor stand.
		alice.session = done.Session.Token
		if alice.outcome(alice.session) != access.Allow || len(w.subjects()) != 0 || len(w.audited(&seen)) != 0 {
			w.Error("the second tab left something behind")
		}
		half := alice.signIn()
		if _, err := w.VerifyStep(w.Context(), half, typed(done.RecoveryCodes[3].Reveal()), user.Visit{Address: here}); err != nil {
			w.Errorf("the first tab's recovery code: %v", err)
		}
	})
}

func TestReplacingRecoveryCodes(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		_, err := w.ReplaceRecoveryCodes(w.Context(), alice.grant(access.ManageFactors))
		w.is(err, errs.KindConflict, "without a factor")
		alice.enrol()
		other := alice.signIn()
		w.subjects()
		var seen int64
		w.audited(&seen)
		fresh, err := w.ReplaceRecoveryCodes(w.Context(), alice.grant(access.ManageFactors))
		if err != nil || len(fresh) != 10 {
			w.Fatal(fresh, err)
		}
		if !alice.signedOut(other) || alice.signedOut(alice.session) {
			w.Error("the wrong sessions ended")
		}
		if diff := cmp.Diff([]string{"two_step.recovery_codes"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		if diff := cmp.Diff([]string{"alice@example.com: New recovery codes were made"}, w.subjects()); diff != "" {
			w.Error(diff)
		}
		half := alice.signIn()
		_, err = w.VerifyStep(w.Context(), half, typed(alice.codes[0].Reveal()), user.Visit{Address: here})
		w.is(err, errs.KindInvalid, "an old code")
		if _, err := w.VerifyStep(w.Context(), half, typed(fresh[0].Reveal()), user.Visit{Address: here}); err != nil {
			w.Errorf("a new code: %v", err)
		}
		// A step over 15 minutes old isn't enough for this.
		w.now.Advance(16 * time.Minute)
		if _, err := alice.check(alice.session, access.Target{}, access.ManageFactors); err == nil {
			w.Error("an old step was enough")
		}
	})
}

func TestTurningOff(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		w.is(w.TurnOffTwoStep(w.Context(), alice.grant(access.TurnOffTwoStep), typed("123456")), errs.KindConflict, "it isn't on")
		alice.enrol()
		other := alice.signIn()
		g := alice.grant(access.TurnOffTwoStep)
		w.is(w.TurnOffTwoStep(w.Context(), g, typed("000000")), errs.KindInvalid, "a wrong code")
		w.is(w.TurnOffTwoStep(w.Context(), g, typed("")), errs.KindInvalid, "no code")
		w.subjects()
		var seen int64
		w.audited(&seen)
		if err := w.TurnOffTwoStep(w.Context(), g, typed(alice.code())); err != nil {
			w.Fatal(err)
		}
		if diff := cmp.Diff([]string{"two_step.off"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		if diff := cmp.Diff([]string{"alice@example.com: Two-step verification is off"}, w.subjects()); diff != "" {
			w.Error(diff)
		}
		if !alice.signedOut(other) || alice.outcome(alice.session) != access.Allow {
			w.Error("the wrong sessions ended")
		}
		if alice.actorOf(alice.session).Step.Method != "" {
			w.Error("the session keeps a step that is no more")
		}
		state, err := w.TwoStep(w.Context(), alice.grant(access.ReadSelf))
		if err != nil || state.On() || state.RecoveryLeft != 0 {
			w.Errorf("%+v, %v", state, err)
		}
		// Old recovery codes don't come back with a new app.
		old := slices.Clone(alice.codes)
		alice.enrol()
		_, err = w.VerifyStep(w.Context(), alice.signIn(), typed(old[0].Reveal()), user.Visit{Address: here})
		w.is(err, errs.KindInvalid, "a recovery code from before")
	})
}
