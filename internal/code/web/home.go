package web

import (
	"io"
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

type homePage struct {
	Workspaces []standing
	Empty      ui.Empty
}

// home is a person's workspaces, or the welcome of somebody who isn't signed in.
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
	return s.render(w, r, http.StatusOK, "home.html", s.shell(r, "Your workspaces"), page)
}

func (s *Site) robots(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, "User-agent: *\nDisallow: /\n")
	return err
}
