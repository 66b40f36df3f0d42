package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

type membersPage struct {
	Form        ui.Form
	Base        string
	Owner       bool // the reader may change who is in it
	Requires    bool
	Roles       []ui.Option
	Members     []memberRow
	Invitations []workspace.Invitation
}

type memberRow struct {
	workspace.Member
	You bool
}

func (s *Site) showMembers(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("role", string(access.Member)))
	if err != nil {
		return err
	}
	return s.membersAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) membersAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	members, err := s.Workspaces.Members(r.Context(), g)
	if err != nil {
		return err
	}
	invitations, err := s.Workspaces.Invitations(r.Context(), g)
	if err != nil {
		return err
	}
	page := membersPage{
		Form: form, Base: settingsPath(g) + "members", Owner: g.Workspace().Role == access.Owner,
		Requires: g.Workspace().Policy.RequireTwoStep, Invitations: invitations,
		Roles: []ui.Option{
			{Value: string(access.Member), Label: "Member", Hint: "reads and writes repositories, creates new ones"},
			{Value: string(access.Owner), Label: "Owner", Hint: "administers the workspace too"},
		},
	}
	for _, member := range members {
		page.Members = append(page.Members, memberRow{member, member.User == g.Actor().User})
	}
	return s.render(w, r, status, "members.html", s.settingsOf(r, g, "Members", "members"), page)
}

func (s *Site) invite(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	role := access.Role(r.PostFormValue("role"))
	if role == access.Outsider {
		role = access.Member
	}
	if _, err := s.Workspaces.Invite(r.Context(), g, r.PostFormValue("email"), role); err != nil {
		return err
	}
	return s.done(w, r, settingsPath(g)+"members", "invited")
}

func (s *Site) changeRole(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.SetRole(r.Context(), g, r.PostFormValue("user"), access.Role(r.PostFormValue("role"))); err != nil {
		return err
	}
	return s.done(w, r, settingsPath(g)+"members", "role")
}

func (s *Site) removeMember(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Remove(r.Context(), g, r.PostFormValue("user")); err != nil {
		return err
	}
	return s.done(w, r, settingsPath(g)+"members", "removed")
}

func (s *Site) withdraw(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Revoke(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, settingsPath(g)+"members", "withdrawn")
}
