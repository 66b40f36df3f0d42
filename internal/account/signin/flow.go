package signin

import (
	"errors"
	"slices"
	"time"

	"sallyport.dev/internal/account/person"
)

// Method is one way of proving who one is, by its name in RFC 8176.
type Method string

// MethodPassword is a password.
const MethodPassword Method = "pwd"

// Class is how strong a sign-in is: the "acr" that apps ask for and are told.
type Class string

// ClassPassword is one factor (NIST SP 800-63B-4 §2.1).
const ClassPassword Class = "aal1"

// Classes are those that a sign-in can reach here.
func Classes() []Class { return []Class{ClassPassword} }

// Flow is a sign-in under way: who the first step found it to be, and what they
// have proven since. Steps add to it; none takes the person from the request.
// The zero Flow is one in which nothing was proven.
type Flow struct {
	person person.Person
	proven []proven
}

type proven struct {
	method Method
	at     time.Time
}

// Person is whom the first step found; the zero Person before that.
func (f Flow) Person() person.Person { return f.person }

func (f Flow) has(method Method) bool {
	return slices.ContainsFunc(f.proven, func(p proven) bool { return p.method == method })
}

// Step is something to be done next.
type Step string

const (
	StepPassword Step = "password" // ask for email and password
	StepDone     Step = "done"     // nothing is missing: Flow.Proof will do
)

// Next says what comes next. It is the one place that does: every step returns
// to it, and none leads to another. The account's own second step will stand
// here, between the password and the end.
func Next(f Flow) Step {
	if !f.has(MethodPassword) {
		return StepPassword
	}
	return StepDone
}

// Proof says that a person has just signed in. Only a finished flow makes one,
// and OpenSession wants one; the zero Proof proves nothing.
type Proof struct {
	person  person.Person
	at      time.Time
	class   Class
	methods []Method
}

var errUnfinished = errors.New("the sign-in isn't finished")

// Proof gives the proof of a finished flow.
func (f Flow) Proof() (Proof, error) {
	if Next(f) != StepDone || f.person.ID == "" {
		return Proof{}, errUnfinished
	}
	p := Proof{person: f.person, class: ClassPassword}
	for _, each := range f.proven {
		p.methods = append(p.methods, each.method)
		if each.at.After(p.at) {
			p.at = each.at
		}
	}
	return p, nil
}

// Person is who signed in.
func (p Proof) Person() person.Person { return p.person }
