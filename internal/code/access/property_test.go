package access

import (
	"flag"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "20000") // each takes a microsecond; the command line may say otherwise
	os.Exit(m.Run())
}

// question is all that Decide is asked with.
type question struct {
	actor    Actor
	policy   Policy
	resource Resource
	action   Action
}

func (q question) decide() Verdict { return Decide(q.actor, q.policy, q.resource, q.action, now) }

// publicRead reports whether it is reading what is public, which needs nothing.
func (q question) publicRead() bool {
	return q.published() && askedOf[q.action].facts&reads != 0
}

// published reports whether what it is about is public.
func (q question) published() bool {
	return q.resource.Exists && q.resource.Public && !q.policy.NoPublic && slices.Contains(canBePublic, askedOf[q.action].on)
}

// Times include the future, as of a node whose clock is ahead, and the zero time.
func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 9).Draw(t, "zero") == 0 {
			return time.Time{}
		}
		around := rapid.SampledFrom([]time.Duration{0, 15 * time.Minute, time.Hour, DefaultAskAgain}).Draw(t, "around")
		return now.Add(-around + time.Duration(rapid.Int64Range(-int64(2*time.Hour), int64(2*time.Hour)).Draw(t, "off")))
	})
}

func genActor() *rapid.Generator[Actor] {
	return rapid.Custom(func(t *rapid.T) Actor {
		return Actor{
			Door:       rapid.SampledFrom([]Door{"", Web, API, GitHTTP, "gitssh"}).Draw(t, "door"),
			Credential: rapid.SampledFrom(append(credentials, "SESSION", " session", "\x00")).Draw(t, "credential"),
			User:       rapid.SampledFrom([]string{"", "u"}).Draw(t, "user"),
			Address:    rapid.SampledFrom(someAddresses).Draw(t, "address"),
			Scopes:     rapid.SliceOfN(rapid.SampledFrom(append(Scopes(), "", "made_up")), 0, 4).Draw(t, "scopes"),
			Evidence: Evidence{
				Factors: rapid.SampledFrom(allFactors()).Draw(t, "factors"),
				Step: Step{
					Method: rapid.SampledFrom([]Method{"", TOTP, WebAuthn, SecurityKey, RecoveryCode, "made_up"}).Draw(t, "method"),
					At:     genTime().Draw(t, "step"),
				},
				Account: Account{
					ACR:      rapid.SampledFrom([]string{"", "aal1", "aal2", "phr", "AAL2", "made_up"}).Draw(t, "acr"),
					AMR:      rapid.SampledFrom([][]string{nil, {"pwd"}, {"pwd", "mfa"}}).Draw(t, "amr"),
					AuthTime: genTime().Draw(t, "auth_time"),
				},
				AccountOpens: rapid.Bool().Draw(t, "opens"),
			},
		}
	})
}

var someAddresses = []netip.Addr{
	{}, netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("2001:db8::7"),
}

func genPolicy() *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		return Policy{
			RequireTwoStep:    rapid.Bool().Draw(t, "require"),
			RequireFrom:       genTime().Draw(t, "from"),
			AcceptAccountMFA:  rapid.Bool().Draw(t, "accept"),
			PhishingResistant: rapid.Bool().Draw(t, "resistant"),
			AskAgain:          rapid.SampledFrom([]time.Duration{0, time.Hour, DefaultAskAgain}).Draw(t, "again"),
			AskOverSSH:        rapid.Bool().Draw(t, "ssh"),
			RefuseMachines:    rapid.Bool().Draw(t, "machines"),
			Networks:          rapid.SampledFrom(someNetworks).Draw(t, "networks"),
			NoPublic:          rapid.Bool().Draw(t, "no_public"),
		}
	})
}

func genQuestion() *rapid.Generator[question] {
	return rapid.Custom(func(t *rapid.T) question {
		return question{
			actor:  genActor().Draw(t, "actor"),
			policy: genPolicy().Draw(t, "policy"),
			resource: Resource{
				Exists: rapid.Bool().Draw(t, "exists"), Public: rapid.Bool().Draw(t, "public"),
				Permission: Permission(rapid.Uint8Range(0, 3).Draw(t, "permission")),
			},
			action: Action(rapid.Uint8Range(0, uint8(actionEnd)+1).Draw(t, "action")),
		}
	})
}

