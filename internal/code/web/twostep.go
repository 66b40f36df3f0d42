package web

import (
	"html/template"
	"net/http"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// enrolSteps are the three short steps of turning two-step verification on.
func enrolSteps(at int) ui.Steps {
	return ui.Steps{Names: []string{"Choose", "Scan", "Save recovery codes"}, At: at}
}

type twoStepPage struct {
	Factors      []factor.Factor
	RecoveryLeft int
	Return       string // where the person wanted to go, signed; empty: nowhere
	ReturnPath   string
	Steps        ui.Steps
	Problem      string
	Hidden       []ui.Hidden
}

// wanted is the page that the person asked for before they were led here.
func (s *Site) wanted(r *http.Request) (path, signed string) {
	path = s.returns.read(r.FormValue("return"))
	if path == "/" {
		return "", ""
	}
	return path, s.returns.sign(path)
}

func hiddenReturn(signed string) []ui.Hidden {
	if signed == "" {
		return nil
	}
	return []ui.Hidden{{Name: "return", Value: signed}}
}

func (s *Site) showTwoStep(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	state, err := s.Users.TwoStep(r.Context(), g)
	if err != nil {
		return err
	}
	path, signed := s.wanted(r)
	page := twoStepPage{
		Factors: state.Factors, RecoveryLeft: state.RecoveryLeft, Return: signed, ReturnPath: path,
		Steps: enrolSteps(0), Hidden: hiddenReturn(signed),
	}
	return s.render(w, r, http.StatusOK, "twostep.html", s.personal(r, "Two-step verification", twoStepPath), page)
}

func (s *Site) beginTwoStep(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	pending, err := s.Users.BeginTOTP(r.Context(), g)
	if errs.Is(err, errs.KindConflict) {
		return s.setUpOver(w, r, err)
	}
	if err != nil {
		return err
	}
	path, _ := s.wanted(r)
	return redirect(w, r, s.returns.carry(twoStepPath+"app?id="+pending.ID, path))
}

type appPage struct {
	Steps   ui.Steps
	Problem string
	Setup   ui.TOTPSetup
	Cancel  string
}

func (s *Site) showApp(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.appAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) appAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	id := r.FormValue("id")
	pending, err := s.Users.PendingTOTP(r.Context(), g, id)
	if errs.Is(err, errs.KindConflict) {
		return s.setUpOver(w, r, err)
	}
	if err != nil {
		return err
	}
	path, signed := s.wanted(r)
	page := appPage{
		Steps: enrolSteps(1), Problem: form.Message(), Cancel: s.returns.carry(twoStepPath, path),
		Setup: ui.TOTPSetup{
			QR: pending.QR, Secret: strings.ReplaceAll(pending.Secret.Reveal(), " ", ""),
			URI: template.URL(pending.URI.Reveal()), //nolint:gosec // otpauth, made by package factor
			Form: ui.CodeForm{
				Action: twoStepPath + "app", Hidden: append(hiddenReturn(signed), ui.Hidden{Name: "id", Value: id}),
				Hint: "The six digits that the app shows now.", Error: form.Errors["code"],
			},
		},
	}
	shell := s.personal(r, "Two-step verification", twoStepPath)
	return s.render(w, r, status, "app.html", shell, page)
}

// setUpOver is the page of a set-up that can't be finished, as when another
// tab was faster. Nothing was changed.
func (s *Site) setUpOver(w http.ResponseWriter, r *http.Request, err error) error {
	request.Failed(r.Context(), err)
	path, _ := s.wanted(r)
	return s.errorPage(w, r, ui.ErrorPage{
		Status: http.StatusConflict, Title: "Nothing was changed here", Message: errs.Message(err),
		Links: []ui.Link{{Text: "Two-step verification", Href: s.returns.carry(twoStepPath, path)}},
	})
}

type codesPage struct {
	Steps ui.Steps
	Codes ui.RecoveryCodes
}

func (s *Site) confirmApp(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	enrolment, err := s.Users.ConfirmTOTP(r.Context(), g, r.PostFormValue("id"), r.PostFormValue("code"), "")
	if err != nil {
		return err
	}
	s.setSession(w, enrolment.Session)
	return s.showCodes(w, r, enrolment.RecoveryCodes, enrolSteps(2))
}

// showCodes shows new recovery codes, this once: they are kept as hashes only,
// so this page can't be had again.
func (s *Site) showCodes(w http.ResponseWriter, r *http.Request, codes []secret.String, steps ui.Steps) error {
	_, signed := s.wanted(r)
	plain := make([]string, len(codes))
	for i, code := range codes {
		plain[i] = code.Reveal()
	}
	page := codesPage{Steps: steps, Codes: ui.RecoveryCodes{
		Codes: plain, Heading: "Recovery codes of " + visitorOf(r).user.Username + " for " + s.URL,
		FileName: "sallyport-code-recovery-codes.txt", Action: twoStepPath + "saved", Hidden: hiddenReturn(signed),
	}}
	return s.render(w, r, http.StatusOK, "codes.html", s.personal(r, "Two-step verification", twoStepPath), page)
}

// savedCodes is the end of enrolling: on to the page that was first asked for.
func (s *Site) savedCodes(w http.ResponseWriter, r *http.Request, _ access.Grant) error {
	if path, _ := s.wanted(r); path != "" {
		return s.done(w, r, path, "twostepon")
	}
	return s.done(w, r, twoStepPath, "twostepon")
}

type recoveryPage struct{ Left int }

func (s *Site) showRecovery(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	state, err := s.Users.TwoStep(r.Context(), g)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "recovery.html", s.personal(r, "New recovery codes", twoStepPath), recoveryPage{state.RecoveryLeft})
}

func (s *Site) replaceRecovery(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	codes, err := s.Users.ReplaceRecoveryCodes(r.Context(), g)
	if err != nil {
		return err
	}
	return s.showCodes(w, r, codes, ui.Steps{})
}

type turnOffPage struct {
	Problem string
	Closes  []string
	Code    ui.CodeForm
}

func (s *Site) showTurnOff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.turnOffAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) turnOffAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	closing, err := s.Users.ClosedByTurningOff(r.Context(), g)
	if err != nil {
		return err
	}
	page := turnOffPage{Problem: form.Message(), Code: ui.CodeForm{
		Action: twoStepPath + "turn-off", Error: form.Errors["code"], Text: true,
		Hint:   "The six digits that your app shows now, or a recovery code.",
		Button: ui.Button{Text: "Turn off two-step verification", Danger: true},
		Links:  []ui.Link{{Text: "Keep it on", Href: twoStepPath}},
	}}
	for _, each := range closing {
		page.Closes = append(page.Closes, each.Name)
	}
	return s.render(w, r, status, "turnoff.html", s.personal(r, "Turn off", twoStepPath), page)
}

func (s *Site) turnOff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.TurnOffTwoStep(r.Context(), g, r.PostFormValue("code")); err != nil {
		return err
	}
	return s.done(w, r, twoStepPath, "turnedoff")
}
