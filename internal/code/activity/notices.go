package activity

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Reason is why somebody is told of an event. Each has a switch of its own.
type Reason string

const (
	Mentioned Reason = "mention"  // by @name
	Assigned  Reason = "assigned" // an issue was given to them
	Issue     Reason = "issue"    // that they watch
	Said      Reason = "snippet"  // a comment on a snippet of theirs, or that they commented on
	Wiki      Reason = "wiki"     // of a repository that they watch
	Push      Reason = "push"     // to a repository that they watch
)

// Reasons lists them.
func Reasons() []Reason { return []Reason{Mentioned, Assigned, Issue, Said, Wiki, Push} }

// Recipient is somebody to be told.
type Recipient struct {
	User   string // id
	Reason Reason
}

const maxTold = 500 // people, of one event

// Tell tells people of an event on their page of notifications, where they
// want that, and gives those who want a mail: once each, by the first reason,
// and never who did it. Whether they may know of it is judged when they look.
func (l *Log) Tell(ctx context.Context, tx *db.Tx, g access.Grant, event string, to []Recipient) (mailed []Recipient, err error) {
	told := map[string]bool{"": true, g.Actor().User: true}
	for _, r := range to {
		if told[r.User] || len(told) > maxTold {
			continue
		}
		told[r.User] = true
		choice, err := l.choice(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		if choice.Mail {
			mailed = append(mailed, r)
		}
		if !choice.Page {
			continue
		}
		if _, err := db.Exec(ctx, tx, `INSERT INTO notification (id, user_id, event, reason) VALUES ($1, $2, $3, $4)`,
			db.NewID(), r.User, event, r.Reason); err != nil {
			return nil, fmt.Errorf("telling somebody of an event: %w", err)
		}
	}
	return mailed, nil
}

// Choice is how somebody wants to be told for a reason.
type Choice struct {
	Reason     Reason
	Page, Mail bool
}

func (l *Log) choice(ctx context.Context, q db.Q, r Recipient) (Choice, error) {
	found, err := db.One[Choice](ctx, q, `SELECT reason, page, mail FROM notice_choice WHERE user_id = $1 AND reason = $2`, r.User, r.Reason)
	if errs.Is(err, errs.KindNotFound) {
		return Choice{r.Reason, true, true}, nil
	}
	return found, err
}

// Choices gives how the grant's actor wants to be told, for each reason. It
// wants a grant for ReadSelf or SetNotices.
func (l *Log) Choices(ctx context.Context, g access.Grant) ([]Choice, error) {
	if err := g.Require(access.ReadSelf, access.SetNotices); err != nil {
		return nil, err
	}
	var all []Choice
	for _, reason := range Reasons() {
		choice, err := l.choice(ctx, l.DB, Recipient{g.Actor().User, reason})
		if err != nil {
			return nil, fmt.Errorf("reading how somebody wants to be told: %w", err)
		}
		all = append(all, choice)
	}
	return all, nil
}

// Choose sets how the grant's actor wants to be told. It wants a grant for
// SetNotices.
func (l *Log) Choose(ctx context.Context, g access.Grant, choices []Choice) error {
	if err := g.Require(access.SetNotices); err != nil {
		return err
	}
	return l.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, c := range choices {
			_, err := db.Exec(ctx, tx, `INSERT INTO notice_choice (user_id, reason, page, mail) VALUES ($1, $2, $3, $4)
				ON CONFLICT (user_id, reason) DO UPDATE SET page = EXCLUDED.page, mail = EXCLUDED.mail`, g.Actor().User, c.Reason, c.Page, c.Mail)
			if err != nil {
				return fmt.Errorf("keeping how somebody wants to be told: %w", err)
			}
		}
		return nil
	})
}

// Watch has the grant's actor told of what happens in the grant's repository:
// pushes, its wiki, and new issues; or no longer. It wants a grant for
// WatchRepository.
func (l *Log) Watch(ctx context.Context, g access.Grant, on bool) error {
	if err := g.Require(access.WatchRepository); err != nil {
		return err
	}
	if g.Actor().User == "" {
		return errs.Denied("This needs a person, and this credential belongs to none.")
	}
	statement := `INSERT INTO repository_watch (repository, user_id) VALUES ($1, $2) ON CONFLICT (repository, user_id) DO NOTHING`
	if !on {
		statement = `DELETE FROM repository_watch WHERE repository = $1 AND user_id = $2`
	}
	if _, err := db.Exec(ctx, l.DB, statement, g.Repository().ID, g.Actor().User); err != nil {
		return fmt.Errorf("watching a repository: %w", err)
	}
	return nil
}

// Watching reports whether the grant's actor watches the grant's repository.
func (l *Log) Watching(ctx context.Context, g access.Grant) (bool, error) {
	if err := g.Require(access.ReadRepository, access.WatchRepository); err != nil {
		return false, err
	}
	return db.One[bool](ctx, l.DB, `SELECT EXISTS (SELECT 1 FROM repository_watch WHERE repository = $1 AND user_id = $2)`,
		g.Repository().ID, g.Actor().User)
}

