package issue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Change is one field that somebody changed: content, title, status, and so on.
type Change struct {
	ID          string
	Revision    int64 // of the issue, that it led to
	Comment     int64 // number of what was said with it; 0: nothing
	Field       string
	Was, Became string
	Created     time.Time
	Author      Person
}

// Conflict says that somebody has changed the issue since the editor began.
type Conflict struct {
	Now     Issue
	Changes []Change // since then, the oldest first
}

func (c *Conflict) Error() string { return "the issue was changed meanwhile" }

// Unwrap gives it a kind and a public message.
func (c *Conflict) Unwrap() error {
	return errs.Conflict("", "Somebody has changed this issue since you began. Nothing is lost: what they changed is below, and what you typed too. Look both over, then save again.")
}

// Merge gives what the editor wants now that the changes are known: theirs in
// the fields that only they changed, the editor's in all others.
func (c *Conflict) Merge(typed Fields) Fields {
	typed.Title, typed.Body = strings.TrimSpace(typed.Title), plainBody(typed.Body)
	now := c.Now.Fields()
	current := now.each()
	for i, f := range typed.each() {
		first := slices.IndexFunc(c.Changes, func(change Change) bool { return change.Field == f.name })
		if first >= 0 && *f.value == c.Changes[first].Was {
			*f.value = *current[i].value
		}
	}
	return typed
}

// Update sets an issue's fields, if it is still at the revision that the editor
// saw; 0: whatever it is at. It wants a grant for RaiseIssues or WriteIssues:
// whoever raised the issue may change its title, body, kind and priority, and
// those who may write all of it. It is of kind Conflict, a *Conflict, where
// somebody was there first.
func (s *Service) Update(ctx context.Context, g access.Grant, number, revision int64, to Fields) (Issue, error) {
	return s.Edit(ctx, g, number, revision, func(Fields) Fields { return to })
}

// Edit is Update for an editor that changes some fields and leaves the others as
// they are by then.
func (s *Service) Edit(ctx context.Context, g access.Grant, number, revision int64, to func(now Fields) Fields) (Issue, error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return Issue{}, err
	}
	var after Issue
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		var err error
		after, err = s.update(ctx, tx, g, number, revision, change{to: to})
		return err
	})
	if err != nil {
		return Issue{}, fmt.Errorf("changing an issue: %w", err)
	}
	return after, nil
}

// change is what becomes of an issue's fields.
type change struct {
	to      func(Fields) Fields
	comment *string // id of what is said along
	quiet   bool    // its caller tells of it
}

// update changes fields within a transaction.
func (s *Service) update(ctx context.Context, tx *db.Tx, g access.Grant, number, revision int64, c change) (Issue, error) {
	now, err := s.locked(ctx, tx, g, number)
	if err != nil {
		return Issue{}, err
	}
	if revision != 0 && revision != now.Revision {
		since, err := s.changes(ctx, tx, now.ID, revision)
		if err != nil {
			return Issue{}, err
		}
		return Issue{}, &Conflict{Now: now, Changes: since}
	}
	to := c.to(now.Fields()).filled()
	if err := mayEdit(g, now, to); err != nil {
		return Issue{}, err
	}
	set, err := s.check(ctx, tx, g, to, now.Fields())
	if err != nil {
		return Issue{}, err
	}
	changed, err := s.log(ctx, tx, g, now, set.Fields, c.comment)
	if err != nil || len(changed) == 0 {
		return now, err
	}
	_, err = db.Exec(ctx, tx, `
		UPDATE issue SET title = $1, body = $2, kind = $3, priority = $4, state = $5, assignee = $6, component = $7, milestone = $8, version = $9,
		  revision = revision + 1, updated = $10 WHERE id = $11`,
		set.Title, set.Body, set.Kind, set.priority, set.State, set.assignee, set.component, set.milestone, set.version, s.Clock(), now.ID)
	if err != nil {
		return Issue{}, err
	}
	if err := s.index(ctx, tx, now.ID); err != nil {
		return Issue{}, err
	}
	if err := s.note(ctx, tx, g, "issue.changed", number, map[string]any{"fields": changed}); err != nil {
		return Issue{}, err
	}
	after, err := s.get(ctx, tx, g, number)
	if err != nil || c.quiet {
		return after, err
	}
	h := activity.Happening{Kind: activity.IssueChanged, Detail: strings.Join(changed, ", ")}
	if slices.Contains(changed, "status") {
		h = movedFrom(now.State, after.State)
	}
	return after, s.tell(ctx, tx, g, after, h, changedWords(now.Fields(), after.Fields()), bodyIfNew(now, after))
}

