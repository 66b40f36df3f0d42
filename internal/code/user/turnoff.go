package user

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/throttle"
)

// Closing is a workspace that turning two-step verification off would close
// to the person.
type Closing struct {
	Slug, Name string
	LastReady  bool // they are its last owner who meets its rule: so they can't
}

// ClosedByTurningOff lists the workspaces that require two-step verification,
// now or after a grace, and that the actor couldn't reach without it.
func (s *Service) ClosedByTurningOff(ctx context.Context, g access.Grant) ([]Closing, error) {
	if err := g.Require(access.ReadSelf, access.TurnOffTwoStep, access.ManageFactors); err != nil {
		return nil, err
	}
	return s.closings(ctx, s.DB, g.Actor(), access.Factors{})
}

// TurnOffTwoStep removes every factor and recovery code of the actor and signs
// their other browsers out. It takes a fresh step, which is used up, and needs
// access.TurnOffTwoStep. It is of kind Conflict where a workspace would be
// left without an owner who meets its rule; then nothing is used.
func (s *Service) TurnOffTwoStep(ctx context.Context, g access.Grant, answer factor.Answer) error {
	if err := g.Require(access.TurnOffTwoStep); err != nil {
		return err
	}
	a := g.Actor()
	closings, err := s.closings(ctx, s.DB, a, access.Factors{})
	if err != nil {
		return err
	}
	if err := refuseLastReady(closings); err != nil {
		return err
	}
	if _, err := s.useAnswer(ctx, a.User, a.CredentialID, answer, throttle.Browser{}); err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		// Asked again behind a lock: two owners may turn it off at the same time.
		if err := s.lockOwned(ctx, tx, a.User); err != nil {
			return err
		}
		closings, err := s.closings(ctx, tx, a, access.Factors{})
		if err != nil {
			return err
		}
		if err := refuseLastReady(closings); err != nil {
			return err
		}
		return s.removeFactors(ctx, tx, g)
	})
	if err != nil {
		return fmt.Errorf("turning two-step verification off: %w", err)
	}
	return nil
}

func (s *Service) removeFactors(ctx context.Context, tx *db.Tx, g access.Grant) error {
	u, err := s.byID(ctx, tx, g.Actor().User)
	if err != nil {
		return err
	}
	if err := s.Factors.RemoveAll(ctx, tx, u.ID); err != nil {
		return err
	}
	if err := s.dropSteps(ctx, tx, u.ID); err != nil {
		return err
	}
	if _, err := s.setAccountOpens(ctx, tx, u.ID, false); err != nil {
		return err // nothing is left for it to stand for
	}
	if _, err := s.deleteOtherSessions(ctx, tx, u.ID, g.Actor().CredentialID); err != nil {
		return err
	}
	if err := s.noticeTurnedOff(ctx, tx, u, g.Actor().Address); err != nil {
		return err
	}
	return s.note(ctx, tx, g, "two_step.off", u.ID, nil)
}

// closings judges each requiring workspace with the actor's evidence as it is
// and as it would be with the factors left. Others count as ready by their factors alone: what their
// account's sign-in would prove isn't known until they come.
func (s *Service) closings(ctx context.Context, q db.Q, a access.Actor, left access.Factors) ([]Closing, error) {
	rows, err := s.requiring(ctx, q, a.User)
	if err != nil {
		return nil, fmt.Errorf("reading which workspaces require two-step verification: %w", err)
	}
	without := a.Evidence
	without.Factors = left
	var out []Closing
	for _, w := range rows {
		policy := access.Policy{RequireTwoStep: true, AcceptAccountMFA: w.AcceptAccount, PhishingResistant: w.PhishingResistant}
		if !policy.MetBy(a.Evidence) || policy.MetBy(without) {
			continue
		}
		out = append(out, Closing{Slug: w.Slug, Name: w.Name, LastReady: w.Role == access.Owner && !w.OtherReadyOwner})
	}
	return out, nil
}

func refuseLastReady(closings []Closing) error {
	var names []string
	for _, c := range closings {
		if c.LastReady {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errs.Conflict("", "You are the last owner who meets the two-step rule of %s. "+
		"Have another owner turn theirs on, or stop requiring it there, first.", strings.Join(names, ", "))
}
