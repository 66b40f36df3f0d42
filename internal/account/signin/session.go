package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

const (
	touch    = time.Minute // how often "last seen" is written at most
	maxAgent = 255         // bytes kept of a browser's name
)

// Session is a person signed in to Account with one browser.
type Session struct {
	ID       string
	Person   person.Person
	AuthTime time.Time // when they last proved who they are
	Class    Class
	Methods  []Method
	Seen     time.Time
}

// Ends is when a session that begins at the time is over at the latest; the
// site's policy may end it sooner.
func Ends(began time.Time) time.Time { return began.Add(policy.MostOverall) }

// OpenSession opens a session for whoever has just signed in, in place of the
// one that the browser had before, if any. The token is for the cookie.
func (s *Service) OpenSession(ctx context.Context, proof Proof, before secret.String, v Visit) (secret.String, error) {
	var token secret.String
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `DELETE FROM account_session WHERE hash = $1`, secret.Hash(before.Reveal())); err != nil {
			return fmt.Errorf("ending the session before: %w", err)
		}
		var err error
		if token, err = s.insert(ctx, tx, proof, v); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: proof.person.ID, Credential: "session", Address: v.Address,
			Action: "session.open", Target: proof.person.ID, Detail: map[string]any{"methods": proof.methods},
		})
	})
	return token, err
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, proof Proof, v Visit) (secret.String, error) {
	if proof.person.ID == "" || len(proof.methods) == 0 {
		return secret.String{}, errors.New("opening a session: there is no proof")
	}
	suspended, err := db.One[bool](ctx, tx, `SELECT suspended FROM person WHERE id = $1`, proof.person.ID)
	if err != nil {
		return secret.String{}, fmt.Errorf("opening a session: %w", err)
	}
	if suspended {
		return secret.String{}, errSuspended
	}
	token, hash := secret.Token("")
	methods := make([]string, len(proof.methods))
	for i, m := range proof.methods {
		methods[i] = string(m)
	}
	now := s.Clock()
	_, err = db.Exec(ctx, tx, `
		INSERT INTO account_session (id, hash, person, auth_time, acr, amr, address, agent, created, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		db.NewID(), hash, proof.person.ID, proof.at, proof.class, strings.Join(methods, " "), v.Address, cut(v.Agent), now)
	if err != nil {
		return secret.String{}, fmt.Errorf("opening a session: %w", err)
	}
	return token, nil
}

// cut shortens a browser's name to what is kept, and to what can be.
func cut(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return -1
		}
		return r
	}, agent)
	if len(agent) > maxAgent {
		agent = strings.ToValidUTF8(agent[:maxAgent], "")
	}
	return agent
}

// FromToken gives the session of a cookie's token; of kind Unauthenticated
// where there is none or it is over.
func (s *Service) FromToken(ctx context.Context, token secret.String) (Session, error) {
	none := errs.Unauthenticated("Sign in first.")
	if token.Reveal() == "" {
		return Session{}, none
	}
	rules, err := s.Policy.Get(ctx)
	if err != nil {
		return Session{}, err
	}
	now := s.Clock()
	row, err := db.One[struct {
		ID       string
		AuthTime time.Time
		Class    Class
		Methods  string
		Seen     time.Time
		Person   person.Person
	}](ctx, s.DB, `
		SELECT s.id, s.auth_time, s.acr, s.amr, s.seen,
		       p.id, p.name, p.administrator, p.suspended, p.created, COALESCE(m.address, '')
		FROM account_session s JOIN person p ON p.id = s.person
		LEFT JOIN person_email m ON m.person = p.id AND m.main
		WHERE s.hash = $1 AND s.seen > $2 AND s.created > $3 AND NOT p.suspended`,
		secret.Hash(token.Reveal()), now.Add(-rules.Idle), now.Add(-rules.Overall))
	if errs.Is(err, errs.KindNotFound) {
		return Session{}, none
	}
	if err != nil {
		return Session{}, fmt.Errorf("reading the session: %w", err)
	}
	if now.Sub(row.Seen) >= touch {
		if _, err := db.Exec(ctx, s.DB, `UPDATE account_session SET seen = $1 WHERE id = $2 AND seen < $1`, now, row.ID); err != nil {
			return Session{}, fmt.Errorf("touching the session: %w", err)
		}
		row.Seen = now
	}
	return Session{
		ID: row.ID, Person: row.Person, AuthTime: row.AuthTime, Class: row.Class, Methods: methods(row.Methods), Seen: row.Seen,
	}, nil
}

// End ends the session of a cookie's token: signing out.
func (s *Service) End(ctx context.Context, token secret.String, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		person, err := db.One[string](ctx, tx, `DELETE FROM account_session WHERE hash = $1 RETURNING person`, secret.Hash(token.Reveal()))
		if errs.Is(err, errs.KindNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: person, Credential: "session", Address: from, Action: "session.end", Target: person,
		})
	})
}

// Sweep deletes the sessions that are over.
func (s *Service) Sweep(ctx context.Context) error {
	rules, err := s.Policy.Get(ctx)
	if err != nil {
		return err
	}
	now := s.Clock()
	_, err = db.Exec(ctx, s.DB, `DELETE FROM account_session WHERE seen <= $1 OR created <= $2`, now.Add(-rules.Idle), now.Add(-rules.Overall))
	return err
}
