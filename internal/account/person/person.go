// Package person keeps the people of the Account site: who they are, at which
// addresses they are reached, and what their passwords hash to.
//
// It owns the tables person, person_email, person_password and person_link. It
// does not know who is signed in (package signin) or which apps ask (package
// provider), and nothing of Code.
//
// Invariants:
//   - An address is in person_email only once it was proven: by a mailed link,
//     by an invitation that was mailed, or by the operator's word. So nobody can
//     occupy somebody else's address. Where two people confirm the same one, the
//     primary key lets one through.
//   - What a sign-up chose (name, password) belongs to its own link, and takes
//     effect only for whoever has both the link and that password: so nobody can
//     prepare an account for somebody else to walk into.
//   - A link works once, until it expires; one conditional UPDATE decides. The
//     database keeps its hash only.
//   - A password is kept as an argon2id PHC string and nowhere else.
//   - No answer tells whether an address has an account, except to whoever
//     proved that the address is theirs.
package person

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/throttle"
)

// Person is a human identity.
type Person struct {
	ID            string
	Name          string
	Administrator bool
	Suspended     bool
	Created       time.Time
	Email         string // the main address
}

// Email is a proven address of a person.
type Email struct {
	Address   string
	Main      bool
	Confirmed time.Time
}

// Service is everything that can be done with people.
type Service struct {
	DB       *db.DB
	Clock    clock.Clock
	Audit    *audit.Log
	Outbox   *mail.Outbox
	Throttle *throttle.Limiter
	Hasher   *Hasher
	URL      string // of the Account site, without a slash at the end: mails link to it
}

const selectPerson = `
	SELECT p.id, p.name, p.administrator, p.suspended, p.created, COALESCE(m.address, '')
	FROM person p LEFT JOIN person_email m ON m.person = p.id AND m.main `

// Get gives the person with the id; NotFound where there is none.
func (s *Service) Get(ctx context.Context, id string) (Person, error) { return s.GetIn(ctx, s.DB, id) }

// GetIn is Get within a transaction.
func (s *Service) GetIn(ctx context.Context, q db.Q, id string) (Person, error) {
	return db.One[Person](ctx, q, selectPerson+`WHERE p.id = $1`, id)
}

// Find gives the person who has the address, main or not, however it is
// written; NotFound where there is none.
func (s *Service) Find(ctx context.Context, email string) (Person, error) {
	address, err := Normalise(email)
	if err != nil {
		return Person{}, errs.NotFound("There is no such person.")
	}
	return db.One[Person](ctx, s.DB, selectPerson+`JOIN person_email e ON e.person = p.id WHERE e.address = $1`, address)
}

// List gives all people, oldest first.
func (s *Service) List(ctx context.Context) ([]Person, error) {
	return db.All[Person](ctx, s.DB, selectPerson+`ORDER BY p.created, p.id`)
}

// Rename changes the person's name.
func (s *Service) Rename(ctx context.Context, id, name, from string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `UPDATE person SET name = $1 WHERE id = $2 AND name <> $1`, name, id)
		if err != nil {
			return fmt.Errorf("renaming a person: %w", err)
		}
		if changed == 0 {
			return nil
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: id, Credential: "session", Address: from, Action: "person.rename", Target: id,
		})
	})
}

// Suspend shuts a person out, or lets them in again. It changes the record in
// the caller's transaction; ending what they have open is signin's.
func (s *Service) Suspend(ctx context.Context, tx *db.Tx, id string, suspended bool, by Author) error {
	action, subject, text := "person.suspend", "Your account was suspended", mailShut
	if !suspended {
		action, subject, text = "person.resume", "Your account is open again", mailOpened
	}
	return s.change(ctx, tx, id, by, action, subject, text, `UPDATE person SET suspended = $1 WHERE id = $2`, suspended)
}

// SetAdministrator makes a person an administrator, or an ordinary person.
func (s *Service) SetAdministrator(ctx context.Context, tx *db.Tx, id string, administrator bool, by Author) error {
	action, subject, text := "person.promote", "You administer Sallyport", mailPromoted
	if !administrator {
		action, subject, text = "person.demote", "You no longer administer Sallyport", mailDemoted
	}
	return s.change(ctx, tx, id, by, action, subject, text, `UPDATE person SET administrator = $1 WHERE id = $2`, administrator)
}

// change sets a person's standing on somebody else's word, and tells them.
func (s *Service) change(ctx context.Context, tx *db.Tx, id string, by Author, action, subject, text, statement string, value bool) error {
	changed, err := db.Exec(ctx, tx, statement, value, id)
	if err != nil {
		return fmt.Errorf("changing a person's standing: %w", err)
	}
	if changed == 0 {
		return errs.NotFound("There is no such person.")
	}
	if err := s.Notify(ctx, tx, id, subject, text); err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, by.Entry(action, id))
}

const mailShut = `An administrator suspended your Sallyport account. You are signed out everywhere, and nothing signs you in until it is opened again.

If you don't know why, ask them.
`

const mailOpened = `An administrator opened your Sallyport account again. You can sign in as before.
`

const mailPromoted = `You are an administrator of your Sallyport site now: there is an entry "Administration" in your menu.

If you don't know why, tell the other administrators.
`

const mailDemoted = `You are no administrator of your Sallyport site any more. The rest of your account is as it was.

If you don't know why, ask the other administrators.
`
