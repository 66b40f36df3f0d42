package api

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
)

// Issue is an issue as Bitbucket shows one.
type Issue struct {
	Type       string          `json:"type" enum:"issue"`
	ID         int64           `json:"id"`
	Repository RepositoryName  `json:"repository"`
	Title      string          `json:"title"`
	Content    Rendered        `json:"content"`
	Reporter   *Account        `json:"reporter"`
	Assignee   *Account        `json:"assignee"`
	State      string          `json:"state"`
	Kind       string          `json:"kind"`
	Priority   string          `json:"priority"`
	Component  *Choice         `json:"component"`
	Milestone  *Choice         `json:"milestone"`
	Version    *Choice         `json:"version"`
	Votes      int             `json:"votes"`
	Watches    int             `json:"watches"`
	CreatedOn  string          `json:"created_on" format:"date-time"`
	UpdatedOn  string          `json:"updated_on" format:"date-time"`
	Links      map[string]Link `json:"links"`
}

// RepositoryName names the repository that something is in.
type RepositoryName struct {
	Type     string          `json:"type" enum:"repository"`
	UUID     string          `json:"uuid"`
	FullName string          `json:"full_name"`
	Name     string          `json:"name"`
	Links    map[string]Link `json:"links"`
}

// Rendered is a text that somebody wrote.
type Rendered struct {
	Type   string `json:"type" enum:"rendered"`
	Raw    string `json:"raw"`
	Markup string `json:"markup" enum:"markdown"`
	HTML   string `json:"html"`
}

// Account names a person. Whoever isn't known here, and everybody to a stranger
// at a public tracker, has a display name alone.
type Account struct {
	Type        string `json:"type" enum:"user"`
	UUID        string `json:"uuid,omitempty"`
	AccountID   string `json:"account_id,omitempty"`
	Username    string `json:"username,omitempty"`
	Nickname    string `json:"nickname,omitempty"`
	DisplayName string `json:"display_name"`
}

// Choice is a component, a milestone or a version.
type Choice struct {
	Type  string          `json:"type" enum:"component,milestone,version"`
	ID    int64           `json:"id"`
	Name  string          `json:"name"`
	Links map[string]Link `json:"links"`
}

// NamedIssue names an issue.
type NamedIssue struct {
	NamedRepository
	Issue int64 `path:"issue_id" doc:"The issue's number"`
}

// IssueFilter chooses issues.
type IssueFilter struct {
	NamedRepository
	Paged
	State     []string `query:"state,explode" enum:"new,open,on hold,resolved,invalid,duplicate,wontfix,closed" doc:"May be given several times; left out: every state"`
	Kind      string   `query:"kind" enum:"bug,enhancement,proposal,task"`
	Priority  string   `query:"priority" enum:"trivial,minor,major,critical,blocker"`
	Assignee  string   `query:"assignee" maxLength:"100" doc:"A username; none: given to nobody"`
	Reporter  string   `query:"reporter" maxLength:"100" doc:"A username"`
	Component string   `query:"component" maxLength:"100" doc:"A name; none: without one"`
	Milestone string   `query:"milestone" maxLength:"100" doc:"A name; none: without one"`
	Version   string   `query:"version" maxLength:"100" doc:"A name; none: without one"`
	Sort      string   `query:"sort" enum:"-updated_on,created_on,-created_on,-priority,-votes" default:"-updated_on" doc:"What the list is ordered by; - is downwards"`
	Query     string   `query:"q" maxLength:"1000" doc:"Bitbucket's query language isn't understood and is refused: use the parameters beside this one"`
}

const (
	issuesAt = repositoryAt + "/issues"
	issueAt  = issuesAt + "/{issue_id}"
)

