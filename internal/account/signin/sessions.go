package signin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Listed is one of a person's sessions, for them to look at.
type Listed struct {
	ID       string
	Address  string // where it was opened from
	Agent    string // what the browser says of itself
	Opened   time.Time
	Seen     time.Time
	AuthTime time.Time
	Methods  []Method
	Current  bool // the one that asks
}

// Sessions lists what the person has open (OWASP ASVS 5.0 7.5.2), the one that
// asks first and then by when each was last seen.
func (s *Service) Sessions(ctx context.Context, own Session) ([]Listed, error) {
	rules, err := s.Policy.Get(ctx)
	if err != nil {
		return nil, err
	}
	type row struct {
		ID, Address, Agent     string
		Opened, Seen, AuthTime time.Time
		Evidence               string
	}
	now := s.Clock()
	rows, err := db.All[row](ctx, s.DB, `
		SELECT id, address, agent, created, seen, auth_time, evidence FROM account_session
		WHERE person = $1 AND seen > $2 AND created > $3
		ORDER BY CASE WHEN id = $4 THEN 0 ELSE 1 END, seen DESC, id DESC`,
		own.Person.ID, now.Add(-rules.Idle), now.Add(-rules.Overall), own.ID)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	all := make([]Listed, len(rows))
	for i, r := range rows {
		evidence, err := readProven(r.Evidence, r.AuthTime)
		if err != nil {
			return nil, err
		}
		all[i] = Listed{r.ID, r.Address, r.Agent, r.Opened, r.Seen, r.AuthTime, evidence.methods(), r.ID == own.ID}
	}
	return all, nil
}

// EndOne ends another session of the person's; NotFound where it is none of
// theirs or over.
func (s *Service) EndOne(ctx context.Context, own Session, id, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		ended, err := db.Exec(ctx, tx, `DELETE FROM account_session WHERE id = $1 AND person = $2`, id, own.Person.ID)
		if err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		if ended == 0 {
			return errs.NotFound("That session is over already.")
		}
		if err := s.ended(ctx, tx, own.Person.ID, id); err != nil {
			return err
		}
		return s.auditEnd(ctx, tx, own, "session.end_one", from, nil)
	})
}

// EndOthers ends every session of the person's but the one that asks, and
// tells how many there were.
func (s *Service) EndOthers(ctx context.Context, own Session, from string) (int64, error) {
	var ended int64
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		sessions, err := db.All[string](ctx, tx, `DELETE FROM account_session WHERE person = $1 AND id <> $2 RETURNING id`, own.Person.ID, own.ID)
		if err != nil {
			return fmt.Errorf("ending other sessions: %w", err)
		}
		if ended = int64(len(sessions)); ended == 0 {
			return nil
		}
		if err := s.ended(ctx, tx, own.Person.ID, sessions...); err != nil {
			return err
		}
		return s.auditEnd(ctx, tx, own, "session.end_others", from, map[string]any{"ended": ended})
	})
	return ended, err
}

func (s *Service) auditEnd(ctx context.Context, tx *db.Tx, own Session, action, from string, detail map[string]any) error {
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: own.Person.ID, Credential: "session", Address: from,
		Action: action, Target: own.Person.ID, Detail: detail,
	})
}
