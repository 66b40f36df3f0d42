package web

import (
	"errors"
	"net/http"
	"net/url"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// verifyPage asks for the second step.
type verifyPage struct {
	Title string
	Why   string
	Code  ui.CodeForm
}

func refusalOf(err error) (*access.Refusal, bool) { return errors.AsType[*access.Refusal](err) }

// showVerify asks for a code. Somebody who has none to give goes on.
func (s *Site) showVerify(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	return s.verifyForm(w, r, "", http.StatusOK)
}

// readyToVerify sends those on who aren't signed in, or have no second step.
func (s *Site) readyToVerify(w http.ResponseWriter, r *http.Request) (bool, error) {
	actor, err := s.authenticate(r)
	if err != nil {
		return false, err
	}
	back := s.returns.read(r.FormValue("return"))
	if actor.Credential != access.Session {
		return false, redirect(w, r, s.returns.carry("/login", back))
	}
	if !actor.Factors.Enrolled() {
		return false, redirect(w, r, back)
	}
	return true, nil
}

func (s *Site) verifyForm(w http.ResponseWriter, r *http.Request, problem string, status int) error {
	back := s.returns.sign(s.returns.read(r.FormValue("return")))
	reason, recovery := r.FormValue("reason"), r.FormValue("recovery") != ""
	link := func(text, extra string) ui.Link {
		query := url.Values{"return": {back}, "reason": {reason}}
		if extra != "" {
			query.Set(extra, "1")
		}
		return ui.Link{Text: text, Href: "/login/verify?" + query.Encode()}
	}
	page := verifyPage{
		Title: "Verify it's you", Why: whyVerify(access.Reason(reason)),
		Code: ui.CodeForm{
			Action: "/login/verify", Error: problem,
			Hidden: []ui.Hidden{{Name: "return", Value: back}, {Name: "reason", Value: reason}},
			Hint:   "The six digits that your authenticator app shows now.",
			Links:  []ui.Link{link("Use a recovery code", "recovery")},
		},
	}
	if recovery {
		page.Title = "Use a recovery code"
		page.Code.Text, page.Code.Label = true, "Recovery code"
		page.Code.Hint = "One of the codes that you saved. Each works once."
		page.Code.Hidden = append(page.Code.Hidden, ui.Hidden{Name: "recovery", Value: "1"})
		page.Code.Links = []ui.Link{link("Use a code from your app", "")}
	}
	shell := s.shell(r, page.Title)
	shell.Narrow = true
	return s.render(w, r, status, "verify.html", shell, page)
}

// whyVerify says why the step is asked for. The reason comes from the address
// and only chooses among these.
func whyVerify(reason access.Reason) string {
	switch reason {
	case access.ReasonStepExpired:
		return "The workspace asks for your second step again after a time, and that time has passed."
	case access.ReasonFreshStep:
		return "What you are about to do needs a second step from the last 15 minutes."
	default:
		return "Two-step verification is on for you in Code. It belongs to Code and is apart from your account's sign-in."
	}
}

// verify takes the code. Whose it must be comes from the session alone.
func (s *Site) verify(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	if err := visitorOf(r).form; err != nil {
		return s.verifyForm(w, r, "That isn't a code.", http.StatusBadRequest)
	}
	session, err := s.Users.VerifyStep(r.Context(), visitorOf(r).token, r.PostFormValue("code"), request.Address(r.Context()))
	if err != nil && aboutForm(err) {
		request.Failed(r.Context(), err)
		request.SetRetryAfter(w.Header(), err)
		return s.verifyForm(w, r, errs.Message(err), errs.Status(err))
	}
	if err != nil {
		return err
	}
	s.setSession(w, session)
	return redirect(w, r, s.returns.read(r.PostFormValue("return")))
}
