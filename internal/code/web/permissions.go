package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// adminOf is the frame of a page of a repository's administration.
func (s *Site) adminOf(r *http.Request, g access.Grant, title, current string) ui.Shell {
	shell := s.inRepository(r, g, g.Repository().Slug, title, "/admin")
	base := repositoryPath(g) + "/admin"
	shell.Side = []ui.Link{
		{Text: "Repository", Href: base, Icon: "gear"},
		{Text: "Permissions", Href: base + "/permissions", Icon: "people"},
		{Text: "Branch restrictions", Href: base + "/branches", Icon: "branch"},
		{Text: "Issues", Href: base + "/issues", Icon: "check"},
		{Text: "Wiki", Href: base + "/wiki", Icon: "book"},
		{Text: "Deploy keys", Href: base + "/deploy-keys", Icon: "key"},
		{Text: "Access tokens", Href: base + "/access-tokens", Icon: "key"},
	}
	mark(shell.Side, base+current)
	return shell
}

type repositoryAdminPage struct {
	Form       ui.Form
	Repository repo.Repository
	Base       string
	NoPublic   bool // the workspace rules public content out
	Workspace  string
}

func (s *Site) showRepositoryAdmin(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.repositoryAdminAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) repositoryAdminAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	described, err := s.Repositories.Get(r.Context(), g)
	if err != nil {
		return err
	}
	page := repositoryAdminPage{
		Form:       filledUp(form, "description", described.Description, "name", described.Name),
		Repository: described, Base: repositoryPath(g) + "/admin", NoPublic: g.Workspace().Policy.NoPublic, Workspace: g.Workspace().Name,
	}
	return s.render(w, r, status, "repoadmin.html", s.adminOf(r, g, "Repository settings", ""), page)
}

func (s *Site) editRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Repositories.Describe(r.Context(), g, r.PostFormValue("description")); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin", "saved")
}

func (s *Site) setVisibility(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	to := r.PostFormValue("visibility")
	if to != "public" && to != "private" {
		return errs.Invalid("visibility", "Choose public or private.")
	}
	if err := s.Repositories.SetVisibility(r.Context(), g, to == "public"); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin", to)
}

type permissionsPage struct {
	Form        ui.Form
	Base        string
	Workspace   string
	Everyone    string // what every member may do, in a sentence
	Given       repo.Permissions
	Groups      []ui.Option // of the workspace
	Permissions []ui.Option
}

func (s *Site) showPermissions(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.permissionsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) permissionsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	given, err := s.Repositories.Permissions(r.Context(), g)
	if err != nil {
		return err
	}
	groups, err := s.Workspaces.Groups(r.Context(), g)
	if err != nil {
		return err
	}
	page := permissionsPage{
		Form: filledUp(form, "permission", "read"), Base: repositoryPath(g) + "/admin/permissions",
		Workspace: ws.Name, Everyone: everyone(ws.Defaults.Access), Given: given, Groups: groupOptions(groups),
		Permissions: []ui.Option{
			{Value: "read", Label: "Read: see and clone it"},
			{Value: "write", Label: "Write: also push to it"},
			{Value: "admin", Label: "Admin: also change its settings and permissions"},
		},
	}
	return s.render(w, r, status, "permissions.html", s.adminOf(r, g, "Permissions", "/permissions"), page)
}

// everyone says what a workspace gives to each of its members.
func everyone(permission access.Permission) string {
	switch permission {
	case access.None:
		return "Other members see only what is given to them."
	case access.Read:
		return "Every member reads every repository."
	default:
		return "Every member reads and writes every repository."
	}
}

func groupOptions(groups []workspace.Group) []ui.Option {
	options := make([]ui.Option, len(groups))
	for i, group := range groups {
		options[i] = ui.Option{Value: group.ID, Label: group.Name}
	}
	return options
}

// setPermission takes the form for a person and the one for a group.
func (s *Site) setPermission(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	permission, err := access.ParsePermission(r.PostFormValue("permission"))
	if err != nil {
		return err
	}
	if r.PostForm.Has("group") {
		err = s.Repositories.SetGroup(r.Context(), g, r.PostFormValue("group"), permission)
	} else {
		err = s.Repositories.SetUser(r.Context(), g, r.PostFormValue("username"), permission)
	}
	if err != nil {
		return err
	}
	// Who takes their own away has no page to come back to.
	return s.done(w, r, repositoryPath(g), "permission")
}
