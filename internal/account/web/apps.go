package web

import (
	"net/http"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
)

// launcherPage shows the products that people can go to.
type launcherPage struct{ Products []provider.Launch }

func (s *Site) showLauncher(w http.ResponseWriter, r *http.Request, _ signin.Session) error {
	products, err := s.Provider.Launcher(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "launcher.html", s.shell(r, "Products"), launcherPage{products})
}

// usedPage lists the apps that have something of the person's.
type usedPage struct{ Apps []provider.Used }

func (s *Site) showUsed(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	apps, err := s.Provider.UsedBy(r.Context(), who.Person.ID)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "used.html", s.personal(r, "Apps", "/manage-profile/apps"), usedPage{apps})
}

func (s *Site) revokeApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.Provider.Revoke(r.Context(), who.Person.ID, r.PostForm.Get("app"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/manage-profile/apps", "revoked")
}

// endSessionPage asks whether to sign out, where an app asks for it and can't
// show that it is about this session.
type endSessionPage struct {
	App                       string
	Person                    string
	Client, Address, GoesBack string
}

// endForApp signs out for an app (OpenID Connect RP-Initiated Logout §2). A
// request that carries an ID token of this very session is as good as a form;
// any other is asked about.
func (s *Site) endForApp(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost { // another site's form brings no cookies; a GET does
		return redirect(w, r, "/end_session?"+r.PostForm.Encode())
	}
	query := r.URL.Query()
	session, signedIn := s.session(r)
	out, err := s.Provider.ReadSignOut(r.Context(), query, session, signedIn)
	if err != nil {
		return err
	}
	if !signedIn || out.Proven {
		return s.signedOutFor(w, r, out)
	}
	page := endSessionPage{
		App: out.App, Person: session.Person.Name,
		Client: query.Get("client_id"), Address: query.Get("post_logout_redirect_uri"), GoesBack: query.Get("state"),
	}
	if hint := query.Get("id_token_hint"); page.Client == "" && hint != "" {
		if page.Client, err = s.Provider.AppOf(r.Context(), hint); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, "endsession.html", s.narrow(r, "Sign out"), page)
}

// confirmEnd is the answer to that question.
func (s *Site) confirmEnd(w http.ResponseWriter, r *http.Request) error {
	session, signedIn := s.session(r)
	out, err := s.Provider.ReadSignOut(r.Context(), r.PostForm, session, signedIn)
	if err != nil {
		return err
	}
	if r.PostForm.Get("answer") != "yes" {
		return redirect(w, r, "/manage-profile")
	}
	return s.signedOutFor(w, r, out)
}

func (s *Site) signedOutFor(w http.ResponseWriter, r *http.Request, out provider.SignOut) error {
	if err := s.SignIn.End(r.Context(), s.cookie(r, sessionCookie), address(r)); err != nil {
		return err
	}
	s.cookies.Drop(w, sessionCookie)
	if out.Address != "" {
		http.Redirect(w, r, out.Address, http.StatusSeeOther) // registered for the app
		return nil
	}
	return s.done(w, r, "/signin", "out")
}
