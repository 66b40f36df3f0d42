package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// signInPage is the page of the sign-in form.
type signInPage struct {
	Form   ui.Form
	Flow   string
	Return string // sealed: the page of this site to go on to; may be empty
	App    string // the name of the app that waits; empty: none
	SignUp string // the address of the sign-up page; empty: no way to it
	Forgot string // the address of the page for a forgotten password
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	if _, ok := s.session(r); ok {
		return redirect(w, r, "/manage-profile")
	}
	return redirect(w, r, "/signin")
}

// pending gives the app's request that waits under the flow of this page or
// form; the zero one where there is none.
func (s *Site) pending(r *http.Request) (flow string, p provider.Pending, err error) {
	flow = r.Form.Get("flow")
	if flow == "" {
		return "", provider.Pending{}, nil
	}
	p, err = s.Provider.Pending(r.Context(), flow)
	return flow, p, err
}

func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	flow, waits, err := s.pending(r)
	if err != nil {
		return err
	}
	if flow == "" {
		if _, ok := s.session(r); ok {
			return redirect(w, r, "/manage-profile")
		}
	}
	if newcomer, err := s.newcomer(r, waits); err != nil || newcomer {
		if err != nil {
			return err
		}
		return redirect(w, r, withFlow("/signup", flow))
	}
	hint := waits.LoginHint
	if waits.Invited != "" {
		hint = waits.Invited
	}
	return s.signInForm(w, r, ui.Filled("email", hint), http.StatusOK)
}

// newcomer reports whether the request is of somebody who has no account yet
// and may make one: whoever holds an invitation to an address may know.
func (s *Site) newcomer(r *http.Request, waits provider.Pending) (bool, error) {
	if waits.SignUp && s.maySignUp(waits) {
		return true, nil
	}
	if waits.Invited == "" || !s.maySignUp(waits) {
		return false, nil
	}
	_, err := s.People.Find(r.Context(), waits.Invited)
	if errs.Is(err, errs.KindNotFound) {
		return true, nil
	}
	return false, err
}

func (s *Site) signInAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.signInForm(w, r, form, status)
}

func (s *Site) signInForm(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	flow, waits, err := s.pending(r)
	if err != nil {
		return err
	}
	page := signInPage{Form: form, Flow: flow, Return: r.Form.Get("return"), App: waits.AppName, Forgot: withFlow("/forgotten", flow)}
	if s.maySignUp(waits) {
		page.SignUp = withFlow("/signup", flow)
	}
	return s.render(w, r, status, "signin.html", s.narrow(r, "Sign in"), page)
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	flow, _, err := s.pending(r)
	if err != nil {
		return err
	}
	proven, err := s.SignIn.Password(r.Context(), r.PostForm.Get("email"), password(r, "password"), s.visit(r))
	if err != nil {
		return err
	}
	return s.finish(w, r, proven, flow)
}

// finish does what comes next in a sign-in; at its end the person goes on to
// where they were going.
func (s *Site) finish(w http.ResponseWriter, r *http.Request, proven signin.Flow, flow string) error {
	if next := signin.Next(proven); next != signin.StepDone {
		return redirect(w, r, withFlow("/signin", flow))
	}
	if err := s.open(w, r, proven); err != nil {
		return err
	}
	if flow != "" {
		if _, err := s.Provider.Pending(r.Context(), flow); err == nil {
			return redirect(w, r, provider.BackTo(flow))
		}
	}
	return redirect(w, r, s.returnPath(r))
}

// returnLife is how long a way back to a page of this site is good for.
const returnLife = time.Hour

// signInFirst sends whoever asks for a page of their own to the sign-in page,
// and from there back. The way back is sealed, so nobody else can write one.
func (s *Site) signInFirst(w http.ResponseWriter, r *http.Request) error {
	path := r.URL.Path
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	sealed, err := s.Box.SealValue("return", s.Clock().Add(returnLife), path)
	if err != nil {
		return err
	}
	return redirect(w, r, "/signin?return="+sealed)
}

// returnPath is where a finished sign-in without an app goes on.
func (s *Site) returnPath(r *http.Request) string {
	var path string
	if err := s.Box.OpenValue("return", r.PostForm.Get("return"), s.Clock(), &path); err != nil {
		return "/manage-profile"
	}
	return path
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.SignIn.End(r.Context(), s.cookie(r, sessionCookie), address(r)); err != nil {
		return err
	}
	s.cookies.Drop(w, sessionCookie)
	return s.done(w, r, "/signin", "out")
}

func withFlow(path, flow string) string {
	if flow == "" {
		return path
	}
	return path + "?flow=" + flow
}
