package user

import (
	"context"
	"net/netip"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/throttle"
)

func (s *Service) noticeTurnedOn(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "Two-step verification is on",
		"Two-step verification was turned on for your profile in Code. From now on, Code asks for your second step when you sign in.")
}

func (s *Service) noticeAdded(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "A second step was added",
		"Another second step was added to your profile in Code. Your other browsers have to take the step again.")
}

func (s *Service) noticeRemoved(ctx context.Context, tx *db.Tx, u User, from netip.Addr, label string) error {
	return s.notice(ctx, tx, u, from, "A second step was removed",
		"The second step “"+label+"” was removed from your profile in Code, and your other browsers were signed out.")
}

func (s *Service) noticeTurnedOff(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "Two-step verification is off",
		"Two-step verification was turned off for your profile in Code. Your recovery codes no longer work, and your other browsers were signed out.")
}

func (s *Service) noticeCodesReplaced(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "New recovery codes were made",
		"New recovery codes were made for your profile in Code. The old ones no longer work, and your other browsers were signed out.")
}

func (s *Service) noticeAccountOpens(ctx context.Context, tx *db.Tx, u User, from netip.Addr, on bool) error {
	if !on {
		return s.notice(ctx, tx, u, from, "Your account's MFA no longer opens Code",
			"From now on, Code asks for its own second step again whenever you sign in.")
	}
	return s.notice(ctx, tx, u, from, "Your account's MFA now opens Code",
		"From now on, Code asks for its own second step only where a workspace insists on it, or where your account signed you in without MFA.")
}

func (s *Service) noticeRecoveryUsed(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "A recovery code was used",
		"One of your recovery codes was used as the second step in Code. It no longer works.")
}

// noticeOwn mails the grant's actor what happened to their profile.
func (s *Service) noticeOwn(ctx context.Context, tx *db.Tx, g access.Grant, subject, text string) error {
	u, err := s.byID(ctx, tx, g.Actor().User)
	if err != nil {
		return err
	}
	return s.notice(ctx, tx, u, g.Actor().Address, subject, text)
}

// noticeOwners mails the owners of the grant's workspace what was done there.
func (s *Service) noticeOwners(ctx context.Context, tx *db.Tx, g access.Grant, subject, text string) error {
	by, err := s.byID(ctx, tx, g.Actor().User)
	if err != nil {
		return err
	}
	owners, err := s.ownersOf(ctx, tx, g.Workspace().ID)
	if err != nil {
		return err
	}
	for _, u := range owners {
		err := s.Outbox.Enqueue(ctx, tx, mail.Message{
			To: u.Email, Subject: subject,
			Text: "Hello " + u.Name + ",\n\n" + text + " It was done by " + by.Name + " (" + by.Username + ").\n\n" +
				"If that shouldn't be, look at\n" + s.URL + "/" + nameOf(g) + "/admin/deploy-keys\n",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// partialEvery is how often at most a person is told that somebody signs in as them.
const partialEvery = time.Hour

// noticePartial tells that somebody who is signed in as the person gave a wrong
// code, with a browser that the person isn't known by.
func (s *Service) noticePartial(ctx context.Context, u User, v Visit, wrong error) error {
	if !errs.Is(wrong, errs.KindInvalid) || v.Browser.Knows(u.ID) {
		return wrong
	}
	first, err := s.Throttle.Once(ctx, throttle.Key("notice", "code", u.ID), partialEvery)
	if err != nil {
		return err
	}
	if !first {
		return wrong
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		return s.notice(ctx, tx, u, v.Address, "Somebody may be signed in to your account",
			"Somebody who is signed in to your account gave a wrong second step in Code, with "+request.Browser(v.Agent)+". They didn't get in. If you mistyped a code yourself, delete this mail.")
	})
	if err != nil {
		return err
	}
	return wrong
}

// notice mails the person what happened to their profile; the mail goes out
// with the transaction.
func (s *Service) notice(ctx context.Context, tx *db.Tx, u User, from netip.Addr, subject, text string) error {
	if u.Email == "" {
		return nil
	}
	where := ""
	if from.IsValid() {
		where = " It was done from the address " + from.String() + "."
	}
	return s.Outbox.Enqueue(ctx, tx, mail.Message{
		To:      u.Email,
		Subject: subject,
		Text: "Hello " + u.Name + ",\n\n" + text + where + "\n\n" +
			"If that wasn't you, change the password of your account now, and then look at\n" + s.URL + "/account/settings/two-step-verification/\n",
	})
}
