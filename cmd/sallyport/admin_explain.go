package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
)

type adminExplain struct {
	admin
	User       string     `help:"Who: the username in Code." required:"" placeholder:"USERNAME"`
	Workspace  string     `help:"The workspace's name in addresses." required:"" placeholder:"SLUG"`
	Repository string     `help:"A repository of it; without one, the workspace as such." placeholder:"SLUG"`
	Door       string     `help:"How they come: web, api, githttp, gitssh or feeds." required:"" enum:"web,api,githttp,gitssh,feeds"`
	Address    netip.Addr `help:"The network address that they come from; without one, where they last came from." placeholder:"IP"`
}

// Run asks the gate what it would say now, and prints the verdict, the reason,
// and each fact that it rests on, one a line. What the verdict is doesn't change
// the exit code.
func (c *adminExplain) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		someone, err := s.users.Someone(ctx, c.User)
		if err != nil {
			return err
		}
		if _, err := s.workspaces.Find(ctx, c.Workspace); err != nil {
			return err
		}
		actor, how, err := c.actor(ctx, s, someone)
		if err != nil {
			return err
		}
		gate := access.New(s.db, clock.System, access.NewRecords(s.db))
		target := access.Target{Workspace: c.Workspace, Repository: c.Repository}
		e, err := gate.Explain(ctx, actor, target, actor.Door.Asks(target))
		if err != nil {
			return err
		}
		for _, line := range explained(&e, someone, c, how) {
			fmt.Printf("%-22s %s\n", line[0]+":", line[1])
		}
		return nil
	})
}

// actor makes the one whom the gate shall judge: by the session that was used
// last, or by a credential that can do whatever its kind can.
func (c *adminExplain) actor(ctx context.Context, s *store, someone user.Someone) (access.Actor, string, error) {
	actor, how := someone.Session, "a browser session, last used "+stamp(someone.Seen)
	if actor.CredentialID == "" {
		how = "a new browser session; none is open"
	}
	switch door := access.Door(c.Door); door {
	case access.API, access.GitHTTP:
		last, name, err := s.tokens.Newest(ctx, someone.User.ID, access.APIToken)
		if err != nil {
			return access.Actor{}, "", err
		}
		actor, how = last, fmt.Sprintf("the API token %q, the one used last", name)
		if actor.CredentialID == "" {
			how = "an API token with every scope; they have none that works"
		}
	case access.Feeds:
		last, name, err := s.tokens.Newest(ctx, someone.User.ID, access.FeedToken)
		if err != nil {
			return access.Actor{}, "", err
		}
		actor, how = last, fmt.Sprintf("the feed token %q, the one used last", name)
		if actor.CredentialID == "" {
			how = "a feed token; they have none that works"
		}
	case access.GitSSH:
		last, err := s.users.SomeonesKey(ctx, someone.User.ID, c.Address)
		if err != nil {
			return access.Actor{}, "", err
		}
		actor, how = last.Actor, keyWords(last)
	}
	actor.Door = access.Door(c.Door)
	if c.Address.IsValid() {
		actor.Address = c.Address
	}
	return actor, how, nil
}

func keyWords(k user.LastKey) string {
	switch {
	case k.Actor.CredentialID == "":
		return "an SSH key that has taken no step; they have none that works"
	case k.Asks:
		return fmt.Sprintf("the SSH key %q, the one used last: a security key, if it checks its user", k.Label)
	case k.Actor.Step.Method != "":
		return fmt.Sprintf("the SSH key %q, the one used last, with the step that it was given", k.Label)
	default:
		return fmt.Sprintf("the SSH key %q, the one used last, which has taken no step from there", k.Label)
	}
}

