// Package admin is what administrators of Account do to people.
//
// It owns the table approval. What an act means is signin's and person's; here
// stands who may do it to whom:
//
//   - To people of lower standing an administrator does it at once.
//   - To another administrator nobody does it alone: it is asked for, and a
//     second administrator, who is neither of the two, lets it happen or not.
//     Making somebody an administrator is among these, or one could make
//     one's own second.
//   - To oneself one doesn't do it here.
//   - The operator, who holds the command line and the data, needs nobody.
//
// Invariants: standings are read in the transaction of the act; an approval is
// decided once, by one conditional UPDATE, within a week, while whoever asked
// is still an administrator; every act, question and decision is audited and
// told to whom it concerns.
package admin

import (
	"context"
	"slices"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Act is one thing that is done to a person.
type Act string

const (
	Suspend      Act = "suspend"
	Resume       Act = "resume"
	ResetMFA     Act = "reset_mfa"
	RecoveryLink Act = "recovery_link"
	Promote      Act = "promote" // makes an administrator
	Demote       Act = "demote"
)

// Acts lists what can be done.
func Acts() []Act { return []Act{ResetMFA, RecoveryLink, Suspend, Resume, Promote, Demote} }

const approvalFor = 7 * 24 * time.Hour // how long a question waits for its answer

// Service does it.
type Service struct {
	DB     *db.DB
	Clock  clock.Clock
	Audit  *audit.Log
	People *person.Service
	SignIn *signin.Service
}

var (
	errNobody   = errs.NotFound("There is no such person.")
	errNotYours = errs.Denied("Only administrators may do that.")
	errNoAct    = errs.Invalid("", "There is no such action.")
	errSelf     = errs.Conflict("", "That is you. What is your own you change on your own pages; for the rest ask another administrator.")
)

// Do does it at once and is true, or asks a second administrator for it and is
// false. It is of kind Conflict where it makes no sense, or is asked for already.
func (s *Service) Do(ctx context.Context, act Act, id string, by person.Author) (done bool, err error) {
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		target, err := s.target(ctx, tx, id, by)
		if err != nil {
			return err
		}
		if err := s.sensible(ctx, tx, act, target); err != nil {
			return err
		}
		if done = by == person.Operator() || !NeedsTwo(act, target); done {
			return s.perform(ctx, tx, act, target, by)
		}
		return s.ask(ctx, tx, act, target, by)
	})
	return done, err
}

// NeedsTwo reports whether it takes two administrators.
func NeedsTwo(act Act, target person.Person) bool { return target.Administrator || act == Promote }

// Fits reports whether it can be done to a person as they are.
func Fits(act Act, row Row) bool { return sensible(act, row.Person, row.MFA) == nil }

func (s *Service) sensible(ctx context.Context, tx *db.Tx, act Act, target person.Person) error {
	mfa, err := s.SignIn.Factors.Enrolled(ctx, tx, target.ID)
	if err != nil {
		return err
	}
	return sensible(act, target, mfa)
}

// target reads, under a lock, whom it is done to, and whether the author may
// do anything at all.
func (s *Service) target(ctx context.Context, tx *db.Tx, id string, by person.Author) (person.Person, error) {
	if err := db.Lock(ctx, tx, "administrators"); err != nil {
		return person.Person{}, err
	}
	if by != person.Operator() {
		if err := s.administrator(ctx, tx, by.ID); err != nil {
			return person.Person{}, err
		}
	}
	target, err := s.People.GetIn(ctx, tx, id)
	switch {
	case errs.Is(err, errs.KindNotFound):
		return person.Person{}, errNobody
	case err != nil:
		return person.Person{}, err
	case target.ID == by.ID:
		return person.Person{}, errSelf
	}
	return target, nil
}

// administrator is of kind Denied where the person is none, or not any more.
func (s *Service) administrator(ctx context.Context, tx *db.Tx, id string) error {
	p, err := s.People.GetIn(ctx, tx, id)
	if errs.Is(err, errs.KindNotFound) || err == nil && (!p.Administrator || p.Suspended) {
		return errNotYours
	}
	return err
}

// sensible says why it can't be done to somebody as they are.
func sensible(act Act, target person.Person, mfa bool) error {
	no := func(why string) error { return errs.Conflict("", "%s %s", target.Name, why) }
	switch {
	case !slices.Contains(Acts(), act):
		return errNoAct
	case act == ResetMFA && !mfa:
		return no("has no second step that could be reset.")
	case act == Suspend && target.Suspended:
		return no("is suspended already.")
	case act == Resume && !target.Suspended:
		return no("isn't suspended.")
	case act == Promote && target.Administrator:
		return no("is an administrator already.")
	case act == Promote && target.Suspended, act == RecoveryLink && target.Suspended:
		return no("is suspended. Let them in again first.")
	case act == Demote && !target.Administrator:
		return no("isn't an administrator.")
	default:
		return nil
	}
}

func (s *Service) perform(ctx context.Context, tx *db.Tx, act Act, target person.Person, by person.Author) error {
	switch act {
	case Suspend, Resume:
		return s.SignIn.SuspendBy(ctx, tx, target.ID, act == Suspend, by)
	case ResetMFA:
		return s.SignIn.ResetMFA(ctx, tx, target, by)
	case RecoveryLink:
		return s.People.MailRecovery(ctx, tx, target, by)
	case Promote, Demote:
		return s.People.SetAdministrator(ctx, tx, target.ID, act == Promote, by)
	default:
		return errNoAct
	}
}
