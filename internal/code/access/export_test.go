package access

import "time"

// Oracle gives what the design says of a case, for the tests that stand above
// the gate.
func Oracle(a Actor, p Policy, r Resource, action Action, now time.Time) Verdict {
	_, v := oracle(factsOf(&a, &p, &r, action, now), &p)
	return v
}
