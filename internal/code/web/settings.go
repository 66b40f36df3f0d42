package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/ui"
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

// standing is a workspace and what it asks of the person.
type standing struct {
	Name, Slug string
	Owner      bool
	Requires   bool
	Open       bool      // its private content opens to the person
	From       time.Time // the requirement begins then; zero: it holds now
	Need       string    // what it asks for, where it doesn't
	Fix        ui.Link   // the way to that
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
	now := s.Clock()
	all := make([]standing, len(memberships))
	for i, m := range memberships {
		e, err := s.Gate.Explain(r.Context(), g.Actor(), access.Target{Workspace: m.Slug}, access.ReadWorkspace)
		if err != nil {
			return nil, err
		}
		all[i] = standing{
			Name: m.Name, Slug: m.Slug, Owner: m.Role == access.Owner, Requires: m.RequiresTwoStep, Open: e.Outcome == access.Allow,
		}
		if !all[i].Open {
			all[i].Need, all[i].Fix = needWords(&e.Refusal), s.mend(&e.Refusal, "/"+m.Slug)
			if e.Outcome == access.Enrol {
				all[i].Need = "2SV required"
			}
		}
		if now.Before(m.RequiredFrom) {
			all[i].From = m.RequiredFrom
		}
	}
	return all, nil
}
