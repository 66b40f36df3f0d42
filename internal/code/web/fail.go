package web

import (
	"errors"
	"net/http"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// fail makes a page or a redirect of what ended a request. It is the one place
// where a refusal gets its wording on the web.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if target := s.otherSlash(r, err); target != "" {
		http.Redirect(w, r, target, http.StatusMovedPermanently)
		return
	}
	request.Failed(r.Context(), err)
	visitorOf(r).drain()
	if visitorOf(r).feed {
		s.failFeed(w, err)
		return
	}
	answer := s.showError
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		answer = func(w http.ResponseWriter, r *http.Request, _ error) error { return s.refuse(w, r, refusal) }
	}
	if failed := answer(w, r, err); failed != nil {
		request.Failed(r.Context(), errors.Join(err, failed))
		http.Error(w, "Something went wrong on our side. Request "+request.ID(r.Context()), http.StatusInternalServerError)
	}
}

// refuse answers what the gate refused, by its verdict.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, refusal *access.Refusal) error {
	switch refusal.Outcome {
	case access.Unauthenticated:
		return redirect(w, r, s.returns.carry("/login", formPath(s, r)))
	case access.Verify, access.Renew:
		back, err := s.keepForm(r)
		if err != nil {
			return s.showError(w, r, err)
		}
		return redirect(w, r, s.returns.carry(verifyAddress(refusal), back))
	case access.Enrol, access.Strengthen:
		return s.showBlocked(w, r, refusal)
	case access.Hidden:
		return s.showError(w, r, door.ErrNoRoute) // as if the address were unknown
	}
	if refusal.Reason == access.ReasonNetwork {
		return s.showBlocked(w, r, refusal)
	}
	return s.showForbidden(w, r, refusal)
}

// verifyAddress is where the step that a refusal asks for is taken. The reason
// goes along, to be told there.
func verifyAddress(refusal *access.Refusal) string {
	if !refusal.AtAccount {
		return "/login/verify?reason=" + string(refusal.Reason)
	}
	return refusal.FixPath()
}

// formPath is the page that a request belongs to: the page itself, or the page
// of a form that is sent to an address right below it.
func formPath(s *Site, r *http.Request) string {
	path := r.URL.Path
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	if s.hasPage(path) {
		return escapePath(path)
	}
	parent := path[:strings.LastIndexByte(path, '/')+1]
	if !s.hasPage(parent) {
		parent = strings.TrimSuffix(parent, "/")
	}
	return escapePath(parent)
}

// keepForm keeps what was sent, where something was, and gives the path to
// come back to.
func (s *Site) keepForm(r *http.Request) (string, error) {
	path := formPath(s, r)
	if r.Method != http.MethodPost || len(r.PostForm) == 0 {
		return path, nil
	}
	session := visitorOf(r).actor.CredentialID
	id, err := s.kept.keep(r.Context(), session, strings.SplitN(path, "?", 2)[0], r.PostForm)
	if err != nil {
		return "", err
	}
	return path + "?kept=" + id, nil
}

