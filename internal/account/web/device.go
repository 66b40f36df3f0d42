package web

import (
	"net/http"
	"net/url"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// devicePage asks for the code that a device shows, and then whether that
// device may sign in (RFC 8628 §3.3).
type devicePage struct {
	Form   ui.Form
	Found  bool
	Device provider.Device
	Person string
}

// showDevice asks for the code; or, where the address has one, whether the
// device may. That is asked only of whoever has just proven who they are, so
// that nobody can be led through it in a browser left alone.
func (s *Site) showDevice(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	code := r.URL.Query().Get("user_code")
	if code == "" {
		return s.deviceForm(w, r, who, ui.Form{}, http.StatusOK)
	}
	device, err := s.Provider.FindDevice(r.Context(), who, code, request.Network(address(r)))
	if err != nil && aboutForm(err) {
		request.Failed(r.Context(), err)
		request.SetRetryAfter(w.Header(), err)
		form := ui.Refused(map[string][]string{"user_code": {code}}, err)
		return s.deviceForm(w, r, who, form, formStatus(err))
	}
	if err != nil {
		return err
	}
	if !who.Fresh(s.Clock()) {
		if err := r.ParseForm(); err != nil {
			return err
		}
		return s.proveAgain(w, r, who)
	}
	page := devicePage{Found: true, Device: device, Person: who.Person.Name}
	return s.render(w, r, http.StatusOK, "device.html", s.narrow(r, "Sign a device in"), page)
}

func (s *Site) deviceForm(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	return s.render(w, r, status, "device.html", s.narrow(r, "Sign a device in"), devicePage{Form: form, Person: who.Person.Name})
}

func (s *Site) deviceAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.own(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.deviceForm(w, r, who, form, status)
	})(w, r)
}

func devicePath(code string) string { return "/device?" + url.Values{"user_code": {code}}.Encode() }

// answerDevice keeps the person's answer. The code is looked up again: the one
// that the form brings must be one that waits.
func (s *Site) answerDevice(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	code, yes := r.PostForm.Get("user_code"), r.PostForm.Get("answer") == "yes"
	if _, err := s.Provider.FindDevice(r.Context(), who, code, request.Network(address(r))); err != nil {
		return err
	}
	if yes && !who.Fresh(s.Clock()) {
		return redirect(w, r, devicePath(code))
	}
	if err := s.Provider.AnswerDevice(r.Context(), who, code, yes, address(r)); err != nil {
		return err
	}
	if yes {
		return s.done(w, r, "/manage-profile/apps", "device")
	}
	return s.done(w, r, "/device", "nodevice")
}