func (a *API) issueOperations(to huma.API) {
	add(a, to, access.ReadIssues, a.listIssues, huma.Operation{
		Path: issuesAt, OperationID: "listIssues", Summary: "The issues of a repository, of those that the parameters choose",
	})
	add(a, to, access.ReadIssues, a.getIssue, huma.Operation{
		Path: issueAt, OperationID: "getIssue", Summary: "An issue. Its ETag, sent as If-Match with a change, has the change refused where somebody was first",
	})
	for _, list := range issue.Lists() {
		plural := string(list) + "s"
		name := strings.ToUpper(string(list[:1])) + string(list[1:])
		add(a, to, access.ReadIssues, a.listChoices(list), huma.Operation{
			Path: repositoryAt + "/" + plural, OperationID: "list" + name + "s", Summary: "The " + plural + " to choose from in a repository's issues",
		})
		add(a, to, access.ReadIssues, a.getChoice(list), huma.Operation{
			Path: repositoryAt + "/" + plural + "/{id}", OperationID: "get" + name, Summary: "One of the " + plural,
		})
	}
	a.issueWriteOperations(to)
	a.issueTalkOperations(to)
}

// sorts are the orders by the names that Bitbucket gives them.
func sorts() map[string]issue.Sort {
	return map[string]issue.Sort{
		"-updated_on": issue.ByUpdated, "created_on": issue.ByOldest, "-created_on": issue.ByNewest, "-priority": issue.ByPriority, "-votes": issue.ByVotes,
	}
}

func (a *API) listIssues(ctx context.Context, g access.Grant, in *IssueFilter) (*output[Page[Issue]], error) {
	if in.Query != "" {
		return nil, errs.Invalid("q", "Queries in q aren't understood here. Use the parameters state, kind, priority, assignee, reporter, component, milestone, version and sort.")
	}
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	filter := issue.Filter{
		Kind: issue.Kind(in.Kind), Priority: in.Priority, Assignee: in.Assignee, Reporter: in.Reporter,
		Component: in.Component, Milestone: in.Milestone, Version: in.Version, Sort: sorts()[in.Sort],
	}
	for _, state := range in.State {
		filter.States = append(filter.States, issue.State(state))
	}
	found, next, err := a.Issues.List(ctx, g, filter, after, in.PageLen)
	if err != nil {
		return nil, err
	}
	shown, err := a.issuesOf(ctx, g, found)
	if err != nil {
		return nil, err
	}
	page := Page[Issue]{PageLen: in.PageLen, Values: shown}
	if next != "" {
		query := in.chosen()
		maps.Copy(query, in.next(next))
		page.Next = a.issuesURL(g) + "?" + query.Encode()
	}
	return &output[Page[Issue]]{page}, nil
}

