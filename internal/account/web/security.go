package web

import (
	"net/http"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// securityPage is how a person signs in: password, MFA, trusted browsers.
type securityPage struct {
	Form     ui.Form
	Session  signin.Session
	By       string // how they signed in, in words
	Email    string
	Change   bool // the form for a new password is shown
	MFA      signin.MFA
	Factors  ui.Factors
	Browsers []trustedLine
}

// trustedLine is a trusted browser, by its name.
type trustedLine struct {
	signin.Trusted
	Browser string
}

const securityPath = "/manage-profile/security"

func (s *Site) showSecurity(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if r.Form.Get("change") != "" && who.Kinds.Any() && !who.Fresh(s.Clock()) {
		return s.proveAgain(w, r, who)
	}
	return s.security(w, r, who, ui.Form{}, http.StatusOK)
}

func (s *Site) securityAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.own(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.security(w, r, who, form, status)
	})(w, r)
}

func (s *Site) security(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	mfa, err := s.SignIn.MFA(r.Context(), who)
	if err != nil {
		return err
	}
	browsers, err := s.SignIn.TrustedBrowsers(r.Context(), who)
	if err != nil {
		return err
	}
	lines := make([]trustedLine, len(browsers))
	for i, each := range browsers {
		lines[i] = trustedLine{each, request.Browser(each.Agent)}
	}
	page := securityPage{
		Form: form, Session: who, By: signedInBy(who), Email: who.Person.Email,
		Change: !mfa.On() || who.Fresh(s.Clock()), MFA: mfa, Factors: factorList(mfa), Browsers: lines,
	}
	return s.render(w, r, status, "security.html", s.personal(r, "Security", securityPath), page)
}

// signedInBy says how the person has signed in.
func signedInBy(who signin.Session) string {
	switch who.Class {
	case signin.ClassPhishing:
		return "a security key or passkey"
	case signin.ClassTwo:
		return "your password and a second step"
	default:
		return "your password"
	}
}

func (s *Site) changePassword(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if who.Kinds.Any() && !who.Fresh(s.Clock()) {
		return s.proveAgain(w, r, who)
	}
	token, err := s.SignIn.ChangePassword(r.Context(), who, password(r, "current"), password(r, "password"), s.visit(r))
	if err != nil {
		return err
	}
	s.setSession(w, token)
	return s.done(w, r, securityPath, "password")
}

func (s *Site) distrust(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.SignIn.Distrust(r.Context(), who, r.PostForm.Get("id"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, securityPath, "distrusted")
}
