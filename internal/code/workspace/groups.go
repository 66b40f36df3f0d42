package workspace

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Group is some of a workspace's members, to give them permissions as one.
type Group struct {
	ID, Slug, Name string
	Creates        bool // its members may create repositories
	Created        time.Time
	Members        int
}

// notSlug are the characters that no slug has, one or more.
var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// Groups lists the workspace's groups by name. It needs access.ReadGroups,
// access.ManageGroups, or, for those who give permissions on a repository,
// access.ReadRepositoryAdmin or access.ManagePermissions.
func (s *Service) Groups(ctx context.Context, g access.Grant) ([]Group, error) {
	if err := g.Require(access.ReadGroups, access.ManageGroups, access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return nil, err
	}
	groups, err := s.groups(ctx, g.Workspace().ID)
	if err != nil {
		return nil, fmt.Errorf("listing groups: %w", err)
	}
	return groups, nil
}

// Group gives one with who is in it, by username. It needs access.ReadGroups or
// access.ManageGroups, and is of kind NotFound where there is none of the id.
func (s *Service) Group(ctx context.Context, g access.Grant, id string) (Group, []Member, error) {
	if err := g.Require(access.ReadGroups, access.ManageGroups); err != nil {
		return Group{}, nil, err
	}
	group, err := s.group(ctx, s.DB, g.Workspace().ID, id)
	if err != nil {
		return Group{}, nil, err
	}
	members, err := s.groupMembers(ctx, id)
	if err != nil {
		return Group{}, nil, fmt.Errorf("listing who is in a group: %w", err)
	}
	return group, members, nil
}

// GroupCalled finds a group by its slug, for those who give permissions on a
// repository: it needs access.ReadRepositoryAdmin or access.ManagePermissions,
// and is of kind NotFound where there is none.
func (s *Service) GroupCalled(ctx context.Context, g access.Grant, slug string) (Group, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return Group{}, err
	}
	return s.oneGroup(ctx, s.DB, g.Workspace().ID, groupSlug+` = $2`, slug)
}

// CreateGroup makes an empty group. It needs access.ManageGroups, and is of kind
// Invalid or Conflict for "name".
func (s *Service) CreateGroup(ctx context.Context, g access.Grant, name string, creates bool) (Group, error) {
	if err := g.Require(access.ManageGroups); err != nil {
		return Group{}, err
	}
	name, err := checkName(name, "Give the group a name.")
	if err != nil {
		return Group{}, err
	}
	made := Group{ID: db.NewID(), Name: name, Creates: creates, Created: s.Clock()}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, g.Workspace().ID); err != nil {
			return err
		}
		if made.Slug, err = s.freeSlug(ctx, tx, g.Workspace().ID, name); err != nil {
			return err
		}
		if err := s.insertGroup(ctx, tx, g.Workspace().ID, made); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "group.created", made.ID, map[string]any{"name": name, "creates": creates})
	})
	if err != nil {
		return Group{}, fmt.Errorf("making a group: %w", nameTaken(err))
	}
	return made, nil
}

// ChangeGroup gives a group another name, and says whether its members may
// create repositories. Errors are those of CreateGroup, and NotFound.
func (s *Service) ChangeGroup(ctx context.Context, g access.Grant, id, name string, creates bool) error {
	if err := g.Require(access.ManageGroups); err != nil {
		return err
	}
	name, err := checkName(name, "Give the group a name.")
	if err != nil {
		return err
	}
	err = s.changeGroup(ctx, g, id, func(tx *db.Tx, was Group) error {
		if was.Name == name && was.Creates == creates {
			return nil
		}
		if err := s.updateGroup(ctx, tx, id, name, creates); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "group.changed", id, map[string]any{
			"from": map[string]any{"name": was.Name, "creates": was.Creates}, "to": map[string]any{"name": name, "creates": creates},
		})
	})
	if err != nil {
		return fmt.Errorf("changing a group: %w", nameTaken(err))
	}
	return nil
}

// DeleteGroup removes a group, and with it every permission that it held. Its
// members stay in the workspace. It needs access.ManageGroups.
func (s *Service) DeleteGroup(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageGroups); err != nil {
		return err
	}
	err := s.changeGroup(ctx, g, id, func(tx *db.Tx, was Group) error {
		if err := s.deleteGroup(ctx, tx, id); err != nil {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "group.deleted", id, map[string]any{"name": was.Name, "members": was.Members})
	})
	if err != nil {
		return fmt.Errorf("deleting a group: %w", err)
	}
	return nil
}

// AddToGroup puts a member into a group, named by the username. It needs
// access.ManageGroups; it is of kind Invalid for "username" where there is no
// such member, and NotFound where there is no such group. Who is in it already
// stays.
func (s *Service) AddToGroup(ctx context.Context, g access.Grant, id, username string) error {
	if err := g.Require(access.ManageGroups); err != nil {
		return err
	}
	username = strings.ToLower(strings.TrimSpace(username))
	err := s.changeGroup(ctx, g, id, func(tx *db.Tx, was Group) error {
		user, err := s.memberNamed(ctx, tx, g.Workspace().ID, username)
		if errs.Is(err, errs.KindNotFound) {
			return errs.Invalid("username", "There is no member of that username. Invite them to the workspace first.")
		}
		if err != nil {
			return err
		}
		added, err := s.insertGroupMember(ctx, tx, g.Workspace().ID, id, user, s.Clock())
		if err != nil || !added {
			return err
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "group.member_added", id, map[string]any{"group": was.Name, "user": user, "username": username})
	})
	if err != nil {
		return fmt.Errorf("adding to a group: %w", err)
	}
	return nil
}

