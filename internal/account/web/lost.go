package web

import (
	"net/http"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/ui"
)

const lostPath = "/signin/lost"

// lostPage is for whoever waits at their second step and has lost it.
type lostPage struct {
	Email  string
	Reset  factor.Reset // the zero one: none is under way
	Hidden []ui.Hidden
	Back   string
}

func (s *Site) showLost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	where := carried(r.Form)
	p, reset, err := s.SignIn.Lost(r.Context(), s.cookie(r, flowCookie))
	if errs.Is(err, errs.KindUnauthenticated) {
		return redirect(w, r, withQuery("/signin", where))
	}
	if err != nil {
		return err
	}
	page := lostPage{Email: p.Email, Reset: reset, Hidden: hiddenOf(where), Back: withQuery("/signin/verify", where)}
	return s.render(w, r, http.StatusOK, "lost.html", s.narrow(r, "I've lost my second step"), page)
}

func (s *Site) lost(w http.ResponseWriter, r *http.Request) error {
	if err := s.SignIn.BeginReset(r.Context(), s.cookie(r, flowCookie), s.visit(r)); err != nil {
		return err
	}
	return redirect(w, r, withQuery(lostPath, carried(r.Form)))
}

// resetPage is behind a link in the mails of a reset.
type resetPage struct {
	Token string
	Stop  bool // it stops the reset; else it does it
}

func (s *Site) resetLink(w http.ResponseWriter, r *http.Request, title string, page resetPage) error {
	// The address of this page is a secret: it must not travel on as a referrer.
	w.Header().Set("Referrer-Policy", "no-referrer")
	return s.render(w, r, http.StatusOK, "reset-mfa.html", s.narrow(r, title), page)
}

func (s *Site) showFinishReset(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if _, err := s.SignIn.Factors.ResetByLink(r.Context(), secretOf(r.Form)); err != nil {
		return err
	}
	return s.resetLink(w, r, "Reset MFA", resetPage{Token: r.Form.Get("token")})
}

func (s *Site) finishReset(w http.ResponseWriter, r *http.Request) error {
	if err := s.SignIn.FinishReset(r.Context(), secretOf(r.PostForm), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/signin", "reset")
}

func (s *Site) showStopReset(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if _, err := s.SignIn.Factors.ResetByCancel(r.Context(), secretOf(r.Form)); err != nil {
		return err
	}
	return s.resetLink(w, r, "Stop the reset", resetPage{Token: r.Form.Get("token"), Stop: true})
}

func (s *Site) stopReset(w http.ResponseWriter, r *http.Request) error {
	if err := s.SignIn.StopReset(r.Context(), secretOf(r.PostForm), address(r)); err != nil {
		return err
	}
	return s.done(w, r, "/signin", "stopped")
}
