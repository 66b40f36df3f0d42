package web

import (
	"net/http"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// newcomer is somebody who came back from the issuer and has no profile yet.
// The browser keeps it, sealed, while they choose a username: nothing is stored
// until they have.
type newcomer struct {
	Identity user.Identity
	Return   string
}

type welcomePage struct {
	Form  ui.Form
	Email string
}

func (s *Site) beginWelcome(w http.ResponseWriter, r *http.Request, identity user.Identity, back string) error {
	if err := s.setSealed(w, welcomeCookie, loginLasts, newcomer{identity, back}); err != nil {
		return err
	}
	return redirect(w, r, "/login/welcome")
}

func (s *Site) showWelcome(w http.ResponseWriter, r *http.Request) error {
	var who newcomer
	if !s.openSealed(r, welcomeCookie, &who) {
		return redirect(w, r, "/login")
	}
	return s.welcomeForm(w, r, who, ui.Filled("username", user.Suggest(who.Identity)), http.StatusOK)
}

func (s *Site) welcomeForm(w http.ResponseWriter, r *http.Request, who newcomer, form ui.Form, status int) error {
	shell := s.shell(r, "Choose your username")
	shell.Narrow, shell.SignIn = true, ""
	return s.render(w, r, status, "welcome.html", shell, welcomePage{Form: form, Email: who.Identity.Email})
}

func (s *Site) chooseUsername(w http.ResponseWriter, r *http.Request) error {
	var who newcomer
	if !s.openSealed(r, welcomeCookie, &who) {
		return s.loginFailed(w, r, errs.Invalid("", "Choosing a username took too long. Sign in again, and nothing is lost."), "/")
	}
	err := visitorOf(r).form
	if err == nil {
		// Two tabs, or the form sent twice: the profile is there already.
		if _, found := s.Users.Find(r.Context(), who.Identity.Issuer, who.Identity.Subject); found == nil {
			s.cookies.Drop(w, welcomeCookie)
			return redirect(w, r, s.returns.carry("/login", who.Return))
		}
		_, err = s.Users.Create(r.Context(), who.Identity, r.PostFormValue("username"))
	}
	if err != nil && aboutForm(err) {
		return s.welcomeForm(w, r, who, ui.Refused(r.PostForm, err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	s.cookies.Drop(w, welcomeCookie)
	return s.openSession(w, r, who.Identity, who.Return)
}
