// Package workspace is a team's space: its name and plan, who is in it, with
// which role and in which groups, who is invited, and its policy (the access
// controls).
//
// It owns the tables workspace, member, workspace_group, group_member, invitation
// and coverage. It doesn't decide who may do what: every function for a person takes an access.Grant and refuses
// one made for something else. Package access reads its tables.
//
// What always holds:
//   - A workspace has an owner. Changes of owners hold the workspace's name
//     (db.Lock), so that two of them leaving at once leaves one.
//   - Whoever is in a group is a member; with the membership goes the place in
//     groups, and every permission that was given to the person.
//   - A policy changes in one transaction with its audit entry. Nobody can
//     save one that would shut them out, and only the premium plan can switch
//     on what belongs to it; whatever is on stays on until switched off.
//   - A grace is fixed when the requirement is switched on. Saving again can
//     end it sooner and never later.
//   - An invitation is 256 random bits, kept as their hash; it works once, for
//     seven days, for whoever has proven the address that was invited.
package workspace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
)

// Service keeps the workspaces.
type Service struct {
	DB          *db.DB
	Clock       clock.Clock
	Audit       *audit.Log
	Outbox      *mail.Outbox
	URL         string // Code's address, without a slash at the end, for links in mails
	DefaultPlan Plan   // of new workspaces; empty: premium

	Contents []Content // what each room deletes with a workspace

	once  sync.Once
	began chan struct{} // see switched
}

// Plan is what a workspace is entitled to. The operator sets it.
type Plan string

const (
	Free     Plan = "free"
	Standard Plan = "standard"
	Premium  Plan = "premium"
)

// ParsePlan reads a plan's name.
func ParsePlan(name string) (Plan, error) {
	switch plan := Plan(name); plan {
	case Free, Standard, Premium:
		return plan, nil
	}
	return "", errs.Invalid("plan", "There is no plan %q; there are free, standard and premium.", name)
}

// Workspace is one as its owners see it.
type Workspace struct {
	ID, Slug, Name string
	Plan           Plan
	Created        time.Time
	Policy         access.Policy
	Defaults       Defaults
}

// Defaults is what every member may do, beyond what is given to them or to a
// group that they are in.
type Defaults struct {
	Access  access.Permission // with each repository: none, read or write
	Creates bool              // may create repositories; else owners and chosen groups do
}

// Membership is a workspace as one of its members sees it in a list.
type Membership struct {
	ID, Slug, Name  string
	Role            access.Role
	Since           time.Time
	RequiresTwoStep bool
	RequiredFrom    time.Time // the end of the grace; zero: no grace
}

// Create makes a workspace whose owner is the actor. It needs
// access.CreateWorkspace; it is of kind Invalid or Conflict for "slug" or "name".
func (s *Service) Create(ctx context.Context, g access.Grant, slug, name string) (Workspace, error) {
	if err := g.Require(access.CreateWorkspace); err != nil {
		return Workspace{}, err
	}
	slug, name, err := checkNames(slug, name)
	if err != nil {
		return Workspace{}, err
	}
	w := Workspace{
		ID: db.NewID(), Slug: slug, Name: name, Plan: s.DefaultPlan, Created: s.Clock(),
		Policy:   access.Policy{AskAgain: access.DefaultAskAgain},
		Defaults: Defaults{Access: access.Write, Creates: true},
	}
	if w.Plan == "" {
		w.Plan = Premium
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.insert(ctx, tx, w); err != nil {
			return err
		}
		if err := s.insertMember(ctx, tx, w.ID, g.Actor().User, access.Owner, w.Created); err != nil {
			return err
		}
		return s.note(ctx, tx, g, w.ID, "workspace.created", w.ID, map[string]any{"slug": w.Slug, "name": w.Name, "plan": w.Plan})
	})
	if db.IsDuplicate(err) {
		return Workspace{}, errs.Conflict("slug", "This address is taken. Choose another.")
	}
	if err != nil {
		return Workspace{}, fmt.Errorf("creating a workspace: %w", err)
	}
	return w, nil
}

