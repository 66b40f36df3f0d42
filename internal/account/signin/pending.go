package signin

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/secret"
)

// flowLife is how long a sign-in may wait for its second step.
const flowLife = 15 * time.Minute

var errFlowOver = errs.Unauthenticated("This sign-in took too long, or was finished already. Begin again.")

// furnish adds to a flow what its person's account asks for.
func (s *Service) furnish(ctx context.Context, f Flow, v Visit) (Flow, error) {
	factors, err := s.Factors.List(ctx, f.person.ID)
	if err != nil {
		return Flow{}, err
	}
	f.kinds = factor.KindsOf(factors)
	if f.rules, err = s.rules(ctx, f.person); err != nil {
		return Flow{}, err
	}
	if f.kinds.Any() && f.rules.RememberFor > 0 {
		f.trusted, err = s.trusts(ctx, v.Trust, f.person.ID, f.rules.RememberFor)
	}
	return f, err
}

// rules gives what the operator asks of the person's sign-in.
func (s *Service) rules(ctx context.Context, p person.Person) (Rules, error) {
	site, err := s.Policy.Get(ctx)
	if err != nil {
		return Rules{}, err
	}
	return s.rulesOf(ctx, site, p)
}

func (s *Service) rulesOf(ctx context.Context, site policy.Policy, p person.Person) (Rules, error) {
	var r Rules
	if site.Remember {
		r.RememberFor = min(site.RememberFor, mostTrust)
	}
	if site.MFA == policy.Optional {
		return r, nil
	}
	emails, err := s.People.Emails(ctx, p.ID)
	if err != nil {
		return Rules{}, err
	}
	var addresses []string
	for _, each := range emails {
		addresses = append(addresses, each.Address)
	}
	r.MFARequired = site.Requires(addresses, s.Clock())
	return r, nil
}

// Resume is the flow of somebody who is signed in and has to prove more.
func (s *Service) Resume(ctx context.Context, session Session) (Flow, error) {
	return s.furnish(ctx, Flow{person: session.Person, proven: session.proven, session: session.ID}, Visit{})
}

// Hold keeps a flow that waits for its next step, in place of the one that
// waits in this browser. The token is for a cookie.
func (s *Service) Hold(ctx context.Context, f Flow, v Visit) (secret.String, error) {
	evidence, err := f.proven.text()
	if err != nil {
		return secret.String{}, err
	}
	token, hash := secret.Token("")
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.drop(ctx, tx, v.Waits); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, `INSERT INTO account_flow (hash, person, session, evidence, expires) VALUES ($1, $2, $3, $4, $5)`,
			hash, f.person.ID, f.session, evidence, s.Clock().Add(flowLife))
		return err
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("keeping a sign-in under way: %w", err)
	}
	return token, nil
}

// Held gives the flow of a cookie's token. It is of kind Unauthenticated where
// there is none, it is over, or its person is suspended.
func (s *Service) Held(ctx context.Context, token secret.String) (Flow, error) {
	row, err := db.One[struct {
		Session, Evidence string
		Person            person.Person
	}](ctx, s.DB, `
		SELECT f.session, f.evidence, p.id, p.name, p.administrator, p.suspended, p.created, COALESCE(m.address, '')
		FROM account_flow f JOIN person p ON p.id = f.person
		LEFT JOIN person_email m ON m.person = p.id AND m.main
		WHERE f.hash = $1 AND f.expires > $2 AND NOT p.suspended`, secret.Hash(token.Reveal()), s.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return Flow{}, errFlowOver
	}
	if err != nil {
		return Flow{}, fmt.Errorf("reading a sign-in under way: %w", err)
	}
	evidence, err := readProven(row.Evidence, time.Time{})
	if err != nil {
		return Flow{}, err
	}
	return s.furnish(ctx, Flow{person: row.Person, proven: evidence, session: row.Session}, Visit{})
}

// drop ends a flow that waits, if there is one.
func (s *Service) drop(ctx context.Context, tx *db.Tx, token secret.String) error {
	if token.Reveal() == "" {
		return nil
	}
	if _, err := db.Exec(ctx, tx, `DELETE FROM account_flow WHERE hash = $1`, secret.Hash(token.Reveal())); err != nil {
		return fmt.Errorf("ending a sign-in under way: %w", err)
	}
	return nil
}

