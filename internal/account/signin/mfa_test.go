package signin_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
)

var home = visit("192.0.2.1")

func (w *world) session(token secret.String) signin.Session {
	w.t.Helper()
	s, err := w.FromToken(w.t.Context(), token)
	must(w.t, err)
	return s
}

// enrol sets up an app in the session, and gives the session's new token, the
// app's key, and the recovery codes.
func (w *world) enrol(token secret.String) (fresh secret.String, key string, codes []secret.String) {
	w.t.Helper()
	s := w.session(token)
	pending, err := w.BeginTOTP(w.t.Context(), s)
	must(w.t, err)
	key = strings.ReplaceAll(pending.Secret.Reveal(), " ", "")
	done, err := w.ConfirmTOTP(w.t.Context(), s, pending.ID, w.code(key), "", home)
	must(w.t, err)
	w.clock.Advance(30 * time.Second)
	return done.Token, key, done.RecoveryCodes
}

func (w *world) code(key string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(key, w.clock.Now())
	must(w.t, err)
	return code
}

// half is a sign-in that waits for its second step.
func (w *world) half(email string) secret.String {
	w.t.Helper()
	f, err := w.Password(w.t.Context(), email, secret.New(good), home)
	must(w.t, err)
	if signin.Next(f, signin.Need{}) != signin.StepVerify {
		w.t.Fatalf("after the password comes %s", signin.Next(f, signin.Need{}))
	}
	if _, err := f.Proof(); err == nil {
		w.t.Fatal("the password alone is a proof")
	}
	token, err := w.Hold(w.t.Context(), f, home)
	must(w.t, err)
	return token
}

func code(text string) factor.Answer { return factor.Answer{Code: text} }

func TestSigningInWithBothSteps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		first, _ := w.open(home)
		second, _ := w.open(home)
		mailtest.Take(t, w.People.Outbox)
		raised, key, codes := w.enrol(first)
		if w.live(first) || w.live(second) || !w.live(raised) { // attacks 13, 24, 26
			t.Error("sessions from before the enrolment live on, or the one that enrolled doesn't")
		}
		if s := w.session(raised); s.Class != signin.ClassTwo || !s.Kinds.TOTP || len(codes) != 10 {
			t.Errorf("%+v, %d codes", s, len(codes))
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].Subject != "A second step was added" {
			t.Errorf("mails: %+v", mails)
		}
		for _, each := range []string{w.code(key), codes[0].Reveal()} {
			held := w.half(ada)
			if _, err := w.Verify(t.Context(), held, code("000000"), home); errs.Fields(err)["code"] == "" {
				t.Errorf("a wrong code: %v", err)
			}
			f, err := w.Verify(t.Context(), held, code(each), home)
			must(t, err)
			proof, err := f.Proof()
			must(t, err)
			here := home
			here.Waits = held
			token, err := w.OpenSession(t.Context(), proof, secret.String{}, here)
			must(t, err)
			if s := w.session(token); s.Class != signin.ClassTwo || strings.Join(s.AMR, " ") != "pwd otp mfa" || !s.AuthTime.Equal(w.clock.Now()) {
				t.Errorf("%+v", s)
			}
			if _, err := w.Verify(t.Context(), held, code(each), home); err == nil {
				t.Error("a code opened twice")
			}
			if _, err := w.Held(t.Context(), held); !errs.Is(err, errs.KindUnauthenticated) {
				t.Errorf("a sign-in that is finished still waits: %v", err)
			}
		}
		left := w.half(ada) // and then begun anew in the same browser
		f, err := w.Held(t.Context(), left)
		must(t, err)
		here := home
		here.Waits = left
		held, err := w.Hold(t.Context(), f, here)
		must(t, err)
		if _, err := w.Held(t.Context(), left); !errs.Is(err, errs.KindUnauthenticated) {
			t.Errorf("a sign-in in whose place another one waits: %v", err)
		}
		w.clock.Advance(16 * time.Minute)
		if _, err := w.Verify(t.Context(), held, code(w.code(key)), home); !errs.Is(err, errs.KindUnauthenticated) {
			t.Errorf("a sign-in that waited too long: %v", err)
		}
	})
}

