package user

import (
	"context"
	"net/netip"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/mail"
)

func (s *Service) noticeTurnedOn(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "Two-step verification is on",
		"Two-step verification was turned on for your profile in Code. From now on, Code asks for a code of your authenticator app when you sign in.")
}

func (s *Service) noticeTurnedOff(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "Two-step verification is off",
		"Two-step verification was turned off for your profile in Code. Your recovery codes no longer work, and your other browsers were signed out.")
}

func (s *Service) noticeCodesReplaced(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "New recovery codes were made",
		"New recovery codes were made for your profile in Code. The old ones no longer work, and your other browsers were signed out.")
}

func (s *Service) noticeRecoveryUsed(ctx context.Context, tx *db.Tx, u User, from netip.Addr) error {
	return s.notice(ctx, tx, u, from, "A recovery code was used",
		"One of your recovery codes was used as the second step in Code. It no longer works.")
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
