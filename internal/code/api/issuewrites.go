package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
)

// IssueInput is what a request says of an issue. What was made for Bitbucket may
// say more, which is passed over: an issue can be sent back as it came.
type IssueInput struct {
	_         struct{}               `json:"-" additionalProperties:"true"`
	Title     *string                `json:"title,omitempty" doc:"One line"`
	Content   *TextInput             `json:"content,omitempty"`
	State     *string                `json:"state,omitempty" enum:"new,open,on hold,resolved,invalid,duplicate,wontfix,closed"`
	Kind      *string                `json:"kind,omitempty" enum:"bug,enhancement,proposal,task"`
	Priority  *string                `json:"priority,omitempty" enum:"trivial,minor,major,critical,blocker"`
	Assignee  Nullable[AccountInput] `json:"assignee,omitempty" doc:"null: nobody"`
	Component Nullable[ChoiceInput]  `json:"component,omitempty" doc:"null: none"`
	Milestone Nullable[ChoiceInput]  `json:"milestone,omitempty" doc:"null: none"`
	Version   Nullable[ChoiceInput]  `json:"version,omitempty" doc:"null: none"`
}

// TextInput is a text in Markdown.
type TextInput struct {
	_   struct{} `json:"-" additionalProperties:"true"`
	Raw string   `json:"raw"`
}

