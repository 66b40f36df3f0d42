package issue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Comment is what somebody says about an issue, in Markdown. One that is
// deleted has no Body.
type Comment struct {
	ID                       string
	Number                   int64 // counts the issue's comments, from 1
	Body                     string
	Created, Edited, Deleted time.Time // zero: it never was
	Author                   Person
}

var errNoComment = errs.NotFound("There is no such comment, or it isn't yours.")

func cleanComment(body string) (string, error) {
	body, err := cleanBody(body)
	if err == nil && body == "" {
		err = errs.Invalid("text", "Write something first.")
	}
	return body, err
}

// Comments lists what was said about an issue, the oldest first: up to limit of
// those after a key, which is the one before's.
func (s *Service) Comments(ctx context.Context, g access.Grant, i Issue, after string, limit int) ([]Comment, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	number := int64(0)
	if after != "" {
		var err error
		if number, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, errPage
		}
	}
	list, err := db.All[Comment](ctx, s.DB, `
		SELECT `+commentColumns+` FROM issue_comment c LEFT JOIN code_user u ON u.id = c.author
		WHERE c.issue = $1 AND c.number > $2 ORDER BY c.number LIMIT $3`, i.ID, number, limit)
	if err != nil {
		return nil, fmt.Errorf("listing comments: %w", err)
	}
	for n := range list {
		if !list[n].Deleted.IsZero() {
			list[n].Body = ""
		}
	}
	return list, nil
}

// Key is where a comment stands in the list.
func (c Comment) Key() string { return strconv.FormatInt(c.Number, 10) }

// Comment gives one comment of an issue that isn't deleted.
func (s *Service) Comment(ctx context.Context, g access.Grant, i Issue, number int64) (Comment, error) {
	if err := g.Require(reading...); err != nil {
		return Comment{}, err
	}
	return s.comment(ctx, s.DB, i, number)
}

func (s *Service) comment(ctx context.Context, q db.Q, i Issue, number int64) (Comment, error) {
	found, err := db.One[Comment](ctx, q, `SELECT `+commentColumns+` FROM issue_comment c LEFT JOIN code_user u ON u.id = c.author
		WHERE c.issue = $1 AND c.number = $2 AND c.deleted = 0`, i.ID, number)
	if errs.Is(err, errs.KindNotFound) {
		return Comment{}, errNoComment
	}
	return found, err
}

// Version is what an edited comment was before.
type Version struct {
	Body    string
	Written time.Time
}

// Versions lists what a comment was before, the oldest first.
func (s *Service) Versions(ctx context.Context, g access.Grant, i Issue, c Comment) ([]Version, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	list, err := db.All[Version](ctx, s.DB, `
		SELECT v.body, v.written FROM issue_comment_version v JOIN issue_comment c ON c.id = v.comment
		WHERE c.issue = $1 AND c.id = $2 AND c.deleted = 0 ORDER BY v.id LIMIT 100`, i.ID, c.ID)
	if err != nil {
		return nil, fmt.Errorf("listing versions of a comment: %w", err)
	}
	return list, nil
}

// Reply is what is said about an issue, and what becomes of it.
type Reply struct {
	Body  string   // may be empty where the state changes or files come
	State State    // empty: it stays
	Files []string // ids that Upload gave
}

// AddComment says something about an issue, gives it files, and moves it to
// another state where the reply says so, which only those who may write can. It
// wants a grant for RaiseIssues or WriteIssues. It gives the comment's number, 0
// where nothing was said.
func (s *Service) AddComment(ctx context.Context, g access.Grant, number int64, in Reply) (comment int64, err error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return 0, err
	}
	if in.Body, err = cleanBody(in.Body); err == nil && in.Body == "" && in.State == "" && len(in.Files) == 0 {
		_, err = cleanComment("")
	}
	if err != nil {
		return 0, err
	}
	err = s.within(ctx, g, number, func(tx *db.Tx, now Issue) error {
		comment, err = s.reply(ctx, tx, g, now, in)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("commenting on an issue: %w", err)
	}
	return comment, nil
}