// Verify takes the second step of a flow that waits: whose step it is, the
// flow alone says. The flow goes on with what was proven; Next says with what.
//
// It is of kind Invalid where the answer is wrong or used, TooMany where too
// many were, and Unauthenticated where the flow is over.
func (s *Service) Verify(ctx context.Context, token secret.String, a factor.Answer, v Visit) (Flow, error) {
	f, err := s.Held(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	taken, err := s.take(ctx, f.person, token, a, v)
	if err != nil {
		return Flow{}, err
	}
	f.proven = f.proven.with(evidenceOf(taken, s.Clock()))
	return f, nil
}

// take uses up what a person gives for their second step. Codes count, per
// person at every entrance, until a right one comes; keys can't be guessed.
func (s *Service) take(ctx context.Context, p person.Person, bound secret.String, a factor.Answer, v Visit) (factor.Taken, error) {
	count := counters{}
	if a.Credential == "" {
		count.own = v.Browser.TryKey("account code", p.ID)
		if err := s.Throttle.Take(ctx, count.own); err != nil {
			return factor.Taken{}, err
		}
	}
	taken, err := s.Factors.Verify(ctx, p.ID, boundTo(bound), a)
	switch {
	case err != nil && a.Credential == "":
		return factor.Taken{}, s.noticePartial(ctx, p, v, err)
	case err != nil:
		return factor.Taken{}, err
	}
	return taken, s.noteTaken(ctx, p, taken, count, v)
}

// boundTo is what a key's challenge is bound to: the session or flow of a token.
func boundTo(token secret.String) string { return secret.Hash(token.Reveal()) }

// noteTaken audits a second step, takes its try back, and tells of a recovery
// code that was used and of a key whose count didn't grow.
func (s *Service) noteTaken(ctx context.Context, p person.Person, taken factor.Taken, count counters, v Visit) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.takeBack(ctx, tx, count); err != nil {
			return err
		}
		if taken.Method == factor.Recovery {
			if err := s.People.Notify(ctx, tx, p.ID, "A recovery code was used", noticeRecovery); err != nil {
				return err
			}
		}
		entry := audit.Entry{
			Realm: "account", Actor: p.ID, Credential: "session", Address: v.Address, Action: "session.second_step", Target: p.ID,
			Detail: map[string]any{"method": taken.Method, "factor": taken.Factor, "user_verified": taken.Verified},
		}
		if err := s.Audit.Append(ctx, tx, entry); err != nil || !taken.Stalled {
			return err
		}
		entry.Action, entry.Target = "factor.sign_count", taken.Factor
		entry.Detail = map[string]any{"warning": "the key's count of signatures didn't grow: there may be a copy of it"}
		return s.Audit.Append(ctx, tx, entry)
	})
}

// Reprove takes the password of whoever a flow that waits belongs to.
func (s *Service) Reprove(ctx context.Context, token, password secret.String, v Visit) (Flow, error) {
	f, err := s.Held(ctx, token)
	if err != nil {
		return Flow{}, err
	}
	again, err := s.password(ctx, f.person, "", password, v)
	if errs.Is(err, errs.KindUnauthenticated) {
		return Flow{}, errs.Invalid("password", "That isn't your password.")
	}
	if err != nil {
		return Flow{}, err
	}
	f.proven = f.proven.with(again.proven[0])
	return f, nil
}

// AskKey asks for a security key as the second step of a flow that waits.
func (s *Service) AskKey(ctx context.Context, token secret.String) (factor.Options, error) {
	f, err := s.Held(ctx, token)
	if err != nil {
		return factor.Options{}, err
	}
	return s.Factors.AskKey(ctx, f.person.ID, boundTo(token))
}

// AskPasskey asks for anybody's passkey. bound is the browser's token, which
// has to come back with the answer.
func (s *Service) AskPasskey(ctx context.Context, bound secret.String) (factor.Options, error) {
	return s.Factors.AskPasskey(ctx, boundTo(bound))
}

// Passkey signs somebody in with a passkey alone, which is both steps: it
// finds the person, and has verified its user. It is of kind Invalid where the
// answer isn't right, and Denied where the person is suspended.
func (s *Service) Passkey(ctx context.Context, bound secret.String, a factor.Answer, v Visit) (Flow, error) {
	holder, taken, err := s.Factors.VerifyPasskey(ctx, boundTo(bound), a)
	if err != nil {
		return Flow{}, err
	}
	p, err := s.People.Get(ctx, holder)
	if err != nil {
		return Flow{}, fmt.Errorf("finding whose passkey it is: %w", err)
	}
	if p.Suspended {
		return Flow{}, errSuspended
	}
	f, err := s.furnish(ctx, Flow{person: p, proven: proven{evidenceOf(taken, s.Clock())}}, v)
	if err != nil {
		return Flow{}, err
	}
	return f, s.noteTaken(ctx, p, taken, counters{}, v)
}

const noticeRecovery = `One of your recovery codes was used as the second step of your Sallyport account. It no longer works.

If it wasn't you, change your password now, and then make new recovery codes.
`
