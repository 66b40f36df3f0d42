package person

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// linkLife is how long a link may be used (OWASP ASVS 5.0 6.4.1 allows no more
// than a day).
const linkLife = 24 * time.Hour

// Kind says what a link is for.
type Kind string

const (
	KindSetUp  Kind = "setup"  // makes the first administrator
	KindSignUp Kind = "signup" // confirms the address of a sign-up
	KindInvite Kind = "invite" // lets a person whom the operator made choose a password
	KindEmail  Kind = "email"  // confirms a further address
	KindReset  Kind = "reset"  // lets a person choose a new password
)

// Link is what is known of a link to whoever holds it.
type Link struct {
	Kind    Kind
	Person  string // whose it is; empty where it will make a person
	Address string
	Name    string
	Flow    string // the authorization request that waits for it; may be empty

	hash     string
	password string
	expires  time.Time
}

// What a link that can't be used is. Their messages are for the person.
var (
	ErrUnknownLink = errs.NotFound("This link isn't valid. Check that you have the whole address, or ask for a new one.")
	ErrUsedLink    = errs.Conflict("", "This link was used already. It works once.")
	ErrExpiredLink = errs.Conflict("", "This link is older than 24 hours and no longer works. Ask for a new one.")
)

// IsDeadLink reports whether err says that a link was valid and isn't any more.
func IsDeadLink(err error) bool {
	return errors.Is(err, ErrUsedLink) || errors.Is(err, ErrExpiredLink)
}

// newLink makes a link and gives its address, which is a secret.
func (s *Service) newLink(ctx context.Context, q db.Q, path string, l Link) (string, error) {
	token, hash := secret.Token("")
	_, err := db.Exec(ctx, q, `
		INSERT INTO person_link (hash, kind, person, address, name, password, flow, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash, l.Kind, l.Person, l.Address, l.Name, l.password, l.Flow, s.Clock().Add(linkLife))
	if err != nil {
		return "", fmt.Errorf("making a link: %w", err)
	}
	return s.URL + path + "?token=" + token.Reveal(), nil
}

// Link looks at a link without using it, so that its page can be shown.
func (s *Service) Link(ctx context.Context, token secret.String) (Link, error) {
	row, err := db.One[struct {
		Hash                                  string
		Kind                                  Kind
		Person, Address, Name, Password, Flow string
		Expires, Used                         time.Time
	}](ctx, s.DB, `SELECT hash, kind, person, address, name, password, flow, expires, used FROM person_link WHERE hash = $1`,
		secret.Hash(token.Reveal()))
	switch {
	case errs.Is(err, errs.KindNotFound):
		return Link{}, ErrUnknownLink
	case err != nil:
		return Link{}, fmt.Errorf("reading a link: %w", err)
	case !row.Used.IsZero():
		return Link{}, ErrUsedLink
	case !s.Clock().Before(row.Expires):
		return Link{}, ErrExpiredLink
	}
	return Link{
		Kind: row.Kind, Person: row.Person, Address: row.Address, Name: row.Name, Flow: row.Flow,
		hash: row.Hash, password: row.Password, expires: row.Expires,
	}, nil
}

// of gives the link where it is of the kind.
func (s *Service) of(ctx context.Context, kind Kind, token secret.String) (Link, error) {
	l, err := s.Link(ctx, token)
	if err == nil && l.Kind != kind {
		return Link{}, ErrUnknownLink
	}
	return l, err
}

// use spends the link: whoever changes the row has it.
func (s *Service) use(ctx context.Context, tx *db.Tx, l Link) error {
	now := s.Clock()
	changed, err := db.Exec(ctx, tx, `UPDATE person_link SET used = $1 WHERE hash = $2 AND used = 0 AND expires > $1`, now, l.hash)
	if err != nil {
		return fmt.Errorf("using a link: %w", err)
	}
	if changed == 0 {
		return ErrUsedLink
	}
	return nil
}

// Sweep deletes links a week after they expired: until then they can say why
// they don't work.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := db.Exec(ctx, s.DB, `DELETE FROM person_link WHERE expires < $1`, s.Clock().Add(-7*24*time.Hour))
	return err
}