func TestAttack19WhoseStepItIsTheFlowSays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(home)
		_, _, adas := w.enrol(token)
		_, err := w.People.Create(t.Context(), person.Input{Name: "Bob", Email: "bob@example.com", Password: secret.New(good)})
		must(t, err)
		f, err := w.Password(t.Context(), "bob@example.com", secret.New(good), home)
		must(t, err)
		proof, err := f.Proof()
		must(t, err)
		bobs, err := w.OpenSession(t.Context(), proof, secret.String{}, home)
		must(t, err)
		_, key, codes := w.enrol(bobs)

		held := w.half(ada)
		for _, of := range []string{w.code(key), codes[0].Reveal()} { // attack 21
			if f, err := w.Verify(t.Context(), held, code(of), home); err == nil {
				t.Errorf("bob's code took the step of %s", f.Person().Email)
			}
		}
		f, err = w.Verify(t.Context(), held, code(adas[0].Reveal()), home)
		if err != nil || f.Person().Email != ada {
			t.Errorf("%s, %v", f.Person().Email, err)
		}
		for _, forged := range []string{"", "x", w.ada.ID} {
			if _, err := w.Held(t.Context(), secret.New(forged)); !errs.Is(err, errs.KindUnauthenticated) {
				t.Errorf("a flow out of %q: %v", forged, err)
			}
		}
	})
}

func TestAttack22OneOfFiftyEqualCodesSignsIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(home)
		_, _, codes := w.enrol(token)
		var helds []secret.String
		for range 50 {
			helds = append(helds, w.half(ada))
		}
		var opened atomic.Int64
		var all sync.WaitGroup
		for _, held := range helds {
			all.Go(func() {
				if _, err := w.Verify(t.Context(), held, code(codes[0].Reveal()), home); err == nil {
					opened.Add(1)
				}
			})
		}
		all.Wait()
		if opened.Load() != 1 {
			t.Errorf("%d of 50 were let in", opened.Load())
		}
	})
}

func TestAttack23OneCounterWhateverTheFlow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(home)
		_, key, _ := w.enrol(token)
		var err error
		for range 6 { // a new first step each time
			_, err = w.Verify(t.Context(), w.half(ada), code("000000"), visit("198.51.100.9"))
		}
		if !errs.Is(err, errs.KindTooMany) {
			t.Errorf("the sixth wrong code: %v", err)
		}
		if _, err = w.Verify(t.Context(), w.half(ada), code(w.code(key)), home); !errs.Is(err, errs.KindTooMany) {
			t.Errorf("the right one then: %v", err)
		}
	})
}

func TestAttack26EveryChangeEndsTheOtherSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(home)
		mine, key, _ := w.enrol(token)
		changes := map[string]func(signin.Session) (signin.Changed, error){
			"an app more": func(s signin.Session) (signin.Changed, error) {
				p, err := w.BeginTOTP(t.Context(), s)
				must(t, err)
				return w.ConfirmTOTP(t.Context(), s, p.ID, w.code(strings.ReplaceAll(p.Secret.Reveal(), " ", "")), "Tablet", home)
			},
			"new codes": func(s signin.Session) (signin.Changed, error) {
				return w.ReplaceRecoveryCodes(t.Context(), s, home)
			},
			"one less": func(s signin.Session) (signin.Changed, error) {
				m, err := w.MFA(t.Context(), s)
				must(t, err)
				return w.RemoveFactor(t.Context(), s, m.Factors[len(m.Factors)-1].ID, home)
			},
			"off": func(s signin.Session) (signin.Changed, error) { return w.TurnOffMFA(t.Context(), s, home) },
		}
		for _, name := range []string{"an app more", "new codes", "one less", "off"} {
			w.clock.Advance(30 * time.Second)
			held := w.half(ada)
			f, err := w.Verify(t.Context(), w.half(ada), code(w.code(key)), home)
			must(t, err)
			proof, err := f.Proof()
			must(t, err)
			other, err := w.OpenSession(t.Context(), proof, secret.String{}, home)
			must(t, err)

			// Not fresh: nothing is changed, and nobody signed out.
			w.clock.Advance(16 * time.Minute)
			if _, err := changes["new codes"](w.session(mine)); !errors.Is(err, signin.ErrStale) || !w.live(other) {
				t.Fatalf("%s, stale: %v", name, err)
			}
			mine = w.prove(mine, key)
			mailtest.Take(t, w.People.Outbox)
			done, err := changes[name](w.session(mine))
			must(t, err)
			if w.live(other) || w.live(mine) || !w.live(done.Token) {
				t.Errorf("%s: others live, or the one that did it doesn't", name)
			}
			if _, err := w.Held(t.Context(), held); err == nil {
				t.Errorf("%s: a sign-in under way goes on", name)
			}
			if len(mailtest.Take(t, w.People.Outbox)) != 1 {
				t.Errorf("%s: no notice", name)
			}
			mine = done.Token
		}
		if s := w.session(mine); s.Class != signin.ClassOne || s.Kinds.Any() {
			t.Errorf("a step that is off still counts: %+v", s)
		}
		if _, err := w.try(good, home); err != nil {
			t.Errorf("the password alone, with MFA off: %v", err)
		}
	})
}