// RemoveFromGroup takes somebody out of a group, by their id. It needs
// access.ManageGroups, and is of kind NotFound where they aren't in it.
func (s *Service) RemoveFromGroup(ctx context.Context, g access.Grant, id, user string) error {
	if err := g.Require(access.ManageGroups); err != nil {
		return err
	}
	err := s.changeGroup(ctx, g, id, func(tx *db.Tx, was Group) error {
		removed, err := s.deleteGroupMember(ctx, tx, id, user)
		if err != nil {
			return err
		}
		if !removed {
			return errs.NotFound("They aren't in this group. They may have been removed meanwhile.")
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "group.member_removed", id, map[string]any{"group": was.Name, "user": user})
	})
	if err != nil {
		return fmt.Errorf("removing from a group: %w", err)
	}
	return nil
}

// changeGroup does something to a group of the workspace while nobody else
// changes one.
func (s *Service) changeGroup(ctx context.Context, g access.Grant, id string, change func(tx *db.Tx, was Group) error) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, g.Workspace().ID); err != nil {
			return err
		}
		was, err := s.group(ctx, tx, g.Workspace().ID, id)
		if err != nil {
			return err
		}
		return change(tx, was)
	})
}

// freeSlug makes a slug of a name, with a number where another group has it. It
// stays when the group is given another name: what programs call it by must not
// come to mean another one.
func (s *Service) freeSlug(ctx context.Context, tx *db.Tx, workspace, name string) (string, error) {
	made := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
	made = cmp.Or(made, "group")
	for n, tried := 2, made; ; n++ {
		taken, err := db.One[bool](ctx, tx, `
			SELECT EXISTS (SELECT 1 FROM workspace_group g WHERE g.workspace = $1 AND `+groupSlug+` = $2)`, workspace, tried)
		if err != nil || !taken {
			return tried, err
		}
		tried = fmt.Sprintf("%s-%d", made, n)
	}
}

func nameTaken(err error) error {
	if db.IsDuplicate(err) {
		return errs.Conflict("name", "There is a group of that name already.")
	}
	return err
}

// Groups as they are stored. A name is taken whatever the size of its letters.

const (
	groupSlug    = `COALESCE(g.slug, g.id)`
	groupColumns = `g.id, ` + groupSlug + `, g.name, g.creates, g.created, (SELECT COUNT(*) FROM group_member gm WHERE gm.group_id = g.id)`
)

func (s *Service) groups(ctx context.Context, workspace string) ([]Group, error) {
	return db.All[Group](ctx, s.DB, `SELECT `+groupColumns+` FROM workspace_group g WHERE g.workspace = $1 ORDER BY g.folded`, workspace)
}

func (s *Service) group(ctx context.Context, q db.Q, workspace, id string) (Group, error) {
	return s.oneGroup(ctx, q, workspace, `g.id = $2`, id)
}

// oneGroup finds the group that a condition on $2 fits.
func (s *Service) oneGroup(ctx context.Context, q db.Q, workspace, condition, argument string) (Group, error) {
	group, err := db.One[Group](ctx, q, `SELECT `+groupColumns+` FROM workspace_group g WHERE g.workspace = $1 AND `+condition, workspace, argument)
	if errs.Is(err, errs.KindNotFound) {
		return Group{}, errs.NotFound("There is no such group. It may have been deleted meanwhile.")
	}
	return group, err
}

func (s *Service) groupMembers(ctx context.Context, id string) ([]Member, error) {
	return db.All[Member](ctx, s.DB, `
		SELECT u.id, u.username, u.name, u.email, m.role, gm.created
		FROM group_member gm JOIN member m ON m.workspace = gm.workspace AND m.user_id = gm.user_id JOIN code_user u ON u.id = gm.user_id
		WHERE gm.group_id = $1 ORDER BY u.username`, id)
}

func (s *Service) insertGroup(ctx context.Context, tx *db.Tx, workspace string, g Group) error {
	_, err := db.Exec(ctx, tx, `INSERT INTO workspace_group (id, workspace, slug, name, folded, creates, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		g.ID, workspace, g.Slug, g.Name, strings.ToLower(g.Name), g.Creates, g.Created)
	return err
}

func (s *Service) updateGroup(ctx context.Context, tx *db.Tx, id, name string, creates bool) error {
	_, err := db.Exec(ctx, tx, `UPDATE workspace_group SET name = $2, folded = $3, creates = $4 WHERE id = $1`, id, name, strings.ToLower(name), creates)
	return err
}

func (s *Service) deleteGroup(ctx context.Context, tx *db.Tx, id string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM workspace_group WHERE id = $1`, id)
	return err
}

func (s *Service) memberNamed(ctx context.Context, tx *db.Tx, workspace, username string) (string, error) {
	return db.One[string](ctx, tx, `
		SELECT u.id FROM code_user u JOIN member m ON m.user_id = u.id AND m.workspace = $1 WHERE u.username = $2`, workspace, username)
}

func (s *Service) insertGroupMember(ctx context.Context, tx *db.Tx, workspace, group, user string, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, tx, `
		INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		group, workspace, user, now)
	return n == 1, err
}

func (s *Service) deleteGroupMember(ctx context.Context, tx *db.Tx, group, user string) (bool, error) {
	n, err := db.Exec(ctx, tx, `DELETE FROM group_member WHERE group_id = $1 AND user_id = $2`, group, user)
	return n == 1, err
}
