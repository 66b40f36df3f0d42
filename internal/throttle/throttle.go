// Package throttle slows down whoever guesses passwords and codes.
//
// It owns the table throttle: one counter per key, shared by every entrance
// and every node. A try is booked as failed before it is judged, by one
// conditional statement in a transaction of its own: so tries side by side
// can't slip through together, and no rollback un-books one. Success resets.
//
// NIST SP 800-63B-4 §3.2.2; OWASP ASVS 5.0 6.3.1.
package throttle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const (
	free     = 5                // failures in a row before a wait begins
	first    = 30 * time.Second // the first wait; each further failure doubles it
	longest  = time.Hour
	forgiven = 24 * time.Hour // after so long without a try the count starts anew
)

// Limiter counts tries.
type Limiter struct {
	DB    *db.DB
	Clock clock.Clock
}

// Key joins the parts of a key, as in Key("password", "person", id).
func Key(parts ...string) string { return strings.Join(parts, "|") }

// Take books a try under each of the keys. Where one of them must still wait,
// it is of kind TooMany with the time to wait; keys before it stay booked.
func (l *Limiter) Take(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := l.take(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (l *Limiter) take(ctx context.Context, key string) error {
	now := l.Clock()
	// The wait that follows this try is worked out in the statement, so that
	// the count it depends on can't change in between.
	booked, err := db.Exec(ctx, l.DB, `
		INSERT INTO throttle (key, failures, retry_at, last) VALUES ($1, 1, 0, $2)
		ON CONFLICT (key) DO UPDATE SET
		  failures = CASE WHEN throttle.last < $3 THEN 1 ELSE throttle.failures + 1 END,
		  retry_at = CASE
		    WHEN throttle.last < $3 OR throttle.failures + 1 < `+fmt.Sprint(free)+` THEN 0
		    WHEN throttle.failures + 1 >= `+fmt.Sprint(free+steps())+` THEN $2 + $5
		    ELSE $2 + $4 * (1 << CAST(throttle.failures + 1 - `+fmt.Sprint(free)+` AS INTEGER)) END,
		  last = $2
		WHERE throttle.retry_at <= $2`,
		key, now, now.Add(-forgiven), first, longest)
	if err != nil {
		return fmt.Errorf("counting a try: %w", err)
	}
	if booked == 1 {
		return nil
	}
	until, err := db.One[time.Time](ctx, l.DB, `SELECT retry_at FROM throttle WHERE key = $1`, key)
	if err != nil && !errs.Is(err, errs.KindNotFound) {
		return fmt.Errorf("reading how long to wait: %w", err)
	}
	wait := max(until.Sub(now), time.Second)
	return errs.TooMany(wait, "Too many tries. Try again in %s.", words(wait))
}

// steps is how many doublings of the first wait stay below the longest.
func steps() int {
	n := 0
	for wait := first; wait < longest; wait *= 2 {
		n++
	}
	return n
}

// Reset forgets the failures under the keys, after a success. Where that is
// undone with the caller's transaction, they still count.
func (l *Limiter) Reset(ctx context.Context, q db.Q, keys ...string) error {
	for _, key := range keys {
		if _, err := db.Exec(ctx, q, `DELETE FROM throttle WHERE key = $1`, key); err != nil {
			return fmt.Errorf("resetting the count of tries: %w", err)
		}
	}
	return nil
}

// Forgive takes back one booked try, which turned out right, and leaves the
// failures before it: for a key that many share, where one person's success
// must not wipe out what somebody else failed.
func (l *Limiter) Forgive(ctx context.Context, q db.Q, keys ...string) error {
	for _, key := range keys {
		if _, err := db.Exec(ctx, q, `UPDATE throttle SET failures = failures - 1, retry_at = 0 WHERE key = $1 AND failures > 0`, key); err != nil {
			return fmt.Errorf("taking back a try: %w", err)
		}
	}
	return nil
}

// Once is true the first time that it is asked for a key, and then not until
// the time is over, a day at most: for what must not be said too often.
func (l *Limiter) Once(ctx context.Context, key string, every time.Duration) (bool, error) {
	now := l.Clock()
	n, err := db.Exec(ctx, l.DB, `
		INSERT INTO throttle (key, failures, retry_at, last) VALUES ($1, 0, 0, $2)
		ON CONFLICT (key) DO UPDATE SET last = $2 WHERE throttle.last <= $3`, key, now, now.Add(-every))
	if err != nil {
		return false, fmt.Errorf("asking whether it was said: %w", err)
	}
	return n == 1, nil
}

// Sweep deletes the counters that mean nothing any more.
func (l *Limiter) Sweep(ctx context.Context) error {
	_, err := db.Exec(ctx, l.DB, `DELETE FROM throttle WHERE last < $1`, l.Clock().Add(-forgiven))
	return err
}

// words says a wait for a person, rounded up.
func words(wait time.Duration) string {
	if wait <= 90*time.Second {
		return fmt.Sprintf("%d seconds", int((wait+time.Second-1)/time.Second))
	}
	return fmt.Sprintf("%d minutes", int((wait+time.Minute-1)/time.Minute))
}
