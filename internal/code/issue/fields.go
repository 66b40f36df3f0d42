package issue

import (
	"context"
	"slices"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Kind is what sort of work an issue is.
type Kind string

// State is how far an issue has come.
type State string

// Priority is how much an issue matters, by rank from 1; Trivial is the least.
type Priority int

// The values are Bitbucket's, word by word.
const (
	Bug         Kind = "bug"
	Enhancement Kind = "enhancement"
	Proposal    Kind = "proposal"
	Task        Kind = "task"

	New       State = "new"
	Open      State = "open"
	OnHold    State = "on hold"
	Resolved  State = "resolved"
	Invalid   State = "invalid"
	Duplicate State = "duplicate"
	Wontfix   State = "wontfix"
	Closed    State = "closed"
)

const (
	Trivial Priority = iota + 1
	Minor
	Major
	Critical
	Blocker
)

// Kinds lists the kinds, in the order in which they are offered.
func Kinds() []Kind { return []Kind{Bug, Enhancement, Proposal, Task} }

// States lists the states, the unresolved ones first.
func States() []State {
	return []State{New, Open, OnHold, Resolved, Invalid, Duplicate, Wontfix, Closed}
}

// Unresolved reports whether something is still to be done.
func (s State) Unresolved() bool { return s == New || s == Open || s == OnHold }

func priorityNames() []string {
	return []string{"trivial", "minor", "major", "critical", "blocker"}
}

// Priorities lists the priorities, the least first.
func Priorities() []Priority { return []Priority{Trivial, Minor, Major, Critical, Blocker} }

func (p Priority) String() string {
	if names := priorityNames(); p >= 1 && int(p) <= len(names) {
		return names[p-1]
	}
	return "unknown"
}

func parsePriority(name string) (Priority, bool) {
	i := slices.Index(priorityNames(), name)
	return Priority(i + 1), i >= 0
}

// List is one of the lists to choose from that a tracker has.
type List string

const (
	Components List = "component"
	Milestones List = "milestone"
	Versions   List = "version"
)

// Lists gives every list.
func Lists() []List { return []List{Components, Milestones, Versions} }

// Fields is what an issue is set to, by the names that people see.
type Fields struct {
	Title, Body                   string
	Kind                          Kind
	Priority                      string
	State                         State
	Assignee                      string // username; empty: nobody
	Component, Milestone, Version string // names; empty: none
}

// Fields gives the issue's fields, to be changed and put back.
func (i Issue) Fields() Fields {
	return Fields{
		Title: i.Title, Body: i.Body, Kind: i.Kind, Priority: i.Priority.String(), State: i.State, Assignee: i.Assignee.Username,
		Component: i.Component, Milestone: i.Milestone, Version: i.Version,
	}
}

// filled gives what is left out its usual value.
func (f Fields) filled() Fields {
	if f.Kind == "" {
		f.Kind = Bug
	}
	if f.Priority == "" {
		f.Priority = Major.String()
	}
	if f.State == "" {
		f.State = New
	}
	f.Assignee = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(f.Assignee)), "@")
	return f
}

// field is one field by name.
type field struct {
	name  string
	value *string
}

// each lists the fields as the change log names them.
func (f *Fields) each() []field {
	return []field{
		{"title", &f.Title},
		{"content", &f.Body},
		{"kind", (*string)(&f.Kind)},
		{"priority", &f.Priority},
		{"status", (*string)(&f.State)},
		{"assignee", &f.Assignee},
		{"component", &f.Component},
		{"milestone", &f.Milestone},
		{"version", &f.Version},
	}
}

// needsWriter reports whether, compared with what is, a field is set that
// only those set who may write.
func (f Fields) needsWriter(now Fields) bool {
	return f.State != now.State || f.Assignee != now.Assignee || f.Component != now.Component || f.Milestone != now.Milestone || f.Version != now.Version
}

// checked is fields that can be kept, with the ids that they stand for.
type checked struct {
	Fields
	priority                                Priority
	assignee, component, milestone, version *string
}

// check looks fields over. Whoever was assigned may stay, though they can be
// assigned no more.
func (s *Service) check(ctx context.Context, q db.Q, g access.Grant, in, was Fields) (checked, error) {
	set := checked{Fields: in}
	var wrong []error
	note := func(err error) { wrong = append(wrong, err) }
	var err error
	if set.Title, err = cleanTitle(in.Title); err != nil {
		note(err)
	}
	if set.Body, err = cleanBody(in.Body); err != nil {
		note(err)
	}
	if !slices.Contains(Kinds(), in.Kind) {
		note(errs.Invalid("kind", "Choose one of bug, enhancement, proposal and task."))
	}
	if !slices.Contains(States(), in.State) {
		note(errs.Invalid("state", "Choose one of the states: new, open, on hold, resolved, invalid, duplicate, wontfix, closed."))
	}
	known := false
	if set.priority, known = parsePriority(in.Priority); !known {
		note(errs.Invalid("priority", "Choose one of trivial, minor, major, critical and blocker."))
	}
	if set.assignee, err = s.assignable(ctx, q, g, in.Assignee, in.Assignee == was.Assignee); err != nil {
		note(err)
	}
	for list, ids := range map[List]**string{Components: &set.component, Milestones: &set.milestone, Versions: &set.version} {
		name := map[List]string{Components: in.Component, Milestones: in.Milestone, Versions: in.Version}[list]
		if *ids, err = s.choice(ctx, q, g, list, name); err != nil {
			note(err)
		}
	}
	return set, joined(wrong)
}

// assignable finds a member who may read, to be given an issue.
func (s *Service) assignable(ctx context.Context, q db.Q, g access.Grant, username string, already bool) (*string, error) {
	if username == "" {
		return nil, nil
	}
	statement := membersSQL + ` AND u.username = $2`
	if already {
		statement = `SELECT id FROM code_user u WHERE $1 <> '' AND u.username = $2`
	}
	found, err := db.One[string](ctx, q, statement, g.Repository().ID, username)
	if errs.Is(err, errs.KindNotFound) {
		return nil, errs.Invalid("assignee", "Nobody of that username is a member who may read this.")
	}
	return &found, err
}

// membersSQL gives the ids of the members of a repository's workspace to whom
// it was given to read, whether or not it is public.
const membersSQL = `SELECT u.id FROM repository r JOIN workspace w ON w.id = r.workspace
	JOIN member m ON m.workspace = w.id JOIN code_user u ON u.id = m.user_id
	WHERE r.id = $1 AND NOT u.suspended AND ` + access.GivenSQL
