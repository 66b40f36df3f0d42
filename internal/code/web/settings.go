package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
)

type profilePage struct {
	User       user.User
	AccountURL string
	Issuer     string
}

func (s *Site) showProfile(w http.ResponseWriter, r *http.Request, _ access.Grant) error {
	page := profilePage{User: visitorOf(r).user, AccountURL: s.AccountURL, Issuer: s.Login.Issuer()}
	return s.render(w, r, http.StatusOK, "profile.html", s.personal(r, "Profile", profilePath), page)
}

// securityPage says what this browser's session has proven, and when.
type securityPage struct {
	Issuer     string
	AccountURL string
	Account    time.Time // when the account's sign-in was
	Password   bool
	AccountMFA bool
	Enrolled   bool
	Step       string // how the second step was taken; empty: not in this session
	StepAt     time.Time
	Workspaces []standing
	Decisions  []decisionLine
}

// standing is a workspace and what it asks of the person.
type standing struct {
	Name, Slug string
	Owner      bool
	Requires   bool
	Open       bool      // its private content opens to the person
	From       time.Time // the requirement begins then; zero: it holds now
	Fix        string    // the page that opens it
}

func (s *Site) showSecurity(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	actor := g.Actor()
	workspaces, err := s.standings(r, g)
	if err != nil {
		return err
	}
	decisions, err := s.decisionLines(r, g)
	if err != nil {
		return err
	}
	page := securityPage{
		Issuer: s.Login.Issuer(), AccountURL: s.AccountURL,
		Account: actor.Account.AuthTime, AccountMFA: actor.Account.MFA(),
		Enrolled: actor.Factors.Enrolled(), Step: stepWords(actor.Step.Method), StepAt: actor.Step.At,
		Workspaces: workspaces, Decisions: decisions,
	}
	return s.render(w, r, http.StatusOK, "security.html", s.personal(r, "Security", securityPath), page)
}

func stepWords(method access.Method) string {
	switch method {
	case access.TOTP:
		return "a code from your app"
	case access.WebAuthn, access.SecurityKey:
		return "a security key"
	case access.RecoveryCode:
		return "a recovery code"
	default:
		return ""
	}
}

func (s *Site) standings(r *http.Request, g access.Grant) ([]standing, error) {
	memberships, err := s.Workspaces.Of(r.Context(), g)
	if err != nil {
		return nil, err
	}
	enrolled, now := g.Actor().Factors.Enrolled(), s.Clock()
	all := make([]standing, len(memberships))
	for i, m := range memberships {
		all[i] = standing{
			Name: m.Name, Slug: m.Slug, Owner: m.Role == access.Owner, Requires: m.RequiresTwoStep,
			Open: !m.RequiresTwoStep || enrolled || now.Before(m.RequiredFrom),
			Fix:  s.returns.carry(twoStepPath, "/"+m.Slug),
		}
		if now.Before(m.RequiredFrom) {
			all[i].From = m.RequiredFrom
		}
	}
	return all, nil
}
