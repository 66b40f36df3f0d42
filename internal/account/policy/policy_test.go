package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

const day = 24 * time.Hour

func room(d *db.DB) (*policy.Service, *clock.Manual) {
	now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	return &policy.Service{DB: d, Clock: now.Now, Audit: &audit.Log{DB: d, Clock: now.Now}}, now
}

func defaults(t *testing.T, s *policy.Service) policy.Change {
	t.Helper()
	p, err := s.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return policy.Change{Policy: p}
}

func TestTheRulesAtTheStart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := room(d)
		p := defaults(t, s).Policy
		if p.MFA != policy.Optional || p.Idle != 7*day || p.Overall != 30*day || p.SignUp != policy.AsStarted || p.Remember || p.RememberFor != 30*day {
			t.Errorf("%+v", p)
		}
		if p.Concerns([]string{"a@example.com"}) {
			t.Error("it requires MFA")
		}
	})
}

func TestOfWhomMFAIsRequired(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, now := room(d)
		c := defaults(t, s)
		c.MFA, c.Domains, c.Grace = policy.Domains, []string{" Example.com", "@bücher.example", "example.com"}, 2*day
		p, err := s.Save(t.Context(), c, "admin", "192.0.2.1")
		if err != nil || !slices.Equal(p.Domains, []string{"example.com", "xn--bcher-kva.example"}) {
			t.Fatalf("%v %v", p.Domains, err)
		}
		for addresses, want := range map[string]bool{
			"a@example.com": true, "a@other.test b@example.com": true, "a@sub.example.com": false, "a@notexample.com": false,
			"example.com@other.test": false, "a@xn--bcher-kva.example": true, "": false,
		} {
			if got := p.Concerns(strings.Fields(addresses)); got != want {
				t.Errorf("%q: %v", addresses, got)
			}
			if p.Requires(strings.Fields(addresses), now.Now().Add(2*day-time.Second)) {
				t.Errorf("%q within the grace", addresses)
			}
			if got := p.Requires(strings.Fields(addresses), now.Now().Add(2*day)); got != want {
				t.Errorf("%q after the grace: %v", addresses, got)
			}
		}
	})
}

// Attack 18: a shortened grace was ignored, or renewed by saving again.
func TestAttack18TheGraceIsFixed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, now := room(d)
		save := func(requirement policy.Requirement, grace time.Duration) time.Time {
			t.Helper()
			c := defaults(t, s)
			c.MFA, c.Grace = requirement, grace
			p, err := s.Save(t.Context(), c, "admin", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := defaults(t, s).MFAFrom; !got.Equal(p.MFAFrom) {
				t.Errorf("kept %v, told %v", got, p.MFAFrom)
			}
			return p.MFAFrom
		}
		began := now.Now()
		if got := save(policy.Everyone, 14*day); !got.Equal(began.Add(14 * day)) {
			t.Errorf("switched on: %v", got)
		}
		now.Advance(3 * day)
		if got := save(policy.Everyone, 30*day); !got.Equal(began.Add(14 * day)) {
			t.Errorf("saved again: %v", got)
		}
		if got := save(policy.Everyone, 7*day); !got.Equal(began.Add(10 * day)) {
			t.Errorf("shortened: %v", got)
		}
		if got := save(policy.Everyone, 0); !got.Equal(now.Now()) {
			t.Errorf("ended: %v", got)
		}
		now.Advance(day)
		if got := save(policy.Everyone, 30*day); got.After(now.Now()) {
			t.Errorf("in force, and then put off: %v", got)
		}
	})
}

func TestRulesThatCannotBe(t *testing.T) {
	s, _ := room(dbtest.SQLite(t))
	before := defaults(t, s).Policy
	for field, change := range map[string]func(*policy.Change){
		"mfa":          func(c *policy.Change) { c.MFA = "perhaps" },
		"domains":      func(c *policy.Change) { c.MFA, c.Domains = policy.Domains, []string{"nonsense domain"} },
		"grace":        func(c *policy.Change) { c.Grace = 31 * day },
		"idle":         func(c *policy.Change) { c.Idle = 8 * day },
		"overall":      func(c *policy.Change) { c.Overall = time.Minute },
		"signup":       func(c *policy.Change) { c.SignUp = "all" },
		"remember_for": func(c *policy.Change) { c.RememberFor = 0 },
	} {
		c := defaults(t, s)
		change(&c)
		if _, err := s.Save(t.Context(), c, "admin", ""); errs.Fields(err)[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	c := defaults(t, s)
	c.MFA = policy.Domains
	if _, err := s.Save(t.Context(), c, "admin", ""); errs.Fields(err)["domains"] == "" {
		t.Errorf("no domain: %v", err)
	}
	if after := defaults(t, s).Policy; after.MFA != before.MFA || after.Idle != before.Idle {
		t.Errorf("something was saved: %+v", after)
	}
}

func TestAChangeIsInTheAuditLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := room(d)
		c := defaults(t, s)
		for range 2 { // the second changes nothing
			c.Idle, c.SignUp = day, policy.Closed
			if _, err := s.Save(t.Context(), c, "admin", "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		}
		records, err := s.Audit.Read(t.Context(), "", 0, 10)
		if err != nil || len(records) != 1 || records[0].Action != "site.policy" || records[0].Actor != "admin" {
			t.Fatalf("%+v %v", records, err)
		}
		if want := `{"idle":{"from":"168h0m0s","to":"24h0m0s"},"sign_up":{"from":"","to":"closed"}}`; records[0].Detail != want {
			t.Errorf("%s", records[0].Detail)
		}
	})
}
