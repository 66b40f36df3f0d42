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
	"sallyport.dev/internal/factor"
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
	AuthTime time.Time // when they came to the class
	Class    Class
	AMR      []string // how, by the names of RFC 8176
	Seen     time.Time

	Kinds     factor.Kinds // the person's second steps, as they are now
	MustEnrol bool         // nothing else opens before a second step is set up: the operator's rule

	proven proven
}

// Level gives the strongest class that was reached later than after, and when.
// For a zero time those are Class and AuthTime.
func (s Session) Level(after time.Time) (Class, time.Time) { return s.proven.level(after) }

// Meets reports whether nothing is missing for what a request needs.
func (s Session) Meets(n Need) bool {
	class, _ := s.proven.level(n.After)
	return !s.MustEnrol && class != "" && class.Reaches(n.Class)
}

// Ends is when a session that begins at the time is over at the latest; the
// site's policy may end it sooner.
func Ends(began time.Time) time.Time { return began.Add(policy.MostOverall) }

// OpenSession opens a session for whoever has just signed in, in place of the
// one that the browser had before, if any. The token is for the cookie.
func (s *Service) OpenSession(ctx context.Context, proof Proof, before secret.String, v Visit) (secret.String, error) {
	var token secret.String
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		id, err := s.replace(ctx, tx, proof, before)
		if err != nil {
			return fmt.Errorf("ending the session before: %w", err)
		}
		if token, err = s.insert(ctx, tx, id, proof, v); err != nil {
			return err
		}
		if err := s.noticeNew(ctx, tx, proof.person.ID, v); err != nil {
			return err
		}
		return s.opened(ctx, tx, "session.open", proof, v)
	})
	return token, err
}

// opened is what comes of every sign-in: nothing of it waits any more, it is
// audited, and a reset of lost second steps is stopped.
func (s *Service) opened(ctx context.Context, tx *db.Tx, action string, proof Proof, v Visit) error {
	if err := s.drop(ctx, tx, v.Waits); err != nil {
		return err
	}
	if err := s.stopReset(ctx, tx, proof, v.Address); err != nil {
		return err
	}
	class, _ := proof.proven.level(time.Time{})
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: proof.person.ID, Credential: "session", Address: v.Address,
		Action: action, Target: proof.person.ID, Detail: map[string]any{"class": class, "methods": proof.proven.methods()},
	})
}

// Raise adds to a session what was proven since, and gives it a new token. It
// is of kind Unauthenticated where the session is over, or was raised by
// another tab meanwhile.
func (s *Service) Raise(ctx context.Context, proof Proof, before secret.String, v Visit) (secret.String, error) {
	token, hash := secret.Token("")
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		raised, err := s.raise(ctx, tx, proof, hash, secret.Hash(before.Reveal()))
		if err != nil {
			return fmt.Errorf("raising a session: %w", err)
		}
		if !raised {
			return errFlowOver
		}
		return s.opened(ctx, tx, "session.raise", proof, v)
	})
	return token, err
}

// raise is Raise in the caller's transaction. An empty hash of before takes
// the session whichever token it has.
func (s *Service) raise(ctx context.Context, tx *db.Tx, p Proof, hash, before string) (bool, error) {
	evidence, err := p.proven.text()
	if err != nil {
		return false, err
	}
	class, at := p.proven.level(time.Time{})
	n, err := db.Exec(ctx, tx, `
		UPDATE account_session SET hash = $1, auth_time = $2, acr = $3, amr = $4, evidence = $5, seen = $6
		WHERE id = $7 AND person = $8 AND ($9 = '' OR hash = $9)`,
		hash, at, class, strings.Join(p.proven.amr(), " "), evidence, s.Clock(), p.session, p.person.ID, before)
	return n == 1, err
}

// replace ends the session that the browser had before and gives the id of the
// next: the same where it was the same person's, so that apps which were
// signed in to with the one are signed out with the other. It is no secret.
func (s *Service) replace(ctx context.Context, tx *db.Tx, proof Proof, before secret.String) (string, error) {
	old, err := db.All[struct{ ID, Person string }](ctx, tx, `DELETE FROM account_session WHERE hash = $1 RETURNING id, person`, secret.Hash(before.Reveal()))
	switch {
	case err != nil || len(old) == 0:
		return db.NewID(), err
	case old[0].Person == proof.person.ID:
		return old[0].ID, nil
	}
	return db.NewID(), s.ended(ctx, tx, old[0].Person, old[0].ID)
}

