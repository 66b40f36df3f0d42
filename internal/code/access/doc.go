// Package access is the gate: the one place that decides who gets to what.
//
// Decide is a pure function from who asks (Actor), the workspace's rules
// (Policy), what is asked for (Resource, Action) and the time, to a Verdict.
// Gate.Check reads the facts fresh in one query, calls Decide, counts the
// outcome, and returns a Grant or a *Refusal that carries the verdict.
//
// A Grant can be made by the gate alone: by Check, and by Reach for what is
// gathered of several workspaces. Every function that opens content takes
// one and calls its Require first, so a new door, page or endpoint that forgets
// the gate doesn't compile, and one that asks for the wrong thing is refused.
//
// The package reads tables of the rooms above it (code_user, workspace, member,
// groups, repository and its permissions, snippet) and of factor; it writes only
// access_record, its daily counters, and decision, what people are shown of them,
// and tells the audit log of each day's challenges and refusals, counted.
//
// Invariants: no Grant without an Allow from Decide; whatever can't be read
// refuses; a member who is blocked can't tell what exists behind the block.
package access
