package web

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// maxHeard bounds what the issuer may send.
const maxHeard = 32 << 10

// hearLogout takes the issuer's word that somebody signed out there (OpenID
// Connect Back-Channel Logout §2.5, §2.8).
func (s *Site) hearLogout(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	heard, err := s.Login.ReadLogout(r.Context(), r.PostFormValue("logout_token"))
	if err == nil {
		_, err = s.Users.SignedOut(r.Context(), heardOf(heard))
	}
	if err != nil {
		return notHeard(w, r, err, "error", "error_description")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// hearEvent takes the issuer's word that an account was shut or opened again
// (RFC 8935 §2).
func (s *Site) hearEvent(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/secevent+jwt" {
		return notHeard(w, r, errs.Invalid("", "The request isn't a security event token."), "err", "description")
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxHeard))
	var heard login.Heard
	if err == nil {
		heard, err = s.Login.ReadEvent(r.Context(), string(text))
	}
	if err == nil {
		err = s.Users.AccountChanged(r.Context(), heardOf(heard), heard.Event == login.Disabled)
	}
	if err != nil {
		return notHeard(w, r, err, "err", "description")
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// toAuthorize and toToken lead apps that look for an OAuth server at Code, where
// Bitbucket has its own, on to the issuer. What the app sends goes with it: a
// 307 keeps method and body, and Code sees neither codes nor tokens.
func (s *Site) toAuthorize(w http.ResponseWriter, r *http.Request) error {
	endpoint, err := s.Login.Endpoint(r.Context())
	if err != nil {
		return err
	}
	http.Redirect(w, r, endpoint.AuthURL+"?"+r.URL.RawQuery, http.StatusFound)
	return nil
}

func (s *Site) toToken(w http.ResponseWriter, r *http.Request) error {
	endpoint, err := s.Login.Endpoint(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, endpoint.TokenURL, http.StatusTemporaryRedirect)
	return nil
}

func heardOf(h login.Heard) user.Heard {
	return user.Heard{ID: h.ID, Issuer: h.Issuer, Subject: h.Subject, Session: h.Session, At: h.At, Expires: h.Expires}
}

// notHeard says why, to a program: 400 where asking again is no use.
func notHeard(w http.ResponseWriter, r *http.Request, err error, code, description string) error {
	request.Failed(r.Context(), err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(errs.Status(err))
	_ = json.NewEncoder(w).Encode(map[string]string{code: "invalid_request", description: errs.Message(err)}) // it may have gone
	return nil
}