// proven says what an allowed question must have had, one need a line; it
// gives the first that is missing.
func (q question) lacks() string {
	a, p, what := q.actor, q.policy, askedOf[q.action]
	isPerson := slices.Contains([]Credential{Session, APIToken, OAuthToken, FeedToken, SSHKey}, a.Credential)
	isMachine := slices.Contains([]Credential{WorkspaceToken, RepositoryToken, DeployKey}, a.Credential)
	enrolled := a.Factors != Factors{}
	strongAccount := a.Account.ACR == "phr"
	anyAccount := strongAccount || a.Account.ACR == "aal2" || slices.Contains(a.Account.AMR, "mfa")
	came := a.Credential == Session || a.Credential == OAuthToken
	tookStep := slices.Contains([]Method{TOTP, WebAuthn, SecurityKey, RecoveryCode}, a.Step.Method)
	accepted := p.AcceptAccountMFA && came && anyAccount && (strongAccount || !p.PhishingResistant)
	required := what.on != Self && q.action != LeaveWorkspace && p.RequireTwoStep && !p.RequireFrom.After(now) && isPerson
	switch {
	case what.on == 0:
		return "an action"
	case !isPerson && !isMachine, isPerson != (a.User != ""):
		return "somebody who asks"
	case isMachine && what.on == Self:
		return "a self"
	case !q.resource.Exists:
		return "the resource"
	case q.resource.Permission < what.needs && !(what.needs == Read && q.published()):
		return "permission"
	case a.Credential != Session && a.Credential != SSHKey && factsOfScopes(&a, what) != 0:
		return "a scope"
	case a.Credential == Session && enrolled && !tookStep && !(a.AccountOpens && anyAccount):
		return "the second step of somebody who is enrolled"
	case required && !enrolled && !accepted:
		return "enrolment"
	case required && p.PhishingResistant && !a.Factors.WebAuthn && !accepted:
		return "a phishing-resistant factor"
	case required && a.Credential == Session && !tookStep && !accepted:
		return "a second step in the session"
	case required && a.Credential == SSHKey && p.AskOverSSH && !tookStep:
		return "a second step on the connection"
	case what.facts&sensitive != 0 && isPerson && a.Credential != APIToken && enrolled && now.Sub(a.Step.At) > 15*time.Minute && now.Sub(a.Account.AuthTime) > 15*time.Minute:
		return "a fresh step"
	}
	return ""
}

func TestNothingIsAllowedWithoutItsEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		if v := q.decide(); v.Outcome == Allow && !q.publicRead() && q.lacks() != "" {
			t.Fatalf("%v allowed without %s: %+v", q.action, q.lacks(), v)
		}
	})
}

// What an owner is told before switching a rule on is what the gate will say.
func TestMetByForetellsTheGate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		q.action, q.actor.Credential, q.actor.User = ReadWorkspace, Session, "u"
		q.resource, q.policy.Networks = Resource{Exists: true, Permission: Admin}, nil
		v, met := q.decide(), q.policy.MetBy(q.actor.Evidence)
		if !q.policy.Requires(now) {
			return
		}
		lacksTheStep := v.Outcome == Enrol || v.Outcome == Strengthen || v.Reason == ReasonAccountMFA
		halfway := v.Outcome == Verify && v.Reason == ReasonStepNeeded // asked whatever the workspace says
		if met && lacksTheStep || !met && !lacksTheStep && !halfway {
			t.Fatalf("met: %v, and the gate says %+v", met, v)
		}
	})
}

// better gives an actor with more evidence. Being enrolled isn't on the list: who
// turns the second step on is asked for it from then on.
var better = map[string]func(*question){
	"step just now":           func(q *question) { q.actor.Step.At = now },
	"step by security key":    func(q *question) { q.actor.Step = Step{Method: WebAuthn, At: now} },
	"signed in just now":      func(q *question) { q.actor.Account.AuthTime = now },
	"signed in by passkey":    func(q *question) { q.actor.Account = Account{ACR: "phr", AuthTime: now} },
	"lets the account open":   func(q *question) { q.actor.AccountOpens = true },
	"every scope":             func(q *question) { q.actor.Scopes = Scopes() },
	"more permission":         func(q *question) { q.resource.Permission = Admin },
	"from an allowed network": func(q *question) { q.actor.Address = someAddresses[1] },
	"enrolled and stepped": func(q *question) {
		q.actor.Factors, q.actor.Step = Factors{TOTP: true, WebAuthn: true}, Step{Method: WebAuthn, At: now}
	},
	"a second factor": func(q *question) {
		if q.actor.Factors.Enrolled() {
			q.actor.Factors = Factors{TOTP: true, WebAuthn: true}
		}
	},
}

func TestMoreEvidenceNeverRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		how := rapid.SampledFrom(keysOf(better)).Draw(t, "more")
		more := q
		better[how](&more)
		if how == "from an allowed network" && !slices.ContainsFunc(q.policy.Networks, func(n netip.Prefix) bool { return n.Contains(someAddresses[1]) }) {
			return
		}
		if q.decide().Outcome == Allow && more.decide().Outcome != Allow {
			t.Fatalf("%v was allowed, and with %q: %+v", q.action, how, more.decide())
		}
	})
}

