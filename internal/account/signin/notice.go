package signin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/throttle"
)

// What a person is told of sign-ins that may not be theirs (OWASP ASVS 5.0 6.3.5).

// noticeNew tells of a sign-in with a browser that the person isn't known by,
// unless it is their first at all.
func (s *Service) noticeNew(ctx context.Context, tx *db.Tx, id string, v Visit) error {
	if v.Browser.Knows(id) {
		return nil
	}
	before, err := db.One[bool](ctx, tx, `
		SELECT EXISTS (SELECT 1 FROM audit WHERE realm = 'account' AND actor = $1 AND action = 'session.open')`, id)
	if err != nil {
		return fmt.Errorf("looking for an earlier sign-in: %w", err)
	}
	if !before {
		return nil
	}
	return s.People.Notify(ctx, tx, id, "A new sign-in to your account", fmt.Sprintf(mailNewSignIn, s.where(v), s.People.URL))
}

const mailNewSignIn = `Your Sallyport account was signed in to with a browser that hasn't been used for it before:

%s

If it was you, delete this mail. If it wasn't, sign that browser out and change your password:

%s/manage-profile/sessions
`

// partialEvery is how often at most a person is told that somebody has their password.
const partialEvery = time.Hour

// noticePartial tells that somebody gave the right password and a wrong code,
// with a browser that the person isn't known by.
func (s *Service) noticePartial(ctx context.Context, p person.Person, v Visit, wrong error) error {
	if !errs.Is(wrong, errs.KindInvalid) || v.Browser.Knows(p.ID) {
		return wrong
	}
	first, err := s.Throttle.Once(ctx, throttle.Key("notice", "partial", p.ID), partialEvery)
	if err != nil {
		return err
	}
	if !first {
		return wrong
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		return s.People.Notify(ctx, tx, p.ID, "Somebody may have your password", fmt.Sprintf(mailPartial, s.where(v), s.People.URL))
	})
	if err != nil {
		return err
	}
	return wrong
}

const mailPartial = `Somebody gave the right password of your Sallyport account, and then a wrong code as its second step. They are not signed in.

%s

If you mistyped a code, delete this mail. If it wasn't you, change your password now:

%s/manage-profile/security
`

// where says in two lines from where somebody came, and when.
func (s *Service) where(v Visit) string {
	return fmt.Sprintf("%s, from the address %s\n%s", request.Browser(v.Agent), v.Address, s.Clock().UTC().Format("2 January 2006, 15:04 UTC"))
}
