package web

import (
	"net/http"
	"net/url"
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

	Passkey ui.KeyForm // sign in without a password; without a button: not at this address
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
	if who, ok := s.session(r); ok && r.Form.Get("other") == "" {
		if flow == "" {
			return redirect(w, r, "/manage-profile")
		}
		if done, err := s.stepUp(w, r, who, waits); done || err != nil {
			return err
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

// stepUp asks somebody who is signed in for what is missing for an app's
// request, where that is less than a sign-in from the start.
func (s *Site) stepUp(w http.ResponseWriter, r *http.Request, who signin.Session, waits provider.Pending) (bool, error) {
	if waits.Anew || waits.Subject != "" && waits.Subject != who.Person.ID {
		return false, nil
	}
	f, err := s.SignIn.Resume(r.Context(), who)
	if err != nil {
		return false, err
	}
	switch signin.Next(f, waits.Need) {
	case signin.StepVerify:
		return true, s.hold(w, r, f, carried(r.Form))
	case signin.StepEnrol:
		return true, s.enrolFirst(w, r, r.Form.Get("flow"))
	default:
		return false, nil
	}
}

// newcomer reports whether the request is of somebody who has no account yet
// and may make one: whoever holds an invitation to an address may know.
func (s *Site) newcomer(r *http.Request, waits provider.Pending) (bool, error) {
	may, err := s.maySignUp(r.Context(), waits)
	if err != nil || !may || waits.Invited == "" {
		return may && waits.SignUp, err
	}
	if waits.SignUp {
		return true, nil
	}
	_, err = s.People.Find(r.Context(), waits.Invited)
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
	may, err := s.maySignUp(r.Context(), waits)
	if err != nil {
		return err
	}
	if may {
		page.SignUp = withFlow("/signup", flow)
	}
	if s.SignIn.Factors.TakesKeys() {
		page.Passkey = ui.KeyForm{
			Do: "get", Action: "/signin/passkey", Options: "/signin/passkey/options", Hidden: hiddenOf(carried(r.Form)),
			Button: "Sign in with a passkey", Plain: true, Offer: true, Error: form.Errors["credential"],
		}
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
	need, err := s.need(r, flow)
	if err != nil {
		return err
	}
	next := signin.Next(proven, need)
	if next == signin.StepVerify || next == signin.StepPassword {
		return s.hold(w, r, proven, carried(r.Form))
	}
	if err := s.open(w, r, proven); err != nil {
		return err
	}
	if next == signin.StepEnrol {
		return s.enrolFirst(w, r, flow)
	}
	if flow != "" {
		if _, err := s.Provider.Pending(r.Context(), flow); err == nil {
			return redirect(w, r, provider.BackTo(flow))
		}
	}
	return redirect(w, r, s.returnPath(r))
}

// enrolFirst leads to setting up a second step, and from there to where the
// person was going.
func (s *Site) enrolFirst(w http.ResponseWriter, r *http.Request, flow string) error {
	path := s.returnPath(r)
	if flow != "" {
		path = provider.BackTo(flow)
	}
	sealed, err := s.Box.SealValue("return", s.Clock().Add(returnLife), path)
	if err != nil {
		return err
	}
	return redirect(w, r, withQuery(mfaPath, url.Values{"return": {sealed}}))
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
	if err := s.Box.OpenValue("return", r.Form.Get("return"), s.Clock(), &path); err != nil {
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
