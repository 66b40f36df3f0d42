// Package issue is the room of issue trackers: what is to be done in a
// repository, what people say of it, and who is told.
//
// It owns the tables issue and issue_*, in which the files that people attach
// lie too (decision 0042). Whether a repository has a tracker, and who may read
// it, stands with the repository.
// Every function takes a Grant and checks that it fits.
//
// Invariants: numbers count up by one in a repository, those of comments in an
// issue, and are never given twice, nor are those of components, milestones and
// versions; every change of a field stands in the change log, in the transaction
// that makes it; what somebody changed in between is never overwritten unseen
// (Conflict); a comment that is deleted is shown to nobody, nor is what it was
// before; a mail is judged again when it is sent (decision 0029).
package issue

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

// Service is everything that can be done with issues.
type Service struct {
	DB     *db.DB
	Clock  clock.Clock
	Audit  *audit.Log
	Events *activity.Log

	// For mails to those who watch an issue.
	Outbox *mail.Outbox
	Box    *secret.Box
	Gate   *access.Gate
	URL    string // of Code, without a slash at the end

	importing sync.Mutex // held while an archive is taken
}

// reading are the grants with which an issue may be looked at.
var reading = []access.Action{access.ReadIssues, access.SaveSearches, access.RaiseIssues, access.WriteIssues, access.AdminIssues, access.ExportIssues}

// Issue is one issue as it is now.
type Issue struct {
	ID          string
	Number      int64
	Title, Body string // Body is Markdown
	Kind        Kind
	Priority    Priority
	State       State
	Reporter    Person
	Assignee    Person // zero: nobody
	Component   string // names; empty: none
	Milestone   string
	Version     string
	Votes       int
	Watches     int   // how many are told of it
	Revision    int64 // counts the changes of its fields, from 1
	Created     time.Time
	Updated     time.Time
	Comments    int
}

// Person is who did something. Whoever is unknown here has a name alone.
type Person struct{ ID, Username, Name string }

const personColumns = `COALESCE(%[1]s.id, ''), COALESCE(%[1]s.username, ''), COALESCE(NULLIF(%[1]s.name, ''), %[1]s.username, %[2]s)`

var (
	columns = `i.id, i.number, i.title, i.body, i.kind, i.priority, i.state, ` +
		fmt.Sprintf(personColumns, "rp", "i.reporter_name") + `, ` + fmt.Sprintf(personColumns, "asg", "''") + `,
		COALESCE(ico.name, ''), COALESCE(imi.name, ''), COALESCE(ive.name, ''), i.votes,
		(SELECT COUNT(*) FROM issue_watch told WHERE told.issue = i.id AND told.watching), i.revision, i.created, i.updated,
		(SELECT COUNT(*) FROM issue_comment said WHERE said.issue = i.id AND said.deleted = 0)`
	commentColumns = `c.id, c.number, c.body, c.created, c.edited, c.deleted, ` + fmt.Sprintf(personColumns, "u", "c.author_name")
	changeColumns  = `h.id, h.revision, COALESCE((SELECT said.number FROM issue_comment said WHERE said.id = h.comment), 0), h.field, h.was, h.became, h.created, ` + fmt.Sprintf(personColumns, "u", "h.author_name")
)

const from = ` FROM issue i LEFT JOIN code_user rp ON rp.id = i.reporter LEFT JOIN code_user asg ON asg.id = i.assignee
	LEFT JOIN issue_choice ico ON ico.id = i.component LEFT JOIN issue_choice imi ON imi.id = i.milestone LEFT JOIN issue_choice ive ON ive.id = i.version `

const (
	maxTitle = 255      // characters
	maxBody  = 64 << 10 // bytes of a description or a comment
)

var (
	errNoIssue  = errs.NotFound("There is no such issue.")
	errNoPerson = errs.Denied("This needs a person, and this credential belongs to none. Use an API token of your own.")
	errWriters  = errs.Denied("This needs permission to write to the repository.")
)

// writes reports whether the actor may set every field.
func writes(g access.Grant) bool { return g.Repository().Permission >= access.Write }

func cleanTitle(title string) (string, error) {
	title = strings.TrimSpace(title)
	switch {
	case title == "":
		return "", errs.Invalid("title", "Say in one line what it is about.")
	case !utf8.ValidString(title), strings.ContainsFunc(title, unicode.IsControl):
		return "", errs.Invalid("title", "Use one line of text.")
	case utf8.RuneCountInString(title) > maxTitle:
		return "", errs.Invalid("title", "Use at most %d characters.", maxTitle)
	}
	return title, nil
}

// plainBody is a text as it is kept: browsers end its lines in another way.
func plainBody(body string) string {
	return strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), " \t\n")
}

func cleanBody(body string) (string, error) {
	body = plainBody(body)
	switch {
	case !utf8.ValidString(body), strings.ContainsRune(body, 0):
		return "", errs.Invalid("text", "There are characters in it that aren't text.")
	case len(body) > maxBody:
		return "", errs.Invalid("text", "It can have %d KB of text.", maxBody>>10)
	}
	return body, nil
}

// Get gives one issue of the grant's repository.
func (s *Service) Get(ctx context.Context, g access.Grant, number int64) (Issue, error) {
	if err := g.Require(reading...); err != nil {
		return Issue{}, err
	}
	return s.get(ctx, s.DB, g, number)
}

