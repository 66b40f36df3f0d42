package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

const day = 24 * time.Hour

// policyPage is the rules of the whole site.
type policyPage struct {
	Form    ui.Form
	Count   policyCount
	From    time.Time // MFA is required from then on; zero: it isn't
	InForce bool      // and that is now
	Fix     string    // where the administrator turns on their own MFA, which is missing
	Started Mode      // what --signup says
}

// policyCount is of how many people MFA is required as things are.
type policyCount struct{ People, Concerned, Missing int }

// MFA, Grace and the others are the fields of the form.
func (p policyPage) MFA() ui.Field {
	return p.Form.Choice("mfa", "Require MFA", []ui.Option{
		{Value: string(policy.Optional), Label: "Of nobody", Hint: "Everybody may turn it on for themselves."},
		{Value: string(policy.Domains), Label: "Of people with an address in these domains"},
		{Value: string(policy.Everyone), Label: "Of everyone"},
	})
}

func (p policyPage) Domains() ui.Field {
	f := p.Form.Lines("domains", "Domains")
	f.Hint = "One a line, such as example.com. Any of a person's addresses counts."
	return f
}

func (p policyPage) Grace() ui.Field {
	options := lengths(0, day, 3*day, 7*day, 14*day, 30*day)
	options[0].Label = "At once"
	if !p.From.IsZero() {
		options = append([]ui.Option{{Value: keep, Label: "Keep the date"}}, options...)
	}
	f := p.Form.Select("grace", "The requirement begins after", options)
	f.Hint = "Counted from switching it on. A date that stands can be brought nearer, and never put off."
	return f
}

func (p policyPage) SignUp() ui.Field {
	return p.Form.Choice("signup", "Who may make an account", []ui.Option{
		{Value: started, Label: "As the program was started", Hint: "sallyport serve --signup " + string(p.Started)},
		{Value: string(policy.Open), Label: "Anybody"},
		{Value: string(policy.Invite), Label: "Whoever is invited"},
		{Value: string(policy.Closed), Label: "Nobody: administrators make accounts"},
	})
}

func (p policyPage) Idle() ui.Field {
	f := p.Form.Select("idle", "A session ends without use after", lengths(15*time.Minute, time.Hour, 8*time.Hour, day, 3*day, 7*day))
	f.Hint = "Here and in Code. Where it gets shorter, people are signed out of their apps; whoever is signed in here gets back in without being asked."
	return f
}

func (p policyPage) Overall() ui.Field {
	return p.Form.Select("overall", "And at most after", lengths(time.Hour, 8*time.Hour, day, 7*day, 14*day, 30*day))
}

func (p policyPage) Remember() ui.Field {
	return p.Form.Checkbox("remember", "on", "People may have a browser not ask for the second step for a while")
}

func (p policyPage) RememberFor() ui.Field {
	return p.Form.Select("remember_for", "For", lengths(day, 7*day, 14*day, 30*day))
}

const (
	keep    = "keep"    // the date that stands
	started = "started" // what the flag says
)

// lengths are the options of a list of lengths of time.
func lengths(all ...time.Duration) []ui.Option {
	options := make([]ui.Option, len(all))
	for i, d := range all {
		options[i] = ui.Option{Value: d.String(), Label: ui.Length(d)}
	}
	return options
}

func (s *Site) showPolicy(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	rules, err := s.SignIn.Policy.Get(r.Context())
	if err != nil {
		return err
	}
	signUp := string(rules.SignUp)
	if rules.SignUp == policy.AsStarted {
		signUp = started
	}
	form := ui.Filled(
		"mfa", string(rules.MFA), "domains", strings.Join(rules.Domains, "\n"), "signup", signUp,
		"idle", rules.Idle.String(), "overall", rules.Overall.String(), "remember_for", rules.RememberFor.String())
	form.Values.Set("grace", (7 * day).String())
	if rules.MFA != policy.Optional {
		form.Values.Set("grace", keep)
	}
	if rules.Remember {
		form.Values.Set("remember", "on")
	}
	return s.policy(w, r, who, form, http.StatusOK)
}

