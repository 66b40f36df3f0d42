package access

import (
	"strings"
	"testing"
	"time"
)

// Access controls, members, groups, tokens, keys, factors, visibility,
// permissions, deletion: what changes who gets in, or can't be undone.
func TestWhatIsSensitive(t *testing.T) {
	// What is managed without changing who gets in, or carries its fresh code itself.
	not := map[Action]bool{ManageWorkspace: true, TurnOffTwoStep: true}
	for _, action := range Actions() {
		name := action.String()
		touches := strings.HasPrefix(name, "manage_") || strings.HasPrefix(name, "delete_") || action == SetVisibility
		if touches && !not[action] && !action.Sensitive() {
			t.Errorf("%v isn't sensitive", action)
		}
		if action.Sensitive() && ruleOf(action).reads {
			t.Errorf("%v only reads", action)
		}
	}
}

// Every sensitive action, by what a person has proven: within 15 minutes it
// goes on, and else the answer says what would do.
func TestEverySensitiveActionAsksForAFreshStep(t *testing.T) {
	renew := Verdict{Outcome: Renew, Reason: ReasonFreshStep, MaxAge: 15 * time.Minute, ACR: "aal2"}
	atAccount := renew
	atAccount.AtAccount = true
	allow := Verdict{Outcome: Allow, Reason: ReasonAllowed}
	step := func(ago time.Duration) Step { return Step{Method: TOTP, At: now.Add(-ago)} }
	mfa := func(ago time.Duration) Account { return Account{ACR: "aal2", AuthTime: now.Add(-ago)} }
	enrolled := Factors{TOTP: true}
	tried := 0
	for _, action := range Actions() {
		if !action.Sensitive() {
			continue
		}
		tried++
		for name, c := range map[string]struct {
			credential Credential
			evidence   Evidence
			want       Verdict
		}{
			"just now":                        {Session, Evidence{Factors: enrolled, Step: step(0)}, allow},
			"15 minutes ago":                  {Session, Evidence{Factors: enrolled, Step: step(15 * time.Minute)}, allow},
			"longer ago":                      {Session, Evidence{Factors: enrolled, Step: step(15*time.Minute + time.Second)}, renew},
			"by a recovery code":              {Session, Evidence{Factors: enrolled, Step: Step{Method: RecoveryCode, At: now}}, allow},
			"the account's doesn't count":     {Session, Evidence{Factors: enrolled, Step: step(time.Hour), Account: mfa(0)}, renew},
			"the account's, where it opens":   {Session, Evidence{Factors: enrolled, Step: step(time.Hour), Account: mfa(0), AccountOpens: true}, allow},
			"no step of Code's, account long": {Session, Evidence{Account: mfa(time.Hour)}, atAccount},
			"no step of Code's, account now":  {Session, Evidence{Account: mfa(0)}, allow},
			"nothing that could be asked for": {Session, Evidence{}, allow},
		} {
			if c.evidence.Account.ACR == "" && !c.evidence.Factors.Enrolled() && ruleOf(action).remote {
				continue // is never done without a step
			}
			actor := Actor{Credential: c.credential, CredentialID: "c", User: "u", Evidence: c.evidence}
			if got := Decide(actor, Policy{}, Resource{Exists: true, Permission: Admin}, action, now); got != c.want {
				t.Errorf("%v, %s: %+v, want %+v", action, name, got, c.want)
			}
		}
		// No token proves a step of its own (decision 0025).
		for _, credential := range []Credential{OAuthToken, APIToken} {
			want := renew
			if action.Scope() == "" {
				want = Verdict{Outcome: Forbidden, Reason: ReasonScope}
			}
			actor := Actor{Credential: credential, CredentialID: "c", User: "u", Scopes: Scopes(), Evidence: Evidence{Factors: enrolled, Step: step(0)}}
			if got := Decide(actor, Policy{}, Resource{Exists: true, Permission: Admin}, action, now); got != want {
				t.Errorf("%v by %s: %+v, want %+v", action, credential, got, want)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d actions were tried", tried)
	}
}