// prove gives the second step once more in a session.
func (w *world) prove(token secret.String, key string) secret.String {
	w.t.Helper()
	f, err := w.Resume(w.t.Context(), w.session(token))
	must(w.t, err)
	held, err := w.Hold(w.t.Context(), f, home)
	must(w.t, err)
	f, err = w.Verify(w.t.Context(), held, code(w.code(key)), home)
	must(w.t, err)
	proof, err := f.Proof()
	must(w.t, err)
	raised, err := w.Raise(w.t.Context(), proof, token, home)
	must(w.t, err)
	if w.live(token) || w.session(raised).ID != w.sessionID() {
		w.t.Error("a raised session keeps its token, or is another one")
	}
	if _, err := w.Raise(w.t.Context(), proof, token, home); !errs.Is(err, errs.KindUnauthenticated) {
		w.t.Errorf("raised by an old token: %v", err)
	}
	return raised
}

// sessionID is the id of the oldest session.
func (w *world) sessionID() string {
	w.t.Helper()
	id, err := db.One[string](w.t.Context(), w.DB, `SELECT id FROM account_session ORDER BY created, id LIMIT 1`)
	must(w.t, err)
	return id
}

func TestAttack25ATrustedBrowser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.saves(func(c *policy.Change) { c.Remember, c.RememberFor = true, policy.MostRemember }) // more than there may be
		token, _ := w.open(home)
		mine, key, _ := w.enrol(token)
		f, err := w.Verify(t.Context(), w.half(ada), code(w.code(key)), home)
		must(t, err)
		proof, err := f.Proof()
		must(t, err)
		trust, err := w.Trust(t.Context(), proof, secret.String{}, home)
		must(t, err)
		step := func(trust string, need signin.Need) signin.Step {
			t.Helper()
			f, err := w.Password(t.Context(), ada, secret.New(good), signin.Visit{Address: "198.51.100.3", Trust: secret.New(trust)})
			must(t, err)
			return signin.Next(f, need)
		}
		right := trust.Reveal()
		if step(right, signin.Need{}) != signin.StepDone || step(right, signin.Need{Class: signin.ClassTwo}) != signin.StepVerify {
			t.Error("a trusted browser is asked, or passes for a second step")
		}
		for _, forged := range []string{"", right + "A", right[1:], secret.Hash(right)} {
			if step(forged, signin.Need{}) != signin.StepVerify {
				t.Errorf("%q is trusted", forged)
			}
		}
		// Of another person it is nothing.
		bob, err := w.People.Create(t.Context(), person.Input{Name: "Bob", Email: "bob@example.com", Password: secret.New(good)})
		must(t, err)
		if list, err := w.TrustedBrowsers(t.Context(), signin.Session{Person: bob}); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := w.TrustedBrowsers(t.Context(), w.session(mine)); err != nil || len(list) != 1 || list[0].Agent != "test" {
			t.Errorf("%+v, %v", list, err)
		}
		w.saves(func(c *policy.Change) { c.Remember = false })
		if step(right, signin.Need{}) != signin.StepVerify {
			t.Error("it is trusted where the operator allows none")
		}
		w.saves(func(c *policy.Change) { c.Remember = true })

		// It ends with any change of a factor or the password, and after 30 days.
		again := func() {
			t.Helper()
			trust, err = w.Trust(t.Context(), proof, secret.String{}, home)
			must(t, err)
			if step(trust.Reveal(), signin.Need{}) != signin.StepDone {
				t.Fatal("it isn't trusted")
			}
		}
		gone := func(how string) {
			t.Helper()
			if step(trust.Reveal(), signin.Need{}) != signin.StepVerify {
				t.Errorf("it is trusted after %s", how)
			}
		}
		again()
		must(t, w.Distrust(t.Context(), w.session(mine), "", ""))
		gone("it was taken back")
		again()
		done, err := w.ReplaceRecoveryCodes(t.Context(), w.session(mine), home)
		must(t, err)
		gone("new recovery codes")
		again()
		_, err = w.ChangePassword(t.Context(), w.session(done.Token), secret.New(good), secret.New("quiet tractors near the harbour"), home)
		must(t, err)
		must(t, w.Suspend(t.Context(), ada, false)) // sessions and trust are gone; the password is new
		f, err = w.Password(t.Context(), ada, secret.New("quiet tractors near the harbour"), signin.Visit{Trust: trust})
		if err != nil || signin.Next(f, signin.Need{}) != signin.StepVerify {
			t.Errorf("after a new password: %s, %v", signin.Next(f, signin.Need{}), err)
		}
		trust, err = w.Trust(t.Context(), proof, secret.String{}, home)
		must(t, err)
		w.clock.Advance(30*24*time.Hour + time.Second)
		f, err = w.Password(t.Context(), ada, secret.New("quiet tractors near the harbour"), signin.Visit{Trust: trust})
		if err != nil || signin.Next(f, signin.Need{}) != signin.StepVerify {
			t.Errorf("after 30 days: %s, %v", signin.Next(f, signin.Need{}), err)
		}
	})
}

