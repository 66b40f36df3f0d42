package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// invitationPage tells what an invitation offers and what the workspace
// requires, before anybody signs in or accepts.
type invitationPage struct {
	workspace.Offer
	Grace  bool   // the rule holds only from RequiredFrom on
	As     string // who is signed in; empty: nobody
	Ready  bool
	Other  string // what stands in the way of whoever is signed in
	Path   string
	SignIn string
}

// showInvitation tells what a workspace requires, before signing in.
func (s *Site) showInvitation(w http.ResponseWriter, r *http.Request) error {
	token := chi.URLParam(r, "token")
	actor, err := s.authenticate(r)
	if err != nil {
		return err
	}
	offer, err := s.Workspaces.Invitation(r.Context(), token)
	if errs.Is(err, errs.KindNotFound) {
		request.Failed(r.Context(), err)
		return s.errorPage(w, r, ui.ErrorPage{
			Status: http.StatusNotFound, Title: "This invitation no longer works", Message: errs.Message(err),
			Links: []ui.Link{{Text: "Your workspaces", Href: "/"}},
		})
	}
	if err != nil {
		return err
	}
	who := visitorOf(r).user
	page := invitationPage{
		Offer: offer, Grace: offer.RequiredFrom.After(s.Clock()), As: who.Username,
		Ready: readyFor(offer, actor), Path: r.URL.Path,
		SignIn: s.returns.carry("/login?invitation="+url.QueryEscape(token), r.URL.Path),
	}
	if who.ID != "" && !strings.EqualFold(who.Email, offer.Email) {
		page.Other = "This invitation is for " + offer.Email + ", and you are signed in with " + who.Email + ". Sign out, and open the link again."
	}
	shell := s.shell(r, "Join "+offer.WorkspaceName)
	shell.Narrow, shell.SignIn = true, ""
	return s.render(w, r, http.StatusOK, "invitation.html", shell, page)
}

// readyFor reports whether somebody has what the workspace asks for.
func readyFor(o workspace.Offer, a access.Actor) bool {
	p := access.Policy{RequireTwoStep: true, PhishingResistant: o.PhishingResistant, AcceptAccountMFA: o.AcceptAccountMFA}
	return p.MetBy(a.Evidence)
}

func (s *Site) acceptInvitation(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	offer, err := s.Workspaces.Accept(r.Context(), g, chi.URLParam(r, "token"))
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+offer.WorkspaceSlug, "joined")
}
