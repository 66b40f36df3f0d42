package workspace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Member is a person in a workspace.
type Member struct {
	User           string // id
	Username, Name string
	Email          string // for owners only; empty for others
	Role           access.Role
	Since          time.Time
}

// Members lists the people in the workspace, owners first. It needs
// access.ReadMembers or access.ManageMembers; or an action of somebody who puts
// members into groups or gives them permissions on a repository.
func (s *Service) Members(ctx context.Context, g access.Grant) ([]Member, error) {
	if err := g.Require(access.ReadMembers, access.ManageMembers, access.ReadGroups, access.ManageGroups,
		access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return nil, err
	}
	members, err := s.members(ctx, g.Workspace().ID)
	if err != nil {
		return nil, fmt.Errorf("listing members: %w", err)
	}
	if g.Workspace().Role != access.Owner {
		for i := range members {
			members[i].Email = ""
		}
	}
	return members, nil
}

// MembersFrom lists members by username, at most limit of them after one of the
// name, without their addresses. It needs access.ReadMembers.
func (s *Service) MembersFrom(ctx context.Context, g access.Grant, after string, limit int) ([]Member, error) {
	if err := g.Require(access.ReadMembers); err != nil {
		return nil, err
	}
	members, err := s.membersFrom(ctx, g.Workspace().ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing members: %w", err)
	}
	return members, nil
}

// Member finds one by what an address calls them: the id in braces, or the
// username. It needs access.ReadMembers, or an action of somebody who gives
// permissions on a repository, and is of kind NotFound where there is none.
func (s *Service) Member(ctx context.Context, g access.Grant, called string) (Member, error) {
	if err := g.Require(access.ReadMembers, access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return Member{}, err
	}
	condition, argument := `u.username = $2`, strings.ToLower(called)
	if id, braced := strings.CutPrefix(called, "{"); braced {
		condition, argument = `u.id = $2`, strings.TrimSuffix(id, "}")
	}
	member, err := s.member(ctx, g.Workspace().ID, condition, argument)
	if errs.Is(err, errs.KindNotFound) {
		return Member{}, errs.NotFound("There is no such member.")
	}
	return member, err
}

// SetRole changes what a member is. It needs access.ManageMembers; it is of
// kind Conflict for the last owner.
func (s *Service) SetRole(ctx context.Context, g access.Grant, user string, role access.Role) error {
	if err := g.Require(access.ManageMembers); err != nil {
		return err
	}
	if err := checkRole(role); err != nil {
		return err
	}
	err := s.changeMember(ctx, g, user, func(tx *db.Tx, from access.Role) error {
		if from == role {
			return nil
		}
		if err := s.updateRole(ctx, tx, g.Workspace().ID, user, role); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "member.role", user, map[string]any{"from": from, "to": role})
	}, role != access.Owner)
	if err != nil {
		return fmt.Errorf("changing a member's role: %w", err)
	}
	return nil
}

// Remove takes a member out. It needs access.ManageMembers; it is of kind
// Conflict for the last owner.
func (s *Service) Remove(ctx context.Context, g access.Grant, user string) error {
	if err := g.Require(access.ManageMembers); err != nil {
		return err
	}
	if err := s.removeMember(ctx, g, user, "member.removed"); err != nil {
		return fmt.Errorf("removing a member: %w", err)
	}
	return nil
}

// Leave takes the actor out. It needs access.LeaveWorkspace, which stays
// possible for a member who is blocked; it is of kind Conflict for the last owner.
func (s *Service) Leave(ctx context.Context, g access.Grant) error {
	if err := g.Require(access.LeaveWorkspace); err != nil {
		return err
	}
	if err := s.removeMember(ctx, g, g.Actor().User, "member.left"); err != nil {
		return fmt.Errorf("leaving a workspace: %w", err)
	}
	return nil
}

func (s *Service) removeMember(ctx context.Context, g access.Grant, user, action string) error {
	return s.changeMember(ctx, g, user, func(tx *db.Tx, role access.Role) error {
		if err := s.deleteMember(ctx, tx, g.Workspace().ID, user); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, action, user, map[string]any{"role": role})
	}, true)
}

// changeMember does something to a member while nobody else changes who owns
// the workspace. Where it would end the member's being an owner (ends), the
// last one is refused.
func (s *Service) changeMember(ctx context.Context, g access.Grant, user string, change func(tx *db.Tx, role access.Role) error, ends bool) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, g.Workspace().ID); err != nil {
			return err
		}
		role, err := s.roleOf(ctx, tx, g.Workspace().ID, user)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("There is no such member. They may have left meanwhile.")
		}
		if err != nil {
			return err
		}
		if ends && role == access.Owner {
			if another, err := s.hasOwnerBeside(ctx, tx, g.Workspace().ID, user); err != nil {
				return err
			} else if !another {
				return errLastOwner(user == g.Actor().User, g.Workspace().Name)
			}
		}
		return change(tx, role)
	})
}

func errLastOwner(self bool, name string) error {
	if self {
		return errs.Conflict("", "You are the last owner of %s. Make another member an owner first.", name)
	}
	return errs.Conflict("", "This is the last owner of %s. Make another member an owner first.", name)
}

func checkRole(role access.Role) error {
	if role != access.Member && role != access.Owner {
		return errs.Invalid("role", "Choose member or owner.")
	}
	return nil
}
