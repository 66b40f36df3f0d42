package ui

import (
	"net/http"
	"strings"
)

// Headers are the security headers of a site that serves pages.
type Headers struct {
	// HTTPS is set where browsers see the site over https.
	HTTPS bool
	// FormsTo lists the origins, beside the site itself, that sending a form may
	// end at: a browser applies form-action to every redirect that follows. One
	// entry "*" allows any.
	FormsTo []string
}

// Wrap sets the headers on every answer of next, which may set others in place
// of them.
func (h Headers) Wrap(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
		"connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'",
		strings.TrimSpace("form-action 'self' " + strings.Join(h.FormsTo, " ")),
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if h.HTTPS {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
