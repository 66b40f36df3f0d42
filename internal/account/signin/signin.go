// Package signin is how a person signs in to Account, and the sessions that
// come of it.
//
// It owns the tables account_session, account_flow and account_browser, the
// realm "account" of package factor, and what is asked in which order. People
// and their passwords are package person's; pages and cookies are web's.
//
// Invariants:
//   - A session is opened by a Proof alone, a Proof is made by a finished Flow
//     alone, and Next alone says when a flow is finished.
//   - A token is 256 random bits, kept as a hash, made anew at every sign-in
//     and whenever more is proven. So nobody can plant one beforehand.
//   - Whose second step it is, the flow that waits for it says, and never the
//     request.
//   - A class is told with the time at which evidence of that class was given.
//   - A session is over a week after it was last seen and 30 days after it
//     began, or sooner where the site's policy says so, and whenever its person
//     is suspended.
//   - Every try is counted before it is judged: per person and per source, by
//     the same counters at every entrance. In a browser that the person has
//     signed in with before, their tries are counted apart, so a stranger's
//     failures don't shut them out there.
//   - An unknown person is refused with the same words and status, and after
//     the same time, as a wrong password.
package signin

import (
	"context"
	"fmt"
	"slices"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// Service signs people in.
type Service struct {
	DB       *db.DB
	Box      *secret.Box
	Clock    clock.Clock
	Audit    *audit.Log
	Throttle *throttle.Limiter
	People   *person.Service
	Policy   *policy.Service
	Factors  *factor.Service // of the realm factor.Account

	// Where they are set, apps hear of sessions that are over and of people who
	// are suspended or let in again, within the transaction that does it.
	Ended     func(ctx context.Context, tx *db.Tx, person string, sessions []string) error
	Suspended func(ctx context.Context, tx *db.Tx, person string, suspended bool) error
}

// Visit is where a request came from.
type Visit struct {
	Address string           // network address
	Agent   string           // the browser's own name
	Browser throttle.Browser // what it remembers of earlier sign-ins
	Trust   secret.String    // the token of a browser that may be trusted with the second step
	Waits   secret.String    // the token of a sign-in that waits for its next step there
}

var errWrong = errs.Unauthenticated("That email and password don't match an account.")

// Password is the first step: it finds the person by their address and proves
// them by their password.
func (s *Service) Password(ctx context.Context, email string, password secret.String, v Visit) (Flow, error) {
	found, err := s.People.Find(ctx, email)
	if err != nil && !errs.Is(err, errs.KindNotFound) {
		return Flow{}, err
	}
	return s.password(ctx, found, email, password, v)
}

// password proves a person, who may be nobody: then email stands for them in
// the count, so that it rises as anybody's does.
func (s *Service) password(ctx context.Context, p person.Person, email string, password secret.String, v Visit) (Flow, error) {
	count := s.counters(p, email, v)
	if err := s.Throttle.Take(ctx, count.keys()...); err != nil {
		return Flow{}, err
	}
	right, err := s.People.VerifyPassword(ctx, p.ID, password, p.ID != "" && v.Browser.Knows(p.ID))
	if err != nil {
		return Flow{}, err
	}
	if !right {
		return Flow{}, errWrong
	}
	// Only whoever has the password is told.
	if p.Suspended {
		return Flow{}, errSuspended
	}
	if err := s.DB.InTx(ctx, func(tx *db.Tx) error { return s.takeBack(ctx, tx, count) }); err != nil {
		return Flow{}, err
	}
	return s.furnish(ctx, Flow{person: p, proven: proven{{Method: MethodPassword, At: s.Clock()}}}, v)
}

// counters are the keys under which a try is booked.
type counters struct {
	source string // empty in a browser that the person is known by
	own    string
}

func (c counters) keys() []string {
	return slices.DeleteFunc([]string{c.source, c.own}, func(k string) bool { return k == "" })
}

// takeBack takes a try that was right out of the counters.
func (s *Service) takeBack(ctx context.Context, tx *db.Tx, c counters) error {
	if c.own == "" {
		return nil
	}
	if err := s.Throttle.Reset(ctx, tx, c.own); err != nil || c.source == "" {
		return err
	}
	return s.Throttle.Forgive(ctx, tx, c.source)
}

func (s *Service) counters(p person.Person, email string, v Visit) counters {
	if p.ID != "" && v.Browser.Knows(p.ID) {
		return counters{own: throttle.Key("password", "browser", v.Browser.ID, p.ID)}
	}
	who := p.ID
	if who == "" {
		if address, err := person.Normalise(email); err == nil {
			email = address
		}
		who = "unknown " + secret.Hash(email)
	}
	return counters{
		source: throttle.Key("password", "source", request.Network(v.Address)),
		own:    throttle.Key("password", "person", who),
	}
}

// ChangePassword puts a new password in place of the current one, which must be
// given, and ends all of the person's sessions but this one, which goes on
// under a new token.
func (s *Service) ChangePassword(ctx context.Context, session Session, current, chosen secret.String, v Visit) (secret.String, error) {
	if session.Kinds.Any() && !session.Fresh(s.Clock()) {
		return secret.String{}, ErrStale // else the current password is the strongest evidence
	}
	flow, err := s.password(ctx, session.Person, "", current, v)
	if errs.Is(err, errs.KindUnauthenticated) {
		return secret.String{}, errs.Invalid("current", "That isn't your current password.")
	}
	if err != nil {
		return secret.String{}, err
	}
	password, err := s.People.NewOwnPassword(ctx, session.Person, chosen)
	if err != nil {
		return secret.String{}, err
	}
	proof := Proof{person: session.Person, proven: session.proven.with(flow.proven[0]), session: session.ID}
	var token secret.String
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if token, err = s.goOn(ctx, tx, proof); err != nil {
			return err
		}
		return s.People.ChangePassword(ctx, tx, session.Person.ID, password, v.Address)
	})
	return token, err
}

