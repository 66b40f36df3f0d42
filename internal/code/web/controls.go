package web

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// waitingShown is how many who aren't ready the page names.
const waitingShown = 10

type controlsPage struct {
	Problem  string
	Unmet    *ui.Link // the way to what the owner lacks
	Path     string
	PlanPath string
	On       bool
	From     time.Time // the end of the grace, while it runs
	Lapsed   bool      // something is on that the plan doesn't let on again
	Groups   []controlGroup
	Preview  *previewPart // of the form as it stands
	Coverage workspace.Coverage
	Chart    chart
	Waiting  []memberLine // the first who aren't ready
	Members  string       // path of the members
}

func controlsPath(g access.Grant) string { return settingsPath(g) + "access-controls" }

func (s *Site) showControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.controlsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) controlsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	page, err := s.controls(r, g, form)
	if err != nil {
		return err
	}
	return s.renderControls(w, r, g, page, status)
}

func (s *Site) renderControls(w http.ResponseWriter, r *http.Request, g access.Grant, page controlsPage, status int) error {
	return s.render(w, r, status, "controls.html", s.settingsOf(r, g, "Access controls", "access-controls"), page)
}

// controls makes the page with the form as it was typed; with the policy in
// force where nothing was.
func (s *Site) controls(r *http.Request, g access.Grant, form ui.Form) (controlsPage, error) {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return controlsPage{}, err
	}
	coverage, err := s.Workspaces.Coverage(r.Context(), g)
	if err != nil {
		return controlsPage{}, err
	}
	waiting, _, err := s.Workspaces.Roster(r.Context(), g, workspace.Filter{Waiting: true, Limit: waitingShown})
	if err != nil {
		return controlsPage{}, err
	}
	public, err := s.Workspaces.PublicContent(r.Context(), g)
	if err != nil {
		return controlsPage{}, err
	}
	self, err := s.Gate.Check(r.Context(), g.Actor(), access.Target{}, access.ReadSelf)
	if err != nil {
		return controlsPage{}, err
	}
	keys, err := s.Users.Keys(r.Context(), self)
	if err != nil {
		return controlsPage{}, err
	}
	form.Values = filledBy(ws.Policy, form.Values, s.Clock())
	c := controlsOf{form: form, ws: ws, g: g, now: s.Clock(), public: public, keys: keys}
	page := controlsPage{
		Problem: form.Message(), Path: controlsPath(g), PlanPath: settingsPath(g) + "plan",
		On: ws.Policy.RequireTwoStep, Groups: c.groups(), Lapsed: c.lapsed(),
		Coverage: coverage, Chart: chartOf(coverage.Days), Waiting: memberLines(waiting, g, s.Clock()), Members: membersPath(g),
	}
	if ws.Policy.RequireFrom.After(s.Clock()) {
		page.From = ws.Policy.RequireFrom
	}
	return page, nil
}

// saveControls saves the form. An owner whose own evidence doesn't meet the
// rule is refused with the way to it, which comes back to the form as typed.
func (s *Site) saveControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	policy, err := policyOf(r.PostForm, ws.Policy, s.Clock())
	if err != nil {
		return err
	}
	if err := s.Workspaces.SetPolicy(r.Context(), g, policy); err != nil {
		return s.refusedControls(w, r, g, err)
	}
	return s.done(w, r, controlsPath(g), savedNotice(ws.Policy, policy))
}

// savedNotice names what is said after saving.
func savedNotice(old, saved access.Policy) string {
	switch {
	case saved.RequireTwoStep && !old.RequireTwoStep && !saved.RequireFrom.IsZero():
		return "willrequire"
	case saved.RequireTwoStep && !old.RequireTwoStep:
		return "requires"
	case !saved.RequireTwoStep && old.RequireTwoStep:
		return "optional"
	default:
		return "controls"
	}
}

// refusedControls shows the form as typed, with why it can't be saved.
func (s *Site) refusedControls(w http.ResponseWriter, r *http.Request, g access.Grant, err error) error {
	if !errs.Is(err, errs.KindDenied) {
		return err
	}
	form := ui.Form{Values: r.PostForm}
	unmet, isUnmet := errors.AsType[*workspace.Unmet](err)
	if isUnmet && unmet.Reason == access.ReasonNetwork {
		return errs.Invalid("networks", "%s", errs.Message(err))
	}
	request.Failed(r.Context(), err)
	page, failed := s.controls(r, g, form)
	if failed != nil {
		return failed
	}
	page.Problem = errs.Message(err)
	if isUnmet {
		if page.Unmet, failed = s.wayToMeet(r, unmet); failed != nil {
			return failed
		}
	}
	return s.renderControls(w, r, g, page, http.StatusForbidden)
}

// wayToMeet leads to what the owner lacks, and back to the form as typed.
func (s *Site) wayToMeet(r *http.Request, unmet *workspace.Unmet) (*ui.Link, error) {
	back, err := s.keepForm(r)
	if err != nil {
		return nil, err
	}
	switch {
	case unmet.AtAccount:
		return &ui.Link{Text: "Sign in with MFA at your account", Href: s.returns.carry(verifyAddress(&unmet.Refusal), back)}, nil
	case unmet.Outcome == access.Strengthen:
		return &ui.Link{Text: "Add a security key or passkey", Href: s.returns.carry(unmet.FixPath(), back)}, nil
	case unmet.Outcome == access.Enrol:
		return &ui.Link{Text: "Set up two-step verification", Href: s.returns.carry(unmet.FixPath(), back)}, nil
	case unmet.Outcome.Challenge():
		return &ui.Link{Text: "Verify it's you", Href: s.returns.carry(verifyAddress(&unmet.Refusal), back)}, nil
	}
	return nil, nil
}

// networksPage is the way out for an owner whom the allowed networks shut out.
type networksPage struct {
	Name, Path string
	From       netip.Addr
	Networks   []netip.Prefix
}

func (s *Site) showNetworks(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws := g.Workspace()
	page := networksPage{Name: ws.Name, Path: liftPath(ws.Slug), From: request.Address(r.Context()), Networks: ws.Policy.Networks}
	shell := s.shell(r, "Lift the allowed networks")
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "networks.html", shell, page)
}

func (s *Site) liftNetworks(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Workspaces.LiftNetworks(r.Context(), g); err != nil {
		return err
	}
	return s.done(w, r, controlsPath(g), "lifted")
}

func liftPath(workspace string) string {
	return "/" + workspace + "/workspace/settings/access-controls/networks"
}

// hours writes how long a second step lasts as the form has it.
func hours(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return strconv.Itoa(int(d.Hours()))
}
