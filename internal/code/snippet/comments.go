package snippet

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const (
	maxComment  = 32 << 10 // bytes
	maxComments = 500      // that are listed
)

// Comment is what somebody says about a snippet, in Markdown.
type Comment struct {
	ID, Body        string
	Created, Edited time.Time // Edited is zero where it never was
	Author
}

const commentColumns = `c.id, c.body, c.created, c.edited, u.id, u.username, u.name`

// Comments lists what was said, the oldest first; more tells that there is more.
func (s *Service) Comments(ctx context.Context, g access.Grant) (list []Comment, more bool, err error) {
	if err := g.Require(access.ReadSnippet, access.CommentSnippet); err != nil {
		return nil, false, err
	}
	list, err = db.All[Comment](ctx, s.DB, `SELECT `+commentColumns+` FROM snippet_comment c JOIN code_user u ON u.id = c.author
		WHERE c.snippet = $1 ORDER BY c.id LIMIT $2`, g.Snippet().ID, maxComments+1)
	if err != nil {
		return nil, false, fmt.Errorf("listing comments: %w", err)
	}
	if len(list) > maxComments {
		return list[:maxComments], true, nil
	}
	return list, false, nil
}

// Comment gives one comment of the snippet.
func (s *Service) Comment(ctx context.Context, g access.Grant, id string) (Comment, error) {
	if err := g.Require(access.CommentSnippet); err != nil {
		return Comment{}, err
	}
	found, err := db.One[Comment](ctx, s.DB, `SELECT `+commentColumns+` FROM snippet_comment c JOIN code_user u ON u.id = c.author
		WHERE c.snippet = $1 AND c.id = $2`, g.Snippet().ID, id)
	if errs.Is(err, errs.KindNotFound) {
		return Comment{}, errNoComment
	}
	return found, err
}

var errNoComment = errs.NotFound("There is no such comment, or it isn't yours.")

func cleanComment(body string) (string, error) {
	body = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	switch {
	case body == "":
		return "", errs.Invalid("text", "Write something first.")
	case !utf8.ValidString(body) || strings.ContainsRune(body, 0):
		return "", errs.Invalid("text", "There are characters in it that aren't text.")
	case len(body) > maxComment:
		return "", errs.Invalid("text", "A comment can have %d KB.", maxComment>>10)
	}
	return body, nil
}

// AddComment says something about a snippet. It wants a grant for CommentSnippet.
func (s *Service) AddComment(ctx context.Context, g access.Grant, body string) (string, error) {
	if err := g.Require(access.CommentSnippet); err != nil {
		return "", err
	}
	body, err := cleanComment(body)
	if err != nil {
		return "", err
	}
	if g.Actor().User == "" {
		return "", errNoPerson
	}
	id := db.NewID()
	return id, s.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `INSERT INTO snippet_comment (id, snippet, author, body, created) VALUES ($1, $2, $3, $4, $5)`,
			id, g.Snippet().ID, g.Actor().User, body, s.Clock())
		if err != nil {
			return err
		}
		to, err := s.concerned(ctx, tx, g, body)
		if err != nil {
			return err
		}
		if err := s.Events.Announce(ctx, tx, g, activity.Happening{Kind: activity.SnippetSaid, Snippet: g.Snippet().ID}, to...); err != nil {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.commented", g.Snippet().ID, map[string]any{"comment": id})
	})
}

// concerned is who is told of a comment: members who are mentioned in it, the
// snippet's author, and whoever commented before.
func (s *Service) concerned(ctx context.Context, tx *db.Tx, g access.Grant, body string) (to []activity.Recipient, err error) {
	for _, name := range activity.Mentions(body) {
		id, err := db.One[string](ctx, tx, `SELECT u.id FROM code_user u JOIN member m ON m.user_id = u.id
			WHERE u.username = $1 AND m.workspace = $2 AND NOT u.suspended`, name, g.Workspace().ID)
		if err != nil && !errs.Is(err, errs.KindNotFound) {
			return nil, err
		}
		to = append(to, activity.Recipient{User: id, Reason: activity.Mentioned})
	}
	others, err := db.All[string](ctx, tx, `
		SELECT author FROM snippet WHERE id = $1 UNION SELECT author FROM snippet_comment WHERE snippet = $1 LIMIT $2`, g.Snippet().ID, maxComments)
	for _, id := range others {
		to = append(to, activity.Recipient{User: id, Reason: activity.Said})
	}
	return to, err
}

// EditComment changes one's own comment.
func (s *Service) EditComment(ctx context.Context, g access.Grant, id, body string) error {
	if err := g.Require(access.CommentSnippet); err != nil {
		return err
	}
	body, err := cleanComment(body)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `UPDATE snippet_comment SET body = $1, edited = $2 WHERE id = $3 AND snippet = $4 AND author = $5`,
			body, s.Clock(), id, g.Snippet().ID, g.Actor().User)
		if err == nil && changed == 0 {
			err = errNoComment
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.comment_edited", g.Snippet().ID, map[string]any{"comment": id})
	})
}

// DeleteComment removes one's own comment, or any as whoever administers the
// snippet.
func (s *Service) DeleteComment(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.CommentSnippet); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		gone, err := db.Exec(ctx, tx, `DELETE FROM snippet_comment WHERE id = $1 AND snippet = $2 AND (author = $3 OR $4)`,
			id, g.Snippet().ID, g.Actor().User, g.Snippet().Permission >= access.Admin)
		if err == nil && gone == 0 {
			err = errNoComment
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.comment_deleted", g.Snippet().ID, map[string]any{"comment": id})
	})
}
