package web

import (
	"errors"
	"net/http"
	"net/url"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/throttle"
	"sallyport.dev/internal/ui"
)

// The ways to take the second step.
const (
	byKey      = "key"
	byApp      = "app"
	byRecovery = "recovery"
	byCode     = "code" // any of the last two, where both fit one field
)

// verifyPage asks for the second step.
type verifyPage struct {
	Problem string
	Verify  ui.Verify
	Lost    string // where to say that it is lost
}

func refusalOf(err error) (*access.Refusal, bool) { return errors.AsType[*access.Refusal](err) }

// showVerify asks for the second step. Somebody who has none to give goes on.
func (s *Site) showVerify(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	return s.verifyForm(w, r, nil, http.StatusOK)
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

func (s *Site) verifyForm(w http.ResponseWriter, r *http.Request, failure error, status int) error {
	actor, err := s.authenticate(r)
	if err != nil {
		return err
	}
	problems := errs.Fields(failure)
	page := verifyPage{Problem: problems[""], Verify: s.verifyWays(r, actor.Factors, problems), Lost: s.returns.carry(lostPath, s.returns.read(r.FormValue("return")))}
	shell := s.shell(r, page.Verify.Title)
	shell.Narrow = true
	return s.render(w, r, status, "verify.html", shell, page)
}

// verifyWays offers the strongest way first, and the others one click away.
func (s *Site) verifyWays(r *http.Request, has access.Factors, problems map[string]string) ui.Verify {
	back, reason := s.returns.sign(s.returns.read(r.FormValue("return"))), r.FormValue("reason")
	keysOnly := access.Reason(reason) == access.ReasonPhishingResistant && has.WebAuthn
	way := r.FormValue("way")
	switch {
	case way == byRecovery && !keysOnly, way == byApp && has.TOTP && !keysOnly, way == byKey && has.WebAuthn:
	case has.WebAuthn:
		way = byKey
	default:
		way = byApp
	}
	var links []ui.Link
	for _, each := range []struct {
		way, text string
		can       bool
	}{
		{byKey, "Use a security key", has.WebAuthn},
		{byApp, "Use a code from your app", has.TOTP && !keysOnly},
		{byRecovery, "Use a recovery code", !keysOnly},
	} {
		if each.can && each.way != way {
			query := url.Values{"return": {back}, "reason": {reason}, "way": {each.way}}
			links = append(links, ui.Link{Text: each.text, Href: "/login/verify?" + query.Encode()})
		}
	}
	hidden := []ui.Hidden{{Name: "return", Value: back}, {Name: "reason", Value: reason}, {Name: "way", Value: way}}
	v := ui.Verify{Title: "Verify it's you", Why: whyVerify(access.Reason(reason))}
	if way == byKey {
		v.Key = ui.KeyForm{
			Do: "get", Action: "/login/verify", Options: "/login/verify/options", Hidden: hidden, Links: links,
			Button: "Use a security key", Error: problems["credential"],
			Without: "Security keys need JavaScript, which is off here. Choose another way.",
		}
		return v
	}
	v.Code = ui.CodeForm{
		Action: "/login/verify", Error: problems["code"], Hidden: hidden, Links: links,
		Hint: "The six digits that your authenticator app shows now.",
	}
	if way == byRecovery {
		v.Title = "Use a recovery code"
		v.Code.Text, v.Code.Label = true, "Recovery code"
		v.Code.Hint = "One of the codes that you saved. Each works once."
	}
	return v
}

// verifyOptions says what to ask a key for. Whose key, the session alone says.
func (s *Site) verifyOptions(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.authenticate(r); err != nil {
		return err
	}
	options, err := s.Users.AskKey(r.Context(), visitorOf(r).token)
	return writeOptions(w, r, options, err)
}

// whyVerify says why the step is asked for. The reason comes from the address
// and only chooses among these.
func whyVerify(reason access.Reason) string {
	switch reason {
	case access.ReasonStepExpired:
		return "The workspace asks for your second step again after a time, and that time has passed."
	case access.ReasonPhishingResistant:
		return "The workspace takes security keys and passkeys alone, so the step that you took doesn't count there."
	case access.ReasonFreshStep:
		return "What you are about to do needs a second step from the last 15 minutes."
	default:
		return "Two-step verification is on for you in Code. It belongs to Code and is apart from your account's sign-in."
	}
}

// verify takes what was given. Whose it must be comes from the session alone.
func (s *Site) verify(w http.ResponseWriter, r *http.Request) error {
	ready, err := s.readyToVerify(w, r)
	if err != nil || !ready {
		return err
	}
	if err := visitorOf(r).form; err != nil {
		return s.verifyForm(w, r, errs.Invalid("code", "That isn't a code."), http.StatusBadRequest)
	}
	browser := s.knownBrowser(r)
	session, err := s.Users.VerifyStep(r.Context(), visitorOf(r).token, answerOf(r), user.Visit{
		Address: request.Address(r.Context()), Agent: r.UserAgent(), Browser: browser,
	})
	if err != nil && aboutForm(err) {
		request.Failed(r.Context(), err)
		request.SetRetryAfter(w.Header(), err)
		return s.verifyForm(w, r, err, errs.Status(err))
	}
	if err != nil {
		return err
	}
	s.setSession(w, session)
	if err := s.setSealed(w, browserCookie, throttle.BrowserLife, browser.With(visitorOf(r).user.ID)); err != nil {
		return err
	}
	return redirect(w, r, s.returns.read(r.PostFormValue("return")))
}
