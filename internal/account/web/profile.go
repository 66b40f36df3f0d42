package web

import (
	"net/http"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/ui"
)

// profilePage is who the person is and at which addresses they are reached.
type profilePage struct {
	Form   ui.Form
	Emails []person.Email
	Code   string
}

func (s *Site) showProfile(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	return s.profile(w, r, who, ui.Filled("name", who.Person.Name), http.StatusOK)
}

func (s *Site) profileAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.own(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		if !form.Values.Has("name") {
			form.Values.Set("name", who.Person.Name) // another form of the page was sent
		}
		return s.profile(w, r, who, form, status)
	})(w, r)
}

func (s *Site) profile(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	emails, err := s.People.Emails(r.Context(), who.Person.ID)
	if err != nil {
		return err
	}
	page := profilePage{Form: form, Emails: emails, Code: s.CodeURL + "/"}
	return s.render(w, r, status, "profile.html", s.personal(r, "Profile", "/manage-profile"), page)
}

func (s *Site) rename(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.People.Rename(r.Context(), who.Person.ID, r.PostForm.Get("name"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/manage-profile", "saved")
}

func (s *Site) addEmail(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.People.AddEmail(r.Context(), who.Person.ID, r.PostForm.Get("email")); err != nil {
		return err
	}
	return s.done(w, r, "/manage-profile", "mailed")
}

func (s *Site) setMainEmail(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.People.SetMainEmail(r.Context(), who.Person.ID, r.PostForm.Get("address"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/manage-profile", "saved")
}

func (s *Site) removeEmail(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.People.RemoveEmail(r.Context(), who.Person.ID, r.PostForm.Get("address"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/manage-profile", "removed")
}