func (s *Service) get(ctx context.Context, q db.Q, g access.Grant, number int64) (Issue, error) {
	found, err := db.One[Issue](ctx, q, `SELECT `+columns+from+`WHERE i.repository = $1 AND i.number = $2`, g.Repository().ID, number)
	if errs.Is(err, errs.KindNotFound) {
		return Issue{}, errNoIssue
	}
	if err != nil {
		return Issue{}, fmt.Errorf("reading an issue: %w", err)
	}
	return found, nil
}

// Has reports whether there is an issue of that number, for links in texts.
func (s *Service) Has(ctx context.Context, g access.Grant, number int64) (bool, error) {
	if err := g.Require(reading...); err != nil {
		return false, err
	}
	return db.One[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM issue WHERE repository = $1 AND number = $2)`, g.Repository().ID, number)
}

// Create raises an issue, with the files whose ids Upload gave. It wants a grant
// for RaiseIssues or WriteIssues; who may not write chooses title, body, kind
// and priority alone.
func (s *Service) Create(ctx context.Context, g access.Grant, in Fields, files ...string) (Issue, error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return Issue{}, err
	}
	in = in.filled()
	if in.needsWriter(Fields{State: New}) && !writes(g) {
		return Issue{}, errWriters
	}
	made := Issue{}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		set, err := s.check(ctx, tx, g, in, Fields{})
		if err != nil {
			return err
		}
		number, err := s.nextNumber(ctx, tx, g)
		if err != nil {
			return err
		}
		id, now := db.NewID(), s.Clock()
		reporter, name := by(g)
		_, err = db.Exec(ctx, tx, `
			INSERT INTO issue (id, repository, number, title, body, kind, priority, state, reporter, reporter_name, assignee, component, milestone, version, created, updated)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)`,
			id, g.Repository().ID, number, set.Title, set.Body, set.Kind, set.priority, set.State, reporter, name,
			set.assignee, set.component, set.milestone, set.version, now)
		if err != nil {
			return err
		}
		if made, err = s.get(ctx, tx, g, number); err != nil {
			return err
		}
		if err := s.index(ctx, tx, id); err != nil {
			return err
		}
		if _, err := s.attach(ctx, tx, g, made, files, false); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, g, made, activity.Happening{Kind: activity.IssueRaised}, "raised this issue.", made.Body); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "issue.created", number, nil)
	})
	if err != nil {
		return Issue{}, fmt.Errorf("raising an issue: %w", err)
	}
	return made, nil
}

// nextNumber gives the next number: the row is locked until the transaction
// ends, so two never get the same, and none is left out.
func (s *Service) nextNumber(ctx context.Context, tx *db.Tx, g access.Grant) (int64, error) {
	return db.One[int64](ctx, tx, `
		INSERT INTO issue_tracker (repository, last) VALUES ($1, 1)
		ON CONFLICT (repository) DO UPDATE SET last = issue_tracker.last + 1 RETURNING last`, g.Repository().ID)
}

// Delete removes an issue with all that was said about it; its number isn't
// given again. It wants a grant for AdminIssues.
func (s *Service) Delete(ctx context.Context, g access.Grant, number int64) error {
	if err := g.Require(access.AdminIssues); err != nil {
		return err
	}
	err := s.within(ctx, g, number, func(tx *db.Tx, gone Issue) error {
		if _, err := db.Exec(ctx, tx, `DELETE FROM issue WHERE id = $1`, gone.ID); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "issue.deleted", number, nil)
	})
	if err != nil {
		return fmt.Errorf("deleting an issue: %w", err)
	}
	return nil
}

// Jobs is what the room does of its own accord.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Name: "issue-uploads", Every: time.Hour, Do: s.sweepUploads}}
}

// sweepUploads removes the files that no form was taken with, or that broke off.
func (s *Service) sweepUploads(ctx context.Context) error {
	_, err := db.Exec(ctx, s.DB, `DELETE FROM issue_attachment WHERE issue IS NULL AND created <= $1`, s.Clock().Add(-uploadsFor))
	if err != nil {
		return fmt.Errorf("removing files that no issue has: %w", err)
	}
	return nil
}

// locked reads an issue that is to be changed in the transaction. It comes
// first there, and puts those who change a repository's issues in a row, so that
// none waits for another in a circle.
func (s *Service) locked(ctx context.Context, tx *db.Tx, g access.Grant, number int64) (Issue, error) {
	if err := db.Lock(ctx, tx, "issues "+g.Repository().ID); err != nil {
		return Issue{}, err
	}
	return s.get(ctx, tx, g, number)
}

// within does something to an issue in a transaction that comes to it alone.
func (s *Service) within(ctx context.Context, g access.Grant, number int64, do func(tx *db.Tx, now Issue) error) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		now, err := s.locked(ctx, tx, g, number)
		if err != nil {
			return err
		}
		return do(tx, now)
	})
}

// by says who acts, as rows keep it: a person by id, a machine by a name.
func by(g access.Grant) (id *string, name string) {
	if user := g.Actor().User; user != "" {
		return &user, ""
	}
	return nil, "Access token"
}

// note adds to the audit log what was done. What an issue says isn't in it.
func (s *Service) note(ctx context.Context, tx *db.Tx, g access.Grant, action string, number int64, detail map[string]any) error {
	actor := g.Actor()
	told := map[string]any{"slug": g.Repository().Slug}
	if number > 0 {
		told["issue"] = number
	}
	for key, value := range detail {
		told[key] = value
	}
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: g.Workspace().ID, Actor: actor.Who(), Credential: string(actor.Credential), Address: request.AddressText(actor.Address),
		Action: action, Target: g.Repository().ID, Detail: told,
	})
}
