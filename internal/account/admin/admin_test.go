package admin_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/account/admin"
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

type world struct {
	*admin.Service
	t     *testing.T
	clock *clock.Manual
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
	signIn := &signin.Service{
		DB: d, Box: box, Clock: now.Now, Audit: log, Throttle: limiter, People: people,
		Policy:  &policy.Service{DB: d, Clock: now.Now, Audit: log},
		Factors: &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Account, Issuer: "Sallyport Account"},
	}
	return &world{t: t, clock: now, Service: &admin.Service{DB: d, Clock: now.Now, Audit: log, People: people, SignIn: signIn}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) person(name string, administrator bool) person.Person {
	w.t.Helper()
	p, err := w.People.Create(w.t.Context(), person.Input{
		Name: name, Email: strings.ToLower(name) + "@example.com", Administrator: administrator, By: person.Operator(),
	})
	must(w.t, err)
	mailtest.Take(w.t, w.People.Outbox)
	return p
}

func as(p person.Person) person.Author { return person.Author{ID: p.ID, From: "192.0.2.1"} }

// now gives a person as they are now.
func (w *world) now(p person.Person) person.Person {
	w.t.Helper()
	p, err := w.People.Get(w.t.Context(), p.ID)
	must(w.t, err)
	return p
}

// only gives the one approval that waits.
func (w *world) only() admin.Approval {
	w.t.Helper()
	all, err := w.Pending(w.t.Context())
	must(w.t, err)
	if len(all) != 1 {
		w.t.Fatalf("%d approvals wait: %+v", len(all), all)
	}
	return all[0]
}

// Attack 28: an administrator reset the factors of a higher one.
func TestAttack28NobodyActsOnAnEqualAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, ben, cat := w.person("Ann", true), w.person("Ben", true), w.person("Cat", true)
		dan, eve := w.person("Dan", false), w.person("Eve", false)
		gone := w.person("Gone", true)
		if _, err := w.Do(t.Context(), admin.Suspend, gone.ID, person.Operator()); err != nil {
			t.Fatal(err)
		}
		for _, act := range admin.Acts() {
			for _, c := range []struct {
				who  string
				by   person.Person
				whom person.Person
				want errs.Kind
			}{
				{"a person to another", dan, eve, errs.KindDenied},
				{"a person to an administrator", dan, ann, errs.KindDenied},
				{"a suspended administrator", gone, dan, errs.KindDenied},
				{"an administrator to themselves", ann, ann, errs.KindConflict},
				{"an administrator to nobody", ann, person.Person{ID: "nobody"}, errs.KindNotFound},
			} {
				if done, err := w.Do(t.Context(), act, c.whom.ID, as(c.by)); done || !errs.Is(err, c.want) {
					t.Errorf("%s, %s: %v, %v", act, c.who, done, err)
				}
			}
		}
		for _, act := range []admin.Act{admin.Suspend, admin.RecoveryLink, admin.Demote} {
			done, err := w.Do(t.Context(), act, ben.ID, as(ann))
			if done || err != nil {
				t.Fatalf("%s: %v, %v", act, done, err)
			}
			if now := w.now(ben); now.Suspended || !now.Administrator {
				t.Errorf("%s happened: %+v", act, now)
			}
			a := w.only()
			for _, c := range []person.Person{ann, ben, dan, gone} {
				if err := w.Decide(t.Context(), a.ID, true, as(c)); !errs.Is(err, errs.KindDenied) {
					t.Errorf("%s approves %s: %v", c.Name, act, err)
				}
			}
			if err := w.Decide(t.Context(), a.ID, false, as(ben)); !errs.Is(err, errs.KindDenied) {
				t.Errorf("whom it concerns refuses it: %v", err)
			}
			if _, err := w.Do(t.Context(), act, ben.ID, as(cat)); !errs.Is(err, errs.KindConflict) {
				t.Errorf("asked for twice: %v", err)
			}
			must(t, w.Decide(t.Context(), a.ID, false, as(cat)))
		}
		// Nor does one make one's own second.
		if done, err := w.Do(t.Context(), admin.Promote, dan.ID, as(ann)); done || err != nil || w.now(dan).Administrator {
			t.Errorf("made an administrator alone: %v, %v", done, err)
		}
	})
}

func TestTwoAdministratorsDoIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, ben, cat := w.person("Ann", true), w.person("Ben", true), w.person("Cat", true)
		if _, err := w.Do(t.Context(), admin.Demote, ben.ID, as(ann)); err != nil {
			t.Fatal(err)
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].To != cat.Email || !strings.Contains(mails[0].Text, "Make an ordinary person: Ben") {
			t.Errorf("asked: %+v", mails)
		}
		var given atomic.Int32
		var all sync.WaitGroup
		a := w.only()
		for range 10 {
			all.Go(func() {
				switch err := w.Decide(t.Context(), a.ID, true, as(cat)); {
				case err == nil:
					given.Add(1)
				case !errs.Is(err, errs.KindConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if given.Load() != 1 || w.now(ben).Administrator {
			t.Errorf("it was given %d times: %+v", given.Load(), w.now(ben))
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].To != ben.Email {
			t.Errorf("done: %+v", mails)
		}
		actions, err := db.All[string](t.Context(), d, `SELECT action || ' ' || actor FROM audit ORDER BY seq DESC LIMIT 3`)
		must(t, err)
		want := []string{"person.demote " + cat.ID, "approval.give " + cat.ID, "approval.ask " + ann.ID}
		if fmt.Sprint(actions) != fmt.Sprint(want) {
			t.Errorf("audit: %v, want %v", actions, want)
		}
	})
}

func TestAnApprovalIsOver(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, ben, cat := w.person("Ann", true), w.person("Ben", true), w.person("Cat", true)
		ask := func() admin.Approval {
			t.Helper()
			if _, err := w.Do(t.Context(), admin.Suspend, ben.ID, as(ann)); err != nil {
				t.Fatal(err)
			}
			return w.only()
		}
		a := ask()
		w.clock.Advance(7 * 24 * time.Hour)
		if err := w.Decide(t.Context(), a.ID, true, as(cat)); !errs.Is(err, errs.KindConflict) {
			t.Errorf("after a week: %v", err)
		}
		a = ask()
		must(t, w.Decide(t.Context(), a.ID, false, as(ann))) // a second thought
		if err := w.Decide(t.Context(), a.ID, true, as(cat)); !errs.Is(err, errs.KindConflict) {
			t.Errorf("taken back: %v", err)
		}
		a = ask()
		_, err := w.Do(t.Context(), admin.Demote, ann.ID, person.Operator())
		must(t, err)
		if all, err := w.Pending(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("asked by nobody any more: %+v %v", all, err)
		}
		if err := w.Decide(t.Context(), a.ID, true, as(cat)); !errs.Is(err, errs.KindConflict) || w.now(ben).Suspended {
			t.Errorf("whoever asked is none any more: %v", err)
		}
		if err := w.Decide(t.Context(), "none", true, as(cat)); !errs.Is(err, errs.KindConflict) {
			t.Errorf("none: %v", err)
		}
		w.clock.Advance(40 * 24 * time.Hour)
		must(t, w.Sweep(t.Context()))
		if n, _ := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM approval`); n != 0 {
			t.Errorf("%d were left", n)
		}
	})
}

func TestWhatAnAdministratorDoesAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, dan := w.person("Ann", true), w.person("Dan", false)
		var told []bool
		w.SignIn.Suspended = func(_ context.Context, _ *db.Tx, id string, suspended bool) error {
			told = append(told, suspended)
			return nil
		}
		do := func(act admin.Act, mail string) {
			t.Helper()
			if done, err := w.Do(t.Context(), act, dan.ID, as(ann)); !done || err != nil {
				t.Errorf("%s: %v, %v", act, done, err)
			}
			if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].To != dan.Email || mails[0].Subject != mail {
				t.Errorf("%s: %+v", act, mails)
			}
			if _, err := w.Do(t.Context(), act, dan.ID, as(ann)); act != admin.RecoveryLink && !errs.Is(err, errs.KindConflict) {
				t.Errorf("%s again: %v", act, err)
			}
		}
		do(admin.Suspend, "Your account was suspended")
		if !w.now(dan).Suspended {
			t.Error("not suspended")
		}
		if _, err := w.Do(t.Context(), admin.RecoveryLink, dan.ID, as(ann)); !errs.Is(err, errs.KindConflict) {
			t.Errorf("a link for somebody suspended: %v", err)
		}
		do(admin.Resume, "Your account is open again")
		do(admin.RecoveryLink, "Choose a new password")
		if fmt.Sprint(told) != "[true false]" {
			t.Errorf("apps were told %v", told)
		}
	})
}

// enrol gives a person an authenticator app.
func (w *world) enrol(p person.Person) {
	w.t.Helper()
	app, err := w.SignIn.Factors.BeginTOTP(w.t.Context(), p.ID, p.Email)
	must(w.t, err)
	code, err := totp.GenerateCode(strings.ReplaceAll(app.Secret.Reveal(), " ", ""), w.clock.Now())
	must(w.t, err)
	must(w.t, w.DB.InTx(w.t.Context(), func(tx *db.Tx) error {
		return w.SignIn.Factors.ConfirmTOTP(w.t.Context(), tx, p.ID, app.ID, code, "")
	}))
}

func (w *world) mfa(p person.Person) bool {
	w.t.Helper()
	on, err := w.SignIn.Factors.Enrolled(w.t.Context(), w.DB, p.ID)
	must(w.t, err)
	return on
}

func TestAttack28FactorsAreReset(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ann, ben, cat, dan := w.person("Ann", true), w.person("Ben", true), w.person("Cat", true), w.person("Dan", false)
		if _, err := w.Do(t.Context(), admin.ResetMFA, dan.ID, as(ann)); !errs.Is(err, errs.KindConflict) {
			t.Errorf("without any: %v", err)
		}
		for _, p := range []person.Person{ann, ben, dan} {
			w.enrol(p)
		}
		if done, err := w.Do(t.Context(), admin.ResetMFA, dan.ID, as(ann)); !done || err != nil || w.mfa(dan) {
			t.Errorf("a person's: %v, %v", done, err)
		}
		if mails := mailtest.Take(t, w.People.Outbox); len(mails) != 1 || mails[0].To != dan.Email || mails[0].Subject != "MFA of your account was reset" {
			t.Errorf("%+v", mails)
		}
		if done, err := w.Do(t.Context(), admin.ResetMFA, ben.ID, as(ann)); done || err != nil || !w.mfa(ben) {
			t.Errorf("an administrator's, alone: %v, %v", done, err)
		}
		if done, err := w.Do(t.Context(), admin.ResetMFA, ann.ID, as(ann)); done || !errs.Is(err, errs.KindConflict) {
			t.Errorf("one's own: %v, %v", done, err)
		}
		must(t, w.Decide(t.Context(), w.only().ID, true, as(cat)))
		if w.mfa(ben) || !w.mfa(ann) {
			t.Error("the wrong factors are gone")
		}
	})
}

func TestPeopleAreListedAndFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for i := range 12 {
			w.person(fmt.Sprintf("P%02d", i), i == 0)
		}
		_, err := w.People.Create(t.Context(), person.Input{Name: "Under_score 100%", Email: "odd@other.test"})
		must(t, err)
		for text, want := range map[string]int{"": 13, "p0": 10, "P11": 1, "OTHER.test": 1, "_": 1, "%": 1, `\`: 0, "nobody": 0} {
			rows, err := w.List(t.Context(), text, "", 50)
			if err != nil || len(rows) != want {
				t.Errorf("%q: %d, %v", text, len(rows), err)
			}
		}
		var seen []string
		for after := ""; ; {
			rows, err := w.List(t.Context(), "", after, 5)
			must(t, err)
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				seen = append(seen, r.Email)
			}
			after = seen[len(seen)-1]
		}
		if len(seen) != 13 || seen[0] != "odd@other.test" || seen[12] != "p11@example.com" {
			t.Errorf("%v", seen)
		}
		row, err := w.Get(t.Context(), w.now(must1(w.People.Find(t.Context(), "p00@example.com"))).ID)
		if err != nil || !row.Administrator || row.MFA || !row.Seen.IsZero() {
			t.Errorf("%+v %v", row, err)
		}
	})
}

func must1(p person.Person, err error) person.Person {
	if err != nil {
		panic(err)
	}
	return p
}
