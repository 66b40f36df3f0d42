// Package policy keeps the rules of the whole Account site: of whom it requires
// MFA, how long sessions last, who may make an account, and whether a browser
// may be remembered.
//
// It owns the table site_policy, which has one row. It enforces nothing: the
// sign-in flow, the sessions and the pages ask it, each time anew, so a change
// holds from the next request on, on every node.
//
// Invariants: the date from which MFA is required is fixed when the requirement
// is switched on; saving again can bring it nearer and never put it off.
// Lengths are within the bounds below.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Requirement says of whom MFA is required.
type Requirement string

const (
	Optional Requirement = "optional" // of nobody
	Everyone Requirement = "everyone"
	Domains  Requirement = "domains" // of people with an address in one of the domains
)

// SignUp says who may make an account.
type SignUp string

const (
	AsStarted SignUp = ""       // what the flag --signup says
	Open      SignUp = "open"   // anybody
	Invite    SignUp = "invite" // whom an app or an administrator invited
	Closed    SignUp = "closed" // whom an administrator makes
)

// The bounds of what can be chosen.
const (
	MostOverall  = 30 * 24 * time.Hour
	MostIdle     = 7 * 24 * time.Hour
	MostRemember = 30 * 24 * time.Hour
	Shortest     = 15 * time.Minute
	MostGrace    = 30 * 24 * time.Hour
	maxDomains   = 100
)

// Policy is the site's rules.
type Policy struct {
	MFA         Requirement
	Domains     []string  // sorted, in lower-case ASCII
	MFAFrom     time.Time // the requirement holds from then on; zero: since ever
	Idle        time.Duration
	Overall     time.Duration
	SignUp      SignUp
	Remember    bool // "Remember this browser" may be chosen at the second step
	RememberFor time.Duration
}

// Concerns reports whether MFA is, or from some date will be, required of
// whoever has these addresses.
func (p Policy) Concerns(addresses []string) bool {
	switch p.MFA {
	case Everyone:
		return true
	case Domains:
		return slices.ContainsFunc(addresses, func(address string) bool {
			_, domain, _ := strings.Cut(address, "@")
			return slices.Contains(p.Domains, domain)
		})
	default:
		return false
	}
}

// Requires reports whether MFA is required of them now.
func (p Policy) Requires(addresses []string, now time.Time) bool {
	return p.Concerns(addresses) && !now.Before(p.MFAFrom)
}

// Service reads and changes the rules.
type Service struct {
	DB    *db.DB
	Clock clock.Clock
	Audit *audit.Log

	// Where it is set, it is told that sessions end sooner from now on, within the
	// transaction of the change.
	Shortened func(ctx context.Context, tx *db.Tx) error
}

type row struct {
	MFA           Requirement
	Domains       string
	MFAFrom       time.Time
	Idle, Overall int64 // microseconds
	SignUp        SignUp
	Remember      bool
	RememberFor   int64
}

// Get gives the rules as they are now.
func (s *Service) Get(ctx context.Context) (Policy, error) { return s.get(ctx, s.DB) }

func (s *Service) get(ctx context.Context, q db.Q) (Policy, error) {
	r, err := db.One[row](ctx, q, `
		SELECT mfa, domains, mfa_from, idle, overall, sign_up, remember, remember_for FROM site_policy WHERE id = 1`)
	if err != nil {
		return Policy{}, fmt.Errorf("reading the site's policy: %w", err)
	}
	return Policy{
		MFA: r.MFA, Domains: strings.Fields(r.Domains), MFAFrom: r.MFAFrom, SignUp: r.SignUp, Remember: r.Remember,
		Idle: micro(r.Idle), Overall: micro(r.Overall), RememberFor: micro(r.RememberFor),
	}, nil
}

func micro(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Change is what somebody wants the rules to be.
type Change struct {
	Policy // MFAFrom is worked out

	// Grace is how long after being switched on the requirement begins. Where it
	// is on already the earlier of both dates stays.
	Grace time.Duration
}

// Save puts the rules in force. by is who does it, from where.
func (s *Service) Save(ctx context.Context, c Change, by, from string) (Policy, error) {
	domains, err := cleanDomains(c.Domains)
	if err == nil {
		err = c.judge(domains)
	}
	if err != nil {
		return Policy{}, err
	}
	next := c.Policy
	next.Domains = domains
	if next.MFA != Domains {
		next.Domains = nil
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "site_policy"); err != nil {
			return err
		}
		now, err := s.get(ctx, tx)
		if err != nil {
			return err
		}
		next.MFAFrom = begins(now, next, s.Clock().Add(c.Grace))
		if err := s.store(ctx, tx, next); err != nil {
			return err
		}
		changes := differences(now, next)
		if len(changes) == 0 {
			return nil
		}
		if s.Shortened != nil && (next.Idle < now.Idle || next.Overall < now.Overall) {
			if err := s.Shortened(ctx, tx); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: by, Credential: "session", Address: from, Action: "site.policy", Target: "site", Detail: changes,
		})
	})
	return next, err
}

