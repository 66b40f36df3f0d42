package web

import (
	"net/http"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/ui"
)

// forgottenPage asks for the address to which the link is mailed.
type forgottenPage struct {
	Form   ui.Form
	Flow   string
	SignIn string
}

func (s *Site) showForgotten(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.forgottenAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) forgottenAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	flow, waits, err := s.pending(r)
	if err != nil {
		return err
	}
	if form.Values == nil {
		form = ui.Filled("email", waits.LoginHint)
	}
	page := forgottenPage{Form: form, Flow: flow, SignIn: withFlow("/signin", flow)}
	return s.render(w, r, status, "forgotten.html", s.narrow(r, "Forgotten password"), page)
}

// forgottenMailedPage says that a mail is on its way, whoever has the address.
type forgottenMailedPage struct{ Address, Again string }

func (s *Site) forgotten(w http.ResponseWriter, r *http.Request) error {
	flow, _, err := s.pending(r)
	if err != nil {
		return err
	}
	email := r.PostForm.Get("email")
	if err := s.SignIn.Forgot(r.Context(), email, flow, s.visit(r)); err != nil {
		return err
	}
	page := forgottenMailedPage{Address: email, Again: withFlow("/forgotten", flow)}
	return s.render(w, r, http.StatusOK, "forgotten-mailed.html", s.narrow(r, "Check your mail"), page)
}

func (s *Site) showReset(w http.ResponseWriter, r *http.Request) error {
	return s.resetAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) resetAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.showLink(w, r, form, status, "reset.html", "Choose a new password", person.KindReset)
}

// reset stores the new password and goes on signing in with it: to the second
// step, where the person has one.
func (s *Site) reset(w http.ResponseWriter, r *http.Request) error {
	l, err := s.link(r)
	if err != nil {
		return dead(err)
	}
	proven, err := s.SignIn.ResetPassword(r.Context(), secretOf(r.Form), password(r, "password"), s.visit(r))
	if err != nil {
		return dead(err)
	}
	return s.finish(w, r, proven, l.Flow)
}
