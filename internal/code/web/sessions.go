package web

import (
	"net/http"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// sessionsPage lists the browsers in which a person is signed in to Code.
type sessionsPage struct {
	Sessions   []sessionLine
	Idle       string    // how long this session lasts without use
	Ends       time.Time // and when it is over at the latest
	AccountURL string
}

type sessionLine struct {
	user.Listed
	Browser string
	Here    bool   // from the same network as the one that asks
	Account string // how the account's sign-in was proven
	Proven  string // how Code's second step was taken
}

func (s *Site) showSessions(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	listed, err := s.Users.Sessions(r.Context(), g)
	if err != nil {
		return err
	}
	page := sessionsPage{
		Sessions: make([]sessionLine, len(listed)), AccountURL: s.AccountURL,
	}
	network := request.Network(request.Address(r.Context()).String())
	for i, each := range listed {
		page.Sessions[i] = sessionLine{
			Listed: each, Browser: request.Browser(each.Agent), Here: request.Network(each.Address) == network,
			Account: methodWords(each.AMR), Proven: stepWords(each.Step),
		}
		if each.Current {
			page.Idle, page.Ends = ui.Length(each.Idle), each.Ends
		}
	}
	return s.render(w, r, http.StatusOK, "sessions.html", s.personal(r, "Sessions", sessionsPath), page)
}

// methodWords puts the issuer's names of methods (RFC 8176) into words.
func methodWords(amr []string) string {
	known := map[string]string{
		"pwd": "password", "otp": "one-time code", "hwk": "security key", "swk": "passkey", "sms": "text message",
		"pin": "PIN", "fpt": "fingerprint", "face": "face",
	}
	var words []string
	for _, name := range amr {
		if word := known[name]; word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

func (s *Site) endOneSession(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.EndOneSession(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, sessionsPath, "ended")
}

func (s *Site) endOtherSessions(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.EndOtherSessions(r.Context(), g); err != nil {
		return err
	}
	return s.done(w, r, sessionsPath, "others")
}