// showBlocked is the page of a member whom the workspace's rule holds back: the
// rule, why it holds them back, and the way in.
func (s *Site) showBlocked(w http.ResponseWriter, r *http.Request, refusal *access.Refusal) error {
	page := ui.Blocked{
		Title: "You've been temporarily blocked from this page",
		Of:    refusal.WorkspaceName,
		Rule:  refusal.Sentence(),
		Ways:  []ui.Link{{Text: "Open your own settings", Href: profilePath}},
		Forms: []ui.PostLink{{Text: "Sign out", Action: "/logout"}},
	}
	if refusal.WorkspaceSlug != "" {
		leave := ui.Link{Text: "Leave " + refusal.WorkspaceName, Href: "/" + refusal.WorkspaceSlug + "/workspace/leave"}
		page.Ways = append(page.Ways, leave)
	}
	if refusal.Reason == access.ReasonNetwork {
		page.Why = "You come from " + request.Address(r.Context()).String() + ", which is on none of its allowed networks."
		if refusal.Role == access.Owner {
			page.Action = ui.Link{Text: "Lift the allowed networks", Href: refusal.FixPath()}
		} else {
			page.Why += " Come from one of them, or ask an owner."
		}
		return s.renderBlocked(w, r, page)
	}
	back, err := s.keepForm(r)
	if err != nil {
		return s.showError(w, r, err)
	}
	if refusal.Outcome == access.Strengthen {
		page.Why = "Your two-step verification uses an authenticator app, which a false site can relay, so this workspace doesn't count it. Add a security key or passkey, and then you land on the page that you asked for. Your app stays."
		page.Action = ui.Link{Text: "Add a security key or passkey", Href: s.returns.carry(keyPath, back)}
	} else {
		page.Why = "Two-step verification of Code isn't on for you yet. It takes about a minute, and then you land on the page that you asked for. How you sign in to your account stays as it is."
		page.Action = ui.Link{Text: "Set up two-step verification", Href: s.returns.carry(twoStepPath, back)}
	}
	return s.renderBlocked(w, r, page)
}

func (s *Site) renderBlocked(w http.ResponseWriter, r *http.Request, page ui.Blocked) error {
	shell := s.shell(r, "Blocked")
	shell.Narrow = true
	return s.pages.Render(w, http.StatusForbidden, "blocked.html", shell, page)
}

// showForbidden is the page of somebody who is known here and may not do this.
func (s *Site) showForbidden(w http.ResponseWriter, r *http.Request, refusal *access.Refusal) error {
	page := ui.ErrorPage{Status: http.StatusForbidden, Message: refusal.Sentence()}
	if refusal.Reason == access.ReasonPermission && refusal.WorkspaceSlug != "" {
		page.Message += " An owner of " + refusal.WorkspaceName + " can."
		page.Links = []ui.Link{{Text: "Back to " + refusal.WorkspaceName, Href: "/" + refusal.WorkspaceSlug}}
	}
	return s.errorPage(w, r, page)
}

// showError is the page of any other error.
func (s *Site) showError(w http.ResponseWriter, r *http.Request, err error) error {
	if errors.Is(err, door.ErrMethod) {
		return s.errorPage(w, r, ui.ErrorPage{
			Status:  http.StatusMethodNotAllowed,
			Message: "This address doesn't take " + r.Method + ". It takes " + strings.Join(w.Header().Values("Allow"), ", ") + ".",
		})
	}
	request.SetRetryAfter(w.Header(), err)
	page := ui.ErrorPage{Status: errs.Status(err), Message: errs.Message(err)}
	if page.Status == http.StatusNotFound {
		page.Links = []ui.Link{{Text: "Your workspaces", Href: "/"}}
	}
	if errors.Is(err, door.ErrNoRoute) {
		page.Message = "The address may be mistyped, or you don't have access to what is there."
	}
	return s.errorPage(w, r, page)
}

func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, page ui.ErrorPage) error {
	shell := s.shell(r, "")
	shell.RequestID = request.ID(r.Context())
	return s.pages.Error(w, shell, page)
}

func (s *Site) refuseCrossOrigin(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, errs.Denied("This form was sent from another site, so it was not taken. Open the page here and send it again."))
}

// otherSlash gives the address that was meant, where there is no page at this
// one and there is with or without a slash at its end; else "".
func (s *Site) otherSlash(r *http.Request, err error) string {
	if !errors.Is(err, door.ErrNoRoute) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	path := r.URL.Path + "/"
	if before, ends := strings.CutSuffix(r.URL.Path, "/"); ends {
		path = before
	}
	if path == "" || !s.hasPage(path) {
		return ""
	}
	target := escapePath(path)
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	if !ownPath(target) {
		return ""
	}
	return target
}