// chosen writes the filter as it was asked for.
func (in *IssueFilter) chosen() url.Values {
	query := url.Values{"sort": {in.Sort}}
	for name, value := range map[string]string{
		"kind": in.Kind, "priority": in.Priority, "assignee": in.Assignee, "reporter": in.Reporter,
		"component": in.Component, "milestone": in.Milestone, "version": in.Version,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(in.State) > 0 {
		query["state"] = in.State
	}
	return query
}

// oneIssue answers with an issue and the state that it is in.
type oneIssue struct {
	ETag string `header:"ETag"`
	Body Issue
}

func (a *API) getIssue(ctx context.Context, g access.Grant, in *NamedIssue) (*oneIssue, error) {
	found, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	return a.shownIssue(ctx, g, found)
}

func (a *API) shownIssue(ctx context.Context, g access.Grant, i issue.Issue) (*oneIssue, error) {
	shown, err := a.issuesOf(ctx, g, []issue.Issue{i})
	if err != nil {
		return nil, err
	}
	return &oneIssue{etag(i.Revision), shown[0]}, nil
}

// etag writes which revision of an issue's fields it is (decision 0058).
func etag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

func (a *API) issuesURL(g access.Grant) string { return a.repositoryURL(g) + "/issues" }

func (a *API) issueURL(g access.Grant, number int64) string {
	return a.issuesURL(g) + "/" + strconv.FormatInt(number, 10)
}

// pageURL is the page on which a person sees an issue.
func (a *API) pageURL(g access.Grant, number int64) string {
	return a.repositoryPage(g) + "/issues/" + strconv.FormatInt(number, 10)
}

func (a *API) issuesOf(ctx context.Context, g access.Grant, list []issue.Issue) ([]Issue, error) {
	choices, err := a.Issues.Choices(ctx, g)
	if err != nil {
		return nil, err
	}
	named := func(list issue.List, name string) *Choice {
		for _, c := range choices {
			if c.List == list && c.Name == name {
				shown := a.choiceOf(g, c)
				return &shown
			}
		}
		return nil
	}
	made := []Issue{}
	for _, i := range list {
		self := a.issueURL(g, i.Number)
		made = append(made, Issue{
			Type: "issue", ID: i.Number, Repository: a.repositoryName(g), Title: i.Title, Content: a.rendered(g, i.Number, i.Body),
			Reporter: account(g, i.Reporter), Assignee: account(g, i.Assignee), State: string(i.State), Kind: string(i.Kind), Priority: i.Priority.String(),
			Component: named(issue.Components, i.Component), Milestone: named(issue.Milestones, i.Milestone), Version: named(issue.Versions, i.Version),
			Votes: i.Votes, Watches: i.Watches, CreatedOn: moment(i.Created), UpdatedOn: moment(i.Updated),
			Links: map[string]Link{
				"self": {Href: self}, "html": {Href: a.pageURL(g, i.Number)}, "comments": {Href: self + "/comments"}, "changes": {Href: self + "/changes"},
				"attachments": {Href: self + "/attachments"}, "watch": {Href: self + "/watch"}, "vote": {Href: self + "/vote"},
			},
		})
	}
	return made, nil
}

func (a *API) repositoryName(g access.Grant) RepositoryName {
	full := g.Workspace().Slug + "/" + g.Repository().Slug
	return RepositoryName{
		Type: "repository", UUID: braced(g.Repository().ID), FullName: full, Name: g.Repository().Slug,
		Links: map[string]Link{"self": {Href: a.repositoryURL(g)}, "html": {Href: a.repositoryPage(g)}},
	}
}

// account names a person to whoever asks; nil is nobody.
func account(g access.Grant, p issue.Person) *Account {
	switch {
	case p.ID == "" && p.Name == "":
		return nil
	case p.ID == "" || g.Repository().Permission == access.None:
		return &Account{Type: "user", DisplayName: p.Name}
	}
	return &Account{Type: "user", UUID: braced(p.ID), AccountID: p.ID, Username: p.Username, Nickname: p.Username, DisplayName: p.Name}
}

func (a *API) choiceOf(g access.Grant, c issue.Choice) Choice {
	self := a.repositoryURL(g) + "/" + string(c.List) + "s/" + strconv.FormatInt(c.Number, 10)
	return Choice{Type: string(c.List), ID: c.Number, Name: c.Name, Links: map[string]Link{"self": {Href: self}}}
}

// ChoicesInput asks for a list to choose from.
type ChoicesInput struct {
	NamedRepository
	Paged
}

func (a *API) listChoices(list issue.List) func(context.Context, access.Grant, *ChoicesInput) (*output[Page[Choice]], error) {
	return func(ctx context.Context, g access.Grant, in *ChoicesInput) (*output[Page[Choice]], error) {
		all, err := a.choicesOf(ctx, g, list)
		if err != nil {
			return nil, err
		}
		return numbered(in.Paged, a.repositoryURL(g)+"/"+string(list)+"s", all, func(c Choice) int64 { return c.ID })
	}
}

// NamedChoice names a component, a milestone or a version.
type NamedChoice struct {
	NamedRepository
	ID int64 `path:"id" doc:"Its number"`
}

func (a *API) getChoice(list issue.List) func(context.Context, access.Grant, *NamedChoice) (*output[Choice], error) {
	return func(ctx context.Context, g access.Grant, in *NamedChoice) (*output[Choice], error) {
		all, err := a.choicesOf(ctx, g, list)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if c.ID == in.ID {
				return &output[Choice]{c}, nil
			}
		}
		return nil, errs.NotFound("There is no such %s.", list)
	}
}

// choicesOf gives the entries of a list by their numbers.
func (a *API) choicesOf(ctx context.Context, g access.Grant, list issue.List) ([]Choice, error) {
	choices, err := a.Issues.Choices(ctx, g)
	if err != nil {
		return nil, err
	}
	var made []Choice
	for _, c := range choices {
		if c.List == list {
			made = append(made, a.choiceOf(g, c))
		}
	}
	slices.SortFunc(made, func(a, b Choice) int { return cmp.Compare(a.ID, b.ID) })
	return made, nil
}