// ended has the apps hear of sessions that are over.
func (s *Service) ended(ctx context.Context, tx *db.Tx, person string, sessions ...string) error {
	if s.Ended == nil || len(sessions) == 0 {
		return nil
	}
	return s.Ended(ctx, tx, person, sessions)
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, id string, proof Proof, v Visit) (secret.String, error) {
	class, at := proof.proven.level(time.Time{})
	if proof.person.ID == "" || class == "" {
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
	evidence, err := proof.proven.text()
	if err != nil {
		return secret.String{}, err
	}
	_, err = db.Exec(ctx, tx, `
		INSERT INTO account_session (id, hash, person, auth_time, acr, amr, evidence, address, agent, created, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
		id, hash, proof.person.ID, at, class, strings.Join(proof.proven.amr(), " "), evidence, v.Address, cut(v.Agent), s.Clock())
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
	site, err := s.Policy.Get(ctx)
	if err != nil {
		return Session{}, err
	}
	now := s.Clock()
	row, err := db.One[struct {
		ID       string
		AuthTime time.Time
		Evidence string
		Seen     time.Time
		Person   person.Person
		Kinds    factor.Kinds
	}](ctx, s.DB, `
		SELECT s.id, s.auth_time, s.evidence, s.seen,
		       p.id, p.name, p.administrator, p.suspended, p.created, COALESCE(m.address, ''),
		       EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.kind = 'totp' AND f.confirmed > 0),
		       EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.kind = 'webauthn' AND f.confirmed > 0)
		FROM account_session s JOIN person p ON p.id = s.person
		LEFT JOIN person_email m ON m.person = p.id AND m.main
		WHERE s.hash = $1 AND s.seen > $2 AND s.created > $3 AND NOT p.suspended`,
		secret.Hash(token.Reveal()), now.Add(-site.Idle), now.Add(-site.Overall))
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
	evidence, err := readProven(row.Evidence, row.AuthTime)
	if err != nil {
		return Session{}, err
	}
	if evidence = evidence.standing(row.Kinds); len(evidence) == 0 {
		return Session{}, none
	}
	rules, err := s.rulesOf(ctx, site, row.Person)
	if err != nil {
		return Session{}, err
	}
	session := Session{
		ID: row.ID, Person: row.Person, AMR: evidence.amr(), Seen: row.Seen, Kinds: row.Kinds,
		MustEnrol: rules.MFARequired && !row.Kinds.Any(), proven: evidence,
	}
	session.Class, session.AuthTime = evidence.level(time.Time{})
	return session, nil
}

// End ends the session of a cookie's token: signing out.
func (s *Service) End(ctx context.Context, token secret.String, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		old, err := db.One[struct{ ID, Person string }](ctx, tx, `DELETE FROM account_session WHERE hash = $1 RETURNING id, person`, secret.Hash(token.Reveal()))
		if errs.Is(err, errs.KindNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		if err := s.ended(ctx, tx, old.Person, old.ID); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: old.Person, Credential: "session", Address: from, Action: "session.end", Target: old.Person,
		})
	})
}

// Sweep deletes what is over: sessions, sign-ins under way, trusted browsers.
func (s *Service) Sweep(ctx context.Context) error {
	rules, err := s.Policy.Get(ctx)
	if err != nil {
		return err
	}
	now := s.Clock()
	if _, err := db.Exec(ctx, s.DB, `DELETE FROM account_session WHERE seen <= $1 OR created <= $2`, now.Add(-rules.Idle), now.Add(-rules.Overall)); err != nil {
		return err
	}
	if _, err := db.Exec(ctx, s.DB, `DELETE FROM account_flow WHERE expires <= $1`, now); err != nil {
		return err
	}
	_, err = db.Exec(ctx, s.DB, `DELETE FROM account_browser WHERE created <= $1`, now.Add(-mostTrust))
	return err
}
