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

const maxAddresses = 10

// Emails lists a person's addresses, the main one first.
func (s *Service) Emails(ctx context.Context, id string) ([]Email, error) {
	return db.All[Email](ctx, s.DB, `SELECT address, main, confirmed FROM person_email WHERE person = $1 ORDER BY main DESC, address`, id)
}

// AddEmail mails a link that adds the address to the person. An address of
// somebody else's gets a mail that says so instead; the answer is the same.
func (s *Service) AddEmail(ctx context.Context, id, email string) error {
	address, err := Normalise(email)
	if err != nil {
		return err
	}
	own, err := s.Emails(ctx, id)
	if err != nil {
		return err
	}
	for _, each := range own {
		if each.Address == address {
			return errs.Conflict("email", "You have this address already.")
		}
	}
	if len(own) >= maxAddresses {
		return errs.Conflict("email", "You have %d addresses already, and there can't be more. Remove one first.", maxAddresses)
	}
	may, err := s.mayMail(ctx, address)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		link, err := s.newLink(ctx, tx, "/confirm", Link{Kind: KindEmail, Person: id, Address: address})
		if err != nil {
			return err
		}
		taken, err := s.taken(ctx, tx, address)
		if err != nil || !may {
			return err
		}
		message := mail.Message{To: address, Subject: "Confirm your email address", Text: fmt.Sprintf(mailAdd, link)}
		if taken {
			message.Subject, message.Text = "This address has an account already", fmt.Sprintf(mailTaken, s.URL)
		}
		return s.Outbox.Enqueue(ctx, tx, message)
	})
}

const mailAdd = `To add this address to your Sallyport account, open this link within 24 hours while you are signed in:

%s

If you didn't ask for this, delete this mail. Nothing happens without the link.
`

// ConfirmEmail adds the address of a link to the person whose link it is.
func (s *Service) ConfirmEmail(ctx context.Context, token secret.String, id, from string) error {
	l, err := s.of(ctx, KindEmail, token)
	if err != nil {
		return err
	}
	if l.Person != id {
		return ErrUnknownLink
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.use(ctx, tx, l); err != nil {
			return err
		}
		// Told before the new address is one of theirs.
		if err := s.Notify(ctx, tx, id, "An address was added to your account", fmt.Sprintf(
			"The address %s was added to your Sallyport account.\n\nIf it wasn't you, change your password and tell your administrator.\n", l.Address)); err != nil {
			return err
		}
		made, err := db.Exec(ctx, tx, `INSERT INTO person_email (address, person, main, confirmed) VALUES ($1, $2, FALSE, $3) ON CONFLICT DO NOTHING`,
			l.Address, id, s.Clock())
		if err != nil {
			return fmt.Errorf("adding an address: %w", err)
		}
		if made == 0 {
			return errTaken
		}
		return s.auditEmail(ctx, tx, "email.add", id, l.Address, from)
	})
}

// SetMainEmail makes one of the person's addresses the main one.
func (s *Service) SetMainEmail(ctx context.Context, id, address, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		owned, err := db.Exec(ctx, tx, `UPDATE person_email SET main = (address = $1) WHERE person = $2 AND EXISTS
			(SELECT 1 FROM person_email o WHERE o.address = $1 AND o.person = $2)`, address, id)
		if err != nil {
			return fmt.Errorf("setting the main address: %w", err)
		}
		if owned == 0 {
			return errs.NotFound("That isn't one of your addresses.")
		}
		if err := s.Notify(ctx, tx, id, "Your main address was changed", fmt.Sprintf(
			"The main address of your Sallyport account is now %s.\n\nIf it wasn't you, change your password and tell your administrator.\n", address)); err != nil {
			return err
		}
		return s.auditEmail(ctx, tx, "email.main", id, address, from)
	})
}

// RemoveEmail takes an address that isn't the main one from the person.
func (s *Service) RemoveEmail(ctx context.Context, id, address, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.Notify(ctx, tx, id, "An address was removed from your account", fmt.Sprintf(
			"The address %s was removed from your Sallyport account.\n\nIf it wasn't you, change your password and tell your administrator.\n", address)); err != nil {
			return err
		}
		gone, err := db.Exec(ctx, tx, `DELETE FROM person_email WHERE address = $1 AND person = $2 AND NOT main`, address, id)
		if err != nil {
			return fmt.Errorf("removing an address: %w", err)
		}
		if gone == 0 {
			return errs.Conflict("", "That isn't an address that can be removed: the main one stays.")
		}
		return s.auditEmail(ctx, tx, "email.remove", id, address, from)
	})
}

func (s *Service) auditEmail(ctx context.Context, tx *db.Tx, action, id, address, from string) error {
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: id, Credential: "session", Address: from, Action: action, Target: id,
		Detail: map[string]any{"address": address},
	})
}
