// Package activity is what happened lately to the content of workspaces: who
// pushed, raised an issue, wrote a page or said something.
//
// It owns the tables event, notification, notice_choice and repository_watch. The rooms write into it what happens in them, in the
// transaction in which it happens; what a change says isn't kept here, only what
// it was about. It stands below the rooms, and opens nothing of theirs.
//
// Invariants: an event is shown only to whoever the gate lets into its workspace
// at that moment (the grant) and only of content that they may read (judged in
// the query); the same holds for what somebody is told of, and for its count, and
// a mail is judged again when it is sent; what was deleted takes its events along; lists are read by index,
// newest first, and paged by key; events are kept for 90 days.
package activity

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
)

// Log keeps what happens.
type Log struct {
	DB    *db.DB
	Clock clock.Clock

	// For mails of what happened.
	Outbox *mail.Outbox
	Box    *secret.Box
	Gate   *access.Gate
	URL    string // of Code, without a slash at the end
}

// Kind is what happened.
type Kind string

const (
	RepositoryMade Kind = "repository_made" // Repository
	Pushed         Kind = "pushed"          // Subject: a branch; Detail: the newest commit; Count: commits
	BranchMade     Kind = "branch_made"     // Subject
	BranchGone     Kind = "branch_gone"     // Subject
	TagMade        Kind = "tag_made"        // Subject
	TagGone        Kind = "tag_gone"        // Subject
	IssueRaised    Kind = "issue_raised"    // Issue
	IssueSaid      Kind = "issue_said"      // Issue
	IssueClosed    Kind = "issue_closed"    // Issue; Detail: its state
	IssueOpened    Kind = "issue_opened"    // Issue, again; Detail: its state
	IssueChanged   Kind = "issue_changed"   // Issue; Detail: what
	WikiAdded      Kind = "wiki_added"      // Subject: a page
	WikiEdited     Kind = "wiki_edited"     // Subject
	WikiRenamed    Kind = "wiki_renamed"    // Subject: its new name; Detail: the old one
	WikiDeleted    Kind = "wiki_deleted"    // Subject
	WikiPushed     Kind = "wiki_pushed"     // with git
	SnippetMade    Kind = "snippet_made"    // Snippet
	SnippetEdit    Kind = "snippet_edit"    // Snippet
	SnippetSaid    Kind = "snippet_said"    // Snippet
)

// content names what the event is of, as the table has it.
func (k Kind) content() string {
	switch k {
	case IssueRaised, IssueSaid, IssueClosed, IssueOpened, IssueChanged:
		return "issues"
	case WikiAdded, WikiEdited, WikiRenamed, WikiDeleted, WikiPushed:
		return "wiki"
	case SnippetMade, SnippetEdit, SnippetSaid:
		return "snippet"
	default:
		return "code"
	}
}

// Happening is what a room says happened.
type Happening struct {
	Kind       Kind
	Repository string // id, where the grant is for none yet
	Issue      string // id, of an issue's
	Snippet    string // id, of a snippet's
	Subject    string
	Detail     string
	Count      int
}

const maxText = 500 // bytes of a subject or a detail

// Note writes down what happened, in the transaction in which it does, and gives
// its id. Who did it and where is the grant's, which the room has required.
func (l *Log) Note(ctx context.Context, tx *db.Tx, g access.Grant, h Happening) (string, error) {
	id := db.NewID()
	_, err := db.Exec(ctx, tx, `
		INSERT INTO event (id, workspace, repository, issue, snippet, content, kind, actor, subject, detail, count, created)
		VALUES ($1, $2, NULLIF($3, ''), NULLIF($4, ''), NULLIF($5, ''), $6, $7, NULLIF($8, ''), $9, $10, $11, $12)`,
		id, g.Workspace().ID, cmp.Or(h.Repository, g.Repository().ID), h.Issue, h.Snippet, h.Kind.content(), h.Kind, g.Actor().User,
		cut(h.Subject), cut(h.Detail), h.Count, l.Clock())
	if err != nil {
		return "", fmt.Errorf("noting what happened: %w", err)
	}
	return id, nil
}

const (
	keptFor  = 90 * 24 * time.Hour
	clearing = 6 * time.Hour
)

// Jobs is what the log does of its own accord.
func (l *Log) Jobs() []job.Job {
	return []job.Job{{Name: "activity-clearing", Every: clearing, Do: l.Clear}}
}

// Leave takes what happened in a repository along, in the transaction that gives
// it to another workspace.
func (l *Log) Leave(ctx context.Context, tx *db.Tx, repository, into string) error {
	if _, err := db.Exec(ctx, tx, `UPDATE event SET workspace = $2 WHERE repository = $1`, repository, into); err != nil {
		return fmt.Errorf("moving a repository's events: %w", err)
	}
	return nil
}

// Clear drops what happened too long ago to be shown.
func (l *Log) Clear(ctx context.Context) error {
	if _, err := db.Exec(ctx, l.DB, `DELETE FROM event WHERE created < $1`, l.Clock().Add(-keptFor)); err != nil {
		return fmt.Errorf("dropping old events: %w", err)
	}
	return nil
}
