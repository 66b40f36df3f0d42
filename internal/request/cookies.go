package request

import (
	"net/http"
	"time"
)

// Cookies sets and reads the cookies of one site. Both sites may stand on
// localhost, where ports don't keep cookies apart, so a name should carry its
// site's.
type Cookies struct{ Secure bool } // Secure: browsers see the site over https

// Name binds the cookie to this host where https allows it (RFC 6265bis §4.1.3.2).
func (c Cookies) Name(name string) string {
	if c.Secure {
		return "__Host-" + name
	}
	return name
}

// Set sets a cookie that scripts can't read and other sites' forms don't bring.
func (c Cookies) Set(w http.ResponseWriter, name, value string, lasts time.Duration) {
	c.set(w, name, value, int(lasts.Seconds()))
}

// Drop makes the browser forget a cookie.
func (c Cookies) Drop(w http.ResponseWriter, name string) { c.set(w, name, "", -1) }

func (c Cookies) set(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.Name(name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// Get gives a cookie's value; false where the browser brought none.
func (c Cookies) Get(r *http.Request, name string) (string, bool) {
	cookie, err := r.Cookie(c.Name(name))
	if err != nil {
		return "", false
	}
	return cookie.Value, true
}
