package web

import (
	"encoding/json"
	"net/http"
	"net/url"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// Security keys and passkeys, and the page of one second step.

const (
	keyPath    = twoStepPath + "key"
	factorPath = twoStepPath + "factor"
)

func factorList(t user.TwoStep, add string) ui.Factors {
	list := ui.Factors{RecoveryLeft: t.RecoveryLeft, Recovery: twoStepPath + "recovery-codes", Add: add}
	for _, f := range t.Factors {
		list.Rows = append(list.Rows, ui.Factor{
			Label: f.Label, Key: f.Kind == factor.WebAuthn, Kind: kindOf(f), Added: f.Added, Used: f.LastUsed, Off: f.Off(),
			Href: factorPath + "?id=" + url.QueryEscape(f.ID),
		})
	}
	return list
}

func kindOf(f factor.Factor) string {
	switch {
	case f.Kind == factor.WebAuthn && f.Synced:
		return "Passkey"
	case f.Kind == factor.WebAuthn:
		return "Security key"
	default:
		return "Authenticator app"
	}
}

type addPage struct {
	Steps  ui.Steps
	Choice ui.FactorChoice
}

func (s *Site) showAdd(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	page := addPage{Steps: enrolSteps(0, "", g.Actor().Factors.Enrolled()), Choice: s.factorChoice(r)}
	return s.render(w, r, http.StatusOK, "add.html", s.personal(r, "Add a second step", twoStepPath), page)
}

// factorChoice offers what can be set up at this site's address.
func (s *Site) factorChoice(r *http.Request) ui.FactorChoice {
	signed, back := s.carried(r)
	choice := ui.FactorChoice{App: twoStepPath + "begin"}
	if signed != "" {
		choice.Hidden = []ui.Hidden{{Name: "return", Value: signed}}
	}
	if s.Users.Factors.TakesKeys() {
		choice.Key = s.returns.carry(keyPath, back)
	}
	return choice
}

type keyPage struct {
	Steps   ui.Steps
	Problem string
	Key     ui.KeyForm
}

func (s *Site) showKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.keyAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) keyAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	if !s.Users.Factors.TakesKeys() {
		return errs.Conflict("", "Security keys bind themselves to a site's name, and this one is reached by a bare address. Ask whoever runs it to give it a name.")
	}
	signed, back := s.carried(r)
	label := form.Text("label", "Name")
	label.Hint = "So that you know it in the list. You may leave it empty."
	page := keyPage{Steps: enrolSteps(1, "Touch your key", g.Actor().Factors.Enrolled()), Problem: form.Message(), Key: ui.KeyForm{
		Do: "create", Action: keyPath, Options: keyPath + "/options", Hidden: []ui.Hidden{{Name: "return", Value: signed}}, Label: label,
		Button: "Add the key", Error: form.Errors["credential"],
		Without: "Security keys need JavaScript, which is off here. An authenticator app works without.",
		Links:   []ui.Link{{Text: "Cancel", Href: s.returns.carry(twoStepPath, back)}},
	}}
	return s.render(w, r, status, "key.html", s.personal(r, "Security key or passkey", twoStepPath), page)
}

func (s *Site) keyOptions(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	options, err := s.Users.BeginKey(r.Context(), g)
	return writeOptions(w, r, options, err)
}

// writeOptions answers the script with what to ask a key for, or with why not.
func writeOptions(w http.ResponseWriter, r *http.Request, options factor.Options, err error) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		request.Failed(r.Context(), err)
		w.WriteHeader(errs.Status(err))
		return json.NewEncoder(w).Encode(map[string]string{"error": errs.Message(err)})
	}
	return json.NewEncoder(w).Encode(options)
}

func (s *Site) confirmKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	enrolment, err := s.Users.ConfirmKey(r.Context(), g, answerOf(r), r.PostFormValue("label"))
	if err != nil {
		return err
	}
	return s.added(w, r, enrolment)
}

func answerOf(r *http.Request) factor.Answer {
	return factor.Answer{
		Code: r.PostFormValue("code"), Challenge: r.PostFormValue("challenge"), Credential: r.PostFormValue("credential"),
	}
}

// added goes on after a second step was added: the first one brings recovery
// codes, which are shown once; after another one, to the page first asked for.
func (s *Site) added(w http.ResponseWriter, r *http.Request, enrolment user.Enrolment) error {
	s.setSession(w, enrolment.Session)
	if len(enrolment.RecoveryCodes) > 0 {
		return s.codesPage(w, r, enrolment.RecoveryCodes, enrolSteps(2, "", false))
	}
	if _, back := s.carried(r); back != "" {
		return redirect(w, r, back)
	}
	return s.done(w, r, twoStepPath, "factor")
}

type factorPage struct {
	Label  string
	Closes []user.Closing
	Stuck  bool // one of them would be left without an owner who meets its rule
	One    ui.OneFactor
}

func (s *Site) showFactor(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.factorAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) factorAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	state, err := s.Users.TwoStep(r.Context(), g)
	if err != nil {
		return err
	}
	id := form.Value("id")
	if id == "" {
		id = r.FormValue("id")
	}
	for _, f := range state.Factors {
		if f.ID != id {
			continue
		}
		closes, err := s.Users.ClosedByRemoving(r.Context(), g, id)
		if err != nil {
			return err
		}
		if !form.Values.Has("label") {
			form.Values = ui.Filled("label", f.Label).Values
		}
		page := factorPage{Label: f.Label, Closes: closes, Stuck: stuck(closes), One: ui.OneFactor{
			Form: form, Action: factorPath, Hidden: []ui.Hidden{{Name: "id", Value: f.ID}}, Back: twoStepPath,
			Only: len(state.Factors) == 1, Off: twoStepPath + "turn-off",
		}}
		return s.render(w, r, status, "factor.html", s.personal(r, f.Label, twoStepPath), page)
	}
	return errs.NotFound("There is no such second step any more.")
}

func stuck(closes []user.Closing) bool {
	for _, each := range closes {
		if each.LastReady {
			return true
		}
	}
	return false
}

func (s *Site) changeFactor(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	id := r.PostFormValue("id")
	if r.PostFormValue("act") == "remove" {
		if err := s.Users.RemoveFactor(r.Context(), g, id); err != nil {
			return err
		}
		return s.done(w, r, twoStepPath, "unfactored")
	}
	if err := s.Users.RenameFactor(r.Context(), g, id, r.PostFormValue("label")); err != nil {
		return err
	}
	return s.done(w, r, twoStepPath, "saved")
}
