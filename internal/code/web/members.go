package web

import (
	"net/http"
	"net/url"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

type membersPage struct {
	Form        ui.Form
	Owner       bool
	Requires    string // what the invitation says of the workspace; empty: nothing
	Base        string
	You         string // user id
	Roles       []ui.Option
	Members     []memberLine
	Query, Only string // what is listed of them
	Standings   []ui.Option
	Next, CSV   string // the list goes on there; the whole of it
	Invitations []workspace.Invitation
}

func (s *Site) showMembers(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if r.URL.Query().Get("format") == "csv" {
		return s.writeRoster(w, r, g)
	}
	form, err := s.keptOr(r, ui.Filled("role", string(access.Member)))
	if err != nil {
		return err
	}
	return s.membersAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) membersAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	query := r.URL.Query()
	members, next, err := s.Workspaces.Roster(r.Context(), g, filterOf(query))
	if err != nil {
		return err
	}
	invitations, err := s.Workspaces.Invitations(r.Context(), g)
	if err != nil {
		return err
	}
	if form.Value("role") == "" {
		form.Values = url.Values{"email": form.Values["email"], "role": {string(access.Member)}}
	}
	page := membersPage{
		Form: form, Owner: g.Workspace().Role == access.Owner,
		Requires: requiredWords(g.Workspace().Policy, s.Clock()), Base: settingsPath(g) + "members", You: g.Actor().User,
		Roles: []ui.Option{
			{Value: string(access.Member), Label: "Member", Hint: "Does what the workspace gives to every member, by name and by group."},
			{Value: string(access.Owner), Label: "Owner", Hint: "Administers every repository, members, groups and access controls."},
		},
		Members: memberLines(members, g, s.Clock()), Invitations: invitations,
		Query: query.Get("q"), Only: query.Get("standing"), Standings: standingOptions(),
	}
	again := url.Values{"q": query["q"], "standing": query["standing"]}
	if next != "" {
		again.Set("after", next)
		page.Next = page.Base + "?" + again.Encode()
		again.Del("after")
	}
	again.Set("format", "csv")
	page.CSV = page.Base + "?" + again.Encode()
	return s.render(w, r, status, "members.html", s.settingsOf(r, g, "Members", "members"), page)
}

// requiredWords says what a member will need, for whoever is invited.
func requiredWords(p access.Policy, now time.Time) string {
	if !p.RequireTwoStep {
		return ""
	}
	what := "two-step verification"
	if p.PhishingResistant {
		what += " with a security key or passkey"
	}
	if p.RequireFrom.After(now) {
		what += ", from " + dateWords(p.RequireFrom) + " on"
	}
	return what
}

func membersPath(g access.Grant) string { return settingsPath(g) + "members" }

func (s *Site) invite(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	_, err := s.Workspaces.Invite(r.Context(), g, r.PostFormValue("email"), access.Role(r.PostFormValue("role")))
	if err != nil {
		return err
	}
	return s.done(w, r, membersPath(g), "invited")
}

func (s *Site) changeRole(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	role := access.Role(r.PostFormValue("role"))
	if err := s.Workspaces.SetRole(r.Context(), g, r.PostFormValue("user"), role); err != nil {
		return err
	}
	return s.done(w, r, membersPath(g), "role")
}

func (s *Site) removeMember(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Remove(r.Context(), g, r.PostFormValue("user")); err != nil {
		return err
	}
	return s.done(w, r, membersPath(g), "removed")
}

func (s *Site) withdraw(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Revoke(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, membersPath(g), "withdrawn")
}
