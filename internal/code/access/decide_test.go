package access

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/errs"
)

// now is when every case happens.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// ages of a step or a sign-in: fresh, over 15 minutes, over an hour, over 30 days.
var ages = []time.Duration{time.Minute, 16 * time.Minute, 2 * time.Hour, 31 * 24 * time.Hour}

var yesNo = []bool{false, true}

// TestDecideAgainstOracle asks the gate and the oracle about every meaningful
// combination of inputs. What a credential can't be influenced by takes turns
// instead of multiplying: for instance "Ask over SSH too" for a session.
func TestDecideAgainstOracle(t *testing.T) {
	spoke := make([]int, len(sentences))
	cases, wrong := 0, 0
	for _, credential := range credentials {
		before := cases
		actors, policies := actorsWith(credential), policiesFor(credential)
		for i := range policies {
			for _, action := range Actions() {
				for _, r := range resourcesFor(action) {
					if policies[i].NoPublic && !r.Public {
						continue // as without the rule
					}
					for j := range actors {
						a, p := &actors[j], &policies[i]
						takeTurns(cases, a, p)
						said, want := oracle(factsOf(a, p, &r, action, now), p)
						cases++
						spoke[said]++
						if got := Decide(*a, *p, r, action, now); got != want {
							wrong++
							t.Errorf("%v by %+v\nunder %+v\non %+v\ngave %+v\nwant %+v, because: %s", action, *a, *p, r, got, want, sentences[said].text)
						}
						if wrong > 5 {
							t.Fatal("enough")
						}
					}
				}
			}
		}
		t.Logf("%-17q %10d cases", credential, cases-before)
	}
	for i, n := range spoke {
		if n == 0 {
			t.Errorf("no case in which this speaks: %s", sentences[i].text)
		}
	}
	t.Logf("%d cases in all", cases)
}

var credentials = []Credential{
	Nobody, Session, APIToken, OAuthToken, FeedToken, SSHKey, WorkspaceToken, RepositoryToken, DeployKey, "made_up",
}

// takeTurns sets what makes no difference to this credential, and, for the two
// rules that can be met in two ways, the way.
func takeTurns(n int, a *Actor, p *Policy) {
	if len(p.Networks) == 0 || &p.Networks[0] == &insideNetworks[0] {
		p.Networks = [][]netip.Prefix{nil, insideNetworks}[n/2%2]
	}
	if !p.RequireFrom.After(now) {
		p.RequireFrom = []time.Time{{}, now.Add(-time.Hour), now}[n%3]
	}
	if a.Credential != SSHKey {
		p.AskOverSSH = n%2 == 0
	}
	if !a.Credential.Machine() {
		p.RefuseMachines = n%3 == 0
	}
	if !a.Credential.steps() {
		a.Step = someSteps[n%len(someSteps)]
	}
	if !a.Credential.viaAccount() {
		a.Account = someAccounts[n%len(someAccounts)]
	}
	a.Door = []Door{Web, API, GitHTTP, "gitssh"}[n%4]
}

var (
	someSteps    = allSteps()
	someAccounts = allAccounts()
)

func allSteps() []Step {
	steps := []Step{{}, {Method: "made_up", At: now}}
	for _, method := range []Method{TOTP, WebAuthn, RecoveryCode, SecurityKey} {
		for _, age := range ages {
			steps = append(steps, Step{Method: method, At: now.Add(-age)})
		}
	}
	return steps
}

func allAccounts() []Account {
	accounts := []Account{{}, {ACR: "aal1", AMR: []string{"pwd"}, AuthTime: now}, {ACR: "made_up", AuthTime: now}}
	for _, age := range ages {
		accounts = append(accounts,
			Account{ACR: "aal2", AMR: []string{"pwd", "otp"}, AuthTime: now.Add(-age)},
			Account{ACR: "phr", AMR: []string{"swk"}, AuthTime: now.Add(-age)})
	}
	return append(accounts, Account{AMR: []string{"pwd", "mfa"}, AuthTime: now.Add(-ages[1])})
}

