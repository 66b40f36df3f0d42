package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/workspace"
)

// UserPermission is what was given to a member on a repository by name. What the
// workspace gives to all, what groups give and what owners have comes besides.
type UserPermission struct {
	Type       string          `json:"type" enum:"repository_user_permission"`
	Permission string          `json:"permission" enum:"none,read,write,admin"`
	User       UserRef         `json:"user"`
	Links      map[string]Link `json:"links"`
}

// GroupPermission is what was given to a group on a repository.
type GroupPermission struct {
	Type       string          `json:"type" enum:"repository_group_permission"`
	Permission string          `json:"permission" enum:"none,read,write,admin"`
	Group      GroupRef        `json:"group"`
	Links      map[string]Link `json:"links"`
}

// GroupRef names a group of a workspace.
type GroupRef struct {
	Type string `json:"type" enum:"group"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

type permittedList struct {
	NamedRepository
	Paged
}

// PermittedUser names a member on a repository.
type PermittedUser struct {
	NamedRepository
	User string `path:"selected_user_id" maxLength:"100" doc:"The user's UUID in braces, or the username"`
}

// PermittedGroup names a group on a repository.
type PermittedGroup struct {
	NamedRepository
	Group string `path:"group_slug" maxLength:"200" doc:"The group's slug"`
}

// PermissionChange is what shall be given.
type PermissionChange struct {
	Permission string `json:"permission" enum:"read,write,admin"`
}

type userPermissionInput struct {
	PermittedUser
	Body PermissionChange
}

type groupPermissionInput struct {
	PermittedGroup
	Body PermissionChange
}

const permissionsAt = "/2.0/repositories/{workspace}/{repo}/permissions-config"

func (a *API) permissionOperations(to huma.API) {
	const user, group = permissionsAt + "/users/{selected_user_id}", permissionsAt + "/groups/{group_slug}"
	add(a, to, access.ReadRepositoryAdmin, a.listUserPermissions, huma.Operation{
		Path: permissionsAt + "/users", OperationID: "listUserPermissions", Summary: "What was given to people on a repository, by username",
	})
	add(a, to, access.ReadRepositoryAdmin, a.getUserPermission, huma.Operation{
		Path: user, OperationID: "getUserPermission", Summary: "What was given to a member on a repository",
	})
	add(a, to, access.ManagePermissions, a.putUserPermission, huma.Operation{
		Method: http.MethodPut, Path: user, OperationID: "setUserPermission", Summary: "Give a member a permission on a repository. " + asksFresh,
	})
	add(a, to, access.ManagePermissions, a.deleteUserPermission, huma.Operation{
		Method: http.MethodDelete, Path: user, OperationID: "removeUserPermission", Summary: "Take away what was given to a member on a repository. " + asksFresh,
	})
	add(a, to, access.ReadRepositoryAdmin, a.listGroupPermissions, huma.Operation{
		Path: permissionsAt + "/groups", OperationID: "listGroupPermissions", Summary: "What was given to groups on a repository, by name",
	})
	add(a, to, access.ReadRepositoryAdmin, a.getGroupPermission, huma.Operation{
		Path: group, OperationID: "getGroupPermission", Summary: "What was given to a group on a repository",
	})
	add(a, to, access.ManagePermissions, a.putGroupPermission, huma.Operation{
		Method: http.MethodPut, Path: group, OperationID: "setGroupPermission", Summary: "Give a group a permission on a repository. " + asksFresh,
	})
	add(a, to, access.ManagePermissions, a.deleteGroupPermission, huma.Operation{
		Method: http.MethodDelete, Path: group, OperationID: "removeGroupPermission", Summary: "Take away what was given to a group on a repository. " + asksFresh,
	})
}

const asksFresh = "It asks for a second step of the last 15 minutes"

// permissionsOf is the address of a repository's permissions.
func (a *API) permissionsOf(g access.Grant) string {
	return a.URL + "/2.0/repositories/" + g.Workspace().Slug + "/" + g.Repository().Slug + "/permissions-config"
}

func (a *API) listUserPermissions(ctx context.Context, g access.Grant, in *permittedList) (*output[Page[UserPermission]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Repositories.UserPermissions(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, a.permissionsOf(g)+"/users", found,
		func(p repo.UserPermission) string { return p.Username },
		func(p repo.UserPermission) UserPermission { return a.userPermissionOf(g, p) }), nil
}

func (a *API) getUserPermission(ctx context.Context, g access.Grant, in *PermittedUser) (*output[UserPermission], error) {
	member, err := a.Workspaces.Member(ctx, g, in.User)
	if err != nil {
		return nil, err
	}
	return a.toldUserPermission(ctx, g, member)
}

func (a *API) putUserPermission(ctx context.Context, g access.Grant, in *userPermissionInput) (*output[UserPermission], error) {
	member, err := a.setUserPermission(ctx, g, in.User, in.Body.Permission)
	if err != nil {
		return nil, err
	}
	return a.toldUserPermission(ctx, g, member)
}

func (a *API) deleteUserPermission(ctx context.Context, g access.Grant, in *PermittedUser) (*struct{}, error) {
	_, err := a.setUserPermission(ctx, g, in.User, access.None.String())
	return nil, err
}

func (a *API) setUserPermission(ctx context.Context, g access.Grant, called, to string) (workspace.Member, error) {
	permission, err := access.ParsePermission(to)
	if err != nil {
		return workspace.Member{}, err
	}
	member, err := a.Workspaces.Member(ctx, g, called)
	if err != nil {
		return workspace.Member{}, err
	}
	return member, a.Repositories.SetUser(ctx, g, member.Username, permission)
}

func (a *API) toldUserPermission(ctx context.Context, g access.Grant, m workspace.Member) (*output[UserPermission], error) {
	given, err := a.Repositories.UserPermission(ctx, g, m.Username)
	if err != nil {
		return nil, err
	}
	return &output[UserPermission]{a.userPermissionOf(g, given)}, nil
}

func (a *API) userPermissionOf(g access.Grant, p repo.UserPermission) UserPermission {
	return UserPermission{
		Type: "repository_user_permission", Permission: p.Permission.String(), User: userRef(p.User, p.Username, p.Name),
		Links: map[string]Link{"self": {Href: a.permissionsOf(g) + "/users/" + escapedID(p.User)}},
	}
}

func (a *API) listGroupPermissions(ctx context.Context, g access.Grant, in *permittedList) (*output[Page[GroupPermission]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Repositories.GroupPermissions(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, a.permissionsOf(g)+"/groups", found, repo.GroupPermission.Key,
		func(p repo.GroupPermission) GroupPermission { return a.groupPermissionOf(g, p) }), nil
}

func (a *API) getGroupPermission(ctx context.Context, g access.Grant, in *PermittedGroup) (*output[GroupPermission], error) {
	group, err := a.Workspaces.GroupCalled(ctx, g, in.Group)
	if err != nil {
		return nil, err
	}
	return a.toldGroupPermission(ctx, g, group)
}

func (a *API) putGroupPermission(ctx context.Context, g access.Grant, in *groupPermissionInput) (*output[GroupPermission], error) {
	group, err := a.setGroupPermission(ctx, g, in.Group, in.Body.Permission)
	if err != nil {
		return nil, err
	}
	return a.toldGroupPermission(ctx, g, group)
}

func (a *API) deleteGroupPermission(ctx context.Context, g access.Grant, in *PermittedGroup) (*struct{}, error) {
	_, err := a.setGroupPermission(ctx, g, in.Group, access.None.String())
	return nil, err
}

func (a *API) setGroupPermission(ctx context.Context, g access.Grant, called, to string) (workspace.Group, error) {
	permission, err := access.ParsePermission(to)
	if err != nil {
		return workspace.Group{}, err
	}
	group, err := a.Workspaces.GroupCalled(ctx, g, called)
	if err != nil {
		return workspace.Group{}, err
	}
	return group, a.Repositories.SetGroup(ctx, g, group.ID, permission)
}

func (a *API) toldGroupPermission(ctx context.Context, g access.Grant, group workspace.Group) (*output[GroupPermission], error) {
	given, err := a.Repositories.GroupPermission(ctx, g, group.ID)
	if err != nil {
		return nil, err
	}
	return &output[GroupPermission]{a.groupPermissionOf(g, given)}, nil
}

func (a *API) groupPermissionOf(g access.Grant, p repo.GroupPermission) GroupPermission {
	return GroupPermission{
		Type: "repository_group_permission", Permission: p.Permission.String(), Group: GroupRef{Type: "group", Slug: p.Slug, Name: p.Name},
		Links: map[string]Link{"self": {Href: a.permissionsOf(g) + "/groups/" + p.Slug}},
	}
}
