package access

import "time"

// The oracle says what the gate must answer. It was written from the design's
// text ("Decision, in this order") before the code was read, and in another
// shape: first it notes every fact of a case as a bit, then it looks up which
// sentences of the text hold, all of them, and the one that stands first in
// the text speaks.
//
// Where the text leaves a choice, these readings hold:
//   - What doesn't exist is judged with the permission that the actor would
//     have, and is hidden only at the end (decision 0003).
//   - A credential that carries nothing of the account is asked to enrol even
//     where the account's MFA would do.
//   - Nobody is also: a person's credential that names no person, a machine's
//     that names one, and a credential of an unknown kind.
//   - A step counts for a workspace's rule only while a factor that the policy
//     takes is on: "enrolled at the time of access".
//   - A session whose step is of a kind that the policy doesn't take is asked to
//     verify, for the reason that the policy wants a stronger kind.

// fact is one thing that is true of a case.
type fact uint64

const (
	// Who asks.
	nobody fact = 1 << iota
	browser
	overSSH
	machine
	// What was proven. "Account" is the sign-in at the account, as far as the
	// credential carries it.
	enrolled
	stepTaken
	stepWithin15
	accountMFA
	accountWithin15
	opensByAccount // chosen by the person, and proven
	// What the workspace's rules make of it.
	required
	enrolledTaken // with at least one method that the policy takes
	stepCounts    // by a method that the policy takes
	stepInTime    // and not too old for it, and such a method is still on
	accountWould  // the policy takes the account's MFA, and this credential can carry it
	accountCounts // and it was proven
	accountInTime // and isn't too old
	asksSSH
	machinesRefused
	networkForbidden
	// What is asked for.
	exists
	public
	somePermission
	enoughPermission
	scopeMissing
	reads
	sensitive
	own     // the person's own profile and settings: no workspace's
	leaving // a workspace
	archived
	changes // what a repository holds
	fed     // a feed shows it
	lifting // its networks, as an owner whom they shut out
)

// sentence is one sentence of the text: it holds where every fact of when and
// none of unless is there.
type sentence struct {
	text         string
	when, unless fact
	says         Verdict
}

