package access

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/internal/errs"
)

// What each refusal says, which door-independent status it has, and where it
// sends the person.
func TestRefusalTexts(t *testing.T) {
	const factors, step, login, account = "/account/settings/two-step-verification/", "/login/verify", "/login", "/login?again=1"
	of := func(o Outcome, reason Reason) Verdict { return Verdict{Outcome: o, Reason: reason} }
	atAccount := func(o Outcome, reason Reason) Verdict {
		return Verdict{Outcome: o, Reason: reason, AtAccount: true}
	}
	for _, c := range []struct {
		verdict Verdict
		action  Action
		text    string
		status  int
		fix     string
	}{
		{of(Enrol, ReasonTwoStepRequired), ReadRepository, "Workspace acme requires two-step verification.", 403, factors},
		{of(Strengthen, ReasonPhishingResistant), ReadRepository, "Workspace acme requires a security key or passkey.", 403, factors + "key"},
		{of(Verify, ReasonPhishingResistant), ReadRepository, "Workspace acme requires a security key or passkey.", 403, step},
		{of(Verify, ReasonStepNeeded), ReadRepository, "Your second step is needed first.", 403, step},
		{of(Renew, ReasonStepExpired), ReadRepository, "Workspace acme asks for your second step again.", 403, step},
		{atAccount(Renew, ReasonStepExpired), ReadRepository, "Workspace acme asks for your second step again.", 403, account},
		{atAccount(Verify, ReasonAccountMFA), ReadRepository, "Workspace acme requires a second step, in Code or at your account.", 403, account},
		{of(Renew, ReasonFreshStep), ManageAccess, "This needs your second step once more: the last one is over 15 minutes ago.", 403, step},
		{atAccount(Renew, ReasonFreshStep), ManageAccess, "This needs your second step once more: the last one is over 15 minutes ago.", 403, account},
		{of(Forbidden, ReasonNetwork), ReadRepository, "Workspace acme can't be reached from this network.", 403, ""},
		{of(Forbidden, ReasonMachine), ReadRepository, "Workspace acme doesn't accept machine credentials.", 403, ""},
		{of(Forbidden, ReasonScope), WriteRepository, "This token lacks the scope write:repository:bitbucket.", 403, ""},
		{of(Forbidden, ReasonScope), ManageMembers, "A token can't do this.", 403, ""},
		{of(Forbidden, ReasonPermission), WriteRepository, "You don't have permission to do this.", 403, ""},
		{of(Unauthenticated, ReasonSignedOut), ReadRepository, "Sign in first.", 401, login},
		{of(Hidden, ReasonNotFound), ReadRepository, "There is nothing here.", 404, ""},
		{Verdict{}, ReadRepository, "You don't have permission to do this.", 403, ""},
	} {
		r := &Refusal{Verdict: c.verdict, Action: c.action, WorkspaceSlug: "acme", WorkspaceName: "ACME"}
		wrapped := fmt.Errorf("opening: %w", r)
		if r.Sentence() != c.text || errs.Message(wrapped) != c.text {
			t.Errorf("%+v: says %q, publicly %q, want %q", c.verdict, r.Sentence(), errs.Message(wrapped), c.text)
		}
		if errs.Status(wrapped) != c.status || r.FixPath() != c.fix {
			t.Errorf("%+v: %d, fixed at %q; want %d at %q", c.verdict, errs.Status(wrapped), r.FixPath(), c.status, c.fix)
		}
		if !strings.Contains(r.Error(), c.action.String()) || !strings.Contains(r.Error(), string(c.verdict.Reason)) {
			t.Errorf("%+v: logged as %q", c.verdict, r.Error())
		}
		if nameless := (&Refusal{Verdict: c.verdict, Action: c.action}); strings.Contains(nameless.Sentence(), "acme") || nameless.Sentence() == "" {
			t.Errorf("%+v without a name: %q", c.verdict, nameless.Sentence())
		}
	}
	if errs.Status(&Refusal{}) == http.StatusOK {
		t.Error("the zero refusal is fine")
	}
}

// Every reason that Decide gives has a sentence of its own kind.
func TestEveryReasonHasItsSentence(t *testing.T) {
	for i := range sentences {
		v := sentences[i].says
		r := &Refusal{Verdict: v, Action: ReadRepository, WorkspaceSlug: "acme"}
		if v.Outcome != Allow && v.Reason != ReasonPermission && r.Sentence() == (&Refusal{}).Sentence() {
			t.Errorf("%s has no sentence", v.Reason)
		}
		if v.Outcome.Challenge() != (r.FixPath() != "") && v.Outcome != Unauthenticated {
			t.Errorf("%+v is fixed at %q", v, r.FixPath())
		}
	}
}

// A member who is blocked may know whose rule it is; nobody else may.
func TestOnlyMembersAreToldTheWorkspacesName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.sql(`UPDATE workspace SET networks = '198.51.100.0/24'`)
		machine := Actor{Credential: WorkspaceToken, Scopes: Scopes()}
		for _, c := range []struct {
			who  string
			a    Actor
			told bool
		}{
			{"a member", session("alice"), true},
			{"a member's token", token("alice"), true},
			{"an outsider", session("bob"), false},
			{"an outsider's token", token("bob"), false},
			{"nobody", Actor{}, false},
			{"a deleted user", session("ghost"), false},
			{"a machine", machine, false},
			{"an unknown credential with a member's id", Actor{Credential: "made_up", User: "alice"}, false},
			{"nobody with a member's id", Actor{User: "alice"}, false},
		} {
			for _, target := range []Target{secret, {Workspace: "acme", Repository: "missing"}, open} {
				_, err := w.gate.Check(t.Context(), c.a, target, WriteRepository)
				refusal, ok := errors.AsType[*Refusal](err)
				if !ok {
					t.Fatalf("%s: %v", c.who, err)
				}
				if told := refusal.WorkspaceSlug == "acme" && refusal.WorkspaceName == "ACME"; told != c.told {
					t.Errorf("%s on %v: %+v", c.who, target, refusal)
				}
				if !c.told && refusal.WorkspaceSlug+refusal.WorkspaceName != "" {
					t.Errorf("%s on %v is told %+v", c.who, target, refusal)
				}
			}
		}
	})
}
