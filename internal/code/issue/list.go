package issue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Filter chooses issues. An empty field leaves it open; a person or an entry
// of a list may be Unset.
type Filter struct {
	States                        []State
	Kind                          Kind
	Priority                      string
	Assignee, Reporter            string // usernames
	Component, Milestone, Version string // names
	Watching                      string // id of a user who is told of it
	Text                          string
	Sort                          Sort // empty: ByUpdated
}

// Unset stands for an issue that has none.
const Unset = "none"

// Sort is an order of issues.
type Sort string

const (
	ByUpdated  Sort = "updated" // what was touched last comes first
	ByOldest   Sort = "oldest"
	ByNewest   Sort = "newest"
	ByPriority Sort = "priority" // what matters most comes first
	ByVotes    Sort = "votes"
)

// column gives what is sorted by before the number.
func (o Sort) column() string {
	switch o {
	case ByNewest, ByOldest:
		return "i.number"
	case ByPriority:
		return "i.priority"
	case ByVotes:
		return "i.votes"
	default:
		return "i.updated"
	}
}

// key is where an issue stands in the order.
func (o Sort) key(i Issue) string {
	value := i.Updated.UnixMicro()
	switch o {
	case ByNewest, ByOldest:
		value = i.Number
	case ByPriority:
		value = int64(i.Priority)
	case ByVotes:
		value = int64(i.Votes)
	}
	return makeKey(value, strconv.FormatInt(i.Number, 10))
}

func makeKey(value int64, id string) string { return strconv.FormatInt(value, 10) + "." + id }

var errPage = errs.Invalid("page", "That page isn't one; follow the link to it.")

// readKey reads where a list goes on; an empty key is its beginning.
func readKey(key string) (value int64, id string, err error) {
	if key == "" {
		return -1, "", nil
	}
	number, id, found := strings.Cut(key, ".")
	value, err = strconv.ParseInt(number, 10, 64)
	if err != nil || !found || id == "" || len(id) > 64 {
		return 0, "", errPage
	}
	return value, id, nil
}

const where = `WHERE i.repository = $1
	AND ($2 = '' OR $2 LIKE '%|' || i.state || '|%') AND ($3 = '' OR i.kind = $3) AND ($4 = 0 OR i.priority = $4)
	AND ($5 = '' OR COALESCE(asg.username, 'none') = $5) AND ($6 = '' OR COALESCE(rp.username, 'none') = $6)
	AND ($7 = '' OR COALESCE(ico.folded, 'none') = $7) AND ($8 = '' OR COALESCE(imi.folded, 'none') = $8) AND ($9 = '' OR COALESCE(ive.folded, 'none') = $9)
	AND ($10 = '' OR EXISTS (SELECT 1 FROM issue_watch iw WHERE iw.issue = i.id AND iw.user_id = $10 AND iw.watching))
	AND ($11 = '' OR `

// List gives the issues that a filter chooses: up to limit of those after a
// key, and the key to go on from where there are more. It wants a grant with
// which issues may be looked at.
func (s *Service) List(ctx context.Context, g access.Grant, f Filter, after string, limit int) (list []Issue, next string, err error) {
	if err := g.Require(reading...); err != nil {
		return nil, "", err
	}
	priority, known := parsePriority(f.Priority)
	if f.Priority != "" && !known {
		return nil, "", nil
	}
	at, number, err := position(f.Sort, after)
	if err != nil {
		return nil, "", err
	}
	words := divide(f.Text)
	if f.Text != "" && len(words) == 0 {
		return nil, "", nil // nothing can be found by signs alone
	}
	list, err = db.All[Issue](ctx, s.DB, `SELECT `+columns+from+where+s.holdsSQL()+`) AND `+f.Sort.after(),
		g.Repository().ID, joinStates(f.States), f.Kind, max(priority, 0), strings.ToLower(f.Assignee), strings.ToLower(f.Reporter),
		strings.ToLower(f.Component), strings.ToLower(f.Milestone), strings.ToLower(f.Version), f.Watching, s.searched(words), at, number, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("listing issues: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = f.Sort.key(list[limit-1])
	}
	return list, next, nil
}

// after is the condition for the rest of the list, and its order.
func (o Sort) after() string {
	column := o.column()
	if o == ByOldest {
		return `(i.number > $12 OR i.number = $12 AND i.number > $13) ORDER BY i.number LIMIT $14`
	}
	return `(` + column + ` < $12 OR ` + column + ` = $12 AND i.number < $13) ORDER BY ` + column + ` DESC, i.number DESC LIMIT $14`
}

// position reads a key in an order.
func position(o Sort, after string) (value, number int64, err error) {
	if after == "" && o != ByOldest {
		return 1 << 62, 0, nil
	}
	value, id, err := readKey(after)
	if err != nil || after == "" {
		return value, 0, err
	}
	if number, err = strconv.ParseInt(id, 10, 64); err != nil {
		return 0, 0, errPage
	}
	return value, number, nil
}

// joinStates writes states as the query compares them; those that aren't any
// are left in, and nothing has them.
func joinStates(states []State) string {
	if len(states) == 0 {
		return ""
	}
	var names []string
	for _, state := range states {
		if slices.Contains(States(), state) {
			names = append(names, string(state))
		}
	}
	return "|" + strings.Join(names, "|") + "|"
}
