package signin_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const (
	ada  = "ada@example.com"
	good = "green lamps over wet cobbles"
)

type world struct {
	*signin.Service
	t     *testing.T
	clock *clock.Manual
	ada   person.Person
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{1}, 32))
	must(t, err)
	now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	log, limiter := &audit.Log{DB: d, Clock: now.Now}, &throttle.Limiter{DB: d, Clock: now.Now}
	people := &person.Service{
		DB: d, Clock: now.Now, Audit: log, Outbox: &mail.Outbox{DB: d, Box: box, Clock: now.Now},
		Throttle: limiter, Hasher: person.NewHasher(2), URL: "https://id.test",
	}
	p, err := people.Create(t.Context(), person.Input{Name: "Ada", Email: ada, Password: secret.New(good)})
	must(t, err)
	return &world{t: t, clock: now, ada: p, Service: &signin.Service{
		DB: d, Box: box, Clock: now.Now, Audit: log, Throttle: limiter, People: people,
		Policy:  &policy.Service{DB: d, Clock: now.Now, Audit: log},
		Factors: &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Account, Issuer: "Sallyport Account", URL: "https://id.test"},
	}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func visit(address string) signin.Visit { return signin.Visit{Address: address, Agent: "test"} }

func (w *world) try(password string, v signin.Visit) (signin.Proof, error) {
	flow, err := w.Password(w.t.Context(), ada, secret.New(password), v)
	if err != nil {
		return signin.Proof{}, err
	}
	return flow.Proof()
}

func (w *world) open(v signin.Visit) (secret.String, signin.Proof) {
	w.t.Helper()
	proof, err := w.try(good, v)
	must(w.t, err)
	token, err := w.OpenSession(w.t.Context(), proof, secret.String{}, v)
	must(w.t, err)
	return token, proof
}

func (w *world) live(token secret.String) bool {
	w.t.Helper()
	_, err := w.FromToken(w.t.Context(), token)
	if err != nil && !errs.Is(err, errs.KindUnauthenticated) {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestNoProofNoSession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if token, err := w.OpenSession(t.Context(), signin.Proof{}, secret.String{}, visit("192.0.2.1")); err == nil || token.Reveal() != "" {
			t.Error("the zero Proof opened a session")
		}
		if signin.Next(signin.Flow{}, signin.Need{}) != signin.StepPassword {
			t.Errorf("the zero Flow comes next to %s", signin.Next(signin.Flow{}, signin.Need{}))
		}
		if _, err := (signin.Flow{}).Proof(); err == nil {
			t.Error("the zero Flow gave a Proof")
		}
		flow, err := w.Password(t.Context(), ada, secret.New("wrong"), visit("192.0.2.1"))
		if err == nil {
			t.Error("a wrong password was taken")
		}
		if _, err := flow.Proof(); err == nil {
			t.Error("a failed step gave a Proof")
		}
	})
}

func TestASessionHasItsTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		token, _ := w.open(visit("192.0.2.1"))
		s, err := w.FromToken(t.Context(), token)
		must(t, err)
		if s.Person.ID != w.ada.ID || s.Person.Email != ada || s.Class != "aal1" || len(s.AMR) != 1 || !s.AuthTime.Equal(w.clock.Now()) {
			t.Errorf("%+v", s)
		}
		w.clock.Advance(7*24*time.Hour + time.Second)
		if w.live(token) {
			t.Error("it lived a week without being seen")
		}
		token, _ = w.open(visit("192.0.2.1"))
		for range 10 { // seen every three days
			w.clock.Advance(3*24*time.Hour - time.Minute)
			if !w.live(token) {
				t.Fatal("it died while it was in use")
			}
		}
		w.clock.Advance(time.Hour)
		if w.live(token) {
			t.Error("it lived longer than 30 days")
		}
		must(t, w.Sweep(t.Context()))
		if n, _ := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM account_session`); n != 0 {
			t.Errorf("%d sessions were left", n)
		}
	})
}

// Standard 13: a token of 128 bits and more, hashed, made anew at each rise.
func TestAttack24ASessionIsMadeAnewAtSignIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		planted, proof := w.open(visit("198.51.100.1"))
		token, err := w.OpenSession(t.Context(), proof, planted, visit("192.0.2.1"))
		must(t, err)
		if token.Reveal() == planted.Reveal() || w.live(planted) || !w.live(token) {
			t.Error("the session from before is alive")
		}
		if kept, _ := db.One[string](t.Context(), d, `SELECT hash FROM account_session`); strings.Contains(kept, token.Reveal()) || kept == "" {
			t.Error("the token itself is kept")
		}
		must(t, w.End(t.Context(), token, ""))
		must(t, w.End(t.Context(), token, "")) // once more does nothing
		if w.live(token) || w.live(secret.New("")) || w.live(secret.New("guess")) {
			t.Error("alive after signing out")
		}
	})
}

func TestAttack26AChangedPasswordEndsEverySession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		mine, _ := w.open(visit("192.0.2.1"))
		other, _ := w.open(visit("198.51.100.1"))
		session, err := w.FromToken(t.Context(), mine)
		must(t, err)
		const next = "quiet tractors near the harbour"
		for _, c := range []struct{ current, chosen, field string }{
			{"wrong", next, "current"}, {"", next, "current"}, {good, "short", "password"}, {good, "ada@example.com 1", "password"},
		} {
			_, err := w.ChangePassword(t.Context(), session, secret.New(c.current), secret.New(c.chosen), visit("192.0.2.1"))
			if errs.Fields(err)[c.field] == "" {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if !w.live(other) {
			t.Error("a refused change ended a session")
		}
		mailtest.Take(t, w.People.Outbox)
		fresh, err := w.ChangePassword(t.Context(), session, secret.New(good), secret.New(next), visit("192.0.2.1"))
		must(t, err)
		if w.live(mine) || w.live(other) || !w.live(fresh) {
			t.Error("sessions from before are alive, or the new one isn't")
		}
		if _, err := w.try(good, visit("192.0.2.1")); err == nil {
			t.Error("the old password works")
		}
		if _, err := w.try(next, visit("192.0.2.1")); err != nil {
			t.Errorf("the new password: %v", err)
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].Subject != "Your password was changed" {
			t.Errorf("mails: %+v", mails)
		}
	})
}

func TestAttack38AStrangerCannotShutTheOwnerOut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		home := visit("192.0.2.1")
		_, proof := w.open(home)
		sealed, err := w.Remember(home.Browser, proof)
		must(t, err)
		known := signin.Visit{Address: "198.51.100.200", Browser: w.OpenBrowser(sealed)}

		// Strangers at many addresses share the person's one counter.
		for i := range 5 {
			if _, err := w.try("wrong", visit(fmt.Sprintf("198.51.100.%d", i))); !errs.Is(err, errs.KindUnauthenticated) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		if _, err := w.try(good, visit("198.51.100.77")); !errs.Is(err, errs.KindTooMany) || errs.RetryAfter(err) != 30*time.Second {
			t.Errorf("the sixth, though right: %v", err)
		}
		// The owner's browser isn't held up, wherever it is; and has a counter of its own.
		if _, err := w.try(good, known); err != nil {
			t.Errorf("the owner's own browser: %v", err)
		}
		for range 5 {
			_, _ = w.try("wrong", known)
		}
		if _, err := w.try(good, known); !errs.Is(err, errs.KindTooMany) {
			t.Errorf("a known browser may guess without end: %v", err)
		}
		// What a browser remembers can't be made up or used for another person.
		for _, forged := range []string{"", "x", sealed[:len(sealed)-2] + "AA"} {
			if b := w.OpenBrowser(forged); b.ID != "" {
				t.Errorf("%q was read as %+v", forged, b)
			}
		}
		w.clock.Advance(time.Hour)
		if _, err := w.try(good, visit("203.0.113.9")); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestOneSourceTriesManyPeople(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var err error
		for i := range 6 {
			// Every other try is a success of one's own, from the same place.
			address := fmt.Sprintf("2001:db8:1:2::%x", i)
			_, err = w.Password(t.Context(), fmt.Sprintf("person%d@example.com", i), secret.New("wrong"), visit(address))
			if i < 5 {
				if !errs.Is(err, errs.KindUnauthenticated) {
					t.Fatalf("try %d: %v", i, err)
				}
				_, _ = w.try(good, visit(address))
			}
		}
		if !errs.Is(err, errs.KindTooMany) {
			t.Errorf("one IPv6 network had its sixth guess: %v", err)
		}
	})
}

func TestAttack29AnUnknownPersonIsRefusedAlike(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		_, err := w.People.Create(t.Context(), person.Input{Name: "Bob", Email: "bob@example.com"}) // has no password yet
		must(t, err)
		var said []string
		for try := range 8 {
			for i, email := range []string{ada, "nobody@example.com", "bob@example.com", "not an address"} {
				_, err := w.Password(t.Context(), email, secret.New("wrong"), visit(fmt.Sprintf("10.%d.%d.1", i, try)))
				said = append(said, fmt.Sprint(errs.KindOf(err), errs.Message(err)))
			}
			last := said[len(said)-4:]
			for _, each := range last {
				if each != last[0] {
					t.Errorf("try %d: %q", try, last)
				}
			}
		}
		if !strings.Contains(said[0], "don't match an account") || !strings.Contains(said[len(said)-1], "Too many tries") {
			t.Errorf("%q … %q", said[0], said[len(said)-1])
		}
	})
}

// Standard 10: at most 100 failures in a row, then the password is off until
// another one is bound; and the owner's known browser isn't concerned.
func TestStandard10AHundredWrongPasswords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		_, proof := w.open(visit("192.0.2.1"))
		sealed, err := w.Remember(throttle.Browser{}, proof)
		must(t, err)
		known := signin.Visit{Address: "192.0.2.1", Browser: w.OpenBrowser(sealed)}
		_, err = db.Exec(t.Context(), d, `UPDATE person_password SET failures = 98`) // of a long time
		must(t, err)
		mailtest.Take(t, w.People.Outbox)
		for i := range 2 {
			if _, err := w.try("wrong", visit(fmt.Sprintf("198.51.100.%d", i))); !errs.Is(err, errs.KindUnauthenticated) {
				t.Fatal(err)
			}
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].Subject != "Your password was turned off" {
			t.Errorf("mails: %+v", mails)
		}
		// Off is off, for a day and longer, and looks like a wrong password.
		w.clock.Advance(48 * time.Hour)
		_, wrong := w.try("wrong", visit("203.0.113.1"))
		_, right := w.try(good, visit("203.0.113.2"))
		if !errs.Is(right, errs.KindUnauthenticated) || errs.Message(right) != errs.Message(wrong) {
			t.Errorf("the right one: %v", right)
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 0 {
			t.Errorf("told again: %+v", mails)
		}
		if _, err := w.try(good, known); err != nil {
			t.Errorf("the owner's browser: %v", err)
		}
		w.clock.Advance(25 * time.Hour)
		if _, err := w.try(good, visit("203.0.113.3")); err != nil {
			t.Errorf("after the owner was there: %v", err)
		}
	})
}

// Attack 38: after thirty wrong passwords the right one worked at once.
func TestAttack38ThirtyWrongPasswords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		_, proof := w.open(visit("192.0.2.1"))
		sealed, err := w.Remember(throttle.Browser{}, proof)
		must(t, err)
		judged := 0
		for i := range 30 {
			_, err := w.try("wrong", visit(fmt.Sprintf("198.51.100.%d", i)))
			if errs.Is(err, errs.KindUnauthenticated) {
				judged++
			} else if !errs.Is(err, errs.KindTooMany) {
				t.Fatal(err)
			}
		}
		if judged != 5 {
			t.Errorf("%d guesses were judged", judged)
		}
		if _, err := w.try(good, visit("203.0.113.5")); !errs.Is(err, errs.KindTooMany) {
			t.Errorf("the right one, of a stranger: %v", err)
		}
		if _, err := w.try(good, signin.Visit{Address: "203.0.113.5", Browser: w.OpenBrowser(sealed)}); err != nil {
			t.Errorf("the right one, in the known browser: %v", err)
		}
		// The waits rise to an hour.
		var waits []time.Duration
		for range 9 {
			_, err := w.try("wrong", visit("203.0.113.6"))
			waits = append(waits, errs.RetryAfter(err))
			w.clock.Advance(errs.RetryAfter(err))
			_, _ = w.try("wrong", visit(fmt.Sprintf("203.0.113.%d", 100+len(waits))))
		}
		if waits[0] != 30*time.Second || waits[1] != time.Minute || waits[8] != time.Hour {
			t.Errorf("%v", waits)
		}
	})
}
