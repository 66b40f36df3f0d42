package signin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// mostTrust is how long a browser may be trusted at most (NIST SP 800-63B-4 §2.2.3).
const mostTrust = 30 * 24 * time.Hour

// Trusted is a browser on which its person isn't asked for the second step for
// a while. What they prove there is what they give there: the password alone.
type Trusted struct {
	ID      string
	Address string
	Agent   string
	Since   time.Time
	Seen    time.Time
}

// Trust has this browser trusted with the second step of whoever has just
// taken it there, where the operator allows that. The token is for a cookie;
// before is the one that the browser has, if any.
func (s *Service) Trust(ctx context.Context, p Proof, before secret.String, v Visit) (secret.String, error) {
	rules, err := s.rules(ctx, p.person)
	if err != nil {
		return secret.String{}, err
	}
	if class, _ := p.proven.level(time.Time{}); rules.RememberFor == 0 || !class.Reaches(ClassTwo) {
		return secret.String{}, errs.Denied("Browsers can't be trusted with the second step here.")
	}
	token, now := before, s.Clock()
	if token.Reveal() == "" {
		token, _ = secret.Token("")
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `
			INSERT INTO account_browser (id, hash, person, address, agent, created, seen) VALUES ($1, $2, $3, $4, $5, $6, $6)
			ON CONFLICT (hash, person) DO UPDATE SET address = $4, agent = $5, created = $6, seen = $6`,
			db.NewID(), secret.Hash(token.Reveal()), p.person.ID, v.Address, cut(v.Agent), now)
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: p.person.ID, Credential: "session", Address: v.Address,
			Action: "browser.trust", Target: p.person.ID, Detail: map[string]any{"until": now.Add(rules.RememberFor)},
		})
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("trusting a browser: %w", err)
	}
	return token, nil
}

// trusts reports whether the browser of a token is trusted with the person's
// second step.
func (s *Service) trusts(ctx context.Context, token secret.String, person string, lasts time.Duration) (bool, error) {
	if token.Reveal() == "" {
		return false, nil
	}
	now := s.Clock()
	n, err := db.Exec(ctx, s.DB, `UPDATE account_browser SET seen = $1 WHERE hash = $2 AND person = $3 AND created > $4`,
		now, secret.Hash(token.Reveal()), person, now.Add(-lasts))
	if err != nil {
		return false, fmt.Errorf("reading whether a browser is trusted: %w", err)
	}
	return n == 1, nil
}

// TrustedBrowsers lists where the person isn't asked for the second step.
func (s *Service) TrustedBrowsers(ctx context.Context, session Session) ([]Trusted, error) {
	rules, err := s.rules(ctx, session.Person)
	if err != nil || rules.RememberFor == 0 {
		return nil, err
	}
	all, err := db.All[Trusted](ctx, s.DB, `
		SELECT id, address, agent, created, seen FROM account_browser WHERE person = $1 AND created > $2 ORDER BY seen DESC, id`,
		session.Person.ID, s.Clock().Add(-rules.RememberFor))
	if err != nil {
		return nil, fmt.Errorf("listing the trusted browsers: %w", err)
	}
	return all, nil
}

// Distrust has the second step asked for again on one browser, or on all
// where the id is empty.
func (s *Service) Distrust(ctx context.Context, session Session, id string, from string) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		n, err := db.Exec(ctx, tx, `DELETE FROM account_browser WHERE person = $1 AND ($2 = '' OR id = $2)`, session.Person.ID, id)
		if err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: session.Person.ID, Credential: "session", Address: from,
			Action: "browser.distrust", Target: session.Person.ID, Detail: map[string]any{"browsers": n},
		})
	})
}
