package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// visitor is who sends this request. It is found out at most once a request.
type visitor struct {
	asked    bool
	session  signin.Session
	signedIn bool
	form     error // what is wrong with the form as it was sent
}

type visitorKey struct{}

func visitorOf(r *http.Request) *visitor {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}

// prepare reads a request's form and refuses what can't be right.
func (s *Site) prepare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visitor{}
		r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, v))
		if !request.Clean(r.URL.Path) {
			s.fail(w, r, errNoRoute)
			return
		}
		if r.Method == http.MethodPost {
			if err := request.ParseForm(w, r); err != nil {
				s.fail(w, r, err)
				return
			}
			v.form = request.CleanForm(r.PostForm)
		} else if request.CleanForm(r.URL.Query()) != nil {
			s.fail(w, r, errs.Invalid("", "The address has a part that isn't text."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// The cookies of Account.
const (
	sessionCookie = "sallyport_account"
	browserCookie = "sallyport_account_browser"
	noticeCookie  = "sallyport_account_notice"
	flowCookie    = "sallyport_account_flow"    // a sign-in that waits for its second step
	trustCookie   = "sallyport_account_trust"   // a browser that is let off the second step
	passkeyCookie = "sallyport_account_passkey" // to which a passkey's challenge is bound
)

func (s *Site) cookie(r *http.Request, name string) secret.String {
	value, _ := s.cookies.Get(r, name)
	return secret.New(value)
}

// session tells who is signed in. Where that can't be read, nobody is.
func (s *Site) session(r *http.Request) (signin.Session, bool) {
	v := visitorOf(r)
	if v.asked {
		return v.session, v.signedIn
	}
	session, err := s.SignIn.FromToken(r.Context(), s.cookie(r, sessionCookie))
	if err != nil && !errs.Is(err, errs.KindUnauthenticated) {
		slog.ErrorContext(r.Context(), "reading an account session", "request", request.ID(r.Context()), "err", err)
	}
	v.asked, v.session, v.signedIn = true, session, err == nil
	return v.session, v.signedIn
}

func (s *Site) visit(r *http.Request) signin.Visit {
	return signin.Visit{
		Address: address(r), Agent: r.UserAgent(),
		Browser: s.SignIn.OpenBrowser(s.cookie(r, browserCookie).Reveal()), Trust: s.cookie(r, trustCookie), Waits: s.cookie(r, flowCookie),
	}
}

func address(r *http.Request) string { return request.Address(r.Context()).String() }

func password(r *http.Request, field string) secret.String { return secret.New(r.PostForm.Get(field)) }

// open signs a person in with this browser: a flow that came far enough becomes
// a session, or adds to the one that it began with.
func (s *Site) open(w http.ResponseWriter, r *http.Request, flow signin.Flow) error {
	proof, err := flow.Proof()
	if err != nil {
		return err
	}
	visit, before := s.visit(r), s.cookie(r, sessionCookie)
	open := s.SignIn.OpenSession
	if flow.Raises() {
		open = s.SignIn.Raise
	}
	token, err := open(r.Context(), proof, before, visit)
	if err != nil {
		return err
	}
	s.cookies.Drop(w, flowCookie)
	s.cookies.Drop(w, passkeyCookie)
	known, err := s.SignIn.Remember(visit.Browser, proof)
	if err != nil {
		return err
	}
	s.setSession(w, token)
	s.cookies.Set(w, browserCookie, known, signin.BrowserLife)
	if r.PostForm.Get("remember") == "" || flow.RememberFor() == 0 {
		return nil
	}
	trust, err := s.SignIn.Trust(r.Context(), proof, visit.Trust, visit)
	if err != nil {
		return err
	}
	s.cookies.Set(w, trustCookie, trust.Reveal(), flow.RememberFor())
	return nil
}

func (s *Site) setSession(w http.ResponseWriter, token secret.String) {
	now := s.Clock()
	s.cookies.Set(w, sessionCookie, token.Reveal(), signin.Ends(now).Sub(now))
}

var (
	errNoRoute = errs.NotFound("There is nothing here.")
	errMethod  = errs.Invalid("", "This address doesn't take that method.")
)

func (s *Site) wrongMethod(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if s.mux.Match(chi.NewRouteContext(), method, r.URL.Path) {
			w.Header().Add("Allow", method)
		}
	}
	s.fail(w, r, errMethod)
}

// aboutForm reports whether the person can mend it in the form.
func aboutForm(err error) bool {
	switch errs.KindOf(err) {
	case errs.KindInvalid, errs.KindConflict, errs.KindTooMany, errs.KindUnauthenticated:
		return true
	default:
		return false
	}
}

// formStatus is the status of a form that is shown again. A wrong password is
// no 401: that would ask the browser for credentials of HTTP's own.
func formStatus(err error) int {
	if errs.Is(err, errs.KindUnauthenticated) {
		return http.StatusForbidden
	}
	return errs.Status(err)
}

// fail makes a page of what ended a request.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	request.Failed(r.Context(), err)
	page := ui.ErrorPage{Status: errs.Status(err), Message: errs.Message(err)}
	switch {
	case errors.Is(err, errMethod):
		page.Status = http.StatusMethodNotAllowed
		page.Message = "This address doesn't take " + r.Method + ". It takes " + strings.Join(w.Header().Values("Allow"), ", ") + "."
	case errors.Is(err, errNoRoute):
		page.Message = "The address may be mistyped."
	}
	if _, ok := errors.AsType[deadLink](err); ok {
		page.Status = http.StatusGone
		page.Links = []ui.Link{{Text: "Sign in", Href: "/signin"}}
	}
	if page.Status == http.StatusNotFound {
		page.Links = []ui.Link{{Text: "Your account", Href: "/"}}
	}
	request.SetRetryAfter(w.Header(), err)
	shell := s.shell(r, "")
	shell.RequestID = request.ID(r.Context())
	if failed := s.pages.Error(w, shell, page); failed != nil {
		request.Failed(r.Context(), errors.Join(err, failed))
		http.Error(w, "Something went wrong on our side. Request "+request.ID(r.Context()), http.StatusInternalServerError)
	}
}

func (s *Site) refuseCrossOrigin(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, errs.Denied("This form was sent from another site, so it was not taken. Open the page here and send it again."))
}

// redirect goes on to a path of this site.
func redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}
