package workspace_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

func (p *person) setPolicy(policy access.Policy) error {
	p.Helper()
	return p.SetPolicy(p.Context(), p.grant("acme", access.ManageAccess), policy)
}

func (p *person) policy() access.Policy {
	p.Helper()
	w, err := p.Get(p.Context(), p.grant("acme", access.ReadAccess))
	if err != nil {
		p.Fatal(err)
	}
	return w.Policy
}

// again signs the person in anew, without a second step.
func (w *world) again(p *person) secret.String {
	w.Helper()
	s, err := w.users.OpenSession(w.Context(), user.Identity{
		Issuer: p.user.Issuer, Subject: p.user.Subject, Name: p.user.Name,
		Email: p.user.Email, EmailVerified: p.user.EmailProven, AuthTime: w.now.Now(),
	}, user.SessionInfo{Address: here})
	if err != nil {
		w.Fatal(err)
	}
	return s.Token
}

// unmet gives why the actor's own evidence isn't enough.
func (p *person) unmet(err error) *workspace.Unmet {
	p.Helper()
	unmet, ok := errors.AsType[*workspace.Unmet](err)
	if !ok || !errs.Is(err, errs.KindDenied) {
		p.Fatalf("not unmet: %v", err)
	}
	return unmet
}

// Ruling 3.
func TestAnOwnerMustMeetTheRuleFirst(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		var seen int64
		w.audited(&seen)
		required := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
		unmet := alice.unmet(alice.setPolicy(required))
		if unmet.Reason != access.ReasonTwoStepRequired || unmet.FixPath() != "/account/settings/two-step-verification/" {
			w.Errorf("%+v, %s", unmet, unmet.FixPath())
		}
		// A grace doesn't help: the rule is judged as though it were over.
		graced := required
		graced.RequireFrom = w.now.Now().Add(7 * 24 * time.Hour)
		alice.unmet(alice.setPolicy(graced))
		if alice.policy().RequireTwoStep || len(w.audited(&seen)) != 0 {
			w.Error("something was saved")
		}

		alice.enrol()
		if err := alice.setPolicy(required); err != nil {
			w.Fatal(err)
		}
		if got := alice.policy(); !got.RequireTwoStep || !got.RequireFrom.IsZero() {
			w.Errorf("%+v", got)
		}
		resistant := required
		resistant.PhishingResistant = true
		if unmet := alice.unmet(alice.setPolicy(resistant)); unmet.Reason != access.ReasonPhishingResistant {
			w.Errorf("%+v", unmet)
		}
		elsewhere := required
		elsewhere.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		if unmet := alice.unmet(alice.setPolicy(elsewhere)); unmet.Reason != access.ReasonNetwork {
			w.Errorf("%+v", unmet)
		}
		if diff := cmp.Diff([]string{"workspace.policy"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
	})
}

func TestTheAccountsMFAMayBeTheOwnersEvidence(t *testing.T) {
	each(t, func(w *world) {
		id := user.Identity{
			Issuer: "https://id.test", Subject: "a", PreferredUsername: "alice", Email: "alice@example.com", EmailVerified: true,
			ACR: "aal2", AMR: []string{"pwd", "otp"}, AuthTime: w.now.Now(),
		}
		alice := w.signUpAs(id)
		alice.found()
		alice.unmet(alice.setPolicy(access.Policy{RequireTwoStep: true}))
		if err := alice.setPolicy(access.Policy{RequireTwoStep: true, AcceptAccountMFA: true}); err != nil {
			w.Error(err)
		}
		// Taking it back would shut her out.
		alice.unmet(alice.setPolicy(access.Policy{RequireTwoStep: true}))
	})
}

