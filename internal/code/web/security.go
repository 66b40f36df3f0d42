package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

// securityPage says what this browser's session has proven, what will be asked
// next, and what the gate said lately.
type securityPage struct {
	Map       signInMap
	Answers   []answer
	Form      ui.Form
	Opens     bool // the account's MFA opens Code
	May       bool // it could: there is one, and a step of Code's that it would stand for
	Enrolled  bool
	Decisions []decisionLine
}

// answer is a question that people ask about the two second steps, answered for
// the person who asks.
type answer struct{ Question, Text string }

func (s *Site) showSecurity(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	otherwise := ui.Form{}
	if visitorOf(r).user.AccountOpens {
		otherwise = ui.Filled("account_opens", "yes")
	}
	form, err := s.keptOr(r, otherwise)
	if err != nil {
		return err
	}
	return s.securityAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) securityAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	// The page around the form is read, whatever the form was to change.
	g, err := s.Gate.Check(r.Context(), g.Actor(), access.Target{}, access.ReadSelf)
	if err != nil {
		return err
	}
	decisions, err := s.decisionLines(r, g)
	if err != nil {
		return err
	}
	drawn, err := s.signInMap(r, g)
	if err != nil {
		return err
	}
	held := g.Actor().Evidence
	page := securityPage{
		Map: drawn, Answers: answersFor(held), Form: form, Opens: held.AccountOpens,
		May: held.Factors.Enrolled() && held.Account.MFA(), Enrolled: held.Factors.Enrolled(), Decisions: decisions,
	}
	return s.render(w, r, status, "security.html", s.personal(r, "Security", securityPath), page)
}

// answersFor answers for somebody with the evidence.
func answersFor(e access.Evidence) []answer {
	code := "Only once you turn two-step verification on: then Code asks for a code after your account has signed you in."
	switch {
	case e.Factors.Enrolled() && e.AccountOpens:
		code = "Not where your account's MFA was used, for you let it open Code: Code then asks for its own step only where a workspace insists on it."
	case e.Factors.Enrolled():
		code = "No: your two-step verification is on, so Code asks for it at each sign-in anyway."
	}
	return []answer{
		{"If a workspace requires two-step verification, does that change how I sign in to Code?", code},
		{"Does it change how I sign in to my account?", "No: your account's password and MFA stay as they are, in every product."},
		{
			"What is the difference between the two?",
			"Your account's MFA guards the sign-in to every product; Code's two-step verification guards what is in Code, and is what workspaces here ask for.",
		},
	}
}

// saveAccountOpens takes the choice whether the account's MFA also opens Code.
func (s *Site) saveAccountOpens(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.SetAccountOpens(r.Context(), g, r.PostFormValue("account_opens") == "yes"); err != nil {
		return err
	}
	return s.done(w, r, securityPath, "saved")
}
