package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/user"
)

// The cookies of Code.
const (
	sessionCookie = "sallyport_code"
	loginCookie   = "sallyport_code_login_" // and the start of the state
	welcomeCookie = "sallyport_code_welcome"
	noticeCookie  = "sallyport_code_notice"
)

func (s *Site) setSession(w http.ResponseWriter, session user.Session) {
	s.cookies.Set(w, sessionCookie, session.Token.Reveal(), session.Expires.Sub(s.Clock()))
}

// setSealed sets a cookie that only we can read and make.
func (s *Site) setSealed(w http.ResponseWriter, name string, lasts time.Duration, value any) error {
	sealed, err := s.Box.SealValue(name, s.Clock().Add(lasts), value)
	if err != nil {
		return err
	}
	s.cookies.Set(w, name, sealed, lasts)
	return nil
}

// openSealed reads a sealed cookie into value; false where there is none that
// is ours and in its time.
func (s *Site) openSealed(r *http.Request, name string, value any) bool {
	sealed, ok := s.cookies.Get(r, name)
	return ok && s.Box.OpenValue(name, sealed, s.Clock(), value) == nil
}
