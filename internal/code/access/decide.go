package access

import "time"

// Outcome is what the gate says. The zero Outcome refuses.
type Outcome string

const (
	Allow           Outcome = "allow"
	Hidden          Outcome = "hidden"          // as if it didn't exist
	Forbidden       Outcome = "forbidden"       // known to be there, not for this actor
	Unauthenticated Outcome = "unauthenticated" // nobody is signed in
	Enrol           Outcome = "enrol"           // turn two-step verification on
	Strengthen      Outcome = "strengthen"      // add a stronger kind of second step
	Verify          Outcome = "verify"          // take the second step
	Renew           Outcome = "renew"           // take it again
)

// Challenge reports whether the person can go on by doing what it says.
func (o Outcome) Challenge() bool {
	return o == Enrol || o == Strengthen || o == Verify || o == Renew
}

// Reason says why, by a code that pages, JSON, git's texts, logs and records share.
type Reason string

const (
	ReasonAllowed           Reason = "allowed"
	ReasonPublic            Reason = "public"
	ReasonSignedOut         Reason = "signed_out"
	ReasonNotFound          Reason = "not_found"
	ReasonPermission        Reason = "permission_missing"
	ReasonArchived          Reason = "archived"
	ReasonScope             Reason = "scope_missing"
	ReasonMachine           Reason = "machine_credential_refused"
	ReasonNetwork           Reason = "network_not_allowed"
	ReasonTwoStepRequired   Reason = "two_step_required"
	ReasonStepNeeded        Reason = "second_step_needed"
	ReasonStepExpired       Reason = "second_step_expired"
	ReasonFreshStep         Reason = "fresh_step_needed"
	ReasonPhishingResistant Reason = "phishing_resistant_required"
	ReasonAccountMFA        Reason = "account_mfa_needed"
)

// Verdict is the gate's answer. The zero Verdict refuses.
type Verdict struct {
	Outcome   Outcome
	Reason    Reason
	AtAccount bool          // the challenge is met at the account, not in Code
	ACR       string        // for a challenge: the account's sign-in that would do (RFC 9470)
	MaxAge    time.Duration // for a challenge: how old a step may be; 0: any
}

// Resource is what is asked for, as this actor may know it.
type Resource struct {
	Exists     bool // false too where a member may not know of it
	Public     bool
	Archived   bool       // can be read only
	Permission Permission // the actor's; where it doesn't exist, what they would have
}

// FreshFor is how long a second step counts as fresh for a sensitive action.
const FreshFor = 15 * time.Minute

// skew is how far ahead another node's clock may be.
const skew = time.Minute

func within(at time.Time, limit time.Duration, now time.Time) bool {
	age := now.Sub(at)
	return age >= -skew && age <= limit
}

