package web

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// usualGrace is what the form offers, in days.
const usualGrace = "14"

// controlGroup is some controls under a heading.
type controlGroup struct {
	Heading  string
	Controls []control
}

// control is one control of a policy on the page.
type control struct {
	Fields []ui.Field
	Locked string    // why it can't be switched on; then it has no fields
	You    string    // what it means for the owner
	Public []ui.Link // what must be made private first
}

// policyOf reads the form. What wasn't sent stays as it is.
func policyOf(typed url.Values, p access.Policy, now time.Time) (access.Policy, error) {
	var failures []error
	fail := func(field, format string, args ...any) {
		failures = append(failures, errs.Invalid(field, format, args...))
	}
	get := func(name string, set func(value string)) {
		if values := typed[name]; len(values) > 0 {
			set(values[len(values)-1]) // a box that is ticked comes after its hidden "no"
		}
	}
	tick := func(name string, into *bool) {
		get(name, func(value string) { *into = value == "yes" })
	}
	get("require", func(value string) {
		if err := requireOf(&p, value, typed.Get("grace"), now); err != nil {
			failures = append(failures, err)
		}
	})
	tick("accept_account", &p.AcceptAccountMFA)
	tick("phishing_resistant", &p.PhishingResistant)
	tick("ask_over_ssh", &p.AskOverSSH)
	tick("no_public", &p.NoPublic)
	get("ask_again", func(value string) {
		at := slices.IndexFunc(access.AskAgains(), func(d time.Duration) bool { return hours(d) == value })
		if p.AskAgain = 0; at >= 0 {
			p.AskAgain = access.AskAgains()[at]
		} else if value != "never" {
			fail("ask_again", "Choose never, or after 30 days, 7 days, 24 hours or 1 hour.")
		}
	})
	get("machines", func(value string) {
		if p.RefuseMachines = value == "refused"; !p.RefuseMachines && value != "allowed" {
			fail("machines", "Choose allowed or refused.")
		}
	})
	get("networks", func(value string) {
		networks, err := access.ParseNetworks(value)
		if err != nil {
			failures = append(failures, err)
		}
		p.Networks = networks
	})
	return p, errors.Join(failures...)
}

// requireOf sets the switch. A grace that runs keeps its end.
func requireOf(p *access.Policy, value, grace string, now time.Time) error {
	was := p.RequireTwoStep
	switch p.RequireTwoStep = value != "off"; value {
	case "off":
	case "on":
		if was && p.RequireFrom.After(now) {
			p.RequireFrom = time.Time{}
		}
	case "from":
		if was {
			return nil
		}
		days, err := strconv.Atoi(strings.TrimSpace(grace))
		if err != nil || days < 1 || days > 30 {
			return errs.Invalid("grace", "Give a grace of 1 to 30 days.")
		}
		p.RequireFrom = now.AddDate(0, 0, days)
	default:
		return errs.Invalid("require", "Choose off, on, or on from a date.")
	}
	return nil
}

// filledBy gives the form's values: those typed, and for the rest the policy's.
func filledBy(p access.Policy, typed url.Values, now time.Time) url.Values {
	require, machines := "off", "allowed"
	switch {
	case p.RequireTwoStep && p.RequireFrom.After(now):
		require = "from"
	case p.RequireTwoStep:
		require = "on"
	}
	if p.RefuseMachines {
		machines = "refused"
	}
	ticked := map[bool]string{true: "yes", false: "no"}
	values := url.Values{
		"require": {require}, "grace": {usualGrace},
		"accept_account":     {ticked[p.AcceptAccountMFA]},
		"phishing_resistant": {ticked[p.PhishingResistant]},
		"ask_again":          {hours(p.AskAgain)},
		"ask_over_ssh":       {ticked[p.AskOverSSH]},
		"machines":           {machines},
		"networks":           {strings.ReplaceAll(access.FormatNetworks(p.Networks), " ", "\n")},
		"no_public":          {ticked[p.NoPublic]},
	}
	for name := range values {
		if len(typed[name]) > 0 {
			values[name] = typed[name][len(typed[name])-1:]
		}
	}
	return values
}

