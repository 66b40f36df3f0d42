package access

import (
	"net/netip"
	"time"
)

// Policy is a workspace's access controls. The zero Policy asks for nothing.
type Policy struct {
	RequireTwoStep    bool
	RequireFrom       time.Time     // the end of the grace; zero: no grace
	AcceptAccountMFA  bool          // MFA of the account counts too, by evidence
	PhishingResistant bool          // only security keys and passkeys count
	AskAgain          time.Duration // how long a step lasts; 0: as long as the session
	AskOverSSH        bool
	RefuseMachines    bool
	Networks          []netip.Prefix // empty: any
	NoPublic          bool
}

// DefaultAskAgain is how long a second step lasts unless the workspace says otherwise.
const DefaultAskAgain = 30 * 24 * time.Hour

// Requires reports whether two-step verification is required at the time.
func (p *Policy) Requires(now time.Time) bool {
	return p.RequireTwoStep && !now.Before(p.RequireFrom)
}

// takes reports whether the policy counts a step by the method.
func (p *Policy) takes(m Method) bool {
	return m != "" && (!p.PhishingResistant || m.phishingResistant())
}

// Suits reports whether a step that the policy counts is possible with the factors.
func (p *Policy) Suits(f Factors) bool {
	return f.WebAuthn || f.TOTP && !p.PhishingResistant
}

// takesAccount reports whether the policy counts the account's sign-in as the step.
func (p *Policy) takesAccount(a Account) bool {
	return p.AcceptAccountMFA && a.MFA() && (!p.PhishingResistant || a.PhishingResistant())
}

// MetBy reports whether a person with the evidence has something that can be
// the second step. How long ago it was taken is left aside.
func (p *Policy) MetBy(e Evidence) bool {
	return !p.RequireTwoStep || p.Suits(e.Factors) || p.takesAccount(e.Account)
}

// admits reports whether the address is in an allowed network.
func (p *Policy) admits(address netip.Addr) bool {
	if len(p.Networks) == 0 {
		return true
	}
	for _, network := range p.Networks {
		if network.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}

// acr names the account's sign-in that would satisfy the policy.
func (p *Policy) acr() string {
	if p.PhishingResistant {
		return "phr"
	}
	return "aal2"
}