func (s *Site) policyAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.admins(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.policy(w, r, who, form, status)
	})(w, r)
}

func (s *Site) policy(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	rules, err := s.SignIn.Policy.Get(r.Context())
	if err != nil {
		return err
	}
	page := policyPage{Form: form, Started: s.Config.SignUp}
	if page.Count, err = s.countConcerned(r.Context(), rules); err != nil {
		return err
	}
	if rules.MFA != policy.Optional {
		page.From, page.InForce = rules.MFAFrom, !s.Clock().Before(rules.MFAFrom)
	}
	if !who.Kinds.Any() {
		page.Fix = mfaPath
	}
	return s.render(w, r, status, "policy.html", s.administration(r, "Policy", policyPath), page)
}

// countConcerned tells of how many people the rules require MFA, and who of
// them has yet to turn it on.
func (s *Site) countConcerned(ctx context.Context, rules policy.Policy) (policyCount, error) {
	everybody, err := s.Admin.Everybody(ctx)
	if err != nil {
		return policyCount{}, err
	}
	count := policyCount{People: len(everybody)}
	for _, p := range everybody {
		if !rules.Concerns(p.Addresses) {
			continue
		}
		count.Concerned++
		if !p.MFA {
			count.Missing++
		}
	}
	return count, nil
}

func (s *Site) savePolicy(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	change, err := s.readPolicy(r)
	if err != nil {
		return err
	}
	if err := s.ownStanding(r.Context(), who, change); err != nil {
		return err
	}
	if _, err := s.SignIn.Policy.Save(r.Context(), change, who.Person.ID, address(r)); err != nil {
		return err
	}
	return s.done(w, r, policyPath, "policy")
}

// ownStanding refuses to require of everyone what whoever requires it doesn't
// have.
func (s *Site) ownStanding(ctx context.Context, who signin.Session, c policy.Change) error {
	emails, err := s.People.Emails(ctx, who.Person.ID)
	if err != nil || who.Kinds.Any() {
		return err
	}
	var own []string
	for _, each := range emails {
		own = append(own, each.Address)
	}
	if c.Concerns(own) {
		return errs.Conflict("mfa", "This would be required of you too, and your own MFA is off. Turn it on first.")
	}
	return nil
}

func (s *Site) readPolicy(r *http.Request) (policy.Change, error) {
	form := r.PostForm
	c := policy.Change{Policy: policy.Policy{
		MFA: policy.Requirement(form.Get("mfa")), SignUp: policy.SignUp(form.Get("signup")), Remember: form.Get("remember") != "",
	}}
	if form.Get("signup") == started {
		c.SignUp = policy.AsStarted
	}
	if c.MFA == policy.Domains {
		c.Domains = strings.Fields(strings.ReplaceAll(form.Get("domains"), ",", " "))
	}
	for name, into := range map[string]*time.Duration{
		"grace": &c.Grace, "idle": &c.Idle, "overall": &c.Overall, "remember_for": &c.RememberFor,
	} {
		if name == "grace" && form.Get(name) == keep {
			c.Grace = policy.MostGrace // the nearer date stands
			continue
		}
		d, err := time.ParseDuration(form.Get(name))
		if err != nil {
			return c, errs.Invalid(name, "Choose one of these.")
		}
		*into = d
	}
	return c, nil
}

// mode is who may make an account: what administrators chose, or else what the
// program was started with.
func (s *Site) mode(ctx context.Context) (Mode, error) {
	rules, err := s.SignIn.Policy.Get(ctx)
	if err != nil {
		return "", fmt.Errorf("who may sign up: %w", err)
	}
	if rules.SignUp == policy.AsStarted {
		return s.Config.SignUp, nil
	}
	return Mode(rules.SignUp), nil
}
