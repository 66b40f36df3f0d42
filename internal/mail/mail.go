// Package mail sends mail, after the transaction that asked for it is
// committed and never before.
//
// Enqueue puts a mail into the outbox within the caller's transaction; a
// worker (Run) on some node takes it from there and hands it to a Sender: an
// SMTP server, or a folder of .eml files. The package owns the table outbox.
// What a mail says is its caller's.
//
// Invariants:
//   - A mail is in the outbox until a Sender has taken it, so a crash loses none.
//   - A node takes a mail by one conditional UPDATE that moves its due time on;
//     no other node sends it before that lease is over. A crash between sending
//     and deleting is the one way to a second copy, which carries the same
//     Message-ID.
//   - A body holds one-time links, so it is sealed at rest and never logged.
//   - A mail about something that its recipient may no longer know of is never
//     sent: that is judged at each attempt, and dropped without a word.
//   - Neither an address nor a subject can add a header.
package mail

import (
	"context"
	"errors"
	"log/slog"
	netmail "net/mail"
	"strings"
	"sync"
	"time"
	"unicode"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// Message is a mail to one person, in plain text.
type Message struct {
	To      string // one bare address: alice@example.com
	Subject string
	Text    string // UTF-8; lines may be of any length

	// About names what is told of, in the words of the Outbox's May, which is
	// asked again at each attempt. Empty: the recipient may have it anyway.
	About string
	// Unsubscribe is the page on which the recipient says no to more, which a
	// POST of their mail program does at once (RFC 8058). Empty: there is none.
	Unsubscribe string
}

// Sender takes a mail to its recipient, or says why it couldn't.
type Sender interface {
	Send(ctx context.Context, mail Mail) error
}

// Mail is a Message on its way.
type Mail struct {
	ID      string // the same at every attempt
	Created time.Time
	Message
}

// ErrRefused is in the error of a Sender where another attempt would be no use.
var ErrRefused = errors.New("the recipient was refused")

// Outbox keeps mails until they are sent. It is safe for concurrent use.
type Outbox struct {
	DB     *db.DB
	Box    *secret.Box
	Clock  clock.Clock
	Sender Sender // needed by Run and SendDue only
	// May tells whether the recipient may still know of what a mail is about. A
	// mail that is about something stays unsent where it is nil.
	May func(ctx context.Context, about string) (bool, error)
	Log *slog.Logger // nil: slog.Default

	once sync.Once
	wake chan struct{}
}

// Enqueue puts a message into the outbox, within the caller's transaction
// where q is one. The worker of this process is woken at the commit.
func (o *Outbox) Enqueue(ctx context.Context, q db.Q, m Message) error {
	address, err := netmail.ParseAddress(m.To)
	if err != nil || address.Address != m.To || strings.ContainsFunc(m.To, unicode.IsControl) {
		return errs.Invalid("email", "That isn't an email address.")
	}
	id, now := db.NewID(), o.Clock()
	sealed := o.Box.Seal(place(id), []byte(strings.ToValidUTF8(m.Text, "\uFFFD")))
	if _, err := db.Exec(ctx, q, `INSERT INTO outbox (id, recipient, subject, body, created, due, about, unsubscribe) VALUES ($1, $2, $3, $4, $5, $5, $6, $7)`,
		id, m.To, oneLine(m.Subject), sealed, now, m.About, oneLine(m.Unsubscribe)); err != nil {
		return err
	}
	if tx, ok := q.(*db.Tx); ok {
		tx.AfterCommit(o.Wake)
	} else {
		o.Wake()
	}
	return nil
}

// Wake has the worker of this process look into the outbox now.
func (o *Outbox) Wake() {
	select {
	case o.signal() <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (o *Outbox) signal() chan struct{} {
	o.once.Do(func() { o.wake = make(chan struct{}, 1) })
	return o.wake
}

func (o *Outbox) log() *slog.Logger {
	if o.Log == nil {
		return slog.Default()
	}
	return o.Log
}

// place is what a sealed body is bound to.
func place(id string) string { return "outbox|body|" + id }

// oneLine makes a text fit for a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
