package workspace

import (
	"fmt"
	"time"

	"sallyport.dev/internal/code/access"
)

// Line is one control of a policy in words: its name and its value.
type Line struct{ Label, Value string }

// Describe says a policy in words, a line for each control in the order of the
// access controls page. Two policies are the same where their lines are.
func Describe(p access.Policy) []Line {
	required := yes(p.RequireTwoStep)
	switch {
	case p.RequireTwoStep && p.RequireFrom.IsZero():
		required += ", at once"
	case p.RequireTwoStep:
		required += ", " + p.RequireFrom.UTC().Format("2006-01-02 15:04 MST")
	}
	networks := "any"
	if len(p.Networks) > 0 {
		networks = access.FormatNetworks(p.Networks)
	}
	machines := "allowed"
	if p.RefuseMachines {
		machines = "refused"
	}
	return []Line{
		{"Require two-step verification", required},
		{"Also accept MFA of the account", yes(p.AcceptAccountMFA)},
		{"Phishing-resistant steps only", yes(p.PhishingResistant)},
		{"Ask for the second step again after", AgainWords(p.AskAgain)},
		{"Ask over SSH too", yes(p.AskOverSSH)},
		{"Machine credentials", machines},
		{"Allowed networks", networks},
		{"No public content", yes(p.NoPublic)},
	}
}

// AgainWords says how long a second step lasts.
func AgainWords(d time.Duration) string {
	switch {
	case d == 0:
		return "never"
	case d == time.Hour:
		return "1 hour"
	case d <= 24*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