// controlsOf makes the controls of the page.
type controlsOf struct {
	form   ui.Form
	ws     workspace.Workspace
	g      access.Grant
	now    time.Time
	public []workspace.Public
	keys   []user.Key // the owner's own
}

func (c *controlsOf) groups() []controlGroup {
	return []controlGroup{
		{"Two-step verification", []control{c.require(), c.account(), c.resistant(), c.again(), c.ssh()}},
		{"Ways in", []control{c.machines(), c.networks(), c.noPublic()}},
	}
}

// lapsed reports whether the plan has ended under something that is on.
func (c *controlsOf) lapsed() bool {
	p := c.ws.Policy
	return c.ws.Plan != workspace.Premium && (p.RequireTwoStep || len(p.Networks) > 0 || p.NoPublic)
}

// premium locks a control that the plan doesn't allow to be switched on.
func (c *controlsOf) premium(on bool, what string, made control) control {
	if on || c.ws.Plan == workspace.Premium {
		return made
	}
	return control{Locked: what + " needs the premium plan; this workspace is on the " + string(c.ws.Plan) + " plan."}
}

// you says what the policy would mean for the owner with one thing changed.
func (c *controlsOf) you(change func(p *access.Policy)) string {
	p := c.ws.Policy
	change(&p)
	return wouldYou(c.g.Under(p, c.now), c.g.Actor())
}

func (c *controlsOf) require() control {
	p := c.ws.Policy
	options := []ui.Option{
		{Value: "off", Label: "Off"},
		{Value: "on", Label: "On"},
	}
	running := p.RequireTwoStep && p.RequireFrom.After(c.now)
	if running {
		options[1].Label = "On now: the grace ends"
		options = append(options, ui.Option{Value: "from", Label: "On from " + dateWords(p.RequireFrom), Hint: "Fixed when it was switched on. Saving again doesn't move it."})
	} else if !p.RequireTwoStep {
		options = append(options, ui.Option{Value: "from", Label: "On from a date", Hint: "Members are told now, half-way and on the last day, and can set it up meanwhile."})
	}
	field := c.form.Choice("require", "Require two-step verification", options)
	field.Hint = "Everyone needs two-step verification of Code to reach what is private here: in the browser, over the API and with git. How people sign in to their account stays as it is."
	made := control{Fields: []ui.Field{field}, You: c.you(func(p *access.Policy) { p.RequireTwoStep = true })}
	if !p.RequireTwoStep {
		grace := c.form.Text("grace", "Days until it begins")
		grace.Type, grace.Hint = "number", "1 to 30, for “On from a date”. It can't be lengthened afterwards."
		made.Fields = append(made.Fields, grace)
	}
	return c.premium(p.RequireTwoStep, "Requiring two-step verification", made)
}

func (c *controlsOf) tick(name, label, hint string, change func(p *access.Policy)) control {
	field := c.form.Checkbox(name, "yes", label)
	field.Hint = hint
	return control{Fields: []ui.Field{field}, You: c.you(change)}
}

func (c *controlsOf) account() control {
	return c.tick("accept_account", "Also accept MFA of the account",
		"Who signed in to their account with MFA needs no step of Code's own, if the sign-in proves it.",
		func(p *access.Policy) { p.RequireTwoStep, p.AcceptAccountMFA = true, true })
}

func (c *controlsOf) resistant() control {
	return c.tick("phishing_resistant", "Phishing-resistant steps only",
		"Only security keys and passkeys count; a code from an app could be typed into a false site.",
		func(p *access.Policy) { p.RequireTwoStep, p.PhishingResistant = true, true })
}