// explained lists the verdict and each fact, by name.
func explained(e *access.Explanation, someone user.Someone, c *adminExplain, how string) [][2]string {
	verdict := map[bool]string{true: "allowed", false: "refused"}[e.Outcome == access.Allow]
	if e.Outcome.Challenge() {
		verdict = "asked to " + map[access.Outcome]string{
			access.Enrol: "turn two-step verification on", access.Strengthen: "add a security key or passkey",
			access.Verify: "take the second step", access.Renew: "take the second step again",
		}[e.Outcome]
	}
	lines := [][2]string{{"Verdict", verdict}, {"Reason", string(e.Reason) + ": " + e.Why()}}
	if path := e.FixPath(); path != "" {
		lines = append(lines, [2]string{"What opens it", c.CodeURL + path})
	}
	lines = append(lines,
		[2]string{"User", someone.User.Username + suspended(someone.User.Suspended)},
		[2]string{"Judged by", how})
	if a := e.Actor; a.Credential == access.APIToken {
		lines = append(lines, [2]string{"Scopes", scopeList(a.Scopes)}, [2]string{"Needs the scope", string(e.Action.Scope())})
	}
	lines = append(lines, [2]string{"Role", roleOf(e.Role)}, [2]string{"Permission", permissionOf(e)})
	if c.Repository != "" {
		lines = append(lines, [2]string{"Repository", repositoryOf(e.Resource)})
	}
	lines = append(lines, evidenceLines(e)...)
	return append(lines, policyLines(e)...)
}

func evidenceLines(e *access.Explanation) [][2]string {
	held := e.Actor.Carried()
	step, account := "none taken", "nothing known of it here"
	if held.Step.Method != "" {
		step = fmt.Sprintf("%s, %s", held.Step.Method, stamp(held.Step.At))
	}
	if !held.Account.AuthTime.IsZero() {
		account = map[bool]string{true: "with MFA, ", false: "without MFA, "}[held.Account.MFA()] + stamp(held.Account.AuthTime)
	}
	var factors []string
	if held.Factors.TOTP {
		factors = append(factors, "authenticator app")
	}
	if held.Factors.WebAuthn {
		factors = append(factors, "security key or passkey")
	}
	on := "off"
	if len(factors) > 0 {
		on = "on: " + strings.Join(factors, ", ")
	}
	return [][2]string{
		{"Two-step verification", on},
		{"Second step", step},
		{"Account sign-in", account},
		{"Account opens Code", yes(held.AccountOpens)},
	}
}

func policyLines(e *access.Explanation) [][2]string {
	p := e.Policy
	required, again, networks := yes(p.RequireTwoStep), "never", "any"
	if !p.RequireFrom.IsZero() && p.RequireTwoStep {
		required += ", from " + stamp(p.RequireFrom)
	}
	if p.AskAgain > 0 {
		again = fmt.Sprintf("after %.0f hours", p.AskAgain.Hours())
	}
	if len(p.Networks) > 0 {
		networks = access.FormatNetworks(p.Networks)
	}
	from := "unknown"
	if e.Actor.Address.IsValid() {
		from = e.Actor.Address.String()
	}
	return [][2]string{
		{"Workspace requires it", required},
		{"Accepts account MFA", yes(p.AcceptAccountMFA)},
		{"Phishing-resistant only", yes(p.PhishingResistant)},
		{"Asks again", again},
		{"Asks over SSH", yes(p.AskOverSSH)},
		{"Allowed networks", networks},
		{"Comes from", from},
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

func suspended(is bool) string {
	if is {
		return ", suspended: nothing opens"
	}
	return ""
}

func scopeList(scopes []access.Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, " ")
}

func roleOf(role access.Role) string {
	if role == access.Outsider {
		return "none: not a member"
	}
	return string(role)
}

func permissionOf(e *access.Explanation) string {
	names := map[access.Permission]string{access.None: "none", access.Read: "read", access.Write: "write", access.Admin: "admin"}
	return names[e.Resource.Permission] + ", needs " + names[e.Action.Needs()]
}

func repositoryOf(r access.Resource) string {
	switch {
	case !r.Exists:
		return "there is none of that name"
	case r.Public:
		return "public"
	default:
		return "private"
	}
}
