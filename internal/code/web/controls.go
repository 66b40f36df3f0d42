package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// controlsPage is the switch, what it means for the reader, and who is ready.
type controlsPage struct {
	Form         ui.Form
	Path         string
	Unmet        *unmetNotice
	Upgrade      string // why the plan doesn't allow it; empty: it does
	PlanPath     string
	On           bool
	CanSwitch    bool
	YouReady     bool
	Ready, Total int
	Members      []standingRow
}

// unmetNotice says what the owner has to do first, with the way there and back.
type unmetNotice struct {
	Text string
	Link ui.Link
}

type standingRow struct {
	workspace.Standing
	You bool
}

func (s *Site) showControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.controls(w, r, g, controlsPage{}, http.StatusOK)
}

func (s *Site) controlsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.controls(w, r, g, controlsPage{Form: form}, status)
}

func (s *Site) controls(w http.ResponseWriter, r *http.Request, g access.Grant, page controlsPage, status int) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	roster, err := s.Workspaces.Roster(r.Context(), g)
	if err != nil {
		return err
	}
	page.Path, page.PlanPath = settingsPath(g)+"access-controls", settingsPath(g)+"plan"
	page.On, page.YouReady, page.Total = ws.Policy.RequireTwoStep, g.Actor().Factors.Enrolled(), len(roster)
	page.CanSwitch = ws.Plan == workspace.Premium
	if !page.CanSwitch {
		page.Upgrade = "Requiring two-step verification needs the premium plan; this workspace is on the " + string(ws.Plan) + " plan."
		if page.On {
			page.Upgrade = "The premium plan of this workspace has ended. The requirement stays on; once switched off, it can't be switched on again."
		}
	}
	for _, standing := range roster {
		page.Members = append(page.Members, standingRow{standing, standing.User == g.Actor().User})
		if standing.Ready {
			page.Ready++
		}
	}
	return s.render(w, r, status, "controls.html", s.settingsOf(r, g, "Access controls", "access-controls"), page)
}

func (s *Site) saveControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	policy := g.Workspace().Policy
	switch r.PostFormValue("require") {
	case "on":
		policy.RequireTwoStep = true
	case "off":
		policy.RequireTwoStep = false
	default:
		return errs.Invalid("", "Say whether two-step verification is to be on or off.")
	}
	err := s.Workspaces.SetPolicy(r.Context(), g, policy)
	if unmet, ok := unmetOf(err); ok {
		return s.refuseSwitch(w, r, g, unmet)
	}
	if errs.Is(err, errs.KindDenied) { // the plan: said beside the switch
		request.Failed(r.Context(), err)
		return s.controls(w, r, g, controlsPage{Form: ui.Refused(nil, err)}, http.StatusForbidden)
	}
	if err != nil {
		return err
	}
	key := "requires"
	if !policy.RequireTwoStep {
		key = "optional"
	}
	return s.done(w, r, settingsPath(g)+"access-controls", key)
}

// refuseSwitch tells an owner who doesn't meet the rule themselves what to do
// first. The way leads back to the switch.
func (s *Site) refuseSwitch(w http.ResponseWriter, r *http.Request, g access.Grant, unmet *workspace.Unmet) error {
	request.Failed(r.Context(), unmet)
	page := controlsPage{Unmet: &unmetNotice{Text: errs.Message(unmet)}}
	if fix := unmet.FixPath(); fix != "" {
		page.Unmet.Link = ui.Link{Text: fixWords(unmet.Outcome), Href: s.returns.carry(fix, settingsPath(g)+"access-controls")}
	}
	return s.controls(w, r, g, page, http.StatusForbidden)
}

func fixWords(outcome access.Outcome) string {
	if outcome == access.Enrol {
		return "Set up two-step verification"
	}
	return "See your two-step verification"
}