// goOn ends what a person has under way in other browsers, and has this
// session go on with what was proven, under a new token.
func (s *Service) goOn(ctx context.Context, tx *db.Tx, proof Proof) (secret.String, error) {
	token, hash := secret.Token("")
	if err := s.endAllBut(ctx, tx, proof.person.ID, proof.session); err != nil {
		return secret.String{}, err
	}
	raised, err := s.raise(ctx, tx, proof, hash, "")
	if err != nil {
		return secret.String{}, fmt.Errorf("going on with a session: %w", err)
	}
	if !raised {
		return secret.String{}, errs.Unauthenticated("You are signed out. Sign in again.")
	}
	return token, nil
}

// Suspend shuts a person out of everything at once, or lets them in again.
func (s *Service) Suspend(ctx context.Context, email string, suspended bool) error {
	p, err := s.People.Find(ctx, email)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error { return s.SuspendBy(ctx, tx, p.ID, suspended, person.Operator()) })
}

// SuspendBy is Suspend in the caller's transaction, on anybody's word.
func (s *Service) SuspendBy(ctx context.Context, tx *db.Tx, id string, suspended bool, by person.Author) error {
	if err := s.endAll(ctx, tx, id); err != nil {
		return err
	}
	if s.Suspended != nil {
		if err := s.Suspended(ctx, tx, id, suspended); err != nil {
			return err
		}
	}
	return s.People.Suspend(ctx, tx, id, suspended, by)
}

// endAll ends every session of a person's, every sign-in of theirs under way,
// and the trust in every browser.
func (s *Service) endAll(ctx context.Context, tx *db.Tx, person string) error {
	return s.endAllBut(ctx, tx, person, "")
}

func (s *Service) endAllBut(ctx context.Context, tx *db.Tx, person, session string) error {
	sessions, err := db.All[string](ctx, tx, `DELETE FROM account_session WHERE person = $1 AND id <> $2 RETURNING id`, person, session)
	if err != nil {
		return fmt.Errorf("ending a person's sessions: %w", err)
	}
	for _, table := range []string{"account_flow", "account_browser"} {
		if _, err := db.Exec(ctx, tx, `DELETE FROM `+table+` WHERE person = $1`, person); err != nil {
			return fmt.Errorf("ending what a person has under way: %w", err)
		}
	}
	return s.ended(ctx, tx, person, sessions...)
}
