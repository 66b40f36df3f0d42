package workspace

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Awaiting is an open invitation to the person who asks.
type Awaiting struct {
	ID string
	Offer
}

const maxAwaiting = 20

// Awaiting lists the open invitations to the grant's actor, by the address that
// their issuer has confirmed, the newest first. It needs access.ReadSelf.
func (s *Service) Awaiting(ctx context.Context, g access.Grant) ([]Awaiting, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return nil, err
	}
	list, err := db.All[Awaiting](ctx, s.DB, `
		SELECT i.id, w.slug, w.name, u.name, i.email, i.role, i.expires, w.require_two_step, w.require_from, w.phishing_resistant, w.accept_account
		FROM code_user me JOIN invitation i ON i.email = LOWER(me.email) JOIN workspace w ON w.id = i.workspace JOIN code_user u ON u.id = i.inviter
		WHERE me.id = $1 AND me.email_proven AND me.email <> '' AND i.accepted = 0 AND i.expires > $2
		  AND NOT EXISTS (SELECT 1 FROM member m WHERE m.workspace = i.workspace AND m.user_id = me.id)
		ORDER BY i.created DESC, i.id DESC LIMIT $3`, g.Actor().User, s.Clock(), maxAwaiting)
	if err != nil {
		return nil, fmt.Errorf("listing invitations to somebody: %w", err)
	}
	return list, nil
}

// AcceptAwaiting accepts an invitation that Awaiting listed, as Accept does.
func (s *Service) AcceptAwaiting(ctx context.Context, g access.Grant, id string) (Offer, error) {
	hash, err := db.One[string](ctx, s.DB, `SELECT hash FROM invitation WHERE id = $1`, id)
	if errs.Is(err, errs.KindNotFound) {
		return Offer{}, errNoInvitation()
	}
	if err != nil {
		return Offer{}, fmt.Errorf("accepting an invitation: %w", err)
	}
	return s.accept(ctx, g, hash)
}

// Decline ends an invitation that Awaiting listed. It needs
// access.AcceptInvitation.
func (s *Service) Decline(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.AcceptInvitation); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		email, _, err := s.emailOf(ctx, tx, g.Actor().User)
		if err != nil {
			return err
		}
		workspace, err := db.One[string](ctx, tx, `UPDATE invitation SET expires = 0 WHERE id = $1 AND email = $2 AND email <> '' AND accepted = 0 AND expires > $3 RETURNING workspace`,
			id, strings.ToLower(email), s.Clock())
		if errs.Is(err, errs.KindNotFound) {
			return errNoInvitation()
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, workspace, "invitation.declined", id, nil)
	})
	if err != nil {
		return fmt.Errorf("declining an invitation: %w", err)
	}
	return nil
}
