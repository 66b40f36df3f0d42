package person

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
)

// Forgot mails a link to choose a new password to whoever has the address. An
// address of nobody's gets a mail that says so: the answer is the same, and so
// is the work that it takes (OWASP ASVS 5.0 6.3.8). flow is the authorization
// request to go on with; it may be empty.
func (s *Service) Forgot(ctx context.Context, email, flow string) error {
	address, err := Normalise(email)
	if err != nil {
		return err
	}
	p, err := s.Find(ctx, address)
	if err != nil && !errs.Is(err, errs.KindNotFound) {
		return err
	}
	may, err := s.mayMail(ctx, address)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		link, err := s.newLink(ctx, tx, "/reset", Link{Kind: KindReset, Person: p.ID, Address: address, Flow: flow})
		if err != nil || !may {
			return err
		}
		return s.Outbox.Enqueue(ctx, tx, forgotten(p, address, link, s.URL))
	})
}

func forgotten(p Person, address, link, site string) mail.Message {
	m := mail.Message{To: address, Subject: "Choose a new password"}
	switch {
	case p.ID == "":
		m.Subject, m.Text = "No account has this address", fmt.Sprintf(mailNobody, site)
	case p.Suspended:
		m.Subject, m.Text = "Your account is suspended", mailSuspended
	default:
		m.Text = fmt.Sprintf(mailForgotten, link)
	}
	return m
}

const mailForgotten = `To choose a new password for your Sallyport account, open this link within 24 hours. It works once:

%s

If you didn't ask for this, delete this mail. Nothing happens without the link.
`

const mailNobody = `Somebody, perhaps you, asked for a new password for the Sallyport account of this address. There is none. Perhaps yours has another address:

%s/forgotten

If it wasn't you, delete this mail.
`

const mailSuspended = `Somebody, perhaps you, asked for a new password for your Sallyport account. It is suspended, so there is no way in with any password. Ask an administrator.
`

// MailRecovery mails the person a link to choose a new password, on somebody
// else's word: who it was stands in the audit log, and nobody but the person
// chooses.
func (s *Service) MailRecovery(ctx context.Context, tx *db.Tx, p Person, by Author) error {
	if p.Suspended {
		return errs.Conflict("", "%s is suspended. Let them in again first.", p.Name)
	}
	link, err := s.newLink(ctx, tx, "/reset", Link{Kind: KindReset, Person: p.ID, Address: p.Email})
	if err != nil {
		return err
	}
	if err := s.Outbox.Enqueue(ctx, tx, mail.Message{
		To: p.Email, Subject: "Choose a new password", Text: "An administrator sent you this.\n\n" + fmt.Sprintf(mailForgotten, link),
	}); err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, by.Entry("password.recovery_link", p.ID))
}

// ResetOf gives the person whose password a link lets be chosen, without using it.
func (s *Service) ResetOf(ctx context.Context, token secret.String) (Person, error) {
	l, err := s.of(ctx, KindReset, token)
	if err != nil {
		return Person{}, err
	}
	if l.Person == "" {
		return Person{}, ErrUnknownLink
	}
	return s.Get(ctx, l.Person)
}

// NewOwnPassword is NewPassword for somebody who exists: their name and their
// addresses are the texts of their own.
func (s *Service) NewOwnPassword(ctx context.Context, p Person, password secret.String) (NewPassword, error) {
	own := []string{p.Name}
	emails, err := s.Emails(ctx, p.ID)
	if err != nil {
		return NewPassword{}, err
	}
	for _, each := range emails {
		own = append(own, each.Address)
	}
	return s.NewPassword(ctx, "password", password, own...)
}

// ResetPassword stores the password that was chosen with a link, voids every
// other such link of the person's, and tells every address of theirs. Ending
// sessions is the caller's, in the same transaction.
func (s *Service) ResetPassword(ctx context.Context, tx *db.Tx, token secret.String, p Person, password NewPassword, from string) error {
	if err := s.use(ctx, tx, Link{hash: secret.Hash(token.Reveal())}); err != nil {
		return err
	}
	if err := s.setPassword(ctx, tx, p.ID, password); err != nil {
		return err
	}
	if err := s.Notify(ctx, tx, p.ID, "Your password was changed", mailReset); err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: p.ID, Credential: "link", Address: from, Action: "password.reset", Target: p.ID,
	})
}

const mailReset = `A new password was chosen for your Sallyport account, with a link that was mailed to one of your addresses.

Every browser that was signed in is signed out. Signing in still takes your second step, where you have one.

If it wasn't you, somebody reads your mail: choose another password, and tell your administrator at once.
`