// sentences stand in the order of the text. Each can be read by itself: none
// counts on another having been looked at before.
var sentences = []sentence{
	{
		"1. Public content, read → allow, to anyone.",
		public | reads, 0,
		Verdict{Outcome: Allow, Reason: ReasonPublic},
	},
	{
		"2. Nobody is signed in → unauthenticated.",
		nobody, 0,
		Verdict{Outcome: Unauthenticated, Reason: ReasonSignedOut},
	},
	{
		"3. A browser session whose user is enrolled, without a second step → challenge: verify, whatever the workspace says (met by the account's MFA where the user has chosen it and the token proves it).",
		browser | enrolled, stepTaken | opensByAccount,
		Verdict{Outcome: Verify, Reason: ReasonStepNeeded},
	},
	{
		"4. The actor has no permission at all on it → hidden",
		0, somePermission,
		Verdict{Outcome: Hidden, Reason: ReasonNotFound},
	},
	{
		"machine credential: belongs to no person (so none has settings of its own)",
		machine | own, 0,
		Verdict{Outcome: Hidden, Reason: ReasonNotFound},
	},
	{
		"4. some permission, but not for this action → forbidden",
		0, enoughPermission,
		Verdict{Outcome: Forbidden, Reason: ReasonPermission},
	},
	{
		"5. Machine credentials: refused where the policy says so",
		machine | machinesRefused, own,
		Verdict{Outcome: Forbidden, Reason: ReasonMachine},
	},
	{
		"5. their own scope and resource bound apply. Scopes of tokens likewise.",
		scopeMissing, 0,
		Verdict{Outcome: Forbidden, Reason: ReasonScope},
	},
	{
		"6. The network isn't allowed → forbidden(network). A blocked member can still open their own settings, sign out, and leave the workspace.",
		networkForbidden, own | leaving | lifting,
		Verdict{Outcome: Forbidden, Reason: ReasonNetwork},
	},
	{
		"7. 2SV is required: not enrolled, and no accepted account MFA → challenge: enrol",
		required, machine | own | leaving | enrolled | accountWould,
		Verdict{Outcome: Enrol, Reason: ReasonTwoStepRequired},
	},
	{
		"7. enrolled only with methods that the policy doesn't take → challenge: strengthen",
		required | enrolled, machine | own | leaving | enrolledTaken | accountCounts,
		Verdict{Outcome: Strengthen, Reason: ReasonPhishingResistant},
	},
	{
		"7. session without step where one is needed → challenge: verify; account MFA alone doesn't meet it unless the workspace accepts it",
		required | browser | enrolled, own | leaving | stepTaken | accountCounts,
		Verdict{Outcome: Verify, Reason: ReasonStepNeeded},
	},
	{
		"7. SSH connection without step where one is needed → challenge: verify",
		required | overSSH | asksSSH | enrolled, own | leaving | stepTaken,
		Verdict{Outcome: Verify, Reason: ReasonStepNeeded},
	},
	{
		"Phishing-resistant steps only: session whose step is of another kind → challenge: verify",
		required | browser | enrolled, own | leaving | stepCounts | accountCounts,
		Verdict{Outcome: Verify, Reason: ReasonPhishingResistant},
	},
	{
		"Phishing-resistant steps only: SSH connection whose step is of another kind → challenge: verify",
		required | overSSH | asksSSH | enrolled, own | leaving | stepCounts,
		Verdict{Outcome: Verify, Reason: ReasonPhishingResistant},
	},
	{
		"7. account MFA accepted but the token lacks it, and no Code factor → challenge: verify at Account with acr_values",
		required | accountWould, own | leaving | enrolled | accountCounts,
		Verdict{Outcome: Verify, Reason: ReasonAccountMFA, AtAccount: true},
	},
	{
		"7. session without fresh step where one is needed → renew (in Code, where a factor of Code would do)",
		required | browser | enrolledTaken, own | leaving | stepInTime | accountInTime,
		Verdict{Outcome: Renew, Reason: ReasonStepExpired},
	},
	{
		"7. session without fresh step where one is needed → renew (at the account, where only its MFA would do)",
		required | browser, own | leaving | stepInTime | accountInTime | enrolledTaken,
		Verdict{Outcome: Renew, Reason: ReasonStepExpired, AtAccount: true},
	},
	{
		"7. SSH connection without fresh step where one is needed → renew",
		required | overSSH | asksSSH, own | leaving | stepInTime,
		Verdict{Outcome: Renew, Reason: ReasonStepExpired},
	},
	{
		"6. an owner gets a page that can lift it after a fresh second step (so never without one)",
		lifting, enrolled | accountMFA,
		Verdict{Outcome: Enrol, Reason: ReasonTwoStepRequired},
	},
	{
		"8. Sensitive action without a step in the last 15 minutes, where the user is enrolled → challenge: renew. (The account's counts where the person or the workspace lets it open Code.)",
		sensitive | enrolled, machine | stepWithin15 | accountWithin15,
		Verdict{Outcome: Renew, Reason: ReasonFreshStep},
	},
	{
		"8. or the account has MFA → challenge: renew",
		sensitive | accountMFA, machine | enrolled | stepWithin15 | accountWithin15,
		Verdict{Outcome: Renew, Reason: ReasonFreshStep, AtAccount: true},
	},
	{
		"4. The resource doesn't exist → hidden (as if it existed until here)",
		0, exists,
		Verdict{Outcome: Hidden, Reason: ReasonNotFound},
	},
	{
		"archive (read-only): what an archived repository holds can't be changed (decision 0027)",
		archived | changes, 0,
		Verdict{Outcome: Forbidden, Reason: ReasonArchived},
	},
	{
		"9. Allow → Grant.",
		0, 0,
		Verdict{Outcome: Allow, Reason: ReasonAllowed},
	},
}

// oracle gives the index of the sentence that speaks, and what it says.
func oracle(f fact, p *Policy) (int, Verdict) {
	for i := range sentences {
		if s := &sentences[i]; f&s.when == s.when && f&s.unless == 0 {
			return i, complete(s, p)
		}
	}
	panic("the last sentence always holds")
}

// complete adds to a challenge what a program needs to meet it (RFC 9470):
// which sign-in would do, and how old a step may be.
func complete(s *sentence, p *Policy) Verdict {
	v := s.says
	if !v.Outcome.Challenge() {
		return v
	}
	v.ACR = "aal2"
	switch s.text[0] {
	case '3': // any step, of any age
	case '8':
		v.MaxAge = 15 * time.Minute
	default:
		v.MaxAge = p.AskAgain
		if p.PhishingResistant {
			v.ACR = "phr"
		}
	}
	return v
}