func TestASavedPolicyIsReadBackWhole(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		alice.found()
		policy := access.Policy{
			RequireTwoStep: true, RequireFrom: w.now.Now().Add(24 * time.Hour), AcceptAccountMFA: true, AskAgain: time.Hour,
			AskOverSSH: true, RefuseMachines: true, NoPublic: true,
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		}
		var seen int64
		w.audited(&seen)
		for range 2 { // the second time changes nothing
			if err := alice.setPolicy(policy); err != nil {
				w.Fatal(err)
			}
		}
		if diff := cmp.Diff(policy, alice.policy(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			w.Error(diff)
		}
		if diff := cmp.Diff([]string{"workspace.policy"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		records, err := w.Audit.Read(w.Context(), "", seen-1, 1)
		if err != nil || !strings.Contains(records[0].Detail, `"from":{"require_two_step":false`) ||
			!strings.Contains(records[0].Detail, `"to":{"require_two_step":true`) || records[0].Workspace == "" {
			w.Errorf("%+v, %v", records, err)
		}
	})
}

// Ruling 6, and the plan's gate.
func TestAPlanSwitchesNothingOffAndLetsNothingOn(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		made := alice.found()
		local := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		premium := map[string]access.Policy{
			"two-step verification": {RequireTwoStep: true},
			"networks":              {Networks: local},
			"public content":        {NoPublic: true},
		}
		for _, plan := range []workspace.Plan{workspace.Free, workspace.Standard} {
			if err := w.SetPlan(w.Context(), "acme", plan); err != nil {
				w.Fatal(err)
			}
			for what, policy := range premium {
				err := alice.setPolicy(policy)
				w.is(err, errs.KindDenied, what)
				for _, says := range []string{"premium", string(plan), what} {
					if !strings.Contains(errs.Message(err), says) {
						w.Errorf("it doesn't say %q: %s", says, errs.Message(err))
					}
				}
			}
		}
		if err := alice.setPolicy(access.Policy{AskAgain: time.Hour, RefuseMachines: true}); err != nil {
			w.Errorf("what needs no plan: %v", err)
		}

		if err := w.SetPlan(w.Context(), "acme", workspace.Premium); err != nil {
			w.Fatal(err)
		}
		on := access.Policy{RequireTwoStep: true, Networks: local, NoPublic: true}
		if err := alice.setPolicy(on); err != nil {
			w.Fatal(err)
		}
		if err := w.SetPlan(w.Context(), "acme", workspace.Free); err != nil {
			w.Fatal(err)
		}
		if got := alice.policy(); !got.RequireTwoStep || len(got.Networks) != 1 || !got.NoPublic {
			w.Errorf("the plan ended and something was switched off: %+v", got)
		}
		bob := w.signUp("bob")
		if _, err := db.Exec(w.Context(), w.DB, `INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, 'member', 1)`, made.ID, bob.user.ID); err != nil {
			w.Fatal(err)
		}
		if got := bob.refused("acme", access.ReadWorkspace).Outcome; got != access.Enrol {
			w.Errorf("the plan ended and a member is let in: %s", got)
		}
		other := on
		other.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.0.0/16")}
		w.is(alice.setPolicy(other), errs.KindDenied, "other networks on a plan that ended")
		on.AskAgain = time.Hour
		if err := alice.setPolicy(on); err != nil {
			w.Errorf("what needs no plan, while it is on: %v", err)
		}
		if err := alice.setPolicy(access.Policy{}); err != nil {
			w.Errorf("switching off: %v", err)
		}
		w.is(alice.setPolicy(on), errs.KindDenied, "and on again")
	})
}

// Attack 18: a grace that is shortened counts, one that is saved again isn't renewed.
func TestAttack18AGraceIsFixedAtSwitching(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		alice.found()
		day := 24 * time.Hour
		until := w.now.Now().Add(7 * day)
		p := access.Policy{RequireTwoStep: true, RequireFrom: until}
		for _, far := range []time.Duration{-time.Hour, time.Hour, 31 * day} {
			err := alice.setPolicy(access.Policy{RequireTwoStep: true, RequireFrom: w.now.Now().Add(far)})
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["grace"] == "" {
				w.Errorf("a grace of %v: %v", far, err)
			}
		}
		if err := alice.setPolicy(p); err != nil {
			w.Fatal(err)
		}
		w.now.Advance(5 * time.Minute)
		p.RequireFrom = w.now.Now().Add(30 * day)
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.Equal(until) {
			w.Errorf("saved again: %v, %v", alice.policy().RequireFrom, err)
		}
		p.AskAgain = time.Hour // and with another change, too
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.Equal(until) {
			w.Errorf("saved again with a change: %v, %v", alice.policy().RequireFrom, err)
		}
		sooner := until.Add(-3 * day)
		p.RequireFrom = sooner
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.Equal(sooner) {
			w.Errorf("shortened: %v, %v", alice.policy().RequireFrom, err)
		}
		p.RequireFrom = until
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.Equal(sooner) {
			w.Errorf("lengthened back: %v, %v", alice.policy().RequireFrom, err)
		}
		p.RequireFrom = time.Time{}
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.IsZero() {
			w.Errorf("ended: %v, %v", alice.policy().RequireFrom, err)
		}
		p.RequireFrom = until
		if err := alice.setPolicy(p); err != nil || !alice.policy().RequireFrom.IsZero() {
			w.Errorf("begun anew: %v, %v", alice.policy().RequireFrom, err)
		}
		if err := alice.setPolicy(access.Policy{RequireFrom: until}); err != nil || alice.policy().RequireTwoStep || !alice.policy().RequireFrom.IsZero() {
			w.Errorf("switched off: %+v, %v", alice.policy(), err)
		}
	})
}

func TestBadPolicies(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		made := alice.found()
		err := alice.setPolicy(access.Policy{AskAgain: time.Minute})
		if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["ask_again"] == "" {
			w.Error(err)
		}
		for _, networks := range [][]netip.Prefix{make([]netip.Prefix, 101), make([]netip.Prefix, 1)} {
			err = alice.setPolicy(access.Policy{Networks: networks})
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["networks"] == "" {
				w.Error(err)
			}
		}
		if _, err := db.Exec(w.Context(), w.DB, `
			INSERT INTO repository (id, workspace, slug, name, description, public, created, updated) VALUES ('r', $1, 'site', 'site', '', TRUE, 1, 1)`, made.ID); err != nil {
			w.Fatal(err)
		}
		err = alice.setPolicy(access.Policy{NoPublic: true})
		if !errs.Is(err, errs.KindConflict) || !strings.Contains(errs.Message(err), "site") {
			w.Error(err)
		}
	})
}
