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
	maxPublic   = 100 // listed
)

// Unmet says that the actor's own evidence doesn't meet the policy that they
// want to save. FixPath leads to what would change that.
type Unmet struct {
	access.Refusal
	From netip.Addr // where the actor comes from
}

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
		return errs.Denied("You come from %s, which is on none of these networks, so this would shut you out. Add the one that you are on.", u.From)
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
		if p, err = s.judge(ctx, tx, g, w, p); err != nil {
			return err
		}
		return s.save(ctx, tx, g, w, p)
	})
	if err != nil {
		return fmt.Errorf("saving the access controls: %w", err)
	}
	return nil
}

// Propose judges a policy as SetPolicy would, and saves nothing. It gives the
// policy as it would be saved, with an error of *Unmet as well. It needs
// access.ReadAccess or access.ManageAccess.
func (s *Service) Propose(ctx context.Context, g access.Grant, p access.Policy) (access.Policy, error) {
	if err := g.Require(access.ReadAccess, access.ManageAccess); err != nil {
		return p, err
	}
	w, err := s.byID(ctx, s.DB, g.Workspace().ID)
	if err == nil {
		p, err = s.judge(ctx, s.DB, g, w, p)
	}
	if err != nil {
		return p, fmt.Errorf("judging a proposed policy: %w", err)
	}
	return p, nil
}

// LiftNetworks opens the workspace to any network again: the way out for an
// owner whom the allowed networks shut out. It needs access.LiftNetworks.
func (s *Service) LiftNetworks(ctx context.Context, g access.Grant) error {
	if err := g.Require(access.LiftNetworks); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, g.Workspace().ID); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, g.Workspace().ID)
		if err != nil {
			return err
		}
		p := w.Policy
		p.Networks = nil
		return s.save(ctx, tx, g, w, p)
	})
	if err != nil {
		return fmt.Errorf("lifting the allowed networks: %w", err)
	}
	return nil
}

// save writes a policy with its audit entry, where it differs.
func (s *Service) save(ctx context.Context, tx *db.Tx, g access.Grant, w Workspace, p access.Policy) error {
	from, to := rowOf(w.Policy), rowOf(p)
	if from == to {
		return nil
	}
	if err := s.updatePolicy(ctx, tx, w.ID, to); err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return s.note(ctx, tx, g, w.ID, "workspace.policy", w.ID, map[string]any{"from": from, "to": to})
}

// judge gives the policy as it would be saved, or says why it can't be. That
// the actor doesn't meet it is said last: the rest is in order then.
func (s *Service) judge(ctx context.Context, q db.Q, g access.Grant, w Workspace, p access.Policy) (access.Policy, error) {
	now := s.Clock()
	p, err := settle(w.Policy, p, now)
	if err != nil || rowOf(p) == rowOf(w.Policy) {
		return p, err
	}
	if err := entitled(w.Plan, w.Policy, p); err != nil {
		return p, err
	}
	if p.NoPublic && !w.Policy.NoPublic {
		if err := s.refusePublic(ctx, q, w.ID); err != nil {
			return p, err
		}
	}
	return p, s.checkOwn(ctx, q, g, p, now)
}

// settle checks a policy's values and fixes the end of its grace.
func settle(old, p access.Policy, now time.Time) (access.Policy, error) {
	if p.AskAgain != 0 && !slices.Contains(access.AskAgains(), p.AskAgain) {
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

// premiumControl is a control that needs the premium plan.
type premiumControl struct {
	name       string
	switchedOn bool // by a change
}

func premiumControls(old, p access.Policy) []premiumControl {
	return []premiumControl{
		{"Requiring two-step verification", p.RequireTwoStep && !old.RequireTwoStep},
		{"Choosing the allowed networks", len(p.Networks) > 0 && !slices.Equal(p.Networks, old.Networks)},
		{"Ruling out public content", p.NoPublic && !old.NoPublic},
	}
}

// PremiumControls names the controls that need the premium plan.
func PremiumControls() []string {
	var names []string
	for _, control := range premiumControls(access.Policy{}, access.Policy{}) {
		names = append(names, control.name)
	}
	return names
}

// entitled lets a plan other than premium only switch off what belongs to it.
func entitled(plan Plan, old, p access.Policy) error {
	for _, control := range premiumControls(old, p) {
		if plan != Premium && control.switchedOn {
			return errs.Denied("%s needs the premium plan; this workspace is on the %s plan.", control.name, plan)
		}
	}
	return nil
}

// checkOwn asks the gate's own rules whether the actor could come back under
// the policy, as though its grace were over. Their factors are read behind the
// lock, which whoever turns theirs off takes too.
func (s *Service) checkOwn(ctx context.Context, q db.Q, g access.Grant, p access.Policy, now time.Time) error {
	actor := g.Actor()
	factors, err := s.factorsOf(ctx, q, actor.User)
	if err != nil {
		return err
	}
	actor.Factors = factors
	p.RequireFrom = time.Time{}
	verdict := access.Decide(actor, p, access.Resource{Exists: true, Permission: access.Admin}, access.ReadAccess, now)
	if verdict.Outcome == access.Allow {
		return nil
	}
	return &Unmet{From: actor.Address, Refusal: access.Refusal{
		Verdict: verdict, Action: access.ManageAccess,
		WorkspaceSlug: g.Workspace().Slug, WorkspaceName: g.Workspace().Name,
	}}
}

// Public is something in a workspace that anybody can read.
type Public struct {
	Kind PublicKind
	Slug string // of the repository; the id of a snippet
	Name string
}

// PublicKind is what can be public.
type PublicKind int

const (
	PublicRepository PublicKind = iota + 1
	PublicIssues
	PublicWiki
	PublicSnippet
)

func (p Public) String() string {
	switch p.Kind {
	case PublicIssues:
		return "the issue tracker of " + p.Slug
	case PublicWiki:
		return "the wiki of " + p.Slug
	case PublicSnippet:
		return "the snippet “" + p.Name + "”"
	default:
		return p.Slug
	}
}

// PublicContent lists what anybody can read. It needs access.ReadAccess or
// access.ManageAccess.
func (s *Service) PublicContent(ctx context.Context, g access.Grant) ([]Public, error) {
	if err := g.Require(access.ReadAccess, access.ManageAccess); err != nil {
		return nil, err
	}
	public, err := s.publicContent(ctx, s.DB, g.Workspace().ID, maxPublic)
	if err != nil {
		return nil, fmt.Errorf("listing public content: %w", err)
	}
	return public, nil
}

// refusePublic names what has to be made private first.
func (s *Service) refusePublic(ctx context.Context, q db.Q, id string) error {
	const named = 10
	public, err := s.publicContent(ctx, q, id, named+1)
	if err != nil || len(public) == 0 {
		return err
	}
	more := ""
	if len(public) > named {
		public, more = public[:named], " and more"
	}
	names := make([]string, len(public))
	for i, each := range public {
		names[i] = each.String()
	}
	return errs.Conflict("no_public", "Make this private first: %s%s.", strings.Join(names, ", "), more)
}
