package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

const mfaPath = securityPath + "/mfa"

// The three steps of setting up a second step, one on a page each. The page
// that the person was going to is carried through them, sealed.

func enrolSteps(at int, on bool) ui.Steps {
	names := []string{"Choose", "Scan or touch", "Save recovery codes"}
	if on {
		names = names[:2] // there are recovery codes already
	}
	return ui.Steps{Names: names, At: at}
}

// way is the query that carries where the person was going.
func way(r *http.Request) url.Values {
	values := url.Values{}
	if back := r.Form.Get("return"); back != "" {
		values.Set("return", back)
	}
	return values
}

func factorList(m signin.MFA) ui.Factors {
	list := ui.Factors{RecoveryLeft: m.RecoveryLeft, Recovery: mfaPath + "/recovery-codes", Add: mfaPath}
	for _, f := range m.Factors {
		list.Rows = append(list.Rows, ui.Factor{
			Label: f.Label, Key: f.Kind == factor.WebAuthn, Kind: kindOf(f), Added: f.Added, Used: f.LastUsed, Off: f.Off(),
			Href: mfaPath + "/factor?id=" + f.ID,
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

type mfaPage struct {
	On       bool
	Required bool   // the operator's rule: nothing else opens before
	App      string // the app that asked for it; empty: none did
	Wants    string // what that app asks for
	Steps    ui.Steps
	Problem  string
	Choice   ui.FactorChoice
}

func (s *Site) showMFA(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.mfaPage(w, r, who, "", http.StatusOK)
}

func (s *Site) mfaPage(w http.ResponseWriter, r *http.Request, who signin.Session, problem string, status int) error {
	page := mfaPage{
		On: who.Kinds.Any(), Required: who.MustEnrol, Steps: enrolSteps(0, who.Kinds.Any()), Problem: problem,
		Choice: ui.FactorChoice{App: mfaPath, Hidden: hiddenOf(way(r))},
	}
	if flow := provider.FlowOf(s.returnPath(r)); flow != "" {
		if waits, err := s.Provider.Pending(r.Context(), flow); err == nil { // or it is over, which the way back says
			page.App, page.Wants = waits.AppName, "a second step"
			if waits.Need.Class == signin.ClassPhishing {
				page.Wants = "a security key or passkey"
			}
		}
	}
	if s.SignIn.Factors.TakesKeys() {
		page.Choice.Key = withQuery(mfaPath+"/key", way(r))
	}
	return s.render(w, r, status, "mfa.html", s.personal(r, "MFA", securityPath), page)
}

func (s *Site) beginApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	pending, err := s.SignIn.BeginTOTP(r.Context(), who)
	if errs.Is(err, errs.KindConflict) {
		request.Failed(r.Context(), err)
		return s.mfaPage(w, r, who, errs.Message(err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	values := way(r)
	values.Set("id", pending.ID)
	return redirect(w, r, withQuery(mfaPath+"/app", values))
}

type appPage struct {
	Steps   ui.Steps
	Problem string
	Setup   ui.TOTPSetup
}

func (s *Site) showApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.app(w, r, who, ui.Form{}, http.StatusOK)
}

func (s *Site) appAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.enrolling(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.app(w, r, who, form, status)
	})(w, r)
}

// app shows the key. Where the set-up is over, it says so at its start.
func (s *Site) app(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	pending, err := s.SignIn.PendingTOTP(r.Context(), who, r.Form.Get("id"))
	if errs.Is(err, errs.KindConflict) {
		return s.mfaPage(w, r, who, errs.Message(err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	values := way(r)
	cancel := withQuery(mfaPath, values)
	values.Set("id", pending.ID)
	page := appPage{Steps: enrolSteps(1, who.Kinds.Any()), Problem: form.Message(), Setup: ui.TOTPSetup{
		QR: pending.QR, Secret: strings.ReplaceAll(pending.Secret.Reveal(), " ", ""),
		URI: template.URL(pending.URI.Reveal()), //nolint:gosec // made by package factor
		Form: ui.CodeForm{
			Action: mfaPath + "/app", Hidden: hiddenOf(values), Hint: "The six digits that the app shows now.",
			Error: form.Errors["code"], Links: []ui.Link{{Text: "Cancel", Href: cancel}},
		},
	}}
	return s.render(w, r, status, "mfa-app.html", s.personal(r, "Authenticator app", securityPath), page)
}

func (s *Site) confirmApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	done, err := s.SignIn.ConfirmTOTP(r.Context(), who, r.PostForm.Get("id"), r.PostForm.Get("code"), "", s.visit(r))
	if err != nil {
		return err
	}
	return s.added(w, r, who, done)
}

type keyPage struct {
	Steps   ui.Steps
	Problem string
	Key     ui.KeyForm
}

func (s *Site) showKey(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.key(w, r, who, ui.Filled("label", r.Form.Get("label")), http.StatusOK)
}

func (s *Site) keyAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.enrolling(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.key(w, r, who, form, status)
	})(w, r)
}

func (s *Site) key(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	label := form.Text("label", "Name")
	label.Hint = "So that you know it in the list. You may leave it empty."
	page := keyPage{Steps: enrolSteps(1, who.Kinds.Any()), Problem: form.Message(), Key: ui.KeyForm{
		Do: "create", Action: mfaPath + "/key", Options: mfaPath + "/key/options", Hidden: hiddenOf(way(r)), Label: label,
		Button: "Add the key", Error: form.Errors["credential"],
		Without: "Security keys need JavaScript, which is off here. An authenticator app works without.",
		Links:   []ui.Link{{Text: "Cancel", Href: withQuery(mfaPath, way(r))}},
	}}
	return s.render(w, r, status, "mfa-key.html", s.personal(r, "Security key or passkey", securityPath), page)
}

func (s *Site) keyOptions(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	return s.options(w, r)(s.SignIn.BeginKey(r.Context(), who, s.cookie(r, sessionCookie)))
}

func (s *Site) confirmKey(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	done, err := s.SignIn.ConfirmKey(r.Context(), who, s.cookie(r, sessionCookie), answerOf(r), r.PostForm.Get("label"), s.visit(r))
	if err != nil {
		return err
	}
	return s.added(w, r, who, done)
}

// added goes on after a second step was added: the first one brings recovery
// codes, which are shown once.
func (s *Site) added(w http.ResponseWriter, r *http.Request, who signin.Session, done signin.Changed) error {
	s.setSession(w, done.Token)
	if len(done.RecoveryCodes) > 0 {
		return s.codes(w, r, who, done.RecoveryCodes, enrolSteps(2, false))
	}
	if r.Form.Get("return") != "" {
		return redirect(w, r, s.returnPath(r))
	}
	return s.done(w, r, securityPath, "factor")
}

type codesPage struct {
	Steps ui.Steps // empty where the codes take the place of older ones
	Codes ui.RecoveryCodes
}

func (s *Site) codes(w http.ResponseWriter, r *http.Request, who signin.Session, codes []secret.String, steps ui.Steps) error {
	page := codesPage{Steps: steps, Codes: ui.RecoveryCodes{
		Heading: "Recovery codes of " + who.Person.Email + " for the Sallyport account, " + strings.TrimPrefix(s.URL, "https://"),
		Action:  mfaPath + "/saved", Hidden: hiddenOf(way(r)), FileName: "sallyport-account-recovery-codes.txt",
	}}
	for _, code := range codes {
		page.Codes.Codes = append(page.Codes.Codes, code.Reveal())
	}
	return s.render(w, r, http.StatusOK, "mfa-codes.html", s.personal(r, "Recovery codes", securityPath), page)
}

// savedCodes goes on, after the codes were saved, to where the person was going.
func (s *Site) savedCodes(w http.ResponseWriter, r *http.Request, _ signin.Session) error {
	if r.Form.Get("return") != "" {
		return redirect(w, r, s.returnPath(r))
	}
	return redirect(w, r, securityPath)
}

type factorPage struct {
	Label string
	One   ui.OneFactor
}

func (s *Site) showFactor(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	form := ui.Form{}
	if label := r.Form.Get("label"); label != "" {
		form = ui.Filled("label", label) // typed before a proof was asked for
	}
	return s.factor(w, r, who, form, http.StatusOK)
}

func (s *Site) factorAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.own(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.factor(w, r, who, form, status)
	})(w, r)
}

func (s *Site) factor(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	mfa, err := s.SignIn.MFA(r.Context(), who)
	if err != nil {
		return err
	}
	for _, f := range mfa.Factors {
		if f.ID != r.Form.Get("id") {
			continue
		}
		if !form.Values.Has("label") {
			form.Values = ui.Filled("label", f.Label).Values
		}
		page := factorPage{Label: f.Label, One: ui.OneFactor{
			Form: form, Action: mfaPath + "/factor", Hidden: []ui.Hidden{{Name: "id", Value: f.ID}},
			Back: securityPath, Only: len(mfa.Factors) == 1, Off: mfaPath + "/turn-off",
		}}
		return s.render(w, r, status, "mfa-factor.html", s.personal(r, f.Label, securityPath), page)
	}
	return errs.NotFound("There is no such second step any more.")
}

func (s *Site) changeFactor(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	id := r.PostForm.Get("id")
	if r.PostForm.Get("act") == "remove" {
		done, err := s.SignIn.RemoveFactor(r.Context(), who, id, s.visit(r))
		if err != nil {
			return err
		}
		s.setSession(w, done.Token)
		return s.done(w, r, securityPath, "unfactored")
	}
	if err := s.SignIn.RenameFactor(r.Context(), who, id, r.PostForm.Get("label"), s.visit(r)); err != nil {
		return err
	}
	return s.done(w, r, securityPath, "saved")
}

type recoveryPage struct{ Left int }

func (s *Site) showRecovery(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	mfa, err := s.SignIn.MFA(r.Context(), who)
	if err != nil {
		return err
	}
	if !mfa.On() {
		return redirect(w, r, mfaPath)
	}
	return s.render(w, r, http.StatusOK, "mfa-recovery.html", s.personal(r, "Recovery codes", securityPath), recoveryPage{mfa.RecoveryLeft})
}

func (s *Site) replaceRecovery(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	done, err := s.SignIn.ReplaceRecoveryCodes(r.Context(), who, s.visit(r))
	if err != nil {
		return err
	}
	s.setSession(w, done.Token)
	return s.codes(w, r, who, done.RecoveryCodes, ui.Steps{})
}

type turnOffPage struct{ Problem string }

func (s *Site) showTurnOff(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if !who.Kinds.Any() {
		return redirect(w, r, securityPath)
	}
	return s.turnOffAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) turnOffAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.render(w, r, status, "mfa-turnoff.html", s.personal(r, "MFA", securityPath), turnOffPage{form.Message()})
}

func (s *Site) turnOff(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	done, err := s.SignIn.TurnOffMFA(r.Context(), who, s.visit(r))
	if err != nil {
		return err
	}
	s.setSession(w, done.Token)
	return s.done(w, r, securityPath, "mfaoff")
}
