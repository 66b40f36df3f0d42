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
	"sallyport.dev/internal/throttle"
)

// SignUp is what a person chose on a page that makes an account.
type SignUp struct {
	Name     string
	Email    string
	Password secret.String
	Flow     string // the authorization request to go on with; may be empty
	From     string // the network address
}

// chosen is a SignUp that was found good.
type chosen struct {
	name, address string
	password      NewPassword // the zero one: none yet
}

// check judges all of it, so that every field's error is told at once.
func (s *Service) check(ctx context.Context, in SignUp) (chosen, error) {
	name, nameErr := cleanName(in.Name)
	address, emailErr := Normalise(in.Email)
	weak := s.judge(ctx, "password", in.Password, in.Name, in.Email)
	if err := errors.Join(nameErr, emailErr, weak); err != nil {
		return chosen{}, err
	}
	phc, err := s.Hasher.Hash(ctx, in.Password)
	return chosen{name, address, NewPassword{phc}}, err
}

// SignUp mails a link that confirms the address. An address that has an
// account gets a mail that says so instead; the answer, and the time that it
// takes, are the same.
func (s *Service) SignUp(ctx context.Context, in SignUp) error {
	c, err := s.check(ctx, in)
	if err != nil {
		return err
	}
	may, err := s.mayMail(ctx, c.address)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		link, err := s.newLink(ctx, tx, "/confirm", Link{
			Kind: KindSignUp, Address: c.address, Name: c.name, Flow: in.Flow, password: c.password.phc,
		})
		if err != nil {
			return err
		}
		taken, err := s.taken(ctx, tx, c.address)
		if err != nil || !may {
			return err
		}
		message := mail.Message{To: c.address, Subject: "Confirm your email address", Text: fmt.Sprintf(mailConfirm, link)}
		if taken {
			message.Subject, message.Text = "You have an account already", fmt.Sprintf(mailTaken, s.URL)
		}
		return s.Outbox.Enqueue(ctx, tx, message)
	})
}

// The name that was typed isn't in it: until the address is confirmed it is a
// stranger's text.
const mailConfirm = `To finish signing up, open this link within 24 hours and enter the password that you chose:

%s

If you didn't sign up, delete this mail. Nothing happens without the link.
`

const mailTaken = `Somebody, perhaps you, tried to use this address for a new account. It belongs to an account already:

%s/signin

If it wasn't you, delete this mail. Nothing has changed.
`

// mayMail reports whether one more mail may go to an address that somebody
// typed: a few may, and then no more for a while. Nobody is told.
func (s *Service) mayMail(ctx context.Context, address string) (bool, error) {
	err := s.Throttle.Take(ctx, throttle.Key("mail", "address", address))
	if errs.Is(err, errs.KindTooMany) {
		return false, nil
	}
	return err == nil, err
}

func (s *Service) taken(ctx context.Context, q db.Q, address string) (bool, error) {
	n, err := db.One[int](ctx, q, `SELECT COUNT(*) FROM person_email WHERE address = $1`, address)
	if err != nil {
		return false, fmt.Errorf("looking for an address: %w", err)
	}
	return n > 0, nil
}

// Confirm makes the person of a sign-up, for whoever has the link and the
// password that was chosen with it.
func (s *Service) Confirm(ctx context.Context, token, password secret.String, from string) (Person, error) {
	l, err := s.of(ctx, KindSignUp, token)
	if err != nil {
		return Person{}, err
	}
	key := throttle.Key("password", "link", l.hash)
	if err := s.Throttle.Take(ctx, key); err != nil {
		return Person{}, err
	}
	right, _, err := s.Hasher.Verify(ctx, l.password, password)
	if err != nil {
		return Person{}, err
	}
	if !right {
		return Person{}, errs.Invalid("password", "That isn't the password that was chosen at the sign-up. If you didn't sign up yourself, close this page; otherwise sign up again.")
	}
	if err := s.Throttle.Reset(ctx, s.DB, key); err != nil {
		return Person{}, err
	}
	return s.enter(ctx, newcomer{
		chosen: chosen{l.Name, l.Address, NewPassword{l.password}}, link: l, from: from, action: "person.signup",
	})
}

// Join makes the person of a sign-up by invitation at once: the invitation,
// which was mailed, proves the address. The caller has verified that it is for
// this address.
func (s *Service) Join(ctx context.Context, in SignUp) (Person, error) {
	c, err := s.check(ctx, in)
	if err != nil {
		return Person{}, err
	}
	return s.enter(ctx, newcomer{
		chosen: c, from: in.From, action: "person.signup", detail: map[string]any{"invited": true},
	})
}

// newcomer is a person to be made.
type newcomer struct {
	chosen
	administrator bool
	link          Link // is used in the same transaction, where there is one
	first         bool // only where there is nobody else
	invite        bool // mail them a link to choose their password

	action string // for the audit log
	by     string // who does it; empty: the person
	from   string
	detail map[string]any
}

var errTaken = errs.Conflict("email", "This address has an account already. Sign in with it.")

// enter makes a person whose address is proven. Where the address, or the
// place of the first, is taken, nothing is made.
func (s *Service) enter(ctx context.Context, n newcomer) (Person, error) {
	p := Person{ID: db.NewID(), Name: n.name, Administrator: n.administrator, Created: s.Clock(), Email: n.address}
	if n.by == "" {
		n.by = p.ID
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.admit(ctx, tx, n); err != nil {
			return err
		}
		if err := s.insert(ctx, tx, p); err != nil {
			return err
		}
		if n.password.phc != "" {
			if err := s.setPassword(ctx, tx, p.ID, n.password); err != nil {
				return err
			}
		}
		if n.invite {
			if err := s.invite(ctx, tx, p); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: n.by, Address: n.from, Action: n.action, Target: p.ID, Detail: n.detail,
		})
	})
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// admit spends what lets the newcomer in.
func (s *Service) admit(ctx context.Context, tx *db.Tx, n newcomer) error {
	switch {
	case n.first:
		return s.first(ctx, tx)
	case n.link.hash != "":
		return s.use(ctx, tx, n.link)
	default:
		return nil
	}
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, p Person) error {
	if _, err := db.Exec(ctx, tx, `INSERT INTO person (id, name, administrator, suspended, created) VALUES ($1, $2, $3, FALSE, $4)`,
		p.ID, p.Name, p.Administrator, p.Created); err != nil {
		return fmt.Errorf("making a person: %w", err)
	}
	made, err := db.Exec(ctx, tx, `INSERT INTO person_email (address, person, main, confirmed) VALUES ($1, $2, TRUE, $3) ON CONFLICT DO NOTHING`,
		p.Email, p.ID, p.Created)
	if err != nil {
		return fmt.Errorf("giving a person an address: %w", err)
	}
	if made == 0 {
		return errTaken
	}
	return nil
}
