package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/user"
)

// The cookies of Code. Both sites may stand on localhost, where ports don't
// keep cookies apart, so each name carries its site's.
const (
	sessionCookie = "sallyport_code"
	loginCookie   = "sallyport_code_login_" // and the start of the state
	welcomeCookie = "sallyport_code_welcome"
	noticeCookie  = "sallyport_code_notice"
)

// cookieName binds the cookie to this host where https allows it (RFC 6265bis §4.1.3.2).
func (s *Site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Site) setCookie(w http.ResponseWriter, name, value string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(lasts.Seconds()),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Site) dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Path: "/", MaxAge: -1,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Site) setSession(w http.ResponseWriter, session user.Session) {
	s.setCookie(w, sessionCookie, session.Token.Reveal(), session.Expires.Sub(s.Clock()))
}

// setSealed sets a cookie that only we can read and make.
func (s *Site) setSealed(w http.ResponseWriter, name string, lasts time.Duration, value any) error {
	sealed, err := s.Box.SealValue(name, s.Clock().Add(lasts), value)
	if err != nil {
		return err
	}
	s.setCookie(w, name, sealed, lasts)
	return nil
}

// openSealed reads a sealed cookie into value; false where there is none that
// is ours and in its time.
func (s *Site) openSealed(r *http.Request, name string, value any) bool {
	cookie, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return false
	}
	return s.Box.OpenValue(name, cookie.Value, s.Clock(), value) == nil
}
