package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
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

// invitationPage says what an invitation offers and requires, before anybody
// signs in or accepts.
type invitationPage struct {
	Workspace, Inviter, Email, Role string
	Requires                        bool
	Ready                           bool // whoever is signed in meets it already
	SignedIn                        bool
	As                              string
	Other                           string // whoever is signed in isn't who was invited
	Path, SignIn                    string
	Expires                         time.Time
}

func (s *Site) showInvitation(w http.ResponseWriter, r *http.Request) error {
	token := chi.URLParam(r, "token")
	offer, err := s.Workspaces.Invitation(r.Context(), token)
	if err != nil {
		return err
	}
	actor, err := s.authenticate(r)
	if err != nil {
		return err
	}
	who := visitorOf(r).user
	path := "/invitations/" + token
	page := invitationPage{
		Workspace: offer.WorkspaceName, Inviter: offer.Inviter, Email: offer.Email, Role: roleWords(offer.Role),
		Requires: offer.RequiresTwoStep, Ready: actor.Factors.Enrolled(), Expires: offer.Expires,
		SignedIn: actor.Credential == access.Session, As: who.Username, Path: path,
		SignIn: s.returns.carry("/login?invitation="+token, path),
	}
	if page.SignedIn && !strings.EqualFold(who.Email, offer.Email) {
		page.Other = "You are signed in as " + who.Email + ". The invitation is for " + offer.Email + ": sign out and sign in with that address to accept it."
	}
	// The address of this page is a secret: it must not travel on as a referrer.
	w.Header().Set("Referrer-Policy", "no-referrer")
	shell := s.shell(r, "Invitation")
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "invitation.html", shell, page)
}

func roleWords(role access.Role) string {
	if role == access.Owner {
		return "an owner"
	}
	return "a member"
}

func (s *Site) acceptInvitation(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	offer, err := s.Workspaces.Accept(r.Context(), g, chi.URLParam(r, "token"))
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+offer.WorkspaceSlug, "joined")
}

// unmetOf gives the owner's own shortfall, where that is what an error says.
func unmetOf(err error) (*workspace.Unmet, bool) { return errors.AsType[*workspace.Unmet](err) }
