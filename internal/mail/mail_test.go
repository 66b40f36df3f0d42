package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// post is a Sender that counts, and fails while its error is set.
type post struct {
	mu      sync.Mutex
	taken   map[string]int // id → times
	failing error
	arrived chan mail.Mail
}

func newPost() *post { return &post{taken: map[string]int{}, arrived: make(chan mail.Mail, 1000)} }

func (p *post) Send(_ context.Context, m mail.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing != nil {
		return p.failing
	}
	p.taken[m.ID]++
	p.arrived <- m
	return nil
}

func (p *post) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing = err
}

func newOutbox(t *testing.T, d *db.DB, now clock.Clock, sender mail.Sender) *mail.Outbox {
	t.Helper()
	box, err := secret.NewBox(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &mail.Outbox{DB: d, Box: box, Clock: now, Sender: sender, Log: slog.New(slog.DiscardHandler)}
}

func enqueue(t *testing.T, o *mail.Outbox, q db.Q) {
	t.Helper()
	m := mail.Message{To: "alice@example.com", Subject: "Confirm", Text: "https://id.example.com/confirm?t=abc\n"}
	if err := o.Enqueue(t.Context(), q, m); err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, d *db.DB) int {
	t.Helper()
	n, err := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM outbox`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAMailGoesWithItsTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := newOutbox(t, d, clock.NewManual(start).Now, nil)
		undo := errors.New("undo")
		err := d.InTx(t.Context(), func(tx *db.Tx) error { enqueue(t, o, tx); return undo })
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if got := mailtest.Take(t, o); len(got) != 0 {
			t.Errorf("a mail of an undone transaction was sent: %v", got)
		}
		enqueue(t, o, d)
		sealed, err := db.One[[]byte](t.Context(), d, `SELECT body FROM outbox`)
		if err != nil || strings.Contains(string(sealed), "confirm") {
			t.Errorf("the body is readable in the database: %q, %v", sealed, err)
		}
		got := mailtest.Take(t, o)
		if len(got) != 1 || got[0].To != "alice@example.com" || got[0].Text != "https://id.example.com/confirm?t=abc\n" {
			t.Errorf("got %v", got)
		}
		if n := waiting(t, d); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestTheWorkerIsWokenByTheCommit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPost()
		o := newOutbox(t, d, clock.System, p)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { o.Run(ctx); close(done) }()
		begun := time.Now()
		if err := d.InTx(t.Context(), func(tx *db.Tx) error { enqueue(t, o, tx); return nil }); err != nil {
			t.Fatal(err)
		}
		<-p.arrived
		if waited := time.Since(begun); waited > 4*time.Second {
			t.Errorf("it waited %v: for the poll, not for the commit", waited)
		}
		stop()
		<-done
		if n := waiting(t, d); n != 0 {
			t.Errorf("it stopped before it had finished: %d left", n)
		}
	})
}

func TestSeveralNodesSendEachMailOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPost()
		const mails, nodes = 40, 3
		for range mails {
			enqueue(t, newOutbox(t, d, clock.System, nil), d)
		}
		var all sync.WaitGroup
		for range nodes {
			o := newOutbox(t, d, clock.System, p)
			all.Go(func() {
				if err := o.SendDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for id, times := range p.taken {
			if times != 1 {
				t.Errorf("%s was sent %d times", id, times)
			}
		}
		if len(p.taken) != mails || waiting(t, d) != 0 {
			t.Errorf("%d of %d were sent, %d are left", len(p.taken), mails, waiting(t, d))
		}
	})
}

func TestAFailureIsTriedAgainLaterAndGivenUpAfterADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p, now := newPost(), clock.NewManual(start)
		o := newOutbox(t, d, now.Now, p)
		var log strings.Builder
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		p.fail(errors.New("connection refused"))
		enqueue(t, o, d)
		send := func() {
			t.Helper()
			if err := o.SendDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		send()
		p.fail(nil)
		send()
		if len(p.taken) != 0 {
			t.Fatal("it was tried again at once")
		}
		now.Advance(10 * time.Second)
		send()
		if len(p.taken) != 1 || waiting(t, d) != 0 {
			t.Fatal("it was not tried again after the wait")
		}

		p.fail(errors.New("connection refused"))
		enqueue(t, o, d)
		made := now.Now()
		for waiting(t, d) > 0 && now.Now().Sub(made) < 48*time.Hour {
			send()
			now.Advance(10 * time.Minute)
		}
		if after := now.Now().Sub(made); after < 20*time.Hour || after > 25*time.Hour {
			t.Errorf("it was given up after %v", after)
		}
		if !strings.Contains(log.String(), "given up") || strings.Contains(log.String(), "confirm?t=") {
			t.Errorf("the log:\n%s", log.String())
		}
	})
}

func TestARefusedRecipientIsGivenUpAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPost()
		o := newOutbox(t, d, clock.NewManual(start).Now, p)
		p.fail(fmt.Errorf("550 no such user: %w", mail.ErrRefused))
		enqueue(t, o, d)
		if err := o.SendDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := waiting(t, d); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// A node that dies with a mail in its hands: another sends it when the lease is over.
func TestACrashLosesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p, now := newPost(), clock.NewManual(start)
		o := newOutbox(t, d, now.Now, p)
		enqueue(t, o, d)
		if _, err := db.Exec(t.Context(), d, `UPDATE outbox SET due = $1, attempts = 1`, now.Now().Add(3*time.Minute)); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after time.Duration
			sent  int
		}{{time.Minute, 0}, {2 * time.Minute, 1}} {
			now.Advance(step.after)
			if err := o.SendDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(p.taken) != step.sent {
				t.Errorf("%v later %d were sent", step.after, len(p.taken))
			}
		}
	})
}

func TestAnAddressThatIsNotOneIsRefused(t *testing.T) {
	d := dbtest.SQLite(t)
	o := newOutbox(t, d, clock.System, nil)
	for _, to := range []string{"", "alice", "a@b.c, d@e.f", "Alice <a@b.c>", "a@b.c\r\nBcc: d@e.f", "a@b.c\x00", "\"a\r\nBcc: x@y.z\"@b.c"} {
		err := o.Enqueue(t.Context(), d, mail.Message{To: to, Subject: "s", Text: "t"})
		if !errs.Is(err, errs.KindInvalid) {
			t.Errorf("%q: %v", to, err)
		}
	}
}
