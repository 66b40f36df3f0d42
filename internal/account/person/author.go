package person

import "sallyport.dev/internal/audit"

// Author is who changes something of a person's: themselves, an administrator,
// or the operator.
type Author struct {
	ID   string // of the person; "operator" for the command line
	From string // the network address; empty for the command line
}

// Operator is whoever holds the command line.
func Operator() Author { return Author{ID: "operator"} }

// Entry is an audit entry of what the author did to a person.
func (a Author) Entry(action, target string) audit.Entry {
	e := audit.Entry{Realm: "account", Actor: a.ID, Address: a.From, Action: action, Target: target}
	if a != Operator() {
		e.Credential = "session"
	}
	return e
}