// AccountInput names a person in one of these ways.
type AccountInput struct {
	_         struct{} `json:"-" additionalProperties:"true"`
	UUID      string   `json:"uuid,omitempty"`
	AccountID string   `json:"account_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	Nickname  string   `json:"nickname,omitempty"`
}

// ChoiceInput names a component, a milestone or a version by its name or, without
// one, by its number.
type ChoiceInput struct {
	_    struct{} `json:"-" additionalProperties:"true"`
	Name string   `json:"name,omitempty"`
	ID   int64    `json:"id,omitempty"`
}

// Nullable is a value that may be left out, and may be null.
type Nullable[T any] struct {
	sent  bool
	value *T // nil: null
}

// UnmarshalJSON reads it.
func (n *Nullable[T]) UnmarshalJSON(text []byte) error {
	n.sent = true
	return json.Unmarshal(text, &n.value)
}

// Schema describes it.
func (n Nullable[T]) Schema(r huma.Registry) *huma.Schema {
	described := huma.SchemaFromType(r, reflect.TypeFor[T]())
	described.Nullable = true
	return described
}

type createIssueInput struct {
	NamedRepository
	Body IssueInput
}

type updateIssueInput struct {
	NamedIssue
	IfMatch string `header:"If-Match" maxLength:"100" doc:"The ETag of the issue that the change was made from"`
	Body    IssueInput
}

// madeIssue is an issue that was raised, and where it is.
type madeIssue struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Issue
}

func (a *API) issueWriteOperations(to huma.API) {
	add(a, to, access.RaiseIssues, a.createIssue, huma.Operation{
		Method: http.MethodPost, Path: issuesAt, OperationID: "createIssue", DefaultStatus: http.StatusCreated,
		Summary: "Raise an issue. It needs a title; what only those set who may write to the repository is state, assignee, component, milestone and version",
	})
	add(a, to, access.RaiseIssues, a.updateIssue, huma.Operation{
		Method: http.MethodPut, Path: issueAt, OperationID: "updateIssue",
		Summary: "Change an issue; what is left out stays. With If-Match it is refused with 409 where somebody has changed it since",
	})
	add(a, to, access.AdminIssues, a.deleteIssue, huma.Operation{
		Method: http.MethodDelete, Path: issueAt, OperationID: "deleteIssue", Summary: "Delete an issue with all that was said of it, which can't be undone. Its number isn't given again",
	})
	for _, c := range []struct {
		name, doing string
		do          func(context.Context, access.Grant, int64, bool) error
	}{{"Vote", "Vote for", a.Issues.Vote}, {"Watch", "Watch", a.Issues.Watch}} {
		at := issueAt + "/" + strings.ToLower(c.name)
		add(a, to, access.RaiseIssues, switched(c.do, true), huma.Operation{
			Method: http.MethodPut, Path: at, OperationID: "putIssue" + c.name, Summary: c.doing + " an issue", DefaultStatus: http.StatusNoContent,
		})
		add(a, to, access.RaiseIssues, switched(c.do, false), huma.Operation{
			Method: http.MethodDelete, Path: at, OperationID: "deleteIssue" + c.name, Summary: c.doing + " an issue no longer", DefaultStatus: http.StatusNoContent,
		})
	}
}

// switched answers with nothing once something is switched on or off.
func switched(do func(context.Context, access.Grant, int64, bool) error, on bool) func(context.Context, access.Grant, *NamedIssue) (*struct{}, error) {
	return func(ctx context.Context, g access.Grant, in *NamedIssue) (*struct{}, error) {
		return nil, do(ctx, g, in.Issue, on)
	}
}

func (a *API) createIssue(ctx context.Context, g access.Grant, in *createIssueInput) (*madeIssue, error) {
	set, err := a.fieldsOf(ctx, g, in.Body, issue.Issue{})
	if err != nil {
		return nil, err
	}
	made, err := a.Issues.Create(ctx, g, set(issue.Fields{}))
	if err != nil {
		return nil, err
	}
	shown, err := a.shownIssue(ctx, g, made)
	if err != nil {
		return nil, err
	}
	return &madeIssue{shown.Body.Links["self"].Href, shown.ETag, shown.Body}, nil
}

func (a *API) updateIssue(ctx context.Context, g access.Grant, in *updateIssueInput) (*oneIssue, error) {
	revision, err := revisionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	now, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	set, err := a.fieldsOf(ctx, g, in.Body, now)
	if err != nil {
		return nil, err
	}
	after, err := a.Issues.Edit(ctx, g, in.Issue, revision, set)
	if err != nil {
		return nil, err
	}
	return a.shownIssue(ctx, g, after)
}

func (a *API) deleteIssue(ctx context.Context, g access.Grant, in *NamedIssue) (*oneIssue, error) {
	gone, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	shown, err := a.shownIssue(ctx, g, gone)
	if err == nil {
		err = a.Issues.Delete(ctx, g, in.Issue)
	}
	if err != nil {
		return nil, err
	}
	return shown, nil
}

// revisionOf reads what etag wrote; 0: any.
func revisionOf(header string) (int64, error) {
	if header == "" || header == "*" {
		return 0, nil
	}
	text, err := strconv.Unquote(strings.TrimPrefix(header, "W/"))
	revision, wrong := strconv.ParseInt(text, 10, 64)
	if err != nil || wrong != nil || revision < 1 {
		return 0, errs.Invalid("If-Match", "If-Match must be the ETag of the issue, such as %s.", etag(1))
	}
	return revision, nil
}

// fieldsOf reads what a request sets of an issue that is now so.
func (a *API) fieldsOf(ctx context.Context, g access.Grant, in IssueInput, now issue.Issue) (func(issue.Fields) issue.Fields, error) {
	assignee, err := a.assignee(ctx, g, in.Assignee.value, now.Assignee)
	if err != nil {
		return nil, err
	}
	chosen := map[issue.List]string{}
	for list, value := range map[issue.List]*ChoiceInput{issue.Components: in.Component.value, issue.Milestones: in.Milestone.value, issue.Versions: in.Version.value} {
		if chosen[list], err = a.chosen(ctx, g, list, value); err != nil {
			return nil, err
		}
	}
	return func(f issue.Fields) issue.Fields {
		if in.Content != nil {
			f.Body = in.Content.Raw
		}
		for into, value := range map[*string]*string{&f.Title: in.Title, (*string)(&f.State): in.State, (*string)(&f.Kind): in.Kind, &f.Priority: in.Priority} {
			if value != nil {
				*into = *value
			}
		}
		for _, c := range []struct {
			sent  bool
			into  *string
			value string
		}{
			{in.Assignee.sent, &f.Assignee, assignee},
			{in.Component.sent, &f.Component, chosen[issue.Components]},
			{in.Milestone.sent, &f.Milestone, chosen[issue.Milestones]},
			{in.Version.sent, &f.Version, chosen[issue.Versions]},
		} {
			if c.sent {
				*c.into = c.value
			}
		}
		return f
	}, nil
}

// assignee gives the username of whom a request names; empty: nobody.
func (a *API) assignee(ctx context.Context, g access.Grant, in *AccountInput, now issue.Person) (string, error) {
	if in == nil {
		return "", nil
	}
	id := strings.Trim(cmp.Or(in.UUID, in.AccountID), "{}")
	if id == "" {
		if name := cmp.Or(in.Username, in.Nickname); name != "" {
			return name, nil
		}
		return "", errs.Invalid("assignee", "Name somebody by uuid, account_id or username; null is nobody.")
	}
	people, err := a.Issues.Assignable(ctx, g)
	if err != nil {
		return "", err
	}
	for _, p := range append(people, now) {
		if p.ID == id {
			return p.Username, nil
		}
	}
	return "", errs.Invalid("assignee", "Nobody of that id is a member who may read this.")
}

// chosen gives the name of the entry of a list that a request names; empty: none.
func (a *API) chosen(ctx context.Context, g access.Grant, list issue.List, in *ChoiceInput) (string, error) {
	switch {
	case in == nil:
		return "", nil
	case in.Name != "":
		return in.Name, nil
	}
	choices, err := a.choicesOf(ctx, g, list)
	if err != nil {
		return "", err
	}
	for _, c := range choices {
		if c.ID == in.ID {
			return c.Name, nil
		}
	}
	return "", errs.Invalid(string(list), "There is no such %s.", list)
}

// conflictOf tells a program what was changed since the issue that it changes.
func conflictOf(c *issue.Conflict) *Failure {
	var told []string
	for _, change := range c.Changes {
		if change.Field == "content" {
			told = append(told, change.Author.Name+" changed the content")
		} else {
			told = append(told, change.Author.Name+" changed "+change.Field+" from "+strconv.Quote(change.Was)+" to "+strconv.Quote(change.Became))
		}
	}
	return newFailure(http.StatusConflict, "Somebody has changed this issue since the one in If-Match. Read it again.", strings.Join(told, "; "))
}
