// Package mailtest lets a test read the mails that were enqueued.
package mailtest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"sallyport.dev/internal/mail"
)

// Take sends what is due in the outbox to the test itself, oldest first. What
// was taken is gone from the outbox.
func Take(t testing.TB, o *mail.Outbox) []mail.Message {
	t.Helper()
	var hand hand
	if err := (&mail.Outbox{DB: o.DB, Box: o.Box, Clock: o.Clock, Sender: &hand, May: o.May}).SendDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(hand.mails, func(a, b mail.Mail) int { return cmp.Compare(a.ID, b.ID) })
	messages := make([]mail.Message, len(hand.mails))
	for i, m := range hand.mails {
		messages[i] = m.Message
	}
	return messages
}

// hand is a Sender that keeps what it was given.
type hand struct {
	mu    sync.Mutex
	mails []mail.Mail
}

func (h *hand) Send(_ context.Context, m mail.Mail) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mails = append(h.mails, m)
	return nil
}
