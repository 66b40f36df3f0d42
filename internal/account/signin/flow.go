package signin

import (
	"errors"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/factor"
)

// Need is what a request asks of a sign-in, beyond what the person's own
// account does. The zero Need asks for nothing more.
type Need struct {
	Class Class     // at least; empty: any
	After time.Time // evidence must be later than this; zero: as old as it may be
}

// Rules are what the operator asks of everybody's sign-in. The zero Rules ask
// for nothing.
type Rules struct {
	MFARequired bool          // whoever has no MFA sets it up before anything else
	RememberFor time.Duration // how long a browser may be trusted with the second step, up to 30 days; 0: not at all
}

// Flow is a sign-in under way: who the first step found it to be, what they
// have proven since, and what their account asks for. Steps add to it; none
// takes the person from the request. The zero Flow is one in which nothing was
// proven.
type Flow struct {
	person  person.Person
	proven  proven
	session string       // the session that it adds to; empty: it opens one
	kinds   factor.Kinds // the person's second steps
	rules   Rules
	trusted bool // the browser is trusted with the second step
}

// Person is whom the first step found; the zero Person before that.
func (f Flow) Person() person.Person { return f.person }

// Kinds tells which second steps the person can take.
func (f Flow) Kinds() factor.Kinds { return f.kinds }

// RememberFor is how long this browser may be trusted from then on; 0: it can't be.
func (f Flow) RememberFor() time.Duration { return f.rules.RememberFor }

// Raises reports whether it adds to a session rather than opening one.
func (f Flow) Raises() bool { return f.session != "" }

// Step is something to be done next.
type Step string

const (
	StepPassword Step = "password" // ask for email and password, or a passkey
	StepVerify   Step = "verify"   // ask for the second step
	StepEnrol    Step = "enrol"    // there is no second step that would do: set one up
	StepDone     Step = "done"     // nothing is missing
)

// Next says what comes next. It is the one place that does: every step returns
// to it, and none leads to another. It asks only for what is missing:
//
//   - the password, or a passkey in its place;
//   - the second step, where the person has one, whatever the request needs.
//     A browser that they trusted is let off it, unless the request needs it;
//   - a stronger second step, where the request needs that;
//   - the strongest evidence that they can give once more, where the request
//     needs it fresher than it is;
//   - a second step to be set up, where the operator or the request wants one
//     and the person has none that would do.
func Next(f Flow, n Need) Step {
	class, _ := f.proven.level(time.Time{})
	fresh, _ := f.proven.level(n.After)
	enrolled := f.kinds.Any()
	own := ClassOne
	if enrolled {
		own = ClassTwo
	}
	switch {
	case class == "" || f.person.ID == "":
		return StepPassword
	case enrolled && !f.trusted && !class.Reaches(ClassTwo):
		return StepVerify
	case !enrolled && (f.rules.MFARequired || n.Class.Reaches(ClassTwo)) && !class.Reaches(max2(n.Class, ClassTwo)):
		return StepEnrol
	case !class.Reaches(n.Class) && n.Class == ClassPhishing && !f.kinds.WebAuthn:
		return StepEnrol
	case !class.Reaches(n.Class):
		return StepVerify
	case n.After.IsZero() || fresh.Reaches(max2(n.Class, own)):
		return StepDone
	case enrolled:
		return StepVerify
	default:
		return StepPassword
	}
}

func max2(a, b Class) Class {
	if a.Reaches(b) {
		return a
	}
	return b
}

// Proof says that a person has just signed in. Only a flow that went as far as
// a session wants makes one, and OpenSession wants one; the zero Proof proves
// nothing.
type Proof struct {
	person  person.Person
	proven  proven
	session string // the session that it raises; empty: a new one
}

var errUnfinished = errors.New("the sign-in isn't finished")

// Proof gives the proof of a flow that has come so far that a session may be
// opened: nothing is missing, or nothing but a second step to be set up, for
// which one needs a session.
func (f Flow) Proof() (Proof, error) {
	if next := Next(f, Need{}); next != StepDone && next != StepEnrol {
		return Proof{}, errUnfinished
	}
	return Proof{person: f.person, proven: f.proven, session: f.session}, nil
}

// Person is who signed in.
func (p Proof) Person() person.Person { return p.person }
