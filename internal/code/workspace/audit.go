package workspace

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// AuditEntry is one entry of a workspace's part of the audit log, with the
// names of users as they are now.
type AuditEntry struct {
	Seq                int64
	At                 time.Time
	Actor, Username    string // id of who did it, and the username where it is a user's
	Credential         string
	Address            string
	Action             string
	Target, TargetUser string // id of what it was done to, and the username where it is a user's
	Detail             string // a JSON object
}

// AuditFilter chooses entries. Zero fields choose nothing.
type AuditFilter struct {
	Who    string    // a username; "operator"; or the id of a credential that belongs to nobody
	What   string    // an action such as "member.removed", or the first part of some, such as "member"
	From   time.Time // at this time or later
	To     time.Time // before this time
	Before int64     // with a sequence number below; 0: the newest
}

// AuditLog lists the workspace's entries that fit, newest first, up to limit.
// It needs access.ReadAudit.
func (s *Service) AuditLog(ctx context.Context, g access.Grant, f AuditFilter, limit int) ([]AuditEntry, error) {
	if err := g.Require(access.ReadAudit); err != nil {
		return nil, err
	}
	actor, err := s.auditActor(ctx, f.Who)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	where, args := []string{`a.workspace = $1`}, []any{g.Workspace().ID}
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "$", "$"+strconv.Itoa(len(args))))
	}
	if f.Who != "" {
		add(`a.actor = $`, actor)
	}
	if f.What != "" {
		add(`(a.action = $ OR SUBSTR(a.action, 1, LENGTH($) + 1) = $ || '.')`, f.What)
	}
	if !f.From.IsZero() {
		add(`a.at >= $`, f.From)
	}
	if !f.To.IsZero() {
		add(`a.at < $`, f.To)
	}
	if f.Before > 0 {
		add(`a.seq < $`, f.Before)
	}
	entries, err := db.All[AuditEntry](ctx, s.DB, `
		SELECT a.seq, a.at, a.actor, COALESCE(u.username, ''), a.credential, a.address, a.action, a.target, COALESCE(t.username, ''), a.detail
		FROM audit a LEFT JOIN code_user u ON u.id = a.actor LEFT JOIN code_user t ON t.id = a.target
		WHERE `+strings.Join(where, ` AND `)+` ORDER BY a.seq DESC LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return entries, nil
}

// auditActor is whom the log names: a username's user, else what was given.
func (s *Service) auditActor(ctx context.Context, who string) (string, error) {
	id, err := db.One[string](ctx, s.DB, `SELECT id FROM code_user WHERE username = $1`, strings.ToLower(strings.TrimSpace(who)))
	if errs.Is(err, errs.KindNotFound) {
		return strings.TrimSpace(who), nil
	}
	return id, err
}

// ExportAudit writes the workspace's part of the log as JSON Lines, oldest
// first. It needs access.ReadAudit.
func (s *Service) ExportAudit(ctx context.Context, g access.Grant, w io.Writer) error {
	if err := g.Require(access.ReadAudit); err != nil {
		return err
	}
	return s.Audit.Export(ctx, w, g.Workspace().ID)
}

// Turned is how often somebody was asked for something first, or refused, on
// one day at one door.
type Turned struct {
	Day      time.Time
	Username string // empty: nobody, or a credential that belongs to nobody
	Door     access.Door
	Outcome  access.Outcome
	Reason   access.Reason
	Count    int64
}

// turnedFor is how far back refusals are counted.
const turnedFor = 30 * 24 * time.Hour

// TurnedAway counts the challenges and refusals of the last 30 days, newest
// first, up to limit; those of the last seconds may be missing yet. It needs
// access.ReadAudit.
func (s *Service) TurnedAway(ctx context.Context, g access.Grant, limit int) ([]Turned, error) {
	if err := g.Require(access.ReadAudit); err != nil {
		return nil, err
	}
	rows, err := db.All[struct {
		Day      int64
		Username string
		Door     access.Door
		Outcome  access.Outcome
		Reason   access.Reason
		Count    int64
	}](ctx, s.DB, `
		SELECT r.day, COALESCE(u.username, ''), r.door, r.outcome, r.reason, SUM(r.count)
		FROM access_record r LEFT JOIN code_user u ON u.id = r.user_id
		WHERE r.workspace = $1 AND r.day > $2 AND r.outcome <> 'allow'
		GROUP BY r.day, COALESCE(u.username, ''), r.door, r.outcome, r.reason
		ORDER BY r.day DESC, SUM(r.count) DESC LIMIT `+strconv.Itoa(limit), g.Workspace().ID, s.Clock().Add(-turnedFor).Unix()/86400)
	if err != nil {
		return nil, fmt.Errorf("counting refusals: %w", err)
	}
	turned := make([]Turned, len(rows))
	for i, r := range rows {
		turned[i] = Turned{time.Unix(r.Day*86400, 0).UTC(), r.Username, r.Door, r.Outcome, r.Reason, r.Count}
	}
	return turned, nil
}