// actorsWith gives every actor with the credential, as far as it has influence.
func actorsWith(c Credential) []Actor {
	steps, accounts, scopes, factors, opens := []Step{{}}, []Account{{}}, [][]Scope{nil}, allFactors(), yesNo
	if c.steps() {
		steps = someSteps
	}
	if c.viaAccount() {
		accounts = someAccounts
	}
	if c.scoped() {
		scopes = scopeSets(c)
	}
	if !c.person() {
		factors, opens = factors[:1], yesNo[:1]
	}
	var all []Actor
	for _, f := range factors {
		for _, step := range steps {
			for _, account := range accounts {
				for _, open := range opens {
					for _, s := range scopes {
						a := Actor{Credential: c, User: "u", Address: netip.MustParseAddr("192.0.2.7"), Scopes: s}
						if c.Machine() {
							a.User = ""
						}
						a.Evidence = Evidence{Factors: f, Step: step, Account: account, AccountOpens: open}
						all = append(all, a)
					}
				}
			}
		}
	}
	return all
}

func allFactors() []Factors {
	return []Factors{{}, {TOTP: true}, {WebAuthn: true}, {TOTP: true, WebAuthn: true}}
}

// scopeSets gives none, each alone, and all; fewer for OAuth tokens, which have
// the most other evidence.
func scopeSets(c Credential) [][]Scope {
	sets := [][]Scope{nil, Scopes(), {"made_up"}}
	if c == OAuthToken {
		return append(sets[:2], []Scope{ScopeReadRepository})
	}
	for _, s := range Scopes() {
		sets = append(sets, []Scope{s})
	}
	return sets
}

func policiesFor(c Credential) []Policy {
	ssh, refuse := yesNo[:1], yesNo[:1]
	if c == SSHKey {
		ssh = yesNo
	}
	if c.Machine() {
		refuse = yesNo
	}
	var all []Policy
	for _, base := range requirements() {
		for _, networks := range [][]netip.Prefix{nil, outsideNetworks} {
			for _, noPublic := range yesNo {
				for _, s := range ssh {
					for _, m := range refuse {
						p := base
						p.Networks, p.NoPublic, p.AskOverSSH, p.RefuseMachines = networks, noPublic, s, m
						all = append(all, p)
					}
				}
			}
		}
	}
	return all
}

var (
	insideNetworks  = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.0.2.0/24")}
	outsideNetworks = []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.0/24")}
	someNetworks    = [][]netip.Prefix{nil, insideNetworks, outsideNetworks}
)

