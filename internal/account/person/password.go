package person

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// NewPassword is a password that was judged good enough and hashed. Only
// Service.NewPassword makes one.
type NewPassword struct{ phc string }

// NewPassword judges and hashes a password for a person with these texts of
// their own: name, addresses. What is wrong with it stands beside the field.
func (s *Service) NewPassword(ctx context.Context, field string, password secret.String, own ...string) (NewPassword, error) {
	if err := s.judge(ctx, field, password, own...); err != nil {
		return NewPassword{}, err
	}
	phc, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return NewPassword{}, err
	}
	return NewPassword{phc}, nil
}

// judge says why a password can't be taken. Judging a long one can take a tenth
// of a second, so it waits for a slot as hashing does.
func (s *Service) judge(ctx context.Context, field string, password secret.String, own ...string) error {
	leave, err := s.Hasher.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return checkPassword(field, password, own...)
}

// maxFailures is how many wrong passwords in a row are borne from browsers that
// the person isn't known by (NIST SP 800-63B-4 §3.2.2). Then the password is off
// there until another one is chosen, or the right one comes from a known browser.
const maxFailures = 100

// VerifyPassword reports whether the password is the person's. An empty id, or
// a person without a password, takes as long as any other and is false. known
// says that the person has signed in with this browser before: then failures
// aren't counted, and a password that is off still counts. A hash with outdated
// parameters is made anew.
func (s *Service) VerifyPassword(ctx context.Context, id string, password secret.String, known bool) (bool, error) {
	if len(password.Reveal()) > maxPassword {
		return false, errs.Invalid("password", "That password is too long.")
	}
	kept, err := db.One[struct {
		PHC      string
		Failures int
	}](ctx, s.DB, `SELECT hash, failures FROM person_password WHERE person = $1`, id)
	if err != nil && !errs.Is(err, errs.KindNotFound) {
		return false, fmt.Errorf("reading a password: %w", err)
	}
	right, outdated, err := s.Hasher.Verify(ctx, kept.PHC, password)
	if err != nil {
		return false, err
	}
	if !right || kept.Failures >= maxFailures && !known {
		if known {
			return false, nil
		}
		return false, s.countFailure(ctx, id)
	}
	if kept.Failures > 0 {
		if _, err := db.Exec(ctx, s.DB, `UPDATE person_password SET failures = 0 WHERE person = $1`, id); err != nil {
			return false, fmt.Errorf("forgetting wrong passwords: %w", err)
		}
	}
	if outdated {
		if err := s.rehash(ctx, id, kept.PHC, password); err != nil {
			return false, err
		}
	}
	return true, nil
}

// countFailure counts a wrong password against it, and tells the person when
// that was the last one that is borne. Of nobody's it counts nothing, by the
// same work.
func (s *Service) countFailure(ctx context.Context, id string) error {
	counted, err := db.All[int](ctx, s.DB, `
		UPDATE person_password SET failures = failures + 1 WHERE person = $1 AND failures < $2 RETURNING failures`, id, maxFailures)
	if err != nil {
		return fmt.Errorf("counting a wrong password: %w", err)
	}
	if len(counted) == 0 {
		// Something is written all the same: an answer that comes sooner would
		// tell that there is nobody (OWASP ASVS 5.0 6.3.8).
		_, err := s.Throttle.Once(ctx, throttle.Key("password", "nobody"), 0)
		return err
	}
	if counted[0] < maxFailures {
		return nil
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.Notify(ctx, tx, id, "Your password was turned off", fmt.Sprintf(mailOff, maxFailures, s.URL)); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{Realm: "account", Action: "password.off", Target: id})
	})
}

const mailOff = `Somebody, perhaps several, tried %d wrong passwords in a row for your Sallyport account. So that nobody guesses on, your password is off in browsers with which you haven't signed in before.

Where you have, it still signs you in, which turns it on again. Anywhere else choose a new one:

%s/forgotten
`

func (s *Service) rehash(ctx context.Context, id, old string, password secret.String) error {
	phc, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	// A password that was changed meanwhile stays.
	if _, err := db.Exec(ctx, s.DB, `UPDATE person_password SET hash = $1 WHERE person = $2 AND hash = $3`, phc, id, old); err != nil {
		return fmt.Errorf("renewing a password's hash: %w", err)
	}
	return nil
}

// setPassword stores the password, in the caller's transaction, and voids the
// links by which another could be chosen.
func (s *Service) setPassword(ctx context.Context, tx *db.Tx, id string, password NewPassword) error {
	if password.phc == "" {
		return fmt.Errorf("setting a password: it wasn't judged")
	}
	_, err := db.Exec(ctx, tx, `
		INSERT INTO person_password (person, hash, changed) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET hash = $2, changed = $3, failures = 0`, id, password.phc, s.Clock())
	if err != nil {
		return fmt.Errorf("setting a password: %w", err)
	}
	_, err = db.Exec(ctx, tx, `UPDATE person_link SET used = $1 WHERE person = $2 AND kind = $3 AND used = 0`, s.Clock(), id, KindReset)
	if err != nil {
		return fmt.Errorf("voiding links: %w", err)
	}
	return nil
}

// ChangePassword stores the password of a person who gave the old one, and
// tells every address of theirs. Ending sessions is the caller's, in the same
// transaction.
func (s *Service) ChangePassword(ctx context.Context, tx *db.Tx, id string, password NewPassword, from string) error {
	if err := s.setPassword(ctx, tx, id, password); err != nil {
		return err
	}
	err := s.Notify(ctx, tx, id, "Your password was changed", `The password of your Sallyport account was changed just now.

Other browsers that were signed in are signed out.

If it wasn't you, tell your administrator at once.
`)
	if err != nil {
		return err
	}
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: id, Credential: "session", Address: from, Action: "password.change", Target: id,
	})
}

// Notify mails every address of the person.
func (s *Service) Notify(ctx context.Context, tx *db.Tx, id, subject, text string) error {
	addresses, err := db.All[string](ctx, tx, `SELECT address FROM person_email WHERE person = $1 ORDER BY address`, id)
	if err != nil {
		return fmt.Errorf("reading a person's addresses: %w", err)
	}
	for _, address := range addresses {
		if err := s.Outbox.Enqueue(ctx, tx, mail.Message{To: address, Subject: subject, Text: text}); err != nil {
			return fmt.Errorf("mailing a notice: %w", err)
		}
	}
	return nil
}