// reply does what a reply says, and tells of it in one mail.
func (s *Service) reply(ctx context.Context, tx *db.Tx, g access.Grant, now Issue, in Reply) (comment int64, err error) {
	names, err := s.attach(ctx, tx, g, now, in.Files, false)
	if err != nil {
		return 0, err
	}
	if in.State == now.State {
		in.State = ""
	}
	if in.Body == "" && in.State == "" && len(names) == 0 {
		_, err := cleanComment("")
		return 0, err
	}
	var with *string
	var did []string
	if in.Body != "" {
		id := ""
		if id, comment, err = s.addComment(ctx, tx, g, now, in.Body); err != nil {
			return 0, err
		}
		with, did = &id, []string{"commented"}
	}
	for _, name := range names {
		if err := s.logFile(ctx, tx, g, now, with, "", name); err != nil {
			return 0, err
		}
	}
	if len(names) > 0 {
		did = append(did, "attached "+strings.Join(names, ", "))
	}
	h := activity.Happening{Kind: activity.IssueSaid}
	if in.State != "" {
		h = movedFrom(now.State, in.State)
		did = append(did, "changed the state from "+string(now.State)+" to "+string(in.State))
		now, err = s.update(ctx, tx, g, now.Number, 0, change{comment: with, quiet: true, to: func(f Fields) Fields {
			f.State = in.State
			return f
		}})
		if err != nil {
			return 0, err
		}
	}
	return comment, s.tell(ctx, tx, g, now, h, strings.Join(did, ", and ")+".", in.Body)
}

// addComment keeps a comment in a transaction that has locked the issue.
func (s *Service) addComment(ctx context.Context, tx *db.Tx, g access.Grant, now Issue, body string) (id string, number int64, err error) {
	id = db.NewID()
	author, name := by(g)
	number, err = db.One[int64](ctx, tx, `INSERT INTO issue_comment (id, issue, number, author, author_name, body, created)
		VALUES ($1, $2, (SELECT COALESCE(MAX(number), 0) + 1 FROM issue_comment WHERE issue = $2), $3, $4, $5, $6) RETURNING number`,
		id, now.ID, author, name, body, s.Clock())
	if err == nil {
		err = s.touch(ctx, tx, now.ID)
	}
	if err != nil {
		return "", 0, err
	}
	return id, number, s.note(ctx, tx, g, "issue.commented", now.Number, nil)
}

// touch notes that something was said, and what is to be found now.
func (s *Service) touch(ctx context.Context, tx *db.Tx, id string) error {
	if err := s.stamp(ctx, tx, id); err != nil {
		return err
	}
	return s.index(ctx, tx, id)
}

// stamp notes that an issue has changed.
func (s *Service) stamp(ctx context.Context, tx *db.Tx, id string) error {
	_, err := db.Exec(ctx, tx, `UPDATE issue SET updated = $1 WHERE id = $2`, s.Clock(), id)
	return err
}

// EditComment changes one's own comment; what it was before is kept, for
// whoever reads it. It wants a grant for RaiseIssues or WriteIssues.
func (s *Service) EditComment(ctx context.Context, g access.Grant, number, comment int64, body string) error {
	body, err := cleanComment(body)
	if err != nil {
		return err
	}
	return s.onComment(ctx, g, number, comment, "issue.comment_edited", func(tx *db.Tx, was Comment) error {
		if g.Actor().User == "" || was.Author.ID != g.Actor().User {
			return errNoComment
		}
		written := was.Created
		if !was.Edited.IsZero() {
			written = was.Edited
		}
		if _, err := db.Exec(ctx, tx, `INSERT INTO issue_comment_version (id, comment, body, written) VALUES ($1, $2, $3, $4)`, db.NewID(), was.ID, was.Body, written); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, `UPDATE issue_comment SET body = $1, edited = $2 WHERE id = $3`, body, s.Clock(), was.ID)
		return err
	})
}

// DeleteComment takes one's own comment away, or any where the actor
// administers the repository. It wants a grant for RaiseIssues or WriteIssues.
func (s *Service) DeleteComment(ctx context.Context, g access.Grant, number, comment int64) error {
	return s.onComment(ctx, g, number, comment, "issue.comment_deleted", func(tx *db.Tx, was Comment) error {
		mine := g.Actor().User != "" && was.Author.ID == g.Actor().User
		if !mine && g.Repository().Permission < access.Admin {
			return errNoComment
		}
		_, err := db.Exec(ctx, tx, `UPDATE issue_comment SET deleted = $1 WHERE id = $2`, s.Clock(), was.ID)
		return err
	})
}

func (s *Service) onComment(ctx context.Context, g access.Grant, number, comment int64, action string, do func(tx *db.Tx, was Comment) error) error {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return err
	}
	err := s.within(ctx, g, number, func(tx *db.Tx, now Issue) error {
		was, err := s.comment(ctx, tx, now, comment)
		if err == nil {
			err = do(tx, was)
		}
		if err == nil {
			err = s.touch(ctx, tx, now.ID)
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, action, number, map[string]any{"comment": comment})
	})
	if err != nil {
		return fmt.Errorf("changing a comment: %w", err)
	}
	return nil
}
