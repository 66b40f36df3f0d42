package signin_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// BenchmarkSignIn is a whole sign-in with password and code on SQLite, down to
// the session, beside the bare hash of a password in the same run: it should
// cost little more than that. "×hash" is how much of its time, "×hash-cpu" of
// the processor's.
func BenchmarkSignIn(b *testing.B) {
	d := dbtest.SQLite(b)
	box, err := secret.NewBox(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		b.Fatal(err)
	}
	now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	log, limiter := &audit.Log{DB: d, Clock: now.Now}, &throttle.Limiter{DB: d, Clock: now.Now}
	people := &person.Service{
		DB: d, Clock: now.Now, Audit: log, Outbox: &mail.Outbox{DB: d, Box: box, Clock: now.Now},
		Throttle: limiter, Hasher: person.NewHasher(0), URL: "https://id.test",
	}
	s := &signin.Service{
		DB: d, Box: box, Clock: now.Now, Audit: log, Throttle: limiter, People: people,
		Policy:  &policy.Service{DB: d, Clock: now.Now, Audit: log},
		Factors: &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Account, Issuer: "Sallyport Account"},
	}
	p, err := people.Create(b.Context(), person.Input{Name: "Ada", Email: ada, Password: secret.New(good)})
	if err != nil {
		b.Fatal(err)
	}
	app, err := s.Factors.BeginTOTP(b.Context(), p.ID, p.Email)
	if err != nil {
		b.Fatal(err)
	}
	key := strings.ReplaceAll(app.Secret.Reveal(), " ", "")
	next := func() string { // each code is of a later step, as they are used up
		now.Advance(30 * time.Second)
		code, err := totp.GenerateCode(key, now.Now())
		if err != nil {
			b.Fatal(err)
		}
		return code
	}
	if err := d.InTx(b.Context(), func(tx *db.Tx) error {
		return s.Factors.ConfirmTOTP(b.Context(), tx, p.ID, app.ID, next(), "")
	}); err != nil {
		b.Fatal(err)
	}
	v := signin.Visit{Address: "192.0.2.1", Agent: "test", Browser: throttle.Browser{}.With(p.ID)}

	// They take turns, so that what else the machine does falls on both alike;
	// some at a time, so that collecting the memory of one doesn't fall on the other.
	const some = 8
	var hash, whole cost
	for b.Loop() {
		hash.add(b, func() {
			for range some {
				if _, err := people.Hasher.Hash(b.Context(), secret.New(good)); err != nil {
					b.Fatal(err)
				}
			}
		})
		whole.add(b, func() {
			for range some {
				signInWith(b, s, next(), v)
			}
		})
	}
	n := float64(b.N * some)
	b.ReportMetric(0, "ns/op") // of both together it says nothing
	b.ReportMetric(n/whole.time.Seconds(), "sign-ins/s")
	b.ReportMetric(n/hash.time.Seconds(), "hashes/s")
	b.ReportMetric(whole.time.Seconds()/hash.time.Seconds(), "×hash")
	b.ReportMetric(whole.processor.Seconds()/hash.processor.Seconds(), "×hash-cpu")
}

// cost is how long something took, and how much of the processors' time.
type cost struct{ time, processor time.Duration }

func (c *cost) add(b *testing.B, do func()) {
	began, before := time.Now(), processor(b)
	do()
	c.time += time.Since(began)
	c.processor += processor(b) - before
}

// processor is the processors' time that the process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func signInWith(b *testing.B, s *signin.Service, code string, v signin.Visit) {
	ctx := b.Context()
	f, err := s.Password(ctx, ada, secret.New(good), v)
	if err != nil {
		b.Fatal(err)
	}
	token, err := s.Hold(ctx, f, v)
	if err != nil {
		b.Fatal(err)
	}
	if f, err = s.Verify(ctx, token, factor.Answer{Code: code}, v); err != nil {
		b.Fatal(err)
	}
	proof, err := f.Proof()
	if err != nil {
		b.Fatal(err)
	}
	v.Waits = token
	if _, err := s.OpenSession(ctx, proof, secret.String{}, v); err != nil {
		b.Fatal(err)
	}
}
