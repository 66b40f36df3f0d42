package web

import (
	"net/http"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

type newWorkspacePage struct {
	Form ui.Form
	Hint string
}

func (s *Site) showNewWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.newWorkspaceAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) newWorkspaceAgain(w http.ResponseWriter, r *http.Request, _ access.Grant, form ui.Form, status int) error {
	shell := s.shell(r, "Create a workspace")
	shell.Narrow = true
	page := newWorkspacePage{Form: form, Hint: "It stands in every address: " + s.URL + "/acme. Leave it empty to make it of the name."}
	return s.render(w, r, status, "newworkspace.html", shell, page)
}

func (s *Site) createWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	slug, name := r.PostFormValue("slug"), r.PostFormValue("name")
	if strings.TrimSpace(slug) == "" {
		slug = slugOf(name)
		r.PostForm.Set("slug", slug) // so that the form shows what an error is about
	}
	made, err := s.Workspaces.Create(r.Context(), g, slug, name)
	if err != nil {
		return err
	}
	return redirect(w, r, "/"+made.Slug)
}

// slugOf makes an address of a name.
func slugOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

const listed = 50 // repositories on one page

type workspacePage struct {
	Name, Slug   string
	Repositories []repo.Repository
	Next         string // slug to list from; empty: that's all
	First        bool
	Creates      bool // may create repositories
	Empty        ui.Empty
}

func (s *Site) showWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	after := r.URL.Query().Get("after")
	repositories, err := s.Repositories.List(r.Context(), g, after, listed+1)
	if err != nil {
		return err
	}
	ws := g.Workspace()
	page := workspacePage{
		Name: ws.Name, Slug: ws.Slug, Repositories: repositories, First: after == "", Creates: ws.Creates,
		Empty: ui.Empty{
			Icon: "repository", Title: "No repository that you can see", Text: "Ask an owner of the workspace to give you access to one.",
		},
	}
	if ws.Creates {
		page.Empty = ui.Empty{
			Icon: "repository", Title: "No repository yet", Text: "Create the first one. It is private unless you say otherwise.",
			Link: ui.Link{Text: "Create repository", Href: "/" + ws.Slug + "/workspace/create-repository"},
		}
	}
	if len(repositories) > listed {
		page.Repositories = repositories[:listed]
		page.Next = repositories[listed-1].Slug
	}
	shell := s.shell(r, ws.Name)
	shell.Crumbs = []ui.Link{{Text: "Workspaces", Href: "/"}, {Text: ws.Name}}
	shell.Tabs = workspaceTabs(ws.Slug, "")
	return s.render(w, r, http.StatusOK, "workspace.html", shell, page)
}

type settingsPage struct {
	Form                ui.Form
	Name, Slug, Address string
	Role                string
	Owner               bool
	Base                string
	Requires            bool
	Created             time.Time
}

func (s *Site) showSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.settingsAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) settingsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	page := settingsPage{
		Form: filledUp(form, "name", ws.Name), Owner: g.Workspace().Role == access.Owner, Base: settingsPath(g),
		Name: ws.Name, Slug: ws.Slug, Address: s.URL + "/" + ws.Slug, Role: roleWord(g.Workspace().Role),
		Requires: ws.Policy.RequireTwoStep, Created: ws.Created,
	}
	return s.render(w, r, status, "settings.html", s.settingsOf(r, g, "Workspace", ""), page)
}

func (s *Site) renameWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Rename(r.Context(), g, r.PostFormValue("name")); err != nil {
		return err
	}
	return s.done(w, r, settingsPath(g), "saved")
}

type deletePage struct {
	Form       ui.Form
	Name, Slug string
	Path, Back string
}

func (s *Site) showDelete(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.deleteAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) deleteAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	page := deletePage{
		Form: form, Name: g.Workspace().Name, Slug: g.Workspace().Slug,
		Path: settingsPath(g) + "delete", Back: settingsPath(g),
	}
	return s.render(w, r, status, "delete.html", s.settingsOf(r, g, "Delete", ""), page)
}

func (s *Site) deleteWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Delete(r.Context(), g, r.PostFormValue("confirm")); err != nil {
		return err
	}
	return s.done(w, r, "/", "nospace")
}

func roleWord(role access.Role) string {
	if role == access.Owner {
		return "Owner"
	}
	return "Member"
}

type planPage struct {
	Name, Plan string
	Premium    []string // what only that plan has
}

func (s *Site) showPlan(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	page := planPage{Name: ws.Name, Plan: string(ws.Plan), Premium: workspace.PremiumControls()}
	return s.render(w, r, http.StatusOK, "plan.html", s.settingsOf(r, g, "Plan", "plan"), page)
}

type leavePage struct{ Name, Slug, Problem string }

func (s *Site) showLeave(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.leaveAgain(w, r, g, ui.Form{}, http.StatusOK)
}

// leaveAgain shows nothing of the workspace but its name: who leaves may be blocked.
func (s *Site) leaveAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	shell := s.shell(r, "Leave "+g.Workspace().Name)
	shell.Narrow = true
	page := leavePage{Name: g.Workspace().Name, Slug: g.Workspace().Slug, Problem: form.Message()}
	return s.render(w, r, status, "leave.html", shell, page)
}

func (s *Site) leave(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Leave(r.Context(), g); err != nil {
		return err
	}
	return s.done(w, r, "/", "left")
}
