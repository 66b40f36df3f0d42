package workspace

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const (
	graceLeast  = 24 * time.Hour
	graceMost   = 30 * 24 * time.Hour
	graceSlack  = time.Hour // between filling in the form and sending it
	maxNetworks = 100
)

// Unmet says that the actor's own evidence doesn't meet the policy that they
// want to save. FixPath leads to what would change that.
type Unmet struct{ access.Refusal }

func (u *Unmet) Error() string {
	return fmt.Sprintf("the own evidence doesn't meet the policy: %s (%s)", u.Outcome, u.Reason)
}

// Unwrap gives it a kind and a public message.
func (u *Unmet) Unwrap() error {
	switch u.Reason {
	case access.ReasonTwoStepRequired:
		return errs.Denied("Turn on your own two-step verification first. Then you can require it of everyone here.")
	case access.ReasonPhishingResistant:
		return errs.Denied("Add a security key or passkey of your own first. Then you can require one of everyone here.")
	case access.ReasonAccountMFA:
		return errs.Denied("Turn on your own two-step verification, or sign in with MFA at your account, first. Then you can require it of everyone here.")
	case access.ReasonNetwork:
		return errs.Denied("You are on none of these networks yourself, so this would shut you out. Add the one that you are on.")
	default:
		return errs.Denied("You don't meet this rule yourself, so it would shut you out.")
	}
}

// SetPolicy saves the access controls, in one transaction with the audit
// entry. Nothing has to be told to anybody: the gate reads the policy at every
// request. It needs access.ManageAccess.
//
// While two-step verification is required, RequireFrom can only come closer;
// zero ends the grace now. To keep it, give the one that is in force.
//
// It is of kind Invalid for a field, Denied where the plan doesn't allow it,
// Conflict where there is public content and none shall be, and *Unmet where
// the actor would be shut out themselves.
func (s *Service) SetPolicy(ctx context.Context, g access.Grant, p access.Policy) error {
	if err := g.Require(access.ManageAccess); err != nil {
		return err
	}
	id := g.Workspace().ID
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, id)
		if err != nil {
			return err
		}
		now := s.Clock()
		if p, err = settle(w.Policy, p, now); err != nil {
			return err
		}
		from, to := rowOf(w.Policy), rowOf(p)
		if from == to {
			return nil
		}
		if err := entitled(w.Plan, w.Policy, p); err != nil {
			return err
		}
		if err := s.checkOwn(ctx, tx, g, p, now); err != nil {
			return err
		}
		if p.NoPublic && !w.Policy.NoPublic {
			if err := s.refusePublic(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := s.updatePolicy(ctx, tx, id, to); err != nil {
			return err
		}
		return s.note(ctx, tx, g, id, "workspace.policy", id, map[string]any{"from": from, "to": to})
	})
	if err != nil {
		return fmt.Errorf("saving the access controls: %w", err)
	}
	return nil
}

// settle checks a policy's values and fixes the end of its grace.
func settle(old, p access.Policy, now time.Time) (access.Policy, error) {
	if !slices.Contains([]time.Duration{0, 30 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, time.Hour}, p.AskAgain) {
		return p, errs.Invalid("ask_again", "Choose never, or after 30 days, 7 days, 24 hours or 1 hour.")
	}
	if len(p.Networks) > maxNetworks {
		return p, errs.Invalid("networks", "List at most %d networks.", maxNetworks)
	}
	networks := make([]netip.Prefix, len(p.Networks))
	for i, network := range p.Networks {
		if !network.IsValid() {
			return p, errs.Invalid("networks", "List networks such as 192.0.2.0/24.")
		}
		networks[i] = network.Masked()
	}
	p.Networks = networks
	p.RequireFrom = p.RequireFrom.UTC().Truncate(time.Microsecond)
	switch {
	case !p.RequireTwoStep, p.RequireFrom.IsZero():
		p.RequireFrom = time.Time{}
	case old.RequireTwoStep:
		if p.RequireFrom.After(old.RequireFrom) {
			p.RequireFrom = old.RequireFrom
		}
	case p.RequireFrom.Before(now.Add(graceLeast - graceSlack)), p.RequireFrom.After(now.Add(graceMost)):
		return p, errs.Invalid("grace", "Give a grace of 1 to 30 days, or none.")
	}
	return p, nil
}

// entitled lets a plan other than premium only switch off what belongs to it.
func entitled(plan Plan, old, p access.Policy) error {
	if plan == Premium {
		return nil
	}
	var what string
	switch {
	case p.RequireTwoStep && !old.RequireTwoStep:
		what = "Requiring two-step verification"
	case len(p.Networks) > 0 && !slices.Equal(p.Networks, old.Networks):
		what = "Choosing the allowed networks"
	case p.NoPublic && !old.NoPublic:
		what = "Ruling out public content"
	default:
		return nil
	}
	return errs.Denied("%s needs the premium plan; this workspace is on the %s plan.", what, plan)
}

// checkOwn asks the gate's own rules whether the actor could come back under
// the policy, as though its grace were over. Their factors are read behind the
// lock, which whoever turns theirs off takes too.
func (s *Service) checkOwn(ctx context.Context, tx *db.Tx, g access.Grant, p access.Policy, now time.Time) error {
	actor := g.Actor()
	factors, err := s.factorsOf(ctx, tx, actor.User)
	if err != nil {
		return err
	}
	actor.Factors = factors
	p.RequireFrom = time.Time{}
	verdict := access.Decide(actor, p, access.Resource{Exists: true, Permission: access.Admin}, access.ManageAccess, now)
	if verdict.Outcome == access.Allow {
		return nil
	}
	return &Unmet{access.Refusal{
		Verdict: verdict, Action: access.ManageAccess,
		WorkspaceSlug: g.Workspace().Slug, WorkspaceName: g.Workspace().Name,
	}}
}

// refusePublic names what has to be made private first.
func (s *Service) refusePublic(ctx context.Context, tx *db.Tx, id string) error {
	const named = 10
	public, err := s.publicRepositories(ctx, tx, id, named+1)
	if err != nil || len(public) == 0 {
		return err
	}
	more := ""
	if len(public) > named {
		public, more = public[:named], " and more"
	}
	return errs.Conflict("no_public", "Make these repositories private first: %s%s.", strings.Join(public, ", "), more)
}
