package access

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"sallyport.dev/internal/errs"
)

// The attacks are real bypasses of other products, by the numbers of the
// design's list; here are those that the gate alone settles. 1 and 17 also
// stand in property_test.go, for every input.

// Attack 1 and 35: while pages were gated, the API, git and tokens were not.
// Every action, by every credential, as a member who isn't enrolled.
func TestAttack01UnenrolledMemberByEveryCredential(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.sql(`UPDATE member SET role = 'owner' WHERE user_id = 'alice'`) // no lack of permission helps
		for _, c := range []Credential{Session, APIToken, OAuthToken, SSHKey} {
			for _, door := range []Door{Web, API, GitHTTP, "gitssh"} {
				a := session("alice")
				a.Credential, a.Door, a.Scopes = c, door, Scopes()
				for _, action := range Actions() {
					v := w.verdict(a, targetOf(action), action)
					free := action.Content() == Self || action == LeaveWorkspace
					if v.Outcome == Allow && !free {
						t.Errorf("%s at %s: may %v", c, door, action)
					}
					if v.Outcome != Allow && free && c == Session {
						t.Errorf("%s at %s: %v is blocked as well: %+v", c, door, action, v)
					}
				}
			}
		}
	})
}

// Attack 8: an SSH key was accepted without the step once it was required.
func TestAttack08SSHKeyWithoutTheStep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("alice", "totp")
		w.require("acme")
		key := Actor{Door: "gitssh", Credential: SSHKey, User: "alice"}
		w.allowed(key, secret, WriteRepository)
		w.sql(`UPDATE workspace SET ask_over_ssh = TRUE`)
		w.expect(key, secret, ReadRepository, Verify, ReasonStepNeeded)
		key.Step = Step{Method: SecurityKey, At: now}
		w.allowed(key, secret, ReadRepository)
		w.sql(`DELETE FROM factor`)
		w.expect(key, secret, ReadRepository, Enrol, ReasonTwoStepRequired)
	})
}

// Attack 12: people with only a security key were treated as having no second
// step, or the reverse. Every credential × every set of factors.
func TestAttack12SecurityKeyOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		for _, f := range allFactors() {
			w.sql(`DELETE FROM factor`)
			if f.TOTP {
				w.factor("alice", "totp")
			}
			if f.WebAuthn {
				w.factor("alice", "webauthn")
			}
			for _, c := range []Credential{Session, APIToken, OAuthToken, SSHKey} {
				a := stepped("alice")
				a.Credential, a.Scopes = c, Scopes()
				want := Enrol
				if f.TOTP || f.WebAuthn {
					want = Allow
				}
				w.expect(a, secret, ReadRepository, want, ReasonTwoStepRequired)
				if c == Session && want == Allow {
					w.expect(session("alice"), secret, ReadRepository, Verify, ReasonStepNeeded)
				}
			}
		}
	})
}

// Attack 13: sessions from before enrolment lived on without the step.
func TestAttack13SessionFromBeforeEnrolment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		before := session("alice")
		w.allowed(before, secret, ReadRepository)
		w.factor("alice", "totp")
		for _, action := range Actions() {
			if action.Content() == Self || action == LeaveWorkspace || action == ReadRepository {
				w.expect(before, targetOf(action), action, Verify, ReasonStepNeeded) // though nothing is required
			}
		}
	})
}

// Attack 14: a half-finished enrolment counted.
func TestAttack14HalfFinishedEnrolment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.factor("alice", "totp")
		w.sql(`UPDATE factor SET confirmed = 0`)
		w.expect(stepped("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
	})
}

// Attack 15: a store that failed was read as "not enrolled", and so as "needs
// no step". TestStoreThatFailsRefuses kills the whole store; here only the
// second steps can't be read, and nothing is required.
func TestAttack15StoreErrorIsNoAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("alice", "totp")
		w.sql(`ALTER TABLE factor RENAME TO factor_away`)
		grant, err := w.gate.Check(t.Context(), session("alice"), secret, ReadRepository)
		if !errs.Is(err, errs.KindUnavailable) || grant.Require(ReadRepository) == nil {
			t.Errorf("%v", err)
		}
	})
}