// Decide judges one request. It reads nothing but its arguments.
//
// The steps stand in the order of the design. The first that says anything but
// "go on" is the answer, so what is asked of a person comes in the order in
// which they can do it, and nothing is told of content before the rules are met.
func Decide(a Actor, p Policy, r Resource, action Action, now time.Time) Verdict {
	rule := ruleOf(action)
	if rule.name == "" {
		return Verdict{Outcome: Forbidden, Reason: ReasonPermission}
	}
	if rule.content == Self {
		p = Policy{} // a person's own settings are under no workspace's rules
	}
	a.Evidence = a.carried()
	public := r.Exists && r.Public && !p.NoPublic && rule.content.publishable()

	// 1. Public content, read.
	if public && rule.reads {
		return Verdict{Outcome: Allow, Reason: ReasonPublic}
	}
	// 2. Nobody.
	if !a.known() {
		return Verdict{Outcome: Unauthenticated, Reason: ReasonSignedOut}
	}
	// 3. A session that stopped half-way through signing in.
	if a.Credential == Session && a.Factors.Enrolled() && a.Step.Method == "" &&
		!(a.AccountOpens && a.Account.MFA()) {
		return Verdict{Outcome: Verify, Reason: ReasonStepNeeded, ACR: "aal2"}
	}
	// 4. Permission. What doesn't exist is judged as if it did, up to the end:
	// a member who is blocked must not be able to tell the difference.
	permission := r.Permission
	if public {
		permission = max(permission, Read)
	}
	if permission == None || rule.content == Self && a.Credential.Machine() {
		return Verdict{Outcome: Hidden, Reason: ReasonNotFound}
	}
	if permission < rule.needs {
		return Verdict{Outcome: Forbidden, Reason: ReasonPermission}
	}
	// 5. Machine credentials and scopes.
	if a.Credential.Machine() && p.RefuseMachines {
		return Verdict{Outcome: Forbidden, Reason: ReasonMachine}
	}
	if a.Credential.scoped() && !a.holds(rule.scope) || a.Credential == FeedToken && !rule.feed {
		return Verdict{Outcome: Forbidden, Reason: ReasonScope}
	}
	if !rule.exempt {
		// 6. Networks.
		if !rule.remote && !p.admits(a.Address) {
			return Verdict{Outcome: Forbidden, Reason: ReasonNetwork}
		}
		// 7. Two-step verification.
		if p.Requires(now) && a.Credential.person() {
			if verdict, met := judgeStep(&a, &p, now); !met {
				return verdict
			}
		}
	}
	// 8. Sensitive actions. An API token carries no step, so of whoever is
	// enrolled it can do none of them (decision 0025).
	if rule.remote && !a.Factors.Enrolled() && !a.Account.MFA() {
		return Verdict{Outcome: Enrol, Reason: ReasonTwoStepRequired, ACR: p.acr(), MaxAge: p.AskAgain}
	}
	if rule.sensitive && a.Credential.person() && !fresh(&a, &p, now) {
		return Verdict{
			Outcome: Renew, Reason: ReasonFreshStep, MaxAge: FreshFor,
			AtAccount: !a.Factors.Enrolled(), ACR: "aal2",
		}
	}
	if !r.Exists {
		return Verdict{Outcome: Hidden, Reason: ReasonNotFound}
	}
	if r.Archived && rule.changes {
		return Verdict{Outcome: Forbidden, Reason: ReasonArchived}
	}
	// 9.
	return Verdict{Outcome: Allow, Reason: ReasonAllowed}
}

// judgeStep tells whether a person's evidence meets a workspace that requires
// two-step verification, and if not, what they have to do.
func judgeStep(a *Actor, p *Policy, now time.Time) (verdict Verdict, met bool) {
	suited, account := p.Suits(a.Factors), p.takesAccount(a.Account)
	challenge := Verdict{ACR: p.acr(), MaxAge: p.AskAgain}

	// Is there anything that could be the step?
	if !suited && !account {
		switch {
		case a.Factors.Enrolled():
			challenge.Outcome, challenge.Reason = Strengthen, ReasonPhishingResistant
		case p.AcceptAccountMFA && a.Credential.viaAccount():
			challenge.Outcome, challenge.Reason, challenge.AtAccount = Verify, ReasonAccountMFA, true
		default:
			challenge.Outcome, challenge.Reason = Enrol, ReasonTwoStepRequired
		}
		return challenge, false
	}
	// Must this credential itself have taken it?
	if a.Credential != Session && !(a.Credential == SSHKey && p.AskOverSSH) {
		return Verdict{}, true
	}
	lasts := func(at time.Time) bool { return p.AskAgain == 0 || within(at, p.AskAgain, now) }
	switch {
	case account && lasts(a.Account.AuthTime), suited && p.takes(a.Step.Method) && lasts(a.Step.At):
		return Verdict{}, true
	case !suited:
		challenge.Outcome, challenge.Reason, challenge.AtAccount = Renew, ReasonStepExpired, true
	case account || p.takes(a.Step.Method):
		challenge.Outcome, challenge.Reason = Renew, ReasonStepExpired
	case a.Step.Method != "":
		challenge.Outcome, challenge.Reason = Verify, ReasonPhishingResistant
	default:
		challenge.Outcome, challenge.Reason = Verify, ReasonStepNeeded
	}
	return challenge, false
}

// fresh tells whether a sensitive action may go on: a step was taken just now,
// or there is none that this person could take.
func fresh(a *Actor, p *Policy, now time.Time) bool {
	enrolled := a.Factors.Enrolled()
	if !enrolled && !a.Account.MFA() {
		return true
	}
	if a.Step.Method != "" && within(a.Step.At, FreshFor, now) {
		return true
	}
	accountCounts := !enrolled || a.AccountOpens || p.takesAccount(a.Account)
	return accountCounts && a.Account.MFA() && within(a.Account.AuthTime, FreshFor, now)
}