func (c *controlsOf) again() control {
	options := []ui.Option{{Value: "never", Label: "Never"}}
	for _, d := range slices.Backward(access.AskAgains()) {
		options = append(options, ui.Option{Value: hours(d), Label: "After " + workspace.AgainWords(d)})
	}
	field := c.form.Select("ask_again", "Ask for the second step again", options)
	field.Hint = "How long a step lasts in a browser, and over SSH where that asks too."
	return control{Fields: []ui.Field{field}, You: c.lasts()}
}

// lasts says how long the owner's own step goes on to count.
func (c *controlsOf) lasts() string {
	p, step := c.ws.Policy, c.g.Actor().Step
	switch {
	case step.Method == "":
		return "You have taken no second step in this session."
	case p.AskAgain == 0:
		return "Your step lasts as long as this session."
	default:
		return "Your last step was at " + dateWords(step.At) + ": as it stands, it lasts until " + dateWords(step.At.Add(p.AskAgain)) + "."
	}
}

func (c *controlsOf) ssh() control {
	field := c.form.Checkbox("ask_over_ssh", "yes", "Ask over SSH too")
	field.Hint = "After the key, SSH asks for a code; a key on a security key that checks its user counts as the step."
	return control{Fields: []ui.Field{field}, You: c.overSSH()}
}

// overSSH says what the owner's own keys would ask them for.
func (c *controlsOf) overSSH() string {
	plain, secured := 0, 0
	for _, k := range c.keys {
		switch {
		case k.Expired(c.now):
		case strings.HasPrefix(k.Kind, "sk-"):
			secured++
		default:
			plain++
		}
	}
	switch {
	case plain+secured == 0:
		return "Nothing changes for you: you have no SSH key."
	case plain == 0:
		return "Your SSH keys are on security keys: where these check you, nothing more is asked."
	case plain == 1:
		return "One SSH key of yours would ask you for a code."
	default:
		return strconv.Itoa(plain) + " SSH keys of yours would ask you for a code."
	}
}

func (c *controlsOf) machines() control {
	field := c.form.Choice("machines", "Machine credentials", []ui.Option{{Value: "allowed", Label: "Allowed"}, {Value: "refused", Label: "Refused"}})
	field.Hint = "Access tokens of the workspace or a repository and deploy keys belong to nobody, so no second step stands behind them."
	return control{Fields: []ui.Field{field}, You: "It says nothing about you: you come as a person."}
}

func (c *controlsOf) networks() control {
	field := c.form.Lines("networks", "Allowed networks")
	field.Mono, field.Placeholder = true, "192.0.2.0/24"
	field.Rows = min(max(3, strings.Count(field.Value, "\n")+2), 16) // a line more than there are
	field.Hint = "What is private here opens only from these, one CIDR a line; none means from anywhere."
	made := control{Fields: []ui.Field{field}, You: "You come from " + c.g.Actor().Address.String() + "."}
	return c.premium(len(c.ws.Policy.Networks) > 0, "Choosing the allowed networks", made)
}

func (c *controlsOf) noPublic() control {
	made := c.tick("no_public", "No public content in this workspace",
		"Nothing here can be read without signing in, and nothing can be made public.", func(*access.Policy) {})
	made.You = "Nothing changes for you: you are signed in."
	for _, each := range c.public {
		made.Public = append(made.Public, ui.Link{Text: each.String(), Href: publicPath(c.ws.Slug, each)})
	}
	return c.premium(c.ws.Policy.NoPublic, "Ruling out public content", made)
}

// publicPath is where public content is seen.
func publicPath(slug string, p workspace.Public) string {
	switch p.Kind {
	case workspace.PublicIssues:
		return "/" + slug + "/" + p.Slug + "/issues"
	case workspace.PublicWiki:
		return "/" + slug + "/" + p.Slug + "/wiki"
	case workspace.PublicSnippet:
		return "/snippets/" + slug + "/" + p.Slug
	default:
		return "/" + slug + "/" + p.Slug
	}
}

func dateWords(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
