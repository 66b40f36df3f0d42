package admin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Approval is an act that waits for a second administrator.
type Approval struct {
	ID      string
	Act     Act
	Person  string // id of whom it would be done to
	Name    string
	Email   string
	AskedBy string // id
	Asker   string // name
	Asked   time.Time
	Expires time.Time
}

// For reports whether this administrator may decide it: neither who asked nor
// whom it would be done to.
func (a Approval) For(id string) bool { return id != a.AskedBy && id != a.Person }

// ask puts the question. Of several at once the lock on administrators lets one through.
func (s *Service) ask(ctx context.Context, tx *db.Tx, act Act, target person.Person, by person.Author) error {
	now := s.Clock()
	waits, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM approval WHERE act = $1 AND person = $2 AND decided = 0 AND expires > $3`, act, target.ID, now)
	if err != nil {
		return fmt.Errorf("looking for an approval: %w", err)
	}
	if waits > 0 {
		return errs.Conflict("", "That is asked for already, and waits for a second administrator.")
	}
	if _, err := db.Exec(ctx, tx, `INSERT INTO approval (id, act, person, asked_by, asked, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		db.NewID(), act, target.ID, by.ID, now, now.Add(approvalFor)); err != nil {
		return fmt.Errorf("asking for an approval: %w", err)
	}
	if err := s.tellOthers(ctx, tx, act, target, by); err != nil {
		return err
	}
	return s.note(ctx, tx, "approval.ask", target.ID, act, by)
}

// tellOthers mails the administrators who could decide.
func (s *Service) tellOthers(ctx context.Context, tx *db.Tx, act Act, target person.Person, by person.Author) error {
	others, err := db.All[string](ctx, tx, `SELECT id FROM person WHERE administrator AND NOT suspended AND id <> $1 AND id <> $2`, by.ID, target.ID)
	if err != nil {
		return fmt.Errorf("finding the administrators: %w", err)
	}
	for _, id := range others {
		if err := s.People.Notify(ctx, tx, id, "Your approval is asked for", fmt.Sprintf(mailAsk, act.Words(), target.Name, s.People.URL)); err != nil {
			return err
		}
	}
	return nil
}

const mailAsk = `Another administrator of your Sallyport site wants to do this, which takes two:

%s: %s

Look at it, and say yes or no, within a week:

%s/admin/approvals
`

// Pending lists what waits for a second administrator, the oldest first.
func (s *Service) Pending(ctx context.Context) ([]Approval, error) {
	all, err := db.All[Approval](ctx, s.DB, `
		SELECT a.id, a.act, p.id, p.name, COALESCE(m.address, ''), q.id, q.name, a.asked, a.expires
		FROM approval a JOIN person p ON p.id = a.person JOIN person q ON q.id = a.asked_by
		LEFT JOIN person_email m ON m.person = p.id AND m.main
		WHERE a.decided = 0 AND a.expires > $1 AND q.administrator AND NOT q.suspended ORDER BY a.asked, a.id`, s.Clock())
	if err != nil {
		return nil, fmt.Errorf("listing approvals: %w", err)
	}
	return all, nil
}

var errDecided = errs.Conflict("", "That was decided already, or is over.")

// Decide lets an act happen, or not. Whoever asked may take it back, and
// nobody else of the two may say anything.
func (s *Service) Decide(ctx context.Context, id string, yes bool, by person.Author) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		a, err := db.One[struct {
			Act             Act
			Person, AskedBy string
		}](ctx, tx, `SELECT act, person, asked_by FROM approval WHERE id = $1`, id)
		if errs.Is(err, errs.KindNotFound) {
			return errDecided
		}
		if err != nil {
			return fmt.Errorf("reading an approval: %w", err)
		}
		if a.Person == by.ID || yes && a.AskedBy == by.ID {
			return errs.Denied("This takes an administrator who is neither who asked nor whom it is done to.")
		}
		target, err := s.target(ctx, tx, a.Person, by)
		if err != nil {
			return err
		}
		if err := s.close(ctx, tx, id); err != nil {
			return err
		}
		if !yes {
			return s.note(ctx, tx, "approval.refuse", target.ID, a.Act, by)
		}
		if s.administrator(ctx, tx, a.AskedBy) != nil {
			return errs.Conflict("", "Whoever asked for this is no administrator any more. Ask for it yourself, if it should be done.")
		}
		if err := s.sensible(ctx, tx, a.Act, target); err != nil {
			return err
		}
		if err := s.note(ctx, tx, "approval.give", target.ID, a.Act, by); err != nil {
			return err
		}
		return s.perform(ctx, tx, a.Act, target, by)
	})
}

// close decides an approval: whoever changes the row has it.
func (s *Service) close(ctx context.Context, tx *db.Tx, id string) error {
	now := s.Clock()
	n, err := db.Exec(ctx, tx, `UPDATE approval SET decided = $1 WHERE id = $2 AND decided = 0 AND expires > $1`, now, id)
	if err != nil {
		return fmt.Errorf("deciding an approval: %w", err)
	}
	if n == 0 {
		return errDecided
	}
	return nil
}

func (s *Service) note(ctx context.Context, tx *db.Tx, action, target string, act Act, by person.Author) error {
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: by.ID, Credential: "session", Address: by.From, Action: action, Target: target,
		Detail: map[string]any{"act": act},
	})
}

// Sweep deletes approvals a month after they were over.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := db.Exec(ctx, s.DB, `DELETE FROM approval WHERE expires < $1`, s.Clock().Add(-30*24*time.Hour))
	return err
}
