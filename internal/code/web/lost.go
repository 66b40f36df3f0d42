package web

import (
	"net/http"

	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

const (
	lostPath  = "/login/lost"
	resetPath = "/login/reset"
)

// lostPage is for whoever is asked for their second step and has lost it.
type lostPage struct {
	Reset  factor.Reset // the zero one: none is under way
	Hidden []ui.Hidden
	Back   string
}

func (s *Site) showLost(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	reset, err := s.Users.Lost(r.Context(), visitorOf(r).token)
	if err != nil {
		return err
	}
	back := s.returns.read(r.FormValue("return"))
	page := lostPage{
		Reset: reset, Back: s.returns.carry("/login/verify", back), Hidden: []ui.Hidden{{Name: "return", Value: s.returns.sign(back)}},
	}
	shell := s.shell(r, "I've lost my second step")
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "lost.html", shell, page)
}

func (s *Site) lost(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	if err := s.Users.BeginReset(r.Context(), visitorOf(r).token, request.Address(r.Context())); err != nil {
		return err
	}
	return redirect(w, r, s.returns.carry(lostPath, s.returns.read(r.FormValue("return"))))
}

// resetPage is behind a link in the mails of a reset.
type resetPage struct {
	Token string
	Stop  bool // it stops the reset; else it does it
}

func (s *Site) resetLink(w http.ResponseWriter, r *http.Request, title string, page resetPage) error {
	// The address of this page is a secret: it must not travel on as a referrer.
	w.Header().Set("Referrer-Policy", "no-referrer")
	shell := s.shell(r, title)
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "resetstep.html", shell, page)
}

func (s *Site) showFinishReset(w http.ResponseWriter, r *http.Request) error {
	token := r.FormValue("token")
	if _, err := s.Users.Factors.ResetByLink(r.Context(), secret.New(token)); err != nil {
		return err
	}
	return s.resetLink(w, r, "Reset two-step verification", resetPage{Token: token})
}

func (s *Site) finishReset(w http.ResponseWriter, r *http.Request) error {
	if err := s.Users.FinishReset(r.Context(), secret.New(r.PostFormValue("token")), request.Address(r.Context())); err != nil {
		return err
	}
	return s.done(w, r, "/", "reset")
}

func (s *Site) showStopReset(w http.ResponseWriter, r *http.Request) error {
	token := r.FormValue("token")
	if _, err := s.Users.Factors.ResetByCancel(r.Context(), secret.New(token)); err != nil {
		return err
	}
	return s.resetLink(w, r, "Stop the reset", resetPage{Token: token, Stop: true})
}

func (s *Site) stopReset(w http.ResponseWriter, r *http.Request) error {
	if err := s.Users.StopReset(r.Context(), secret.New(r.PostFormValue("token")), request.Address(r.Context())); err != nil {
		return err
	}
	return s.done(w, r, "/", "stopped")
}
