package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/ui"
)

// listed is how many repositories one page lists.
const listed = 50

type workspacePage struct {
	Name, Slug   string
	Repositories []repo.Repository
	Next         string // the slug after which the next page begins; empty: the last
	First        bool   // this is the first page
	Empty        ui.Empty
}

func (s *Site) showWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	after := r.URL.Query().Get("after")
	list, err := s.Repositories.List(r.Context(), g, after, listed+1)
	if err != nil {
		return err
	}
	ws := g.Workspace()
	page := workspacePage{Name: ws.Name, Slug: ws.Slug, Repositories: list, First: after == "", Empty: ui.Empty{
		Icon: "repository", Title: "No repositories yet",
		Text: "Create one, and you get the commands that push your code to it.",
		Link: ui.Link{Text: "Create repository", Href: "/" + ws.Slug + "/workspace/create-repository"},
	}}
	if len(list) > listed {
		page.Repositories, page.Next = list[:listed], list[listed-1].Slug
	}
	shell := s.shell(r, ws.Name)
	shell.Crumbs = []ui.Link{{Text: "Workspaces", Href: "/"}, {Text: ws.Name}}
	return s.render(w, r, http.StatusOK, "workspace.html", shell, page)
}

type newWorkspacePage struct{ Form ui.Form }

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
	return s.render(w, r, status, "newworkspace.html", shell, newWorkspacePage{Form: form})
}

func (s *Site) createWorkspace(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	made, err := s.Workspaces.Create(r.Context(), g, r.PostFormValue("slug"), r.PostFormValue("name"))
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+made.Slug, "created")
}

type settingsPage struct {
	Name, Slug, Address, Role string
	Requires                  bool
	Created                   time.Time
}

func (s *Site) showSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	page := settingsPage{
		Name: ws.Name, Slug: ws.Slug, Address: s.URL + "/" + ws.Slug, Role: string(g.Workspace().Role),
		Requires: ws.Policy.RequireTwoStep, Created: ws.Created,
	}
	return s.render(w, r, http.StatusOK, "settings.html", s.settingsOf(r, g, "Workspace", ""), page)
}

type planPage struct{ Name, Plan string }

func (s *Site) showPlan(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "plan.html", s.settingsOf(r, g, "Plan", "plan"), planPage{ws.Name, string(ws.Plan)})
}

type leavePage struct{ Name, Slug, Problem string }

func (s *Site) showLeave(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.leaveAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) leaveAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	ws := g.Workspace()
	shell := s.inWorkspace(r, g, "Leave")
	shell.Narrow = true
	return s.render(w, r, status, "leave.html", shell, leavePage{ws.Name, ws.Slug, form.Message()})
}

func (s *Site) leave(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Leave(r.Context(), g); err != nil {
		return err
	}
	return s.done(w, r, "/", "left")
}
