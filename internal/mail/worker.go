package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport.dev/internal/db"
)

const (
	inFlight  = 4                // mails that one node sends at a time
	sendLimit = time.Minute      // for one attempt
	lease     = 3 * time.Minute  // a mail taken and not finished is due again after this
	firstWait = 10 * time.Second // between the first attempt and the second; it doubles
	longWait  = time.Hour
	giveUp    = 24 * time.Hour
	pollEvery = 5 * time.Second // for mails of other processes, and for those due again
)

// Run sends what is in the outbox until ctx is over, and returns when the
// mails being sent then are finished. What is left stays for the next start.
func (o *Outbox) Run(ctx context.Context) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		if err := o.SendDue(ctx); err != nil && ctx.Err() == nil {
			o.log().ErrorContext(ctx, "the outbox can't be read; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-o.signal():
		case <-poll.C:
		}
	}
}

// SendDue makes one attempt at every mail that is due.
func (o *Outbox) SendDue(ctx context.Context) error {
	var all errgroup.Group
	for range inFlight {
		all.Go(func() error {
			for {
				taken, err := o.take(ctx)
				if err != nil || taken == nil {
					return err
				}
				if err := o.attempt(ctx, taken); err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}

// entry is a row of the outbox; this node has it until Due.
type entry struct {
	ID, Recipient, Subject string
	Body                   []byte
	Created                time.Time
	Attempts               int
	Due                    time.Time
	About, Unsubscribe     string
}

// take leases the next mail that is due; nil where there is none.
func (o *Outbox) take(ctx context.Context) (*entry, error) {
	for ctx.Err() == nil {
		now := o.Clock()
		due, err := db.All[entry](ctx, o.DB, `SELECT id, recipient, subject, body, created, attempts, due, about, unsubscribe
			FROM outbox WHERE due <= $1 ORDER BY due, id LIMIT 8`, now)
		if err != nil || len(due) == 0 {
			return nil, err
		}
		for _, e := range due {
			until := now.Add(lease)
			won, err := db.Exec(ctx, o.DB, `UPDATE outbox SET due = $1, attempts = attempts + 1 WHERE id = $2 AND due = $3`,
				until, e.ID, e.Due)
			if err != nil {
				return nil, err
			}
			if won == 1 {
				e.Due, e.Attempts = until, e.Attempts+1
				return &e, nil
			}
		}
	}
	return nil, ctx.Err()
}

// attempt sends a leased mail, and then deletes it, gives it up or puts it
// back. It finishes even where ctx ends meanwhile.
func (o *Outbox) attempt(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendLimit)
	defer cancel()
	may, failure := o.may(ctx, e.About)
	if failure == nil && may {
		failure = o.send(ctx, e)
	}
	if failure == nil {
		return o.settle(ctx, `DELETE FROM outbox WHERE id = $1 AND due = $2`, e.ID, e.Due)
	}
	log := o.log().With("mail", e.ID, "to", e.Recipient, "attempts", e.Attempts, "err", failure)
	now := o.Clock()
	wait := backOff(e.Attempts)
	if errors.Is(failure, ErrRefused) || now.Add(wait).Sub(e.Created) > giveUp {
		log.ErrorContext(ctx, "a mail was given up; check its address and --mail")
		return o.settle(ctx, `DELETE FROM outbox WHERE id = $1 AND due = $2`, e.ID, e.Due)
	}
	log.WarnContext(ctx, "a mail couldn't be sent; it is tried again", "in", wait)
	return o.settle(ctx, `UPDATE outbox SET due = $3 WHERE id = $1 AND due = $2`, e.ID, e.Due, now.Add(wait))
}

// may reports whether the recipient may still know of what a mail is about.
func (o *Outbox) may(ctx context.Context, about string) (bool, error) {
	switch {
	case about == "":
		return true, nil
	case o.May == nil:
		return false, errors.New("nobody can tell whether the recipient may have it")
	}
	may, err := o.May(ctx, about)
	if err != nil {
		return false, fmt.Errorf("judging whether the recipient may have it: %w", err)
	}
	return may, nil
}

func (o *Outbox) send(ctx context.Context, e *entry) error {
	text, err := o.Box.Open(place(e.ID), e.Body)
	if err != nil {
		return fmt.Errorf("opening the mail's text: %w", err)
	}
	return o.Sender.Send(ctx, Mail{ID: e.ID, Created: e.Created, Message: Message{
		To: e.Recipient, Subject: e.Subject, Text: string(text), About: e.About, Unsubscribe: e.Unsubscribe,
	}})
}

// settle ends a lease. It has its own time, for the attempt may have used up its.
func (o *Outbox) settle(ctx context.Context, statement string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := db.Exec(ctx, o.DB, statement, args...)
	return err
}

// backOff gives the wait after so many attempts.
func backOff(attempts int) time.Duration {
	wait := firstWait
	for range attempts - 1 {
		if wait *= 2; wait >= longWait {
			return longWait
		}
	}
	return wait
}
