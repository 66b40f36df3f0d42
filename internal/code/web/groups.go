package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

type groupsPage struct {
	Form    ui.Form
	Name    string
	Base    string
	Groups  []workspace.Group
	Access  []ui.Option // what every member may do with each repository
	Creates []ui.Option // who may create repositories
}

func groupsPath(g access.Grant) string { return settingsPath(g) + "groups" }

func (s *Site) showGroups(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.groupsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) groupsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	groups, err := s.Workspaces.Groups(r.Context(), g)
	if err != nil {
		return err
	}
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	creates := "members"
	if !ws.Defaults.Creates {
		creates = "groups"
	}
	page := groupsPage{
		Form: filledUp(form, "access", ws.Defaults.Access.String(), "creates_for", creates),
		Name: ws.Name, Base: groupsPath(g), Groups: groups,
		Access: []ui.Option{
			{Value: "write", Label: "Write", Hint: "Every member reads and writes every repository."},
			{Value: "read", Label: "Read", Hint: "Every member reads every repository; writing is given by name or by group."},
			{Value: "none", Label: "None", Hint: "Members see only what is given to them by name or by group."},
		},
		Creates: []ui.Option{
			{Value: "members", Label: "Every member"},
			{Value: "groups", Label: "Owners, and the groups that may"},
		},
	}
	return s.render(w, r, status, "groups.html", s.settingsOf(r, g, "Groups", "groups"), page)
}

// filledUp gives a form values where it has none.
func filledUp(form ui.Form, pairs ...string) ui.Form {
	values := url.Values{}
	for name, typed := range form.Values {
		values[name] = typed
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if !values.Has(pairs[i]) {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	form.Values = values
	return form
}

// saveGroups takes both forms of the page: a new group, and what every member may do.
func (s *Site) saveGroups(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if r.PostForm.Has("access") {
		return s.saveDefaults(w, r, g)
	}
	made, err := s.Workspaces.CreateGroup(r.Context(), g, r.PostFormValue("name"), r.PostFormValue("creates") != "")
	if err != nil {
		return err
	}
	return redirect(w, r, groupsPath(g)+"/"+made.ID)
}

func (s *Site) saveDefaults(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	everyone, err := access.ParsePermission(r.PostFormValue("access"))
	if err != nil {
		return errs.Invalid("access", "Choose none, read or write.")
	}
	defaults := workspace.Defaults{Access: everyone, Creates: r.PostFormValue("creates_for") == "members"}
	if err := s.Workspaces.SetDefaults(r.Context(), g, defaults); err != nil {
		return err
	}
	return s.done(w, r, groupsPath(g), "saved")
}

type groupPage struct {
	Form    ui.Form
	Base    string // address of this page
	All     string // address of the list
	Group   workspace.Group
	Members []workspace.Member
}

func groupPath(r *http.Request, g access.Grant) string {
	return groupsPath(g) + "/" + url.PathEscape(chi.URLParam(r, "group"))
}

func (s *Site) showGroup(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.groupAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) groupAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	group, members, err := s.Workspaces.Group(r.Context(), g, chi.URLParam(r, "group"))
	if err != nil {
		return err
	}
	if !form.Values.Has("name") { // else the box was sent as it is, ticked or not
		form = filledUp(form, "name", group.Name)
		if group.Creates {
			form.Values.Set("creates", "yes")
		}
	}
	page := groupPage{
		Form: form, Base: groupPath(r, g), All: groupsPath(g), Group: group, Members: members,
	}
	shell := s.settingsOf(r, g, group.Name, "groups")
	last := len(shell.Crumbs) - 1
	shell.Crumbs = append(shell.Crumbs[:last:last], ui.Link{Text: "Groups", Href: groupsPath(g)}, shell.Crumbs[last])
	return s.render(w, r, status, "group.html", shell, page)
}

func (s *Site) changeGroup(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	err := s.Workspaces.ChangeGroup(r.Context(), g, chi.URLParam(r, "group"), r.PostFormValue("name"), r.PostFormValue("creates") != "")
	if err != nil {
		return err
	}
	return s.done(w, r, groupPath(r, g), "saved")
}

func (s *Site) addToGroup(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.AddToGroup(r.Context(), g, chi.URLParam(r, "group"), r.PostFormValue("username")); err != nil {
		return err
	}
	return s.done(w, r, groupPath(r, g), "added")
}

func (s *Site) removeFromGroup(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.RemoveFromGroup(r.Context(), g, chi.URLParam(r, "group"), r.PostFormValue("user")); err != nil {
		return err
	}
	return s.done(w, r, groupPath(r, g), "taken")
}

func (s *Site) deleteGroup(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.DeleteGroup(r.Context(), g, chi.URLParam(r, "group")); err != nil {
		return err
	}
	return s.done(w, r, groupsPath(g), "nogroup")
}
