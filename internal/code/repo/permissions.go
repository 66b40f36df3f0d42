package repo

import (
	"context"
	"fmt"
	"math"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// UserPermission is what was given to a person.
type UserPermission struct {
	User, Username, Name string
	Permission           access.Permission
}

// GroupPermission is what was given to a group.
type GroupPermission struct {
	Group, Slug, Name string
	Members           int
	Permission        access.Permission
}

// Permissions is who was given what on one repository. Owners of the workspace
// administer it besides, and every member has what the workspace gives.
type Permissions struct {
	Users  []UserPermission
	Groups []GroupPermission
}

// Permissions lists who was given what on the grant's repository, by name. It
// needs access.ReadRepositoryAdmin or access.ManagePermissions.
func (s *Service) Permissions(ctx context.Context, g access.Grant) (Permissions, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return Permissions{}, err
	}
	var p Permissions
	var err error
	if p.Users, err = s.UserPermissions(ctx, g, "", math.MaxInt32); err == nil {
		p.Groups, err = s.GroupPermissions(ctx, g, "", math.MaxInt32)
	}
	if err != nil {
		return Permissions{}, fmt.Errorf("reading permissions: %w", err)
	}
	return p, nil
}

// UserPermissions lists the people of Permissions by username, at most limit of
// them after one of the name.
func (s *Service) UserPermissions(ctx context.Context, g access.Grant, after string, limit int) ([]UserPermission, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return nil, err
	}
	return s.userPermissions(ctx, g.Repository().ID, after, limit)
}

// GroupPermissions lists the groups of Permissions by name, at most limit of
// them after the one whose Key is given.
func (s *Service) GroupPermissions(ctx context.Context, g access.Grant, after string, limit int) ([]GroupPermission, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return nil, err
	}
	return s.groupPermissions(ctx, g.Repository().ID, after, limit)
}

// Key is what groups are listed by.
func (p GroupPermission) Key() string { return strings.ToLower(p.Name) }

// UserPermission tells what a member, named by the username, was given on the
// grant's repository: None where it was nothing. It needs what Permissions needs,
// and is of kind NotFound where there is no such member.
func (s *Service) UserPermission(ctx context.Context, g access.Grant, username string) (UserPermission, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return UserPermission{}, err
	}
	return s.permissionOfUser(ctx, s.DB, g, username)
}

// GroupPermission is UserPermission for a group of the workspace, by its id.
func (s *Service) GroupPermission(ctx context.Context, g access.Grant, group string) (GroupPermission, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return GroupPermission{}, err
	}
	return s.permissionOfGroup(ctx, s.DB, g, group)
}

// SetUser gives a member, named by the username, a permission on the grant's
// repository in place of the one that they were given; None takes it away. It
// needs access.ManagePermissions, and is of kind Invalid for "username" where
// there is no such member.
func (s *Service) SetUser(ctx context.Context, g access.Grant, username string, permission access.Permission) error {
	if err := g.Require(access.ManagePermissions); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockPermissions(ctx, tx, g); err != nil {
			return err
		}
		was, err := s.permissionOfUser(ctx, tx, g, strings.ToLower(strings.TrimSpace(username)))
		if errs.Is(err, errs.KindNotFound) {
			return errs.Invalid("username", "There is no member of that username. An owner can invite them to the workspace.")
		}
		if err != nil || was.Permission == permission {
			return err
		}
		if permission == access.None {
			err = s.dropUser(ctx, tx, g.Repository().ID, was.User)
		} else {
			err = s.putUser(ctx, tx, g, g.Repository().ID, was.User, permission)
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.permission", g.Repository().ID, map[string]any{
			"slug": g.Repository().Slug, "user": was.User, "username": was.Username, "from": was.Permission.String(), "to": permission.String(),
		})
	})
	if err != nil {
		return fmt.Errorf("giving a permission: %w", err)
	}
	return nil
}

