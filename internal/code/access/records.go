package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/request"
)

// Records counts what the gate decided, by day, workspace, user, credential,
// door, action, reason, what was held and, where it was let through, the address. It counts in memory and writes in batches, never on
// a request's path: nothing is lost at a graceful stop, and at a kill no more
// than what came since the last batch.
type Records struct {
	db     *db.DB
	mu     sync.Mutex
	counts map[recordKey]recordCount
	trail  trail // what people are shown of it
}

type recordKey struct {
	day             int64 // since 1970, UTC
	workspace, user string
	credential      Credential
	door            Door
	action          Action
	outcome         Outcome
	reason          Reason
	held            string
	address         netip.Addr // of an access to a workspace that was let through by its rules
}

type recordCount struct {
	n    int64
	last time.Time
}

// flushEvery is how often counts are written.
const flushEvery = 10 * time.Second

// NewRecords makes an empty count over a store.
func NewRecords(d *db.DB) *Records {
	return &Records{db: d, counts: map[recordKey]recordCount{}}
}

func (r *Records) count(now time.Time, workspace string, a Actor, action Action, v Verdict) {
	key := recordKey{
		day: now.Unix() / 86400, workspace: workspace, user: a.User, credential: a.Credential,
		door: a.Door, action: action, outcome: v.Outcome, reason: v.Reason,
		held: heldBy(a.carried(), now),
	}
	if workspace != "" && v.Reason == ReasonAllowed { // what is public, and refusals, come from everywhere
		key.address = a.Address.Unmap().WithZone("")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[key] = recordCount{n: r.counts[key].n + 1, last: now}
}

// Run writes the counts every few seconds until ctx ends, and then once more.
func (r *Records) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "writing the access records; they are kept and tried again", "err", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
			defer cancel()
			if err := r.Flush(last); err != nil {
				slog.ErrorContext(last, "writing the last access records", "err", err)
			}
			return
		}
	}
}

// Flush writes what was counted and decided since the last time. What can't be
// written is kept for the next.
func (r *Records) Flush(ctx context.Context) error {
	return errors.Join(r.flushCounts(ctx), r.trail.flush(ctx, r.db))
}

func (r *Records) flushCounts(ctx context.Context) error {
	r.mu.Lock()
	batch := r.counts
	r.counts = map[recordKey]recordCount{}
	r.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := r.db.InTx(ctx, func(tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "access_record"); err != nil {
			return err
		}
		var failed error
		for key, c := range batch {
			_, err := db.Exec(ctx, tx, `
				INSERT INTO access_record (workspace, user_id, credential, door, action, outcome, reason, held, address, day, count, last)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
				ON CONFLICT (workspace, user_id, credential, door, action, outcome, reason, held, address, day)
				DO UPDATE SET count = access_record.count + excluded.count, last = excluded.last`,
				key.workspace, key.user, key.credential, key.door, key.action.String(), key.outcome, key.reason, key.held, request.AddressText(key.address), key.day, c.n, c.last)
			failed = errors.Join(failed, err)
		}
		return failed
	})
	if err != nil {
		r.putBack(batch)
		return fmt.Errorf("writing %d access records: %w", len(batch), err)
	}
	return nil
}

func (r *Records) putBack(batch map[recordKey]recordCount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, old := range batch {
		newer, counted := r.counts[key]
		if !counted {
			newer.last = old.last
		}
		r.counts[key] = recordCount{n: old.n + newer.n, last: newer.last}
	}
}
