package activity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// Event is something that happened, as whoever reads it may know it now.
type Event struct {
	ID         string
	Kind       Kind
	Subject    string
	Detail     string
	Count      int
	Created    time.Time
	Actor      Person // zero: a machine's credential
	Workspace  Named
	Repository Named // zero: a snippet's
	Issue      struct {
		Number int64
		Title  string
	}
	Snippet struct{ ID, Title string }
}

// Person is who did it.
type Person struct{ ID, Username, Name string }

// Named is where it happened.
type Named struct{ Slug, Name string }

const columns = `e.id, e.kind, e.subject, e.detail, e.count, e.created,
	COALESCE(a.id, ''), COALESCE(a.username, ''), COALESCE(a.name, ''), w.slug, w.name, COALESCE(r.slug, ''), COALESCE(r.name, ''),
	COALESCE(i.number, 0), COALESCE(i.title, ''), COALESCE(sn.id, ''), COALESCE(sn.title, '')`

const joined = `JOIN workspace w ON w.id = e.workspace LEFT JOIN repository r ON r.id = e.repository
	LEFT JOIN issue i ON i.id = e.issue LEFT JOIN snippet sn ON sn.id = e.snippet LEFT JOIN code_user a ON a.id = e.actor`

// seen is the condition under which whoever is the member m may read what an
// event is of. Every member reads the snippets of their workspace.
const seen = `(e.content = 'snippet' AND m.role IS NOT NULL OR e.content = 'code' AND ` + access.ReadableSQL + `
	OR e.content = 'issues' AND ` + access.ReadableIssuesSQL + ` OR e.content = 'wiki' AND ` + access.ReadableWikiSQL + `)`

const (
	newest = "~" // after every id
	looked = 400 // events that are looked through for a page, at most
)

// Recent lists what happened lately in the workspaces of the grants, of content
// that their actor may read, the newest first: at most limit of those before a
// key, and the key to go on from where there may be more. It wants grants for
// ReadActivity; none: nothing.
func (l *Log) Recent(ctx context.Context, grants []access.Grant, before string, limit int) (list []Event, next string, err error) {
	for _, g := range grants {
		some, more, err := l.recentIn(ctx, g, before, limit)
		if err != nil {
			return nil, "", err
		}
		list, next = append(list, some...), max(next, more)
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(b.ID, a.ID) })
	// Where one workspace was looked through to some point only, nothing older
	// than that is shown yet.
	list = slices.DeleteFunc(list, func(e Event) bool { return e.ID < next })
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, nil
}

// recentIn reads one workspace's newest events; more is the last one that was
// looked at, where there may be others.
func (l *Log) recentIn(ctx context.Context, g access.Grant, before string, limit int) (list []Event, more string, err error) {
	if err := g.Require(access.ReadActivity); err != nil {
		return nil, "", err
	}
	before = cmp.Or(before, newest)
	list, err = db.All[Event](ctx, l.DB, `
		SELECT `+columns+` FROM (SELECT * FROM event WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $5) e `+joined+`
		LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $3
		WHERE `+seen+` ORDER BY e.id DESC LIMIT $4`, g.Workspace().ID, before, g.Actor().User, limit+1, looked)
	if err != nil {
		return nil, "", fmt.Errorf("listing what happened: %w", err)
	}
	if len(list) > limit {
		return list[:limit], list[limit-1].ID, nil
	}
	last, err := db.All[string](ctx, l.DB, `
		SELECT min(id) FROM (SELECT id FROM event WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3) AS looked HAVING count(*) = $3`,
		g.Workspace().ID, before, looked)
	if err != nil {
		return nil, "", fmt.Errorf("listing what happened: %w", err)
	}
	if len(last) > 0 {
		more = last[0]
	}
	return list, more, nil
}

// Of lists what happened lately in the grant's repository, of the parts that its
// actor may read, the newest first. It wants a grant for ReadRepository.
func (l *Log) Of(ctx context.Context, g access.Grant, limit int) ([]Event, error) {
	if err := g.Require(access.ReadRepository); err != nil {
		return nil, err
	}
	list, err := db.All[Event](ctx, l.DB, `
		SELECT `+columns+` FROM event e `+joined+`
		WHERE e.repository = $1 AND (e.content = 'code' AND $2 OR e.content = 'issues' AND $3 OR e.content = 'wiki' AND $4)
		ORDER BY e.id DESC LIMIT $5`,
		g.Repository().ID, g.Sees(access.Repository), g.Sees(access.IssueTracker), g.Sees(access.Wiki), limit)
	if err != nil {
		return nil, fmt.Errorf("listing what happened in a repository: %w", err)
	}
	return list, nil
}

// Task is an issue that somebody is to do.
type Task struct {
	Workspace, Repository string // slugs
	Number                int64
	Title                 string
	Priority              int
	Updated               time.Time
}

// Tasks lists the issues of a workspace that are given to the grant's actor and
// unresolved, the last changed first. It wants a grant for ReadActivity.
func (l *Log) Tasks(ctx context.Context, g access.Grant, limit int) ([]Task, error) {
	if err := g.Require(access.ReadActivity); err != nil {
		return nil, err
	}
	list, err := db.All[Task](ctx, l.DB, `
		SELECT w.slug, r.slug, i.number, i.title, i.priority, i.updated
		FROM issue i JOIN repository r ON r.id = i.repository JOIN workspace w ON w.id = r.workspace
		LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $2
		WHERE i.assignee = $2 AND w.id = $1 AND i.state IN ('new', 'open', 'on hold') AND `+access.ReadableIssuesSQL+`
		ORDER BY i.updated DESC, i.id DESC LIMIT $3`, g.Workspace().ID, g.Actor().User, limit)
	if err != nil {
		return nil, fmt.Errorf("listing what is somebody's to do: %w", err)
	}
	return list, nil
}
