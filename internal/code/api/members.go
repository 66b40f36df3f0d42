package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
)

// Membership is a member of a workspace as Bitbucket shows one. Where
// permissions aren't asked for, permission and added_on are left out.
type Membership struct {
	Type       string          `json:"type" enum:"workspace_membership"`
	Permission access.Role     `json:"permission,omitempty" enum:"owner,member"`
	User       UserRef         `json:"user"`
	Workspace  Workspace       `json:"workspace"`
	AddedOn    string          `json:"added_on,omitempty" format:"date-time"`
	Links      map[string]Link `json:"links"`
}

// WorkspaceAccess is a workspace of a user's own.
type WorkspaceAccess struct {
	Type          string    `json:"type" enum:"workspace_access"`
	Administrator bool      `json:"administrator" doc:"Whether the user is an owner"`
	Workspace     Workspace `json:"workspace"`
}

type memberInput struct {
	Named
	Member string `path:"member" maxLength:"100" doc:"The user's UUID in braces, or the username"`
}

const workspaceAt = "/2.0/workspaces/{workspace}"

func (a *API) memberOperations(to huma.API) {
	add(a, to, access.ListWorkspaces, a.listOwnWorkspaces, huma.Operation{
		Path: "/2.0/user/workspaces", OperationID: "listOwnWorkspaces", Summary: "The workspaces that the user is a member of, by address",
	})
	add(a, to, access.ReadMembers, a.listMembers, huma.Operation{
		Path: workspaceAt + "/members", OperationID: "listMembers", Summary: "The members of a workspace, by username",
	})
	add(a, to, access.ReadMembers, a.getMember, huma.Operation{
		Path: workspaceAt + "/members/{member}", OperationID: "getMember", Summary: "A member of a workspace",
	})
	add(a, to, access.ReadMembers, a.listMemberships, huma.Operation{
		Path: workspaceAt + "/permissions", OperationID: "listWorkspacePermissions", Summary: "The members of a workspace and what each is, by username",
	})
}

func (a *API) listOwnWorkspaces(ctx context.Context, g access.Grant, in *Paged) (*output[Page[WorkspaceAccess]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Workspaces.OfFrom(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(*in, a.URL+"/2.0/user/workspaces", found,
		func(m workspace.Membership) string { return m.Slug },
		func(m workspace.Membership) WorkspaceAccess {
			return WorkspaceAccess{Type: "workspace_access", Administrator: m.Role == access.Owner, Workspace: a.workspaceOf(m.ID, m.Slug, m.Name)}
		}), nil
}

func (a *API) listMembers(ctx context.Context, g access.Grant, in *listInput) (*output[Page[Membership]], error) {
	return a.members(ctx, g, in, "/members", a.membershipOf)
}

func (a *API) listMemberships(ctx context.Context, g access.Grant, in *listInput) (*output[Page[Membership]], error) {
	return a.members(ctx, g, in, "/permissions", func(ws access.WorkspaceRef, m workspace.Member) Membership {
		shown := a.membershipOf(ws, m)
		shown.Permission, shown.AddedOn = m.Role, moment(m.Since)
		return shown
	})
}

func (a *API) members(ctx context.Context, g access.Grant, in *listInput, below string,
	show func(access.WorkspaceRef, workspace.Member) Membership,
) (*output[Page[Membership]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Workspaces.MembersFrom(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, a.URL+"/2.0/workspaces/"+g.Workspace().Slug+below, found,
		func(m workspace.Member) string { return m.Username },
		func(m workspace.Member) Membership { return show(g.Workspace(), m) }), nil
}

func (a *API) getMember(ctx context.Context, g access.Grant, in *memberInput) (*output[Membership], error) {
	found, err := a.Workspaces.Member(ctx, g, in.Member)
	if err != nil {
		return nil, err
	}
	return &output[Membership]{a.membershipOf(g.Workspace(), found)}, nil
}

func (a *API) membershipOf(ws access.WorkspaceRef, m workspace.Member) Membership {
	return Membership{
		Type: "workspace_membership", User: userRef(m.User, m.Username, m.Name), Workspace: a.workspaceOf(ws.ID, ws.Slug, ws.Name),
		Links: map[string]Link{"self": {Href: a.URL + "/2.0/workspaces/" + ws.Slug + "/members/" + escapedID(m.User)}},
	}
}

// escapedID is how an id in braces stands in an address.
func escapedID(id string) string { return "%7B" + id + "%7D" }