// Attack 16: who joined by another way than the usual slipped past the rule.
// The gate knows no way of joining, only the row.
func TestAttack16WhoeverJoinsIsHeldToTheRule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.expect(session("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
		for _, role := range []Role{Member, Owner} {
			w.sql(`DELETE FROM member WHERE user_id = 'bob'`)
			w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', 'bob', $1, 0)`, role)
			w.expect(session("bob"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
			w.expect(token("bob"), acme, ListRepositories, Enrol, ReasonTwoStepRequired)
		}
	})
}

// Attack 17: one workspace's rule locked a person out of everything else.
func TestAttack17OtherWorkspacesStayOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.workspace("home", "owner alice")
		w.repository("home", "notes", false)
		w.require("acme")
		w.sql(`UPDATE workspace SET networks = '198.51.100.0/24', phishing_resistant = TRUE, refuse_machines = TRUE WHERE slug = 'acme'`)
		w.expect(session("alice"), secret, ReadRepository, Forbidden, ReasonNetwork)
		w.allowed(session("alice"), Target{Workspace: "home", Repository: "notes"}, WriteRepository)
		w.allowed(token("alice"), Target{Workspace: "home", Repository: "notes"}, WriteRepository)
		w.allowed(session("alice"), Target{Workspace: "home"}, ManageMembers)
		w.allowed(session("alice"), acme, LeaveWorkspace)
		w.allowed(session("alice"), open, ReadRepository)
		for _, action := range Actions() {
			if action.Content() == Self {
				w.allowed(session("alice"), self, action)
			}
		}
	})
}

// Attack 18: a grace that was shortened was ignored. The date is read at each
// request, and the moment itself is past the grace.
func TestAttack18ShortenedGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.sql(`UPDATE workspace SET require_from = $1`, now.Add(30*24*time.Hour))
		w.allowed(session("alice"), secret, ReadRepository)
		w.sql(`UPDATE workspace SET require_from = $1`, now.Add(time.Microsecond))
		w.allowed(session("alice"), secret, ReadRepository)
		w.clock.Advance(time.Microsecond)
		w.expect(session("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.sql(`UPDATE workspace SET require_from = $1`, now.Add(-time.Hour))
		w.expect(session("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
	})
}

// Attack 27: a step-up was satisfied by the wrong method or by an old sign-in.
func TestAttack27StepUpByTheWrongMethodOrAnOldSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, kind := range []string{"totp", "webauthn"} {
			w.factor("olga", kind)
		}
		w.require("acme")
		olga := stepped("olga")
		olga.Step.At = now.Add(-16 * time.Minute)
		for why, account := range map[string]Account{
			"a password":                        {ACR: "aal1", AMR: []string{"pwd"}, AuthTime: now},
			"MFA that the workspace won't take": {ACR: "aal2", AuthTime: now},
			"a made-up strength":                {ACR: "aal9", AuthTime: now},
		} {
			olga.Account = account
			if v := w.verdict(olga, acme, ManageAccess); v.Reason != ReasonFreshStep {
				t.Errorf("by %s just now: %+v", why, v)
			}
		}
		w.sql(`UPDATE workspace SET accept_account = TRUE, phishing_resistant = TRUE`)
		olga.Step.Method = WebAuthn
		olga.Account = Account{ACR: "aal2", AuthTime: now} // accepted in general, but not phishing-resistant
		w.expect(olga, acme, ManageAccess, Renew, ReasonFreshStep)
		olga.Account = Account{ACR: "phr", AuthTime: now.Add(-16 * time.Minute)}
		w.expect(olga, acme, ManageAccess, Renew, ReasonFreshStep)
		olga.Account.AuthTime = now
		w.allowed(olga, acme, ManageAccess)
		olga.Account = Account{}
		for _, method := range []Method{TOTP, RecoveryCode, "made_up"} {
			olga.Step = Step{Method: method, At: now}
			if v := w.verdict(olga, acme, ManageAccess); v.Outcome != Verify {
				t.Errorf("by %s, where only security keys count: %+v", method, v)
			}
		}
	})
}

