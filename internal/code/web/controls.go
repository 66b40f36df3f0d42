package web

import (
	"errors"
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// rosterShown is how many members the page lists; those who aren't ready come first.
const rosterShown = 200

type controlsPage struct {
	Problem  string
	Kept     bool     // the switch was challenged and waits to be pressed again
	Unmet    *ui.Link // the way to what the owner lacks
	On       bool
	From     time.Time // the end of the grace, while it runs
	Entitled bool      // the plan allows switching it on
	Plan     string
	PlanPath string
	Path     string
	YouReady bool
	FixPath  string // to the owner's own two-step verification, and back
	Ready    int
	Total    int
	Members  []workspace.Standing // those who aren't ready first
	You      string               // user id
}

func controlsPath(g access.Grant) string { return settingsPath(g) + "access-controls" }

func (s *Site) showControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.controlsAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) controlsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	problem := form.Message()
	for field, message := range form.Errors {
		if field != "" {
			problem = message
		}
	}
	page, err := s.controls(r, g)
	if err != nil {
		return err
	}
	page.Problem = problem
	return s.render(w, r, status, "controls.html", s.settingsOf(r, g, "Access controls", "access-controls"), page)
}

func (s *Site) controls(r *http.Request, g access.Grant) (controlsPage, error) {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return controlsPage{}, err
	}
	roster, err := s.Workspaces.Roster(r.Context(), g)
	if err != nil {
		return controlsPage{}, err
	}
	page := controlsPage{
		Kept: r.FormValue("kept") != "", On: ws.Policy.RequireTwoStep,
		Entitled: ws.Plan == workspace.Premium, Plan: string(ws.Plan), PlanPath: settingsPath(g) + "plan",
		Path: controlsPath(g), YouReady: g.Actor().Factors.Enrolled(),
		FixPath: s.returns.carry(twoStepPath, controlsPath(g)),
		Total:   len(roster), Members: roster[:min(len(roster), rosterShown)], You: g.Actor().User,
	}
	for _, standing := range roster {
		if standing.Ready {
			page.Ready++
		}
	}
	if ws.Policy.RequireFrom.After(s.Clock()) {
		page.From = ws.Policy.RequireFrom
	}
	return page, nil
}

// saveControls turns the switch. An owner whose own evidence doesn't meet the
// rule is refused with the way to it, which comes back here.
func (s *Site) saveControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	policy := ws.Policy
	switch r.PostFormValue("require") {
	case "on":
		policy.RequireTwoStep = true
	case "off":
		policy.RequireTwoStep = false
	default:
		return errs.Invalid("require", "Choose on or off.")
	}
	err = s.Workspaces.SetPolicy(r.Context(), g, policy)
	if err == nil {
		if policy.RequireTwoStep {
			return s.done(w, r, controlsPath(g), "requires")
		}
		return s.done(w, r, controlsPath(g), "optional")
	}
	if !errs.Is(err, errs.KindDenied) {
		return err
	}
	request.Failed(r.Context(), err)
	page, failed := s.controls(r, g)
	if failed != nil {
		return failed
	}
	page.Problem = errs.Message(err)
	if unmet, ok := errors.AsType[*workspace.Unmet](err); ok && unmet.FixPath() != "" {
		page.Unmet = &ui.Link{Text: "Set up two-step verification", Href: s.returns.carry(unmet.FixPath(), controlsPath(g))}
	}
	shell := s.settingsOf(r, g, "Access controls", "access-controls")
	return s.render(w, r, http.StatusForbidden, "controls.html", shell, page)
}