// Rename gives the workspace another name; its address stays. It needs
// access.ManageWorkspace, and is of kind Invalid for "name".
func (s *Service) Rename(ctx context.Context, g access.Grant, name string) error {
	if err := g.Require(access.ManageWorkspace); err != nil {
		return err
	}
	name, err := checkName(name, "Give the workspace a name.")
	if err != nil {
		return err
	}
	id := g.Workspace().ID
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, id)
		if err != nil || w.Name == name {
			return err
		}
		if err := s.updateName(ctx, tx, id, name); err != nil {
			return err
		}
		return s.note(ctx, tx, g, id, "workspace.renamed", id, map[string]any{"from": w.Name, "to": name})
	})
	if err != nil {
		return fmt.Errorf("renaming a workspace: %w", err)
	}
	return nil
}

// SetDefaults says what every member may do. It needs access.ManageGroups, and
// is of kind Invalid for "access".
func (s *Service) SetDefaults(ctx context.Context, g access.Grant, d Defaults) error {
	if err := g.Require(access.ManageGroups); err != nil {
		return err
	}
	if d.Access > access.Write {
		return errs.Invalid("access", "Choose none, read or write.")
	}
	id := g.Workspace().ID
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, id)
		if err != nil || w.Defaults == d {
			return err
		}
		if err := s.updateDefaults(ctx, tx, id, d); err != nil {
			return err
		}
		return s.note(ctx, tx, g, id, "workspace.defaults", id, map[string]any{"from": w.Defaults.told(), "to": d.told()})
	})
	if err != nil {
		return fmt.Errorf("saving what members may do: %w", err)
	}
	return nil
}

// told is how the audit log says it.
func (d Defaults) told() map[string]any {
	return map[string]any{"access": d.Access.String(), "members_create": d.Creates}
}

// Of lists the actor's workspaces by name. It needs access.ReadSelf.
func (s *Service) Of(ctx context.Context, g access.Grant) ([]Membership, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return nil, err
	}
	list, err := s.memberships(ctx, g.Actor().User)
	if err != nil {
		return nil, fmt.Errorf("listing workspaces: %w", err)
	}
	return list, nil
}

// OfFrom lists them by address, at most limit after one. It needs access.ListWorkspaces.
func (s *Service) OfFrom(ctx context.Context, g access.Grant, after string, limit int) ([]Membership, error) {
	if err := g.Require(access.ListWorkspaces); err != nil {
		return nil, err
	}
	list, err := s.membershipsFrom(ctx, g.Actor().User, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing workspaces: %w", err)
	}
	return list, nil
}

// Get gives the workspace of the grant, of any action on a workspace but
// leaving it.
func (s *Service) Get(ctx context.Context, g access.Grant) (Workspace, error) {
	if err := g.Require(access.ReadWorkspace, access.ListRepositories, access.CreateRepository, access.ReadMembers,
		access.ManageMembers, access.ReadAccess, access.ManageAccess, access.ReadPlan, access.ManageWorkspace, access.DeleteWorkspace,
		access.ReadGroups, access.ManageGroups, access.ReadAudit, access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return Workspace{}, err
	}
	w, err := s.byID(ctx, s.DB, g.Workspace().ID)
	if err != nil {
		return Workspace{}, fmt.Errorf("reading a workspace: %w", err)
	}
	return w, nil
}

// SetPlan is the operator's. A plan that ends switches nothing off.
func (s *Service) SetPlan(ctx context.Context, slug string, plan Plan) error {
	if _, err := ParsePlan(string(plan)); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		id, from, err := s.setPlan(ctx, tx, slug, plan)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("There is no workspace %q.", slug)
		}
		if err != nil || from == plan {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Workspace: id, Actor: "operator", Action: "workspace.plan", Target: id,
			Detail: map[string]any{"from": from, "to": plan},
		})
	})
	if err != nil {
		return fmt.Errorf("setting the plan: %w", err)
	}
	return nil
}

// note adds to the audit log what the grant's actor did to a workspace.
func (s *Service) note(ctx context.Context, tx *db.Tx, g access.Grant, workspace, action, target string, detail map[string]any) error {
	a := g.Actor()
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: workspace, Actor: a.Who(), Credential: string(a.Credential), Address: request.AddressText(a.Address),
		Action: action, Target: target, Detail: detail,
	})
}

// lock holds the workspace until the transaction ends. Package user holds the
// same name while someone turns two-step verification off.
func lock(ctx context.Context, tx *db.Tx, id string) error {
	return db.Lock(ctx, tx, "workspace "+id)
}