// Attack 29: existence was told by the answer. The whole error is compared.
func TestAttack29WhatExistsIsToldToNobodyWhoIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		w.workspace("other", "owner bob")
		w.repository("other", "secret", false)
		scopeless := token("alice")
		scopeless.Scopes = nil
		answer := func(a Actor, target Target, action Action) *Refusal {
			_, err := w.gate.Check(t.Context(), a, target, action)
			refusal, _ := errors.AsType[*Refusal](err)
			if refusal == nil {
				t.Errorf("%+v by %+v: %v", target, a, err)
			}
			return refusal
		}
		for _, a := range []Actor{{}, session("alice"), token("alice"), scopeless, session("ghost"), {Credential: DeployKey, Scopes: Scopes()}} {
			for _, action := range []Action{ReadRepository, WriteRepository} {
				there, missing := answer(a, secret, action), answer(a, Target{Workspace: "acme", Repository: "missing"}, action)
				if !reflect.DeepEqual(there, missing) {
					t.Errorf("%v by %s %q: there %+v, missing %+v", action, a.Credential, a.User, there, missing)
				}
				if a.User == "alice" { // of another's workspace nothing shows, not even that it is one
					there, missing = answer(a, Target{Workspace: "other", Repository: "secret"}, action), answer(a, Target{Workspace: "nowhere", Repository: "secret"}, action)
					if !reflect.DeepEqual(there, missing) || there.Outcome != Hidden {
						t.Errorf("%v by an outsider: there %+v, missing %+v", action, there, missing)
					}
				}
			}
			if there, missing := answer(a, Target{Workspace: "other"}, ReadWorkspace), answer(a, Target{Workspace: "nowhere"}, ReadWorkspace); !reflect.DeepEqual(there, missing) {
				t.Errorf("workspaces, by %s %q: there %+v, missing %+v", a.Credential, a.User, there, missing)
			}
		}
	})
}

// Attack 32: a user or workspace named like somebody's id got what is theirs.
func TestAttack32NamedLikeAnID(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.user("mallory")
		w.sql(`UPDATE code_user SET username = 'alice', email = 'alice' WHERE id = 'mallory'`)
		w.expect(session("mallory"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.expect(session("name-alice"), secret, ReadRepository, Unauthenticated, ReasonSignedOut)
		w.expect(session("alice@example.com"), secret, ReadRepository, Unauthenticated, ReasonSignedOut)
		w.factor("name-alice", "totp") // a holder is an id as well

		w.require("acme")
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.workspace("w-acme", "owner mallory") // its id is w-w-acme
		w.repository("w-acme", "r-acme-secret", false)
		w.expect(session("mallory"), Target{Workspace: "acme", Repository: "r-acme-secret"}, ReadRepository, Hidden, ReasonNotFound)
		grant, err := w.gate.Check(t.Context(), session("mallory"), Target{Workspace: "w-acme", Repository: "r-acme-secret"}, ReadRepository)
		if err != nil || grant.Workspace().ID != "w-w-acme" || grant.Repository().ID != "r-w-acme-r-acme-secret" {
			t.Errorf("%+v, %v", grant, err)
		}
		w.expect(session("alice"), Target{Workspace: "w-acme"}, ReadWorkspace, Hidden, ReasonNotFound)
	})
}

// Ruling 6: a lapsed plan drops no protection.
func TestLapsedPlanKeepsTheRule(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		for _, plan := range []string{"free", "standard", ""} {
			w.sql(`UPDATE workspace SET plan = $1`, plan)
			w.expect(session("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		}
	})
}

// A member of one workspace isn't one of another that has a repository of the
// same name.
func TestRowsOfAnotherWorkspaceDontCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.workspace("beta", "owner bob")
		w.repository("beta", "secret", true)
		w.require("beta")
		w.expect(session("bob"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.expect(session("alice"), Target{Workspace: "beta", Repository: "secret"}, WriteRepository, Forbidden, ReasonPermission)
		w.allowed(session("alice"), secret, WriteRepository)
	})
}
