package user_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

var resetLink = regexp.MustCompile(`/login/reset(/stop)?\?token=(\S+)`)

// resetMail gives the tokens in the last mail: that which does it and that which stops it.
func (w *world) resetMail() (do, stop secret.String) {
	w.Helper()
	mails := mailtest.Take(w, w.Outbox)
	if len(mails) == 0 {
		w.Fatal("no mail")
	}
	for _, link := range resetLink.FindAllStringSubmatch(mails[len(mails)-1].Text, -1) {
		if link[1] == "" {
			do = secret.New(link[2])
		} else {
			stop = secret.New(link[2])
		}
	}
	return do, stop
}

func (w *world) advance(d time.Duration) {
	w.Helper()
	w.now.Advance(d)
	if err := w.AdvanceResets(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func TestLostFactorsAreResetAfterADay(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		w.is(w.BeginReset(w.Context(), alice.session, here), errs.KindConflict, "with nothing to lose")
		alice.enrol()
		half := alice.signIn()
		w.subjects()
		if err := w.BeginReset(w.Context(), half, here); err != nil {
			w.Fatal(err)
		}
		if do, stop := w.resetMail(); do.Reveal() != "" || stop.Reveal() == "" {
			w.Error("the first mail has the wrong links")
		}
		w.is(w.BeginReset(w.Context(), half, here), errs.KindConflict, "again")
		if r, err := w.Lost(w.Context(), half); err != nil || r.Holder == "" {
			w.Errorf("%+v %v", r, err)
		}
		w.advance(12 * time.Hour)
		w.resetMail()
		w.advance(12 * time.Hour)
		do, _ := w.resetMail()
		w.is(w.FinishReset(w.Context(), secret.New("guess"), here), errs.KindNotFound, "a guess")
		if alice.signedOut(half) {
			w.Error("signed out too early")
		}
		if err := w.FinishReset(w.Context(), do, here); err != nil {
			w.Fatal(err)
		}
		w.is(w.FinishReset(w.Context(), do, here), errs.KindNotFound, "twice")
		if !alice.signedOut(half) || !alice.signedOut(alice.session) {
			w.Error("a session is alive")
		}
		if alice.actorOf(alice.signIn()).Factors.Enrolled() {
			w.Error("the factors are there")
		}
		if got := strings.Join(w.subjects(), ", "); got != "alice@example.com: Two-step verification was reset" {
			w.Errorf("mails: %s", got)
		}
	})
}

func TestAResetOfCodeIsStopped(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		begin := func() (do, stop secret.String) {
			w.Helper()
			w.subjects()
			if err := w.BeginReset(w.Context(), alice.signIn(), here); err != nil {
				w.Fatal(err)
			}
			_, stop = w.resetMail()
			w.advance(12 * time.Hour)
			w.advance(12 * time.Hour)
			do, _ = w.resetMail()
			return do, stop
		}
		do, _ := begin()
		alice.signIn() // half a sign-in stops nothing
		full, err := w.VerifyStep(w.Context(), alice.signIn(), typed(alice.code()), user.Visit{Address: here})
		if err != nil {
			w.Fatal(err)
		}
		w.is(w.FinishReset(w.Context(), do, here), errs.KindNotFound, "after a full sign-in")
		do, stop := begin()
		if err := w.StopReset(w.Context(), stop, here); err != nil {
			w.Fatal(err)
		}
		w.is(w.StopReset(w.Context(), stop, here), errs.KindNotFound, "stopped twice")
		w.is(w.FinishReset(w.Context(), do, here), errs.KindNotFound, "after it was stopped")
		if !alice.actorOf(full.Token).Factors.Enrolled() {
			w.Error("the factors are gone")
		}
	})
}

// Attack 38, at Code's second step: a stranger who is signed in as somebody and
// guesses codes doesn't shut the owner's known browser out.
func TestAttack38TheKnownBrowserTakesTheStep(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		home := user.Visit{Address: here, Browser: throttle.Browser{}.With(alice.actorOf(alice.session).User)}
		w.subjects()
		for i := range 30 {
			_, err := w.VerifyStep(w.Context(), alice.signIn(), typed("000000"), user.Visit{Address: here, Agent: "Firefox/1 Linux"})
			if want := map[bool]errs.Kind{true: errs.KindInvalid, false: errs.KindTooMany}[i < 5]; !errs.Is(err, want) {
				w.Fatalf("guess %d: %v", i, err)
			}
		}
		if got := fmt.Sprint(w.subjects()); got != "[alice@example.com: Somebody may be signed in to your account]" {
			w.Errorf("mails: %s", got)
		}
		_, err := w.VerifyStep(w.Context(), alice.signIn(), typed(alice.code()), user.Visit{Address: here})
		w.is(err, errs.KindTooMany, "the right one, of the stranger")
		if _, err := w.VerifyStep(w.Context(), alice.signIn(), typed(alice.code()), home); err != nil {
			w.Errorf("the owner's browser: %v", err)
		}
		for range 5 {
			_, _ = w.VerifyStep(w.Context(), alice.signIn(), typed("000000"), home)
		}
		_, err = w.VerifyStep(w.Context(), alice.signIn(), typed(alice.code()), home)
		w.is(err, errs.KindTooMany, "a known browser that guesses without end")
	})
}
