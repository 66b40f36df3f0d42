package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/throttle"
)

// The cookies of Code.
const (
	sessionCookie = "sallyport_code"
	loginCookie   = "sallyport_code_login_" // and the start of the state
	welcomeCookie = "sallyport_code_welcome"
	noticeCookie  = "sallyport_code_notice"
	browserCookie = "sallyport_code_browser" // in which a person's tries are counted apart
)

// knownBrowser is what this browser remembers; what can't be read is a browser
// that remembers nobody.
func (s *Site) knownBrowser(r *http.Request) throttle.Browser {
	var b throttle.Browser
	if !s.openSealed(r, browserCookie, &b) {
		return throttle.Browser{}
	}
	return b
}

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
