package signin

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/internal/factor"
)

// Method is one way of proving who one is.
type Method string

const (
	MethodPassword Method = "pwd"
	MethodTOTP     Method = "otp"      // a code of an authenticator app
	MethodRecovery Method = "recovery" // a recovery code
	MethodKey      Method = "key"      // a security key or passkey
)

// Evidence is one thing that was proven, and when.
type Evidence struct {
	Method   Method    `json:"method"`
	At       time.Time `json:"at"`
	Verified bool      `json:"verified,omitempty"` // the key verified its user: two factors by itself
	Hardware bool      `json:"hardware,omitempty"` // the key stays on its device
}

// evidenceOf is the evidence that a second step is.
func evidenceOf(t factor.Taken, now time.Time) Evidence {
	method := MethodTOTP
	switch t.Method {
	case factor.WebAuthn:
		method = MethodKey
	case factor.Recovery:
		method = MethodRecovery
	}
	return Evidence{Method: method, At: now, Verified: t.Verified, Hardware: t.Hardware}
}

// Class is how strong a sign-in is: the "acr" that apps ask for and are told.
// Each includes the ones before it.
type Class string

const (
	ClassOne      Class = "aal1" // one factor (NIST SP 800-63B-4 §2.1)
	ClassTwo      Class = "aal2" // two (§2.2)
	ClassPhishing Class = "phr"  // two, one of which no false site can relay
)

// Classes are those that a sign-in can reach here, from the weakest on.
func Classes() []Class { return []Class{ClassOne, ClassTwo, ClassPhishing} }

// rank orders the classes; 0 is none of them.
func (c Class) rank() int { return slices.Index(Classes(), c) + 1 }

// Reaches reports whether a sign-in of this class is at least of the other.
func (c Class) Reaches(other Class) bool { return c.rank() >= other.rank() }

// proven is the evidence of one sign-in, the latest of each kind.
type proven []Evidence

// with adds evidence in place of older evidence of its kind.
func (p proven) with(e Evidence) proven {
	same := func(old Evidence) bool { return old.Method == e.Method && old.Verified == e.Verified }
	return append(slices.DeleteFunc(slices.Clone(p), same), e)
}

func (p proven) latest(fits func(Evidence) bool) time.Time {
	var at time.Time
	for _, e := range p {
		if fits(e) && e.At.After(at) {
			at = e.At
		}
	}
	return at
}

// reached tells when the sign-in last came to the class or a higher one: the
// time of the evidence that made the difference. Zero: it never did.
//
// A key that verified its user is two factors. One that didn't is one, and
// needs the password beside it, as a code does.
func (p proven) reached(c Class) time.Time {
	password := p.latest(func(e Evidence) bool { return e.Method == MethodPassword })
	at := p.latest(func(e Evidence) bool { return e.Method == MethodKey && (e.Verified || !password.IsZero()) })
	if c == ClassPhishing || password.IsZero() {
		return at
	}
	if code := p.latest(func(e Evidence) bool { return e.Method == MethodTOTP || e.Method == MethodRecovery }); code.After(at) {
		at = code
	}
	if c == ClassOne && password.After(at) {
		at = password
	}
	return at
}

// level gives the strongest class that was reached later than after, and when;
// nothing where none was. So a class is never told with the time of weaker
// evidence, nor a time with the class of older evidence.
func (p proven) level(after time.Time) (Class, time.Time) {
	for _, c := range slices.Backward(Classes()) {
		if at := p.reached(c); !at.IsZero() && at.After(after) {
			return c, at
		}
	}
	return "", time.Time{}
}

// methods lists how the sign-in was proven, each way once.
func (p proven) methods() []Method {
	var all []Method
	for _, e := range p {
		if !slices.Contains(all, e.Method) {
			all = append(all, e.Method)
		}
	}
	return all
}

// amr names the methods as RFC 8176 does.
func (p proven) amr() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, e := range p {
		switch {
		case e.Method == MethodPassword:
			add("pwd")
		case e.Method == MethodKey && e.Hardware:
			add("hwk")
			add("user")
		case e.Method == MethodKey:
			add("swk")
			add("user")
		default: // recovery codes are one-time passwords too
			add("otp")
		}
	}
	if class, _ := p.level(time.Time{}); class.Reaches(ClassTwo) {
		add("mfa")
	}
	return names
}

// standing leaves out what was given by a second step that the person no
// longer has, so that it stops counting at once.
func (p proven) standing(has factor.Kinds) proven {
	return slices.DeleteFunc(slices.Clone(p), func(e Evidence) bool {
		switch e.Method {
		case MethodPassword:
			return false
		case MethodKey:
			return !has.WebAuthn
		case MethodTOTP:
			return !has.TOTP
		default:
			return !has.Any()
		}
	})
}

func (p proven) text() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("writing evidence: %w", err)
	}
	return string(text), nil
}

// readProven reads what text wrote. A session from before evidence was kept
// was opened by a password, at the time given.
func readProven(text string, otherwise time.Time) (proven, error) {
	if text == "" {
		return proven{{Method: MethodPassword, At: otherwise}}, nil
	}
	var p proven
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	return p, nil
}
