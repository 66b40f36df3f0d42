package user

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Listed is one of a person's sessions in Code, for them to look at.
type Listed struct {
	ID      string
	Address string // where it was opened from
	Agent   string // what the browser says of itself
	Opened  time.Time
	Seen    time.Time
	AMR     []string      // how the account's sign-in was proven, as the issuer names it
	Step    access.Method // how the second step of Code was taken; empty: it wasn't
	StepAt  time.Time
	Ends    time.Time     // at the latest
	Idle    time.Duration // and when it isn't used for so long
	Current bool          // the one that asks
}

// Sessions lists what the actor has open (OWASP ASVS 5.0 7.5.2), the session
// that asks first and then by when each was last seen. It needs access.ReadSelf.
func (s *Service) Sessions(ctx context.Context, g access.Grant) ([]Listed, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return nil, err
	}
	type row struct {
		ID, Address, Agent string
		Opened, Seen       time.Time
		AMR                string
		Step               access.Method
		StepAt, Ends       time.Time
		Idle               time.Duration
	}
	rows, err := db.All[row](ctx, s.DB, `
		SELECT id, address, agent, created, seen, account_amr, step_method, step_at, expires, idle FROM code_session
		WHERE user_id = $1 AND `+liveNow+`
		ORDER BY CASE WHEN id = $3 THEN 0 ELSE 1 END, seen DESC, id DESC`,
		g.Actor().User, s.Clock(), g.Actor().CredentialID)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	all := make([]Listed, len(rows))
	for i, r := range rows {
		all[i] = Listed{
			ID: r.ID, Address: r.Address, Agent: r.Agent, Opened: r.Opened, Seen: r.Seen,
			AMR: strings.Fields(r.AMR), Step: r.Step, StepAt: r.StepAt, Ends: r.Ends, Idle: r.Idle, Current: r.ID == g.Actor().CredentialID,
		}
	}
	return all, nil
}

// EndOneSession ends one of the actor's sessions; NotFound where it is none of
// theirs or over. It needs access.EndSessions.
func (s *Service) EndOneSession(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.EndSessions); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		ended, err := db.Exec(ctx, tx, `DELETE FROM code_session WHERE id = $1 AND user_id = $2`, id, g.Actor().User)
		if err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		if ended == 0 {
			return errs.NotFound("That session is over already.")
		}
		return s.note(ctx, tx, g, "session.ended", id, nil)
	})
}
