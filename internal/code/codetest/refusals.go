package codetest

import (
	"net/http"
	"time"

	"sallyport.dev/internal/code/access"
)

// Refused is one refusal and how each door says it. The doors' tests go
// through the one table, so that a reason has its text at every door.
type Refused struct {
	access.Refusal
	Web     int    // status of the page
	WebSays string // on the page; where it leads, for a redirect
	API     int
	Git     int
	GitSays string // the whole of it, a line each
}

// Refusals has every reason that the gate refuses for, met by a member of the
// workspace acme who reads a repository in it.
func Refusals() []Refused {
	const (
		site    = "https://code.test"
		factors = "\n  " + site + "/account/settings/two-step-verification/"
		verify  = "Verify in the browser, then run the command again:\n  " + site + "/login/verify"
		account = "Verify in the browser, then run the command again:\n  " + site + "/login?again=1&acr=aal2"
	)
	found, see, forbidden, unauthorized := http.StatusNotFound, http.StatusSeeOther, http.StatusForbidden, http.StatusUnauthorized
	all := []Refused{
		{
			of(access.Enrol, access.ReasonTwoStepRequired), forbidden, "Two-step verification of Code isn't on for you yet.", forbidden, forbidden,
			"Workspace acme requires two-step verification.\nTurn it on, then run the command again:" + factors,
		},
		{
			of(access.Strengthen, access.ReasonPhishingResistant), forbidden, "so this workspace doesn't count it", forbidden, forbidden,
			"Workspace acme requires a security key or passkey.\nAdd one, then run the command again:" + factors + "key",
		},
		{
			of(access.Verify, access.ReasonPhishingResistant), see, "/login/verify?reason=phishing_resistant_required", unauthorized, forbidden,
			"Workspace acme requires a security key or passkey.\n" + verify,
		},
		{
			of(access.Verify, access.ReasonStepNeeded), see, "/login/verify?reason=second_step_needed", unauthorized, forbidden,
			"Your second step is needed first.\n" + verify,
		},
		{
			of(access.Renew, access.ReasonStepExpired), see, "/login/verify?reason=second_step_expired", unauthorized, forbidden,
			"Workspace acme asks for your second step again.\n" + verify,
		},
		{
			of(access.Renew, access.ReasonFreshStep), see, "/login/verify?reason=fresh_step_needed", unauthorized, forbidden,
			"This needs your second step once more: the last one is over 15 minutes ago.\n" + verify,
		},
		{
			atAccount(of(access.Verify, access.ReasonAccountMFA), 0), see, "/login?again=1&acr=aal2", unauthorized, forbidden,
			"Workspace acme requires a second step, in Code or at your account.\n" + account,
		},
		{
			atAccount(of(access.Renew, access.ReasonStepExpired), time.Hour), see, "/login?again=1&acr=aal2&max_age=3600", unauthorized, forbidden,
			"Workspace acme asks for your second step again.\n" + account + "&max_age=3600",
		},
		{
			of(access.Forbidden, access.ReasonNetwork), forbidden, "which is on none of its allowed networks", forbidden, forbidden,
			"Workspace acme can't be reached from this network.",
		},
		{
			as(of(access.Forbidden, access.ReasonNetwork), access.Owner), forbidden, "Lift the allowed networks", forbidden, forbidden,
			"Workspace acme can't be reached from this network.\nAs an owner you can lift that:\n  " + site + "/acme/workspace/settings/access-controls/networks",
		},
		{
			of(access.Forbidden, access.ReasonMachine), forbidden, "doesn't accept machine credentials", forbidden, forbidden,
			"Workspace acme doesn't accept machine credentials.",
		},
		{
			of(access.Forbidden, access.ReasonScope), forbidden, "lacks the scope read:repository:bitbucket", forbidden, forbidden,
			"This token lacks the scope read:repository:bitbucket.",
		},
		{
			of(access.Forbidden, access.ReasonPermission), forbidden, "An owner of Acme can.", forbidden, forbidden,
			"You don't have permission to do this.",
		},
		{
			of(access.Forbidden, access.ReasonArchived), forbidden, "This repository is archived", forbidden, forbidden,
			"This repository is archived: it can be read, and nothing in it changed.",
		},
		{
			of(access.Unauthenticated, access.ReasonSignedOut), see, "/login", unauthorized, unauthorized,
			"Sign in with an API token as the password; make one at:\n  " + site + "/account/settings/api-tokens/",
		},
		{
			of(access.Hidden, access.ReasonNotFound), found, "There is nothing here", found, found,
			"There is no such repository, or you don't have access to it.",
		},
	}
	return all
}

func of(outcome access.Outcome, reason access.Reason) access.Refusal {
	return access.Refusal{
		Verdict: access.Verdict{Outcome: outcome, Reason: reason}, Action: access.ReadRepository,
		WorkspaceSlug: "acme", WorkspaceName: "Acme", Role: access.Member,
	}
}

func atAccount(r access.Refusal, maxAge time.Duration) access.Refusal {
	r.AtAccount, r.ACR, r.MaxAge = true, "aal2", maxAge
	return r
}

func as(r access.Refusal, role access.Role) access.Refusal {
	r.Role = role
	return r
}