// Watchers gives who watches the grant's repository, within the room's transaction.
func (l *Log) Watchers(ctx context.Context, tx *db.Tx, g access.Grant) ([]string, error) {
	return db.All[string](ctx, tx, `SELECT rw.user_id FROM repository_watch rw JOIN code_user u ON u.id = rw.user_id
		WHERE rw.repository = $1 AND NOT u.suspended ORDER BY rw.user_id LIMIT $2`, g.Repository().ID, maxTold)
}

// Notice is an event that somebody is told of.
type Notice struct {
	ID     string
	Reason Reason
	Unread bool
	Event
}

// inside is the condition that an event is in one of the workspaces that are
// joined in $2 (see workspaces).
const inside = `$2 LIKE '%|' || e.workspace || '|%'`

// workspaces joins the ids of the grants' workspaces, and gives whose they are.
func workspaces(grants []access.Grant) (user, ids string, err error) {
	ids = "|"
	for _, g := range grants {
		if err := g.Require(access.ReadActivity); err != nil {
			return "", "", err
		}
		user, ids = g.Actor().User, ids+g.Workspace().ID+"|"
	}
	return user, ids, nil
}

// Notices lists what the grants' actor is told of in the grants' workspaces and
// may read, the newest first: at most limit of those before a key, and the key
// to go on from where there may be more. It wants grants for ReadActivity.
func (l *Log) Notices(ctx context.Context, grants []access.Grant, before string, limit int) (list []Notice, next string, err error) {
	user, ids, err := workspaces(grants)
	if err != nil || user == "" {
		return nil, "", err
	}
	before = cmp.Or(before, newest)
	list, err = db.All[Notice](ctx, l.DB, `
		SELECT n.id, n.reason, n.read = 0, `+columns+`
		FROM (SELECT * FROM notification WHERE user_id = $1 AND id < $3 ORDER BY id DESC LIMIT $5) n JOIN event e ON e.id = n.event `+joined+`
		LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $1
		WHERE `+inside+` AND `+seen+` ORDER BY n.id DESC LIMIT $4`, user, ids, before, limit+1, looked)
	if err != nil {
		return nil, "", fmt.Errorf("listing notifications: %w", err)
	}
	if len(list) > limit {
		return list[:limit], list[limit-1].ID, nil
	}
	last, err := db.All[string](ctx, l.DB, `
		SELECT min(id) FROM (SELECT id FROM notification WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3) AS looked HAVING count(*) = $3`,
		user, before, looked)
	if err != nil {
		return nil, "", fmt.Errorf("listing notifications: %w", err)
	}
	return list, strings.Join(last, ""), nil
}

// ManyUnread is from where on what is unread isn't counted.
const ManyUnread = 100

const unread = `(SELECT event, reason FROM notification WHERE user_id = $1 AND read = 0 ORDER BY id DESC LIMIT 200)`

// UnreadIn gives the workspaces, by slug, in which something may be unread by a
// user: where to ask the gate before anything of it is counted.
func (l *Log) UnreadIn(ctx context.Context, user string) ([]string, error) {
	slugs, err := db.All[string](ctx, l.DB, `SELECT DISTINCT w.slug FROM `+unread+` n JOIN event e ON e.id = n.event JOIN workspace w ON w.id = e.workspace`, user)
	if err != nil {
		return nil, fmt.Errorf("looking for what is unread: %w", err)
	}
	return slugs, nil
}

// Unread counts what the grants' actor hasn't read of what they are told of in
// the grants' workspaces and may read; for one reason, unless that is empty.
// It wants grants for ReadActivity.
func (l *Log) Unread(ctx context.Context, grants []access.Grant, reason Reason) (int, error) {
	user, ids, err := workspaces(grants)
	if err != nil || user == "" {
		return 0, err
	}
	n, err := db.One[int](ctx, l.DB, `SELECT COUNT(*) FROM `+unread+` n JOIN event e ON e.id = n.event `+joined+`
		LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $1
		WHERE `+inside+` AND ($3 = '' OR n.reason = $3) AND `+seen, user, ids, reason)
	if err != nil {
		return 0, fmt.Errorf("counting what is unread: %w", err)
	}
	return n, nil
}

// MarkRead marks one notification of the grant's actor as read; all of them
// where id is empty. It wants a grant for SetNotices.
func (l *Log) MarkRead(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.SetNotices); err != nil {
		return err
	}
	_, err := db.Exec(ctx, l.DB, `UPDATE notification SET read = $3 WHERE user_id = $1 AND read = 0 AND ($2 = '' OR id = $2)`, g.Actor().User, id, l.Clock())
	if err != nil {
		return fmt.Errorf("marking notifications as read: %w", err)
	}
	return nil
}