var stricter = map[string]func(*Policy){
	"require":            func(p *Policy) { p.RequireTwoStep = true },
	"require since ever": func(p *Policy) { p.RequireFrom = time.Time{} },
	"no account MFA":     func(p *Policy) { p.AcceptAccountMFA = false },
	"phishing-resistant": func(p *Policy) { p.PhishingResistant = true },
	"ask sooner": func(p *Policy) {
		if p.AskAgain == 0 || p.AskAgain > time.Hour {
			p.AskAgain = time.Hour
		}
	},
	"ask over SSH":    func(p *Policy) { p.AskOverSSH = true },
	"refuse machines": func(p *Policy) { p.RefuseMachines = true },
	"no public":       func(p *Policy) { p.NoPublic = true },
	"fewer networks": func(p *Policy) {
		if len(p.Networks) == 0 {
			p.Networks = someNetworks[1]
		} else {
			p.Networks = p.Networks[:1]
		}
	},
}

func TestStricterPolicyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		how := rapid.SampledFrom(keysOf(stricter)).Draw(t, "stricter")
		tight := q
		stricter[how](&tight.policy)
		if q.decide().Outcome != Allow && tight.decide().Outcome == Allow {
			t.Fatalf("%v was refused (%+v), and is allowed with %q", q.action, q.decide(), how)
		}
	})
}

func keysOf[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// A gate that answered "no such thing" before the rules would tell a blocked
// member, by the other answer, what there is.
func TestWhatIsMissingLooksLikeWhatIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		there := genQuestion().Draw(t, "q")
		there.resource.Exists, there.resource.Public = true, false
		missing := there
		missing.resource.Exists = false
		missing.resource.Public = rapid.Bool().Draw(t, "public")
		v, m := there.decide(), missing.decide()
		switch {
		case v.Outcome != Allow && m != v:
			t.Fatalf("%v: refused what is there with %+v, what is missing with %+v", there.action, v, m)
		case v.Outcome == Allow && m.Outcome != Hidden:
			t.Fatalf("%v: allowed what is there, answered what is missing with %+v", there.action, m)
		}
	})
}

// Attack 1: what is refused at one door is refused at each. The gate looks at
// no door, so no door can be the lenient one.
func TestAttack01EveryDoorIsJudgedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		other := q
		other.actor.Door = Door(rapid.String().Draw(t, "door"))
		other.actor.CredentialID = rapid.String().Draw(t, "credential id")
		if q.decide() != other.decide() {
			t.Fatalf("door %q: %+v, door %q: %+v", q.actor.Door, q.decide(), other.actor.Door, other.decide())
		}
	})
}

// Attack 17: a workspace's rules end at the workspace.
func TestAttack17OwnSettingsAreUnderNoWorkspacesRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		free := q
		free.policy = Policy{}
		if q.action.Content() == Self && q.decide() != free.decide() {
			t.Fatalf("%v: %+v under the rules, %+v without", q.action, q.decide(), free.decide())
		}
		free.policy.Networks = nil
		if q.action == LeaveWorkspace && q.actor.Credential == Session && q.decide() != free.decide() {
			t.Fatalf("leaving: %+v under the rules, %+v without", q.decide(), free.decide())
		}
	})
}

func TestZeroValuesAreRefused(t *testing.T) {
	all := Resource{Exists: true, Permission: Admin}
	for _, action := range append(Actions(), 0, Open, actionEnd, 255) {
		if v := Decide(Actor{}, Policy{}, all, action, now); v.Outcome == Allow {
			t.Errorf("the zero actor may %v", action)
		}
	}
	full := Actor{
		Credential: Session, User: "u", Scopes: Scopes(),
		Evidence: Evidence{Factors: Factors{TOTP: true}, Step: Step{Method: TOTP, At: now}},
	}
	for _, action := range []Action{0, Open, actionEnd, 255} {
		for _, public := range yesNo {
			all.Public = public
			if v := Decide(full, Policy{}, all, action, now); v.Outcome == Allow {
				t.Errorf("Action(%d) is allowed", action)
			}
		}
	}
	for _, action := range Actions() {
		if v := Decide(full, Policy{}, Resource{}, action, now); v.Outcome == Allow {
			t.Errorf("%v on the zero resource is allowed", action)
		}
	}
	if (Verdict{}).Outcome == Allow || Outcome("").Challenge() {
		t.Error("the zero verdict allows or challenges")
	}
	if (Grant{}).Require() == nil || (Grant{}).Require(0) == nil || (Grant{}).Require(Actions()...) == nil {
		t.Error("the zero grant is accepted")
	}
}

func TestUnknownCredentialsAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "q")
		q.actor.Credential = Credential(rapid.String().Draw(t, "credential"))
		if !slices.Contains(credentials[:len(credentials)-1], q.actor.Credential) && q.decide().Outcome == Allow && !q.publicRead() {
			t.Fatalf("credential %q may %v", q.actor.Credential, q.action)
		}
	})
}
