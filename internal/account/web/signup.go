package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// signUpPage is the page of the sign-up form.
type signUpPage struct {
	Form    ui.Form
	Flow    string
	App     string
	Invited string // the address that was invited; it can't be changed
	SignIn  string
}

// maySignUp reports whether an account may be made for this request.
func (s *Site) maySignUp(ctx context.Context, waits provider.Pending) (bool, error) {
	mode, err := s.mode(ctx)
	return mode == Open || mode == Invite && waits.Invited != "", err
}

var errByInvitation = errs.Denied("New accounts are by invitation here. Ask for an invitation to a workspace, and open the link in its mail.")

var errClosed = errs.Denied("New accounts are made by an administrator here. Ask one.")

func (s *Site) admit(ctx context.Context, waits provider.Pending) error {
	mode, err := s.mode(ctx)
	switch {
	case err != nil:
		return err
	case mode == Open || mode == Invite && waits.Invited != "":
		return nil
	case mode == Invite:
		return errByInvitation
	default:
		return errClosed
	}
}

func (s *Site) showSignUp(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.signUpAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) signUpAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	flow, waits, err := s.pending(r)
	if err != nil {
		return err
	}
	if err := s.admit(r.Context(), waits); err != nil {
		return err
	}
	if form.Values == nil {
		form = ui.Filled("email", waits.LoginHint)
	}
	page := signUpPage{Form: form, Flow: flow, App: waits.AppName, Invited: waits.Invited, SignIn: withFlow("/signin", flow)}
	return s.render(w, r, status, "signup.html", s.narrow(r, "Create an account"), page)
}

func (s *Site) signUp(w http.ResponseWriter, r *http.Request) error {
	flow, waits, err := s.pending(r)
	if err != nil {
		return err
	}
	if err := s.admit(r.Context(), waits); err != nil {
		return err
	}
	in := newAccount(r)
	in.Flow = flow
	if waits.Invited == "" {
		if err := s.People.SignUp(r.Context(), in); err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "mailed.html", s.narrow(r, "Check your mail"), mailedPage{Address: in.Email})
	}
	in.Email = waits.Invited
	if _, err := s.People.Join(r.Context(), in); err != nil {
		return err
	}
	return s.first(w, r, in.Email, flow)
}

// mailedPage says that a mail is on its way, whoever the address belongs to.
type mailedPage struct{ Address string }

// first signs in a person who has just chosen their password.
func (s *Site) first(w http.ResponseWriter, r *http.Request, email, flow string) error {
	proven, err := s.SignIn.Password(r.Context(), email, password(r, "password"), s.visit(r))
	if err != nil {
		return err
	}
	return s.finish(w, r, proven, flow)
}

func newAccount(r *http.Request) person.SignUp {
	return person.SignUp{
		Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), Password: password(r, "password"), From: address(r),
	}
}

// linkPage is the page behind a one-time link.
type linkPage struct {
	Form  ui.Form
	Token string
	Kind  person.Kind
	Email string // what the link is for; empty: it is still to be chosen
}

func (s *Site) link(r *http.Request) (person.Link, error) {
	if err := r.ParseForm(); err != nil {
		return person.Link{}, err
	}
	return s.People.Link(r.Context(), secretOf(r.Form))
}

func (s *Site) showLink(w http.ResponseWriter, r *http.Request, form ui.Form, status int, name, title string, kinds ...person.Kind) error {
	l, err := s.link(r)
	if err != nil {
		return dead(err)
	}
	if !slices.Contains(kinds, l.Kind) {
		return person.ErrUnknownLink // it is another page's
	}
	if form.Values == nil {
		form = ui.Filled("name", l.Name)
	}
	page := linkPage{Form: form, Token: r.Form.Get("token"), Kind: l.Kind, Email: l.Address}
	// The address of this page is a secret: it must not travel on as a referrer.
	w.Header().Set("Referrer-Policy", "no-referrer")
	return s.render(w, r, status, name, s.narrow(r, title), page)
}

func (s *Site) showConfirm(w http.ResponseWriter, r *http.Request) error {
	if l, err := s.link(r); err == nil && l.Kind == person.KindEmail {
		if _, ok := s.session(r); !ok {
			return s.signInFirst(w, r)
		}
	}
	return s.confirmAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) confirmAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.showLink(w, r, form, status, "confirm.html", "Confirm your email address", person.KindSignUp, person.KindEmail)
}

func (s *Site) confirm(w http.ResponseWriter, r *http.Request) error {
	l, err := s.link(r)
	if err != nil {
		return dead(err)
	}
	if l.Kind == person.KindEmail {
		return s.confirmEmail(w, r)
	}
	if _, err := s.People.Confirm(r.Context(), secretOf(r.Form), password(r, "password"), address(r)); err != nil {
		return dead(err)
	}
	return s.first(w, r, l.Address, l.Flow)
}

func (s *Site) confirmEmail(w http.ResponseWriter, r *http.Request) error {
	session, ok := s.session(r)
	if !ok {
		return errs.Denied("Sign in first, in this browser, and open the link again.")
	}
	if err := s.People.ConfirmEmail(r.Context(), secretOf(r.Form), session.Person.ID, address(r)); err != nil {
		return dead(err)
	}
	return s.done(w, r, "/manage-profile", "added")
}

func (s *Site) showSetUp(w http.ResponseWriter, r *http.Request) error {
	return s.setUpAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) setUpAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.showLink(w, r, form, status, "setup.html", "Set up", person.KindSetUp, person.KindInvite)
}

func (s *Site) setUp(w http.ResponseWriter, r *http.Request) error {
	l, err := s.link(r)
	if err != nil {
		return dead(err)
	}
	in := newAccount(r)
	if l.Kind == person.KindInvite {
		in.Email = l.Address
		_, err = s.People.AcceptInvite(r.Context(), secretOf(r.Form), in)
	} else {
		_, err = s.People.SetUp(r.Context(), secretOf(r.Form), in)
	}
	if err != nil {
		return dead(err)
	}
	proven, err := s.SignIn.Password(r.Context(), in.Email, in.Password, s.visit(r))
	if err != nil {
		return err
	}
	if err := s.open(w, r, proven); err != nil {
		return err
	}
	http.Redirect(w, r, s.CodeURL+"/login", http.StatusSeeOther) // they came to work, not to look at their account
	return nil
}

// deadLink is the error of a link that can't be used any more. Its form can't
// be shown again, so it is a page of its own.
type deadLink struct{ error }

func (d deadLink) Unwrap() error { return errs.NotFound("%s", errs.Message(d.error)) }

func dead(err error) error {
	if person.IsDeadLink(err) {
		return deadLink{err}
	}
	return err
}

func secretOf(form url.Values) secret.String { return secret.New(form.Get("token")) }