// movedFrom says that an issue came to another state.
func movedFrom(was, is State) activity.Happening {
	h := activity.Happening{Kind: activity.IssueChanged, Detail: string(is)}
	switch {
	case was.Unresolved() && !is.Unresolved():
		h.Kind = activity.IssueClosed
	case is.Unresolved():
		h.Kind = activity.IssueOpened
	}
	return h
}

// changedWords tells a mail what was changed.
func changedWords(was, is Fields) string {
	var words []string
	before := was.each()
	for i, f := range is.each() {
		if from, to := *before[i].value, *f.value; from != to && f.name == "content" {
			words = append(words, "the text")
		} else if from != to {
			words = append(words, f.name+": "+cmp.Or(from, "none")+" → "+cmp.Or(to, "none"))
		}
	}
	return "changed this issue: " + strings.Join(words, "; ") + "."
}

func bodyIfNew(was, is Issue) string {
	if was.Body == is.Body {
		return ""
	}
	return is.Body
}

// mayEdit says whether the actor may make an issue so.
func mayEdit(g access.Grant, now Issue, to Fields) error {
	switch {
	case writes(g):
		return nil
	case g.Actor().User == "" || now.Reporter.ID != g.Actor().User:
		return errs.Denied("Only whoever raised an issue, and those who may write to the repository, change it.")
	case to.needsWriter(now.Fields()):
		return errWriters
	default:
		return nil
	}
}

// Edits reports whether the grant's actor may change the issue's text.
func Edits(g access.Grant, i Issue) bool {
	return mayEdit(g, i, i.Fields()) == nil
}

// log writes down each field that changes, and gives their names.
func (s *Service) log(ctx context.Context, tx *db.Tx, g access.Grant, now Issue, to Fields, comment *string) ([]string, error) {
	var changed []string
	author, name := by(g)
	was := now.Fields()
	before := was.each()
	for i, f := range to.each() {
		if *f.value == *before[i].value {
			continue
		}
		_, err := db.Exec(ctx, tx, `
			INSERT INTO issue_change (id, issue, revision, comment, author, author_name, field, was, became, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			db.NewID(), now.ID, now.Revision+1, comment, author, name, f.name, *before[i].value, *f.value, s.Clock())
		if err != nil {
			return nil, err
		}
		changed = append(changed, f.name)
	}
	return changed, nil
}

const maxChanges = 1000 // that are listed

// Changes lists what was changed, the oldest first.
func (s *Service) Changes(ctx context.Context, g access.Grant, i Issue) ([]Change, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	return s.changes(ctx, s.DB, i.ID, 0)
}

// changes lists those after a revision, of an issue that was read by a grant.
func (s *Service) changes(ctx context.Context, q db.Q, id string, revision int64) ([]Change, error) {
	list, err := db.All[Change](ctx, q, `SELECT `+changeColumns+` FROM issue_change h LEFT JOIN code_user u ON u.id = h.author
		WHERE h.issue = $1 AND h.revision > $2 ORDER BY h.revision, h.id LIMIT $3`, id, revision, maxChanges)
	if err != nil {
		return nil, fmt.Errorf("listing changes of an issue: %w", err)
	}
	return list, nil
}
