package workspace

import (
	"context"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
)

const (
	invitationFor = 7 * 24 * time.Hour // how long an invitation works
	firstAgain    = time.Minute        // until an open one can be sent again; it doubles each time
	longestAgain  = 24 * time.Hour
)

// Invitation is one that is open.
type Invitation struct {
	ID      string
	Email   string
	Role    access.Role
	Inviter string // name
	Created time.Time
	Expires time.Time
}

// Offer is what whoever holds an invitation's link may know before accepting.
type Offer struct {
	WorkspaceSlug, WorkspaceName string
	Inviter                      string // name
	Email                        string // who is invited
	Role                         access.Role
	Expires                      time.Time
	RequiresTwoStep              bool
	RequiredFrom                 time.Time // the end of the grace; zero: no grace
	PhishingResistant            bool      // and it must be a security key or passkey
	AcceptAccountMFA             bool      // MFA of the account will do as well
}

// Invite mails an invitation, whose link is <URL>/invitations/<token>.
// Where the address has an open one, that is sent anew with a new link, the
// given role and another seven days, after a wait that doubles each time;
// withdrawing or declining it makes the wait no shorter. It
// needs access.ManageMembers; it is of kind Conflict for "email" where the
// person is a member already, and TooMany where they were invited just now.
func (s *Service) Invite(ctx context.Context, g access.Grant, email string, role access.Role) (Invitation, error) {
	if err := g.Require(access.ManageMembers); err != nil {
		return Invitation{}, err
	}
	email, err := checkEmail(email)
	if err != nil {
		return Invitation{}, err
	}
	if err := checkRole(role); err != nil {
		return Invitation{}, err
	}
	token, hash := secret.Token("")
	in := Invitation{Email: email, Role: role, Created: s.Clock()}
	in.Expires = in.Created.Add(invitationFor)
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, g.Workspace().ID); err != nil {
			return err
		}
		member, err := s.hasMemberWithEmail(ctx, tx, g.Workspace().ID, email)
		if err != nil {
			return err
		}
		if member {
			return errs.Conflict("email", "%s is a member already.", email)
		}
		if err := s.refuseAgain(ctx, tx, g.Workspace().ID, email, in.Created); err != nil {
			return err
		}
		if in.ID, err = s.putInvitation(ctx, tx, g.Workspace().ID, in, hash, g.Actor().User); err != nil {
			return err
		}
		offer, err := s.offer(ctx, tx, hash, in.Created)
		if err != nil {
			return err
		}
		in.Inviter = offer.Inviter
		if err := s.Outbox.Enqueue(ctx, tx, s.invitationMail(offer, token)); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "invitation.sent", in.ID, map[string]any{"email": email, "role": role})
	})
	if err != nil {
		return Invitation{}, fmt.Errorf("inviting: %w", err)
	}
	return in, nil
}

// refuseAgain keeps an address from being mailed over and over. The workspace is locked.
func (s *Service) refuseAgain(ctx context.Context, tx *db.Tx, workspace, email string, now time.Time) error {
	last, sent, err := s.lastInvitation(ctx, tx, workspace, email)
	if err != nil || sent == 0 {
		return err
	}
	wait := firstAgain
	for range sent - 1 {
		wait = min(2*wait, longestAgain)
	}
	if left := last.Add(wait).Sub(now); left > 0 {
		return errs.TooMany(left, "%s was invited %s ago. You can send it again in %s.", email, roughly(now.Sub(last)), roughly(left))
	}
	return nil
}

// roughly says a span in whole minutes or hours, at least one.
func roughly(d time.Duration) string {
	n, unit := int(d.Round(time.Minute)/time.Minute), "minute"
	if d > 90*time.Minute {
		n, unit = int(d.Round(time.Hour)/time.Hour), "hour"
	}
	if n = max(n, 1); n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// Invitations lists the open ones, newest first: for owners; others get none.
// It needs access.ReadMembers or access.ManageMembers.
func (s *Service) Invitations(ctx context.Context, g access.Grant) ([]Invitation, error) {
	if err := g.Require(access.ReadMembers, access.ManageMembers); err != nil {
		return nil, err
	}
	if g.Workspace().Role != access.Owner {
		return nil, nil
	}
	list, err := s.openInvitations(ctx, g.Workspace().ID, s.Clock())
	if err != nil {
		return nil, fmt.Errorf("listing invitations: %w", err)
	}
	return list, nil
}

// Revoke ends an open invitation. It needs access.ManageMembers.
func (s *Service) Revoke(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageMembers); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		email, err := s.withdrawInvitation(ctx, tx, g.Workspace().ID, id, s.Clock())
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("There is no such open invitation. It may have been accepted meanwhile.")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "invitation.revoked", id, map[string]any{"email": email})
	})
	if err != nil {
		return fmt.Errorf("revoking an invitation: %w", err)
	}
	return nil
}