// begins gives the date from which the requirement holds.
func begins(now, next Policy, wished time.Time) time.Time {
	switch {
	case next.MFA == Optional:
		return time.Time{}
	case now.MFA == Optional || wished.Before(now.MFAFrom):
		return wished
	default:
		return now.MFAFrom
	}
}

func (s *Service) store(ctx context.Context, tx *db.Tx, p Policy) error {
	_, err := db.Exec(ctx, tx, `
		UPDATE site_policy SET mfa = $1, domains = $2, mfa_from = $3, idle = $4, overall = $5, sign_up = $6, remember = $7, remember_for = $8
		WHERE id = 1`,
		p.MFA, strings.Join(p.Domains, " "), p.MFAFrom, p.Idle, p.Overall, p.SignUp, p.Remember, p.RememberFor)
	if err != nil {
		return fmt.Errorf("saving the site's policy: %w", err)
	}
	return nil
}

func (c Change) judge(domains []string) error {
	within := func(d, most time.Duration) bool { return d >= Shortest && d <= most }
	switch {
	case !slices.Contains([]Requirement{Optional, Everyone, Domains}, c.MFA):
		return errs.Invalid("mfa", "Choose of whom MFA is required.")
	case c.MFA == Domains && len(domains) == 0:
		return errs.Invalid("domains", "Name at least one domain, such as example.com.")
	case c.Grace < 0 || c.Grace > MostGrace:
		return errs.Invalid("grace", "Choose when the requirement begins.")
	case !within(c.Idle, MostIdle):
		return errs.Invalid("idle", "Choose how long a session lasts without use.")
	case !within(c.Overall, MostOverall):
		return errs.Invalid("overall", "Choose how long a session lasts at most.")
	case !slices.Contains([]SignUp{AsStarted, Open, Invite, Closed}, c.SignUp):
		return errs.Invalid("signup", "Choose who may make an account.")
	case !within(c.RememberFor, MostRemember):
		return errs.Invalid("remember_for", "Choose how long a browser is remembered.")
	default:
		return nil
	}
}

// cleanDomains gives the domains as addresses are kept: lower case, in ASCII.
func cleanDomains(domains []string) ([]string, error) {
	var clean []string
	for _, domain := range domains {
		ascii, err := idna.Lookup.ToASCII(strings.TrimPrefix(strings.TrimSpace(domain), "@"))
		if err != nil || !strings.Contains(ascii, ".") || strings.HasPrefix(ascii, ".") {
			return nil, errs.Invalid("domains", "%q is no domain. Write one a line, such as example.com.", domain)
		}
		clean = append(clean, strings.ToLower(ascii))
	}
	slices.Sort(clean)
	clean = slices.Compact(clean)
	if len(clean) > maxDomains {
		return nil, errs.Invalid("domains", "Name at most %d domains.", maxDomains)
	}
	return clean, nil
}

// differences says from what to what the rules changed, for the audit log.
func differences(now, next Policy) map[string]any {
	changes := map[string]any{}
	for name, pair := range map[string][2]string{
		"mfa":          {string(now.MFA), string(next.MFA)},
		"domains":      {strings.Join(now.Domains, " "), strings.Join(next.Domains, " ")},
		"mfa_from":     {date(now.MFAFrom), date(next.MFAFrom)},
		"idle":         {now.Idle.String(), next.Idle.String()},
		"overall":      {now.Overall.String(), next.Overall.String()},
		"sign_up":      {string(now.SignUp), string(next.SignUp)},
		"remember":     {fmt.Sprint(now.Remember), fmt.Sprint(next.Remember)},
		"remember_for": {now.RememberFor.String(), next.RememberFor.String()},
	} {
		if pair[0] != pair[1] {
			changes[name] = map[string]string{"from": pair[0], "to": pair[1]}
		}
	}
	return changes
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
