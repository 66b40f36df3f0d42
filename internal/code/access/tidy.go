package access

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
)

// recordDays is how long counters are kept: what a preview looks at, and some
// days more.
const recordDays = ReplayDays + 5

// Jobs is the work that is done at intervals, on one node.
func (r *Records) Jobs(log *audit.Log, c clock.Clock) []job.Job {
	return []job.Job{{Name: "access-records", Every: time.Hour, Do: func(ctx context.Context) error { return r.Tidy(ctx, log, c()) }}}
}

// Tidy tells the audit log of the challenges and refusals of the days that are
// over, counted, and drops counters that nothing looks at any more.
func (r *Records) Tidy(ctx context.Context, log *audit.Log, now time.Time) error {
	today := now.Unix() / 86400
	if err := r.tell(ctx, log, today); err != nil {
		return fmt.Errorf("telling the audit log of refusals: %w", err)
	}
	// A member's last day stays: the roster shows when that was.
	_, err := db.Exec(ctx, r.db, `
		DELETE FROM access_record WHERE day < $1 AND (outcome <> 'allow' AND told >= count OR outcome = 'allow' AND EXISTS (
		  SELECT 1 FROM access_record later WHERE later.workspace = access_record.workspace AND later.user_id = access_record.user_id
		  AND later.outcome = 'allow' AND later.day > access_record.day))`, today-recordDays)
	if err != nil {
		return fmt.Errorf("dropping old access records: %w", err)
	}
	return nil
}

// turned is a day of somebody whom a workspace asked for something or refused.
type turned struct {
	Workspace, User string
	Day             int64
}

func (r *Records) tell(ctx context.Context, log *audit.Log, today int64) error {
	days, err := db.All[turned](ctx, r.db, `
		SELECT workspace, user_id, day FROM access_record WHERE day < $1 AND told < count AND outcome <> 'allow'
		GROUP BY workspace, user_id, day ORDER BY day, workspace, user_id`, today)
	for _, t := range days {
		if err != nil {
			break
		}
		err = r.db.InTx(ctx, func(tx *db.Tx) error { return tellOne(ctx, tx, log, t) })
	}
	return err
}

// tellOne adds one entry. No node counts meanwhile, and what another one counts
// later of that day gets an entry more.
func tellOne(ctx context.Context, tx *db.Tx, log *audit.Log, t turned) error {
	if err := db.Lock(ctx, tx, "access_record"); err != nil {
		return err
	}
	counts, err := db.All[struct {
		Door   Door
		Reason Reason
		Count  int64
	}](ctx, tx, `
		SELECT door, reason, SUM(count - told) FROM access_record
		WHERE workspace = $1 AND user_id = $2 AND day = $3 AND told < count AND outcome <> 'allow' GROUP BY door, reason`, t.Workspace, t.User, t.Day)
	if err != nil || len(counts) == 0 {
		return err
	}
	if _, err := db.Exec(ctx, tx, `
		UPDATE access_record SET told = count WHERE workspace = $1 AND user_id = $2 AND day = $3 AND told < count AND outcome <> 'allow'`,
		t.Workspace, t.User, t.Day); err != nil {
		return err
	}
	detail := map[string]any{"day": time.Unix(t.Day*86400, 0).UTC().Format(time.DateOnly)}
	for _, c := range counts {
		detail[string(c.Door)+" "+string(c.Reason)] = c.Count
	}
	return log.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: t.Workspace, Actor: t.User, Action: "access.turned_away", Target: t.Workspace, Detail: detail,
	})
}