// Invitation tells whoever holds the token what it offers. It is of kind
// NotFound where it is unknown, used, revoked or expired.
func (s *Service) Invitation(ctx context.Context, token string) (Offer, error) {
	offer, err := s.offer(ctx, s.DB, secret.Hash(token), s.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return Offer{}, errNoInvitation()
	}
	if err != nil {
		return Offer{}, fmt.Errorf("reading an invitation: %w", err)
	}
	return offer.Offer, nil
}

// Accept makes the actor a member, and uses the invitation up. It needs
// access.AcceptInvitation. It is of kind NotFound as Invitation is, Denied
// where the invited address isn't proven to be the actor's, and Conflict where
// they are a member already.
func (s *Service) Accept(ctx context.Context, g access.Grant, token string) (Offer, error) {
	return s.accept(ctx, g, secret.Hash(token))
}

func (s *Service) accept(ctx context.Context, g access.Grant, hash string) (Offer, error) {
	if err := g.Require(access.AcceptInvitation); err != nil {
		return Offer{}, err
	}
	now, user := s.Clock(), g.Actor().User
	var offer offerRow
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		var err error
		if offer, err = s.offer(ctx, tx, hash, now); errs.Is(err, errs.KindNotFound) {
			return errNoInvitation()
		} else if err != nil {
			return err
		}
		if err := s.checkInvited(ctx, tx, offer.Offer, user); err != nil {
			return err
		}
		if _, err := s.roleOf(ctx, tx, offer.Workspace, user); err == nil {
			return errs.Conflict("", "You are a member of %s already.", offer.WorkspaceName)
		} else if !errs.Is(err, errs.KindNotFound) {
			return err
		}
		if used, err := s.useInvitation(ctx, tx, hash, now); err != nil {
			return err
		} else if !used {
			return errNoInvitation()
		}
		if err := s.insertMember(ctx, tx, offer.Workspace, user, offer.Role, now); err != nil {
			return err
		}
		return s.note(ctx, tx, g, offer.Workspace, "invitation.accepted", offer.ID, map[string]any{"user": user, "role": offer.Role})
	})
	if err != nil {
		return Offer{}, fmt.Errorf("accepting an invitation: %w", err)
	}
	return offer.Offer, nil
}

// checkInvited compares the invited address with the one that the user's
// issuer has confirmed.
func (s *Service) checkInvited(ctx context.Context, tx *db.Tx, offer Offer, user string) error {
	email, proven, err := s.emailOf(ctx, tx, user)
	switch {
	case err != nil:
		return err
	case !strings.EqualFold(email, offer.Email):
		return errs.Denied("This invitation is for %s, and you are signed in as %s. Sign in with the invited address, or ask for another invitation.", offer.Email, orNobody(email))
	case !proven:
		return errs.Denied("Your account hasn't confirmed the address %s yet. Confirm it there, sign in again, and then accept.", offer.Email)
	}
	return nil
}

func orNobody(email string) string {
	if email == "" {
		return "someone without an address"
	}
	return email
}

func errNoInvitation() error {
	return errs.NotFound("This invitation no longer works: it was used, revoked or sent anew, or it is over a week old. Ask for a new one.")
}

func (s *Service) invitationMail(o offerRow, token secret.String) mail.Message {
	rule := ""
	if o.RequiresTwoStep {
		rule = "\nThis workspace requires two-step verification in Code. You can set it up right after accepting; an app on your phone is all that it takes."
		if o.PhishingResistant {
			rule = "\nThis workspace requires two-step verification in Code, with a security key or passkey. You can set it up right after accepting."
		}
		if o.AcceptAccountMFA {
			rule += " Signing in to your account with MFA will do as well."
		}
		if o.RequiredFrom.After(s.Clock()) {
			rule += " It is required from " + o.RequiredFrom.Format("2 January 2006, 15:04") + " UTC on."
		}
		rule += "\n"
	}
	return mail.Message{
		To:      o.Email,
		Subject: o.Inviter + " invites you to " + o.WorkspaceName,
		Text: fmt.Sprintf("Hello,\n\n%s invites you to the workspace %s (%s) as its %s.\n%s\nTo accept, open\n%s/invitations/%s\n\n"+
			"The link works once, until %s UTC, for %s. If you don't know what this is about, you can ignore it.\n",
			o.Inviter, o.WorkspaceName, o.WorkspaceSlug, o.Role, rule, s.URL, token.Reveal(),
			o.Expires.Format("2 January 2006, 15:04"), o.Email),
	}
}

// checkEmail makes an address fit to be compared: bare, in small letters.
func checkEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	parsed, err := netmail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > 254 || !utf8.ValidString(email) {
		return "", errs.Invalid("email", "Type an email address such as alice@example.com.")
	}
	return strings.ToLower(email), nil
}