// SetGroup is SetUser for a group of the workspace, by its id; for the field
// "group".
func (s *Service) SetGroup(ctx context.Context, g access.Grant, group string, permission access.Permission) error {
	if err := g.Require(access.ManagePermissions); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockPermissions(ctx, tx, g); err != nil {
			return err
		}
		was, err := s.permissionOfGroup(ctx, tx, g, group)
		if errs.Is(err, errs.KindNotFound) {
			return errs.Invalid("group", "There is no such group. It may have been deleted meanwhile.")
		}
		if err != nil || was.Permission == permission {
			return err
		}
		if permission == access.None {
			err = s.dropGroup(ctx, tx, g.Repository().ID, group)
		} else {
			err = s.putGroup(ctx, tx, g.Repository().ID, group, permission)
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.permission", g.Repository().ID, map[string]any{
			"slug": g.Repository().Slug, "group": group, "name": was.Name, "from": was.Permission.String(), "to": permission.String(),
		})
	})
	if err != nil {
		return fmt.Errorf("giving a permission: %w", err)
	}
	return nil
}

// lockPermissions holds the repository's permissions until the transaction ends.
func (s *Service) lockPermissions(ctx context.Context, tx *db.Tx, g access.Grant) error {
	return db.Lock(ctx, tx, "permissions "+g.Repository().ID)
}

// Permissions as they are stored. Members and groups are package workspace's,
// and only read here.

func (s *Service) userPermissions(ctx context.Context, repository, after string, limit int) ([]UserPermission, error) {
	return db.All[UserPermission](ctx, s.DB, `
		SELECT u.id, u.username, u.name, p.permission FROM repository_user p JOIN code_user u ON u.id = p.user_id
		WHERE p.repository = $1 AND u.username > $2 ORDER BY u.username LIMIT $3`, repository, after, limit)
}

func (s *Service) groupPermissions(ctx context.Context, repository, after string, limit int) ([]GroupPermission, error) {
	return db.All[GroupPermission](ctx, s.DB, `
		SELECT wg.id, COALESCE(wg.slug, wg.id), wg.name, (SELECT COUNT(*) FROM group_member gm WHERE gm.group_id = wg.id), p.permission
		FROM repository_group p JOIN workspace_group wg ON wg.id = p.group_id
		WHERE p.repository = $1 AND wg.folded > $2 ORDER BY wg.folded LIMIT $3`, repository, after, limit)
}

// permissionOfUser finds a member and what they were given; None: nothing.
func (s *Service) permissionOfUser(ctx context.Context, q db.Q, g access.Grant, username string) (UserPermission, error) {
	return db.One[UserPermission](ctx, q, `
		SELECT u.id, u.username, u.name, COALESCE(p.permission, 0)
		FROM code_user u JOIN member m ON m.user_id = u.id AND m.workspace = $1
		LEFT JOIN repository_user p ON p.repository = $2 AND p.user_id = u.id WHERE u.username = $3`,
		g.Workspace().ID, g.Repository().ID, username)
}

func (s *Service) permissionOfGroup(ctx context.Context, q db.Q, g access.Grant, group string) (GroupPermission, error) {
	return db.One[GroupPermission](ctx, q, `
		SELECT wg.id, COALESCE(wg.slug, wg.id), wg.name, 0, COALESCE(p.permission, 0) FROM workspace_group wg
		LEFT JOIN repository_group p ON p.repository = $2 AND p.group_id = wg.id WHERE wg.workspace = $1 AND wg.id = $3`,
		g.Workspace().ID, g.Repository().ID, group)
}

func (s *Service) putUser(ctx context.Context, tx *db.Tx, g access.Grant, repository, user string, permission access.Permission) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO repository_user (repository, workspace, user_id, permission) VALUES ($1, $2, $3, $4)
		ON CONFLICT (repository, user_id) DO UPDATE SET permission = excluded.permission`,
		repository, g.Workspace().ID, user, permission)
	return err
}

func (s *Service) putGroup(ctx context.Context, tx *db.Tx, repository, group string, permission access.Permission) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO repository_group (repository, group_id, permission) VALUES ($1, $2, $3)
		ON CONFLICT (repository, group_id) DO UPDATE SET permission = excluded.permission`, repository, group, permission)
	return err
}

func (s *Service) dropUser(ctx context.Context, tx *db.Tx, repository, user string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM repository_user WHERE repository = $1 AND user_id = $2`, repository, user)
	return err
}

func (s *Service) dropGroup(ctx context.Context, tx *db.Tx, repository, group string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM repository_group WHERE repository = $1 AND group_id = $2`, repository, group)
	return err
}
