package web

import (
	"io"
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

type homePage struct {
	Needs       []need
	Invitations []workspace.Awaiting
	Workspaces  []standing
	Events      []activity.Event
	Older       string // where older events are; empty: that's all
	Empty       ui.Empty
}

const (
	eventsAtHome = 15
	eventsOnPage = 50
)

// home is what needs a person, their workspaces and what happened there lately;
// or the welcome of somebody who isn't signed in.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.authenticate(r)
	if err != nil {
		return err
	}
	if actor.Credential == access.Nobody {
		shell := s.shell(r, "Sallyport Code")
		return s.render(w, r, http.StatusOK, "front.html", shell, struct{}{})
	}
	g, err := s.Gate.Check(r.Context(), actor, access.Target{}, access.ReadSelf)
	if err != nil {
		return err
	}
	page := homePage{Empty: ui.Empty{
		Icon: "people", Title: "You are in no workspace yet",
		Text: "A workspace holds a team's repositories. Make one, or open the link of an invitation that you got by mail.",
		Link: ui.Link{Text: "Create workspace", Href: "/workspaces/new"},
	}}
	if page.Workspaces, err = s.standings(r, g); err != nil {
		return err
	}
	if page.Invitations, err = s.Workspaces.Awaiting(r.Context(), g); err != nil {
		return err
	}
	reached, err := s.reach(r, g, page.Workspaces)
	if err != nil {
		return err
	}
	if page.Needs, err = s.needs(r, g, page.Workspaces, reached); err != nil {
		return err
	}
	next := ""
	if page.Events, next, err = s.Events.Recent(r.Context(), reached, "", eventsAtHome); err != nil {
		return err
	}
	if next != "" {
		page.Older = activityPath + "?before=" + next
	}
	return s.render(w, r, http.StatusOK, "home.html", s.shell(r, "Home"), page)
}

// gathered is of how many workspaces a page gathers, at most.
const gathered = 50

// reach gives grants for what happened in the person's workspaces that are open
// to them now: of the others, nothing is gathered.
func (s *Site) reach(r *http.Request, g access.Grant, of []standing) ([]access.Grant, error) {
	var open []string
	for _, ws := range of {
		if ws.Open && len(open) < gathered {
			open = append(open, ws.Slug)
		}
	}
	return s.Gate.Reach(r.Context(), g.Actor(), access.ReadActivity, open)
}

const activityPath = "/account/activity/"

type activityPage struct {
	Title  string
	Events []activity.Event
	Older  string
	Feed   string // its address; empty: none
}

// showActivity goes on with what happened in all of a person's workspaces.
func (s *Site) showActivity(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	standings, err := s.standings(r, g)
	if err != nil {
		return err
	}
	reached, err := s.reach(r, g, standings)
	if err != nil {
		return err
	}
	shell := s.shell(r, "Recent activity")
	shell.Crumbs = []ui.Link{{Text: "Home", Href: "/"}, {Text: "Recent activity"}}
	return s.activityPage(w, r, reached, shell, activityPath)
}

func (s *Site) showWorkspaceActivity(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	shell := s.shell(r, "Activity of "+g.Workspace().Name)
	shell.Crumbs = []ui.Link{{Text: "Workspaces", Href: "/"}, {Text: g.Workspace().Name, Href: "/" + g.Workspace().Slug}, {Text: "Activity"}}
	shell.Tabs = workspaceTabs(g.Workspace().Slug, "/workspace/activity")
	return s.activityPage(w, r, []access.Grant{g}, shell, r.URL.Path)
}

func (s *Site) activityPage(w http.ResponseWriter, r *http.Request, of []access.Grant, shell ui.Shell, path string) error {
	events, next, err := s.Events.Recent(r.Context(), of, r.URL.Query().Get("before"), eventsOnPage)
	if err != nil {
		return err
	}
	page := activityPage{Title: shell.Title, Events: events}
	if path == activityPath {
		page.Feed = activityFeedPath
	}
	if next != "" {
		page.Older = path + "?before=" + next
	}
	return s.render(w, r, http.StatusOK, "activity.html", shell, page)
}

// need is one thing that a person has to do, or should look at.
type need struct {
	Icon string
	ui.Link
	Note string
	At   time.Time // zero: no time belongs to it
	Warn bool
}

func (s *Site) acceptAwaiting(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	offer, err := s.Workspaces.AcceptAwaiting(r.Context(), g, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+offer.WorkspaceSlug, "joined")
}

func (s *Site) declineAwaiting(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.Decline(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, "/", "declined")
}

func (s *Site) robots(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, "User-agent: *\nDisallow: /\n")
	return err
}