// requirements gives every way to require two-step verification, or not to.
func requirements() []Policy {
	var all []Policy
	for _, base := range []Policy{
		{},
		{RequireTwoStep: true},
		{RequireTwoStep: true, RequireFrom: now.Add(time.Hour)},
	} {
		for _, accept := range yesNo {
			for _, resistant := range yesNo {
				for _, ask := range []time.Duration{0, time.Hour, DefaultAskAgain} {
					p := base
					p.AcceptAccountMFA, p.PhishingResistant, p.AskAgain = accept, resistant, ask
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// resourcesFor gives what an action may be asked of: private, public, missing,
// with each permission. A person's own settings are always theirs.
func resourcesFor(action Action) []Resource {
	if action.Content() == Self {
		return []Resource{{Exists: true, Permission: Admin}}
	}
	var all []Resource
	for permission := None; permission <= Admin; permission++ {
		all = append(all, Resource{Exists: true, Permission: permission}, Resource{Permission: permission})
		if slices.Contains(canBePublic, action.Content()) || permission == None {
			all = append(all, Resource{Exists: true, Public: true, Permission: permission})
		}
		if askedOf[action].facts&changes != 0 {
			all = append(all, Resource{Exists: true, Archived: true, Permission: permission})
		}
	}
	return all
}

// TestOracleKnowsEveryAction keeps a new action from slipping past the oracle.
func TestOracleKnowsEveryAction(t *testing.T) {
	for _, action := range Actions() {
		what, known := askedOf[action]
		if !known || strings.HasPrefix(action.String(), "Action(") {
			t.Errorf("%v: the oracle or its name is missing", action)
		}
		if what.on != action.Content() || what.scope != action.Scope() || (what.facts&sensitive != 0) != action.Sensitive() {
			t.Errorf("%v: the oracle has %+v", action, what)
		}
	}
	if len(askedOf) != len(Actions()) {
		t.Errorf("%d actions, the oracle knows %d", len(Actions()), len(askedOf))
	}
}

// The edges of each span of time: the last moment still counts.
func TestEdgesOfTime(t *testing.T) {
	ready := stepped("u")
	ready.Factors = Factors{TOTP: true}
	at := func(age time.Duration) Actor {
		a := ready
		a.Step.At = now.Add(-age)
		return a
	}
	rules := Policy{RequireTwoStep: true, AskAgain: time.Hour}
	grace := func(left time.Duration) Policy {
		return Policy{RequireTwoStep: true, RequireFrom: now.Add(left), AskAgain: time.Hour}
	}
	for _, c := range []struct {
		name   string
		actor  Actor
		policy Policy
		action Action
		want   Reason
	}{
		{"15 minutes", at(FreshFor), rules, ManageAccess, ReasonAllowed},
		{"15 minutes and a bit", at(FreshFor + 1), rules, ManageAccess, ReasonFreshStep},
		{"an hour", at(time.Hour), rules, ReadAccess, ReasonAllowed},
		{"an hour and a bit", at(time.Hour + 1), rules, ReadAccess, ReasonStepExpired},
		{"a clock that is a little behind", at(-time.Minute), rules, ManageAccess, ReasonAllowed},
		{"a step from the future", at(-time.Minute - 1), rules, ReadAccess, ReasonStepExpired},
		{"a step from the future, sensitive", at(-time.Minute - 1), Policy{}, ManageAccess, ReasonFreshStep},
		{"the last moment of grace", session("u"), grace(1), ReadAccess, ReasonAllowed},
		{"the end of the grace", session("u"), grace(0), ReadAccess, ReasonTwoStepRequired},
		{"a step without a time", at(now.Sub(time.Time{})), rules, ReadAccess, ReasonStepExpired},
	} {
		if v := Decide(c.actor, c.policy, Resource{Exists: true, Permission: Admin}, c.action, now); v.Reason != c.want {
			t.Errorf("%s: %+v, want %s", c.name, v, c.want)
		}
	}
}

func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		networks, address string
		admitted          bool
	}{
		{"", "203.0.113.9", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.77/24", "192.0.2.1", true}, // written with an address in it
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/24", "::ffff:192.0.2.1", true},
		{"2001:db8::/32  192.0.2.7/32", "192.0.2.7", true},
		{"2001:db8::/32\n192.0.2.7/32", "2001:db8:1::1", true},
		{"2001:db8::/32", "192.0.2.7", false},
		{"192.0.2.0/24", "", false}, // an address that isn't known
		{"0.0.0.0/0", "", false},
		{"0.0.0.0/0", "2001:db8::1", false},
	} {
		networks, err := ParseNetworks(c.networks)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseNetworks(FormatNetworks(networks)); err != nil || !slices.Equal(again, networks) {
			t.Errorf("%q comes back as %v, %v", c.networks, again, err)
		}
		var address netip.Addr
		if c.address != "" {
			address = netip.MustParseAddr(c.address)
		}
		if p := (Policy{Networks: networks}); p.admits(address) != c.admitted {
			t.Errorf("%q admits %q: %v", c.networks, c.address, !c.admitted)
		}
	}
	for _, bad := range []string{"192.0.2.1", "192.0.2.0/33", "example.com", "192.0.2.0/24,192.0.3.0/24", "::ffff:192.0.2.0/120", "fe80::1%eth0/64"} {
		if networks, err := ParseNetworks(bad); !errs.Is(err, errs.KindInvalid) || networks != nil {
			t.Errorf("%q: %v, %v", bad, networks, err)
		}
	}
}
