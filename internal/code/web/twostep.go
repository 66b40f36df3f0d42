package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// The three steps of turning two-step verification on, one on a page each. The
// page that the person first asked for is carried through them, signed.

// enrolSteps are the steps, the second of which has a name of its own by what
// is set up. Where two-step verification is on, there are recovery codes already.
func enrolSteps(at int, second string, on bool) ui.Steps {
	if second == "" {
		second = "Scan or touch"
	}
	names := []string{"Choose", second, "Save recovery codes"}
	if on {
		names = names[:2]
	}
	return ui.Steps{Names: names, At: at}
}

type twoStepPage struct {
	user.TwoStep
	Steps   ui.Steps
	Problem string
	List    ui.Factors
	Choice  ui.FactorChoice
	Back    string // the page that was first asked for; empty: none
}

// carried gives the signed return path that a request brings, if it is ours.
func (s *Site) carried(r *http.Request) (signed, path string) {
	path = s.returns.read(r.FormValue("return"))
	if path == "/" {
		return "", ""
	}
	return s.returns.sign(path), path
}

func (s *Site) showTwoStep(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.twoStepPage(w, r, g, "", http.StatusOK)
}

func (s *Site) twoStepPage(w http.ResponseWriter, r *http.Request, g access.Grant, problem string, status int) error {
	state, err := s.Users.TwoStep(r.Context(), g)
	if err != nil {
		return err
	}
	_, back := s.carried(r)
	page := twoStepPage{
		TwoStep: state, Steps: enrolSteps(0, "", false), Problem: problem, Back: back,
		List: factorList(state, s.returns.carry(twoStepPath+"add", back)), Choice: s.factorChoice(r),
	}
	return s.render(w, r, status, "twostep.html", s.personal(r, "Two-step verification", twoStepPath), page)
}

