package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// loginLasts is how long a sign-in may take between leaving and coming back.
const loginLasts = 30 * time.Minute

// maxLogins is how many sign-ins one browser may have under way, in tabs.
const maxLogins = 6

// loginUnderway is what the browser keeps, sealed, while a person is at the issuer.
type loginUnderway struct {
	login.Pending
	Return string
	ACR    string        // the kind of sign-in that was needed; empty: any
	MaxAge time.Duration // how long ago it may have been; 0: any time
}

// met reports whether the sign-in is what was asked for, by what the issuer
// says of it: asking isn't getting (attack 27).
func (l loginUnderway) met(id login.Identity, now time.Time) bool {
	said := access.Account{ACR: id.ACR, AMR: id.AMR, AuthTime: id.AuthTime}
	switch {
	case l.ACR == "phr" && !said.PhishingResistant(), l.ACR == "aal2" && !said.MFA():
		return false
	case l.MaxAge > 0:
		return now.Sub(id.AuthTime) <= l.MaxAge+time.Minute // clocks differ
	}
	return true
}

// startLogin sends a person to the issuer. Somebody who is signed in goes on
// at once, unless the gate asked for a new proof there (again).
func (s *Site) startLogin(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	back := s.returns.read(query.Get("return"))
	actor, err := s.authenticate(r)
	if err != nil {
		return err
	}
	if actor.Credential == access.Session && query.Get("again") == "" {
		return redirect(w, r, back)
	}
	wish, err := s.loginWish(r)
	if err != nil {
		return err
	}
	address, pending, err := s.Login.Begin(r.Context(), wish)
	if err != nil {
		return err
	}
	s.dropOldLogins(w, r)
	err = s.setSealed(w, loginCookieOf(pending.State), loginLasts, loginUnderway{Pending: pending, Return: back, ACR: wish.ACR, MaxAge: wish.MaxAge})
	if err != nil {
		return err
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

func (s *Site) loginWish(r *http.Request) (login.Wish, error) {
	query := r.URL.Query()
	var wish login.Wish
	if query.Get("again") != "" {
		wish.ACR = query.Get("acr")
		if seconds, err := strconv.Atoi(query.Get("max_age")); err == nil && seconds > 0 {
			wish.MaxAge = time.Duration(seconds) * time.Second
		}
	}
	if token := query.Get("invitation"); token != "" {
		invitation, err := s.Workspaces.Invitation(r.Context(), token)
		if err != nil {
			return wish, err
		}
		wish.Invited, wish.Hint = invitation.Email, invitation.Email
	}
	return wish, nil
}

func loginCookieOf(state string) string { return loginCookie + state[:min(len(state), 8)] }

// dropOldLogins forgets sign-ins that were never finished, where they are many.
func (s *Site) dropOldLogins(w http.ResponseWriter, r *http.Request) {
	var old []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, s.cookies.Name(loginCookie)) {
			old = append(old, strings.TrimPrefix(cookie.Name, s.cookies.Name("")))
		}
	}
	if len(old) >= maxLogins {
		for _, name := range old {
			s.cookies.Drop(w, name)
		}
	}
}

// finishLogin takes the issuer's answer: a session for somebody known, the
// choice of a username for somebody new.
func (s *Site) finishLogin(w http.ResponseWriter, r *http.Request) error {
	name := loginCookieOf(r.URL.Query().Get("state"))
	var under loginUnderway
	if !s.openSealed(r, name, &under) {
		return s.loginFailed(w, r, errs.Invalid("", "This sign-in was begun in another browser, or took too long. Start it again."), "/")
	}
	s.cookies.Drop(w, name)
	verified, err := s.Login.Finish(r.Context(), under.Pending, r.URL.Query())
	if err != nil {
		return s.loginFailed(w, r, err, under.Return)
	}
	if !under.met(verified, s.Clock()) {
		return s.loginFailed(w, r, errs.Denied("Your account didn't give the proof that was asked for. Turn on MFA there, or use a stronger step, and try again."), under.Return)
	}
	identity := user.Identity(verified)
	err = s.openSession(w, r, identity, under.Return)
	if errs.Is(err, errs.KindNotFound) {
		return s.beginWelcome(w, r, identity, under.Return)
	}
	return err
}

// loginFailed says why, with the way to try again.
func (s *Site) loginFailed(w http.ResponseWriter, r *http.Request, err error, back string) error {
	request.Failed(r.Context(), err)
	return s.errorPage(w, r, ui.ErrorPage{
		Status: errs.Status(err), Title: "You aren't signed in", Message: errs.Message(err),
		Links: []ui.Link{{Text: "Sign in again", Href: s.returns.carry("/login", back)}},
	})
}

// openSession signs the person in and goes on: to the second step, where they
// have one, before the page that they asked for. It is of kind NotFound, and
// nothing is done, where they have no profile yet.
func (s *Site) openSession(w http.ResponseWriter, r *http.Request, identity user.Identity, back string) error {
	address := request.Address(r.Context())
	session, err := s.Users.OpenSession(r.Context(), identity, user.SessionInfo{Address: address, UserAgent: r.UserAgent()})
	if err != nil {
		return err
	}
	if err := s.endSession(r); err != nil { // the one that this browser had before
		return err
	}
	s.setSession(w, session)
	actor, _, err := s.Users.FromSession(r.Context(), session.Token, address)
	if err != nil {
		return err
	}
	actor.Door = access.Web
	_, err = s.Gate.Check(r.Context(), actor, access.Target{}, access.ReadSelf)
	if refusal, ok := refusalOf(err); ok && refusal.Outcome == access.Verify {
		return redirect(w, r, s.returns.carry("/login/verify", back))
	}
	return redirect(w, r, back)
}

// endSession ends the session that the request came with, if any.
func (s *Site) endSession(r *http.Request) error {
	token, ok := s.cookies.Get(r, sessionCookie)
	if !ok {
		return nil
	}
	return s.Users.EndSession(r.Context(), secret.New(token), request.Address(r.Context()))
}

type logoutPage struct {
	Account bool // the issuer can be asked to sign people out
}

func (s *Site) showLogout(w http.ResponseWriter, r *http.Request) error {
	shell := s.shell(r, "Sign out")
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "logout.html", shell, logoutPage{Account: s.Login.SignOut(r.Context()) != ""})
}

// logout ends the session of Code. The account's own session is the account's:
// whoever wants that to end too is sent there, and asked.
func (s *Site) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.endSession(r); err != nil {
		return err
	}
	s.cookies.Drop(w, sessionCookie)
	s.cookies.Drop(w, welcomeCookie)
	if r.PostFormValue("account") != "" {
		return s.logoutAtAccount(w, r)
	}
	return s.done(w, r, "/", "signedout")
}

// logoutAtAccount leads on to the issuer's page for signing out.
func (s *Site) logoutAtAccount(w http.ResponseWriter, r *http.Request) error {
	if address := s.Login.SignOut(r.Context()); address != "" {
		http.Redirect(w, r, address, http.StatusSeeOther)
		return nil
	}
	return s.done(w, r, "/", "signedout")
}
