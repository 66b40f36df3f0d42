package web

import (
	"net/http"
	"strings"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

const (
	sessionsPath = "/manage-profile/sessions"
	activityPath = "/manage-profile/activity"
)

// sessionsPage lists the browsers in which a person is signed in.
type sessionsPage struct {
	Sessions      []sessionLine
	Idle, Overall string
}

type sessionLine struct {
	signin.Listed
	Browser string
	Here    bool // from the same network as the one that asks
	Proven  string
}

func (s *Site) showSessions(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	listed, err := s.SignIn.Sessions(r.Context(), who)
	if err != nil {
		return err
	}
	rules, err := s.SignIn.Policy.Get(r.Context())
	if err != nil {
		return err
	}
	page := sessionsPage{Sessions: make([]sessionLine, len(listed)), Idle: ui.Length(rules.Idle), Overall: ui.Length(rules.Overall)}
	for i, each := range listed {
		page.Sessions[i] = sessionLine{
			Listed: each, Browser: request.Browser(each.Agent), Proven: provenWords(each.Methods),
			Here: request.Network(each.Address) == request.Network(address(r)),
		}
	}
	return s.render(w, r, http.StatusOK, "sessions.html", s.personal(r, "Sessions", sessionsPath), page)
}

// provenWords says how somebody proved who they are.
func provenWords(methods []signin.Method) string {
	words := make([]string, len(methods))
	for i, m := range methods {
		words[i] = methodWord(m)
	}
	return strings.Join(words, ", ")
}

func methodWord(m signin.Method) string {
	switch m {
	case signin.MethodPassword:
		return "password"
	case signin.MethodTOTP:
		return "a code from the app"
	case signin.MethodRecovery:
		return "a recovery code"
	case signin.MethodKey:
		return "a security key or passkey"
	default:
		return string(m)
	}
}

func (s *Site) endSession(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.SignIn.EndOne(r.Context(), who, r.PostForm.Get("id"), address(r)); err != nil {
		return err
	}
	return s.done(w, r, sessionsPath, "ended")
}

func (s *Site) endOtherSessions(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if _, err := s.SignIn.EndOthers(r.Context(), who, address(r)); err != nil {
		return err
	}
	return s.done(w, r, sessionsPath, "others")
}