// saves changes the operator's rules.
func (w *world) saves(change func(*policy.Change)) {
	w.t.Helper()
	now, err := w.Policy.Get(w.t.Context())
	must(w.t, err)
	next := policy.Change{Policy: now}
	change(&next)
	_, err = w.Policy.Save(w.t.Context(), next, "operator", "")
	must(w.t, err)
}

// Attack 15.
func TestAttack15RulesThatCannotBeReadRefuse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(home)
		_, err := db.Exec(t.Context(), w.DB, `DELETE FROM site_policy`)
		must(t, err)
		if _, err := w.try(good, home); err == nil {
			t.Error("a sign-in went on without the rules")
		}
		if _, err := w.FromToken(t.Context(), token); err == nil || errs.Is(err, errs.KindUnauthenticated) {
			t.Errorf("a session: %v", err)
		}
	})
}

// Attack 33: somebody who must change the password and set up a second step
// can do either, and neither leads to the other.
func TestAttack33ARequiredStepLeavesThePasswordFree(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.saves(func(c *policy.Change) { c.MFA = policy.Everyone })
		f, err := w.Password(t.Context(), ada, secret.New(good), home)
		must(t, err)
		if signin.Next(f, signin.Need{}) != signin.StepEnrol {
			t.Fatal(signin.Next(f, signin.Need{}))
		}
		proof, err := f.Proof()
		must(t, err)
		token, err := w.OpenSession(t.Context(), proof, secret.String{}, home)
		must(t, err)
		s := w.session(token)
		if !s.MustEnrol || s.Meets(signin.Need{}) {
			t.Errorf("it opens things: %+v", s)
		}
		token, err = w.ChangePassword(t.Context(), s, secret.New(good), secret.New("quiet tractors near the harbour"), home)
		must(t, err)
		token, _, _ = w.enrol(token)
		if s := w.session(token); s.MustEnrol || !s.Meets(signin.Need{Class: signin.ClassTwo}) {
			t.Errorf("%+v", s)
		}
		if _, err := w.TurnOffMFA(t.Context(), w.session(token), home); !errs.Is(err, errs.KindConflict) {
			t.Errorf("turned off, though required: %v", err)
		}
	})
}
