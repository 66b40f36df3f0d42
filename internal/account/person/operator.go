package person

import (
	"context"
	"errors"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
)

// SetupLink gives a fresh link that makes the first administrator; empty where
// somebody exists. It is a secret: for the operator's terminal alone.
func (s *Service) SetupLink(ctx context.Context) (string, error) {
	people, err := db.One[int](ctx, s.DB, `SELECT COUNT(*) FROM person`)
	if err != nil {
		return "", fmt.Errorf("counting people: %w", err)
	}
	if people > 0 {
		return "", nil
	}
	return s.newLink(ctx, s.DB, "/setup", Link{Kind: KindSetUp})
}

// SetUp makes the first administrator. Whoever holds the link has the
// operator's terminal, so their address needs no mail to be believed.
func (s *Service) SetUp(ctx context.Context, token secret.String, in SignUp) (Person, error) {
	l, err := s.of(ctx, KindSetUp, token)
	if err != nil {
		return Person{}, err
	}
	c, err := s.check(ctx, in)
	if err != nil {
		return Person{}, err
	}
	return s.enter(ctx, newcomer{
		chosen: c, link: l, first: true, administrator: true, from: in.From, action: "person.setup",
	})
}

var errNotFirst = errs.Conflict("", "Somebody has set this up already. Sign in, or ask them for an account.")

// first spends every set-up link there is, whichever was opened, and makes sure
// that there is nobody yet. The rows' locks put those who try at once in a row.
func (s *Service) first(ctx context.Context, tx *db.Tx) error {
	spent, err := db.Exec(ctx, tx, `UPDATE person_link SET used = $1 WHERE kind = $2 AND used = 0`, s.Clock(), KindSetUp)
	if err != nil {
		return fmt.Errorf("using the set-up link: %w", err)
	}
	people, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM person`)
	if err != nil {
		return fmt.Errorf("counting people: %w", err)
	}
	if spent == 0 || people > 0 {
		return errNotFirst
	}
	return nil
}

// Input is a person whom the operator makes.
type Input struct {
	Name          string
	Email         string
	Password      secret.String // empty: they get a mail in which to choose one
	Administrator bool          // only the operator may ask for it
	By            Author        // the zero Author is the operator
}

// Create makes a person on the operator's or an administrator's word.
func (s *Service) Create(ctx context.Context, in Input) (Person, error) {
	if in.By == (Author{}) {
		in.By = Operator()
	}
	name, nameErr := cleanName(in.Name)
	address, emailErr := Normalise(in.Email)
	if err := errors.Join(nameErr, emailErr); err != nil {
		return Person{}, err
	}
	n := newcomer{
		chosen: chosen{name: name, address: address}, administrator: in.Administrator,
		action: "person.create", by: in.By.ID, from: in.By.From, detail: map[string]any{"administrator": in.Administrator},
	}
	if n.invite = in.Password.Reveal() == ""; !n.invite {
		var err error
		if n.password, err = s.NewPassword(ctx, "password", in.Password, name, address); err != nil {
			return Person{}, err
		}
	}
	return s.enter(ctx, n)
}

func (s *Service) invite(ctx context.Context, tx *db.Tx, p Person) error {
	link, err := s.newLink(ctx, tx, "/setup", Link{Kind: KindInvite, Person: p.ID, Address: p.Email, Name: p.Name})
	if err != nil {
		return err
	}
	return s.Outbox.Enqueue(ctx, tx, mail.Message{
		To: p.Email, Subject: "Your Sallyport account", Text: fmt.Sprintf(`An administrator made a Sallyport account for this address.

Open this link within 24 hours and choose your password:

%s

If you didn't expect this, delete this mail.
`, link),
	})
}

// AcceptInvite gives the person whom the operator made their first password.
func (s *Service) AcceptInvite(ctx context.Context, token secret.String, in SignUp) (Person, error) {
	l, err := s.of(ctx, KindInvite, token)
	if err != nil {
		return Person{}, err
	}
	in.Email = l.Address
	c, err := s.check(ctx, in)
	if err != nil {
		return Person{}, err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.use(ctx, tx, l); err != nil {
			return err
		}
		if _, err := db.Exec(ctx, tx, `UPDATE person SET name = $1 WHERE id = $2`, c.name, l.Person); err != nil {
			return fmt.Errorf("naming a person: %w", err)
		}
		if err := s.setPassword(ctx, tx, l.Person, c.password); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: l.Person, Address: in.From, Action: "person.accept", Target: l.Person,
		})
	})
	if err != nil {
		return Person{}, err
	}
	return s.Get(ctx, l.Person)
}