func (s *Site) beginTwoStep(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	pending, err := s.Users.BeginTOTP(r.Context(), g)
	if errs.Is(err, errs.KindConflict) {
		request.Failed(r.Context(), err)
		return s.twoStepPage(w, r, g, errs.Message(err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	_, back := s.carried(r)
	return redirect(w, r, s.returns.carry(twoStepPath+"app?id="+url.QueryEscape(pending.ID), back))
}

type appPage struct {
	Steps   ui.Steps
	Problem string
	Setup   ui.TOTPSetup
}

func (s *Site) showApp(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.appAgain(w, r, g, ui.Form{}, http.StatusOK)
}

// appAgain shows the key. Where the set-up is over, it says so at its start.
func (s *Site) appAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	id := r.FormValue("id")
	pending, err := s.Users.PendingTOTP(r.Context(), g, id)
	if errs.Is(err, errs.KindConflict) {
		return s.twoStepPage(w, r, g, errs.Message(err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	signed, back := s.carried(r)
	page := appPage{
		Steps: enrolSteps(1, "Connect your app", g.Actor().Factors.Enrolled()), Problem: form.Message(), Setup: totpSetup(pending),
	}
	page.Setup.Form = ui.CodeForm{
		Action: twoStepPath + "app", Hidden: []ui.Hidden{{Name: "id", Value: id}, {Name: "return", Value: signed}},
		Hint: "The six digits that the app shows now.", Error: form.Errors["code"],
		Links: []ui.Link{{Text: "Cancel", Href: s.returns.carry(twoStepPath, back)}},
	}
	return s.render(w, r, status, "app.html", s.personal(r, "Two-step verification", twoStepPath), page)
}

func totpSetup(pending factor.Pending) ui.TOTPSetup {
	return ui.TOTPSetup{
		QR: pending.QR, Secret: strings.ReplaceAll(pending.Secret.Reveal(), " ", ""),
		URI: template.URL(pending.URI.Reveal()), //nolint:gosec // made by package factor
	}
}

func (s *Site) confirmApp(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	enrolment, err := s.Users.ConfirmTOTP(r.Context(), g, r.PostFormValue("id"), r.PostFormValue("code"), "")
	if err != nil {
		return err
	}
	return s.added(w, r, enrolment)
}

type codesPage struct {
	Steps ui.Steps // empty where the codes take the place of older ones
	Codes ui.RecoveryCodes
}

// codesPage shows recovery codes, once: they aren't stored in a form that
// could be shown again.
func (s *Site) codesPage(w http.ResponseWriter, r *http.Request, codes []secret.String, steps ui.Steps) error {
	signed, _ := s.carried(r)
	username := visitorOf(r).user.Username
	page := codesPage{Steps: steps, Codes: ui.RecoveryCodes{
		Heading: "Recovery codes of " + username + " for Sallyport Code, " + strings.TrimPrefix(s.URL, "https://"),
		Action:  twoStepPath + "saved", Hidden: []ui.Hidden{{Name: "return", Value: signed}},
		FileName: "sallyport-code-recovery-codes-" + username + ".txt",
	}}
	for _, code := range codes {
		page.Codes.Codes = append(page.Codes.Codes, code.Reveal())
	}
	return s.render(w, r, http.StatusOK, "codes.html", s.personal(r, "Recovery codes", twoStepPath), page)
}

// savedCodes goes on, after the codes were saved, to the page first asked for.
func (s *Site) savedCodes(w http.ResponseWriter, r *http.Request, _ access.Grant) error {
	if _, back := s.carried(r); back != "" {
		return redirect(w, r, back)
	}
	return redirect(w, r, twoStepPath)
}

type recoveryPage struct{ Left int }

func (s *Site) showRecovery(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	state, err := s.Users.TwoStep(r.Context(), g)
	if err != nil {
		return err
	}
	if !state.On() {
		return redirect(w, r, twoStepPath)
	}
	return s.render(w, r, http.StatusOK, "recovery.html", s.personal(r, "Recovery codes", twoStepPath), recoveryPage{state.RecoveryLeft})
}

func (s *Site) replaceRecovery(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	codes, err := s.Users.ReplaceRecoveryCodes(r.Context(), g)
	if err != nil {
		return err
	}
	return s.codesPage(w, r, codes, ui.Steps{})
}

type turnOffPage struct {
	Problem string
	Closes  []user.Closing
	Stuck   bool       // one of them would be left without an owner who meets its rule
	Key     ui.KeyForm // without a button: by a code
	Code    ui.CodeForm
}

func (s *Site) showTurnOff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if !g.Actor().Factors.Enrolled() {
		return redirect(w, r, twoStepPath)
	}
	return s.turnOffAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) turnOffAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	closes, err := s.Users.ClosedByTurningOff(r.Context(), g)
	if err != nil {
		return err
	}
	page := turnOffPage{Problem: form.Message(), Closes: closes, Stuck: stuck(closes)}
	keep := ui.Link{Text: "Keep it on", Href: twoStepPath}
	if g.Actor().Factors.WebAuthn && r.FormValue("way") != byCode {
		page.Key = ui.KeyForm{
			Do: "get", Action: twoStepPath + "turn-off", Options: "/login/verify/options", Error: form.Errors["credential"],
			Button: "Turn off with a security key", Without: "Security keys need JavaScript, which is off here. Use a code.",
			Links: []ui.Link{{Text: "Use a code", Href: twoStepPath + "turn-off?way=" + byCode}, keep},
		}
	} else {
		page.Code = ui.CodeForm{
			Action: twoStepPath + "turn-off", Error: form.Errors["code"], Hidden: []ui.Hidden{{Name: "way", Value: byCode}},
			Hint: "A fresh code from your app, or one of your recovery codes.", Text: true,
			Button: ui.Button{Text: "Turn off two-step verification", Danger: true}, Links: []ui.Link{keep},
		}
	}
	return s.render(w, r, status, "turnoff.html", s.personal(r, "Two-step verification", twoStepPath), page)
}

func (s *Site) turnOff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.TurnOffTwoStep(r.Context(), g, answerOf(r)); err != nil {
		return err
	}
	return s.done(w, r, twoStepPath, "turnedoff")
}
