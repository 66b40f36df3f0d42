package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/markup"
)

// IssueName names the issue that something is about.
type IssueName struct {
	Type  string          `json:"type" enum:"issue"`
	ID    int64           `json:"id"`
	Title string          `json:"title"`
	Links map[string]Link `json:"links"`
}

// IssueComment is a comment on an issue. One that was deleted is in no list.
type IssueComment struct {
	deleted bool

	Type      string          `json:"type" enum:"issue_comment"`
	ID        int64           `json:"id" doc:"Counts the comments of the issue"`
	Issue     IssueName       `json:"issue"`
	User      *Account        `json:"user"`
	Content   Rendered        `json:"content"`
	CreatedOn string          `json:"created_on" format:"date-time"`
	UpdatedOn *string         `json:"updated_on" format:"date-time" doc:"null: it was never edited"`
	Links     map[string]Link `json:"links"`
}

// IssueChange is what somebody changed at once.
type IssueChange struct {
	Type      string                 `json:"type" enum:"issue_change"`
	ID        int64                  `json:"id" doc:"Counts the changes of the issue"`
	Issue     IssueName              `json:"issue"`
	User      *Account               `json:"user"`
	Changes   map[string]FieldChange `json:"changes" doc:"By the names of the fields"`
	CreatedOn string                 `json:"created_on" format:"date-time"`
}

// FieldChange is what a field was before, and after.
type FieldChange struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// IssueAttachment is a file of an issue.
type IssueAttachment struct {
	Type  string          `json:"type" enum:"issue_attachment"`
	Name  string          `json:"name"`
	Size  int64           `json:"size" doc:"In bytes"`
	Links map[string]Link `json:"links"`
}

// NamedIssueList asks for a list that belongs to an issue.
type NamedIssueList struct {
	NamedIssue
	Paged
}

// NamedIssueComment names a comment.
type NamedIssueComment struct {
	NamedIssue
	Comment int64 `path:"comment_id" doc:"The comment's number"`
}

func (a *API) issueTalkOperations(to huma.API) {
	add(a, to, access.ReadIssues, a.listIssueComments, huma.Operation{
		Path: issueAt + "/comments", OperationID: "listIssueComments", Summary: "The comments on an issue, the oldest first",
	})
	add(a, to, access.ReadIssues, a.getIssueComment, huma.Operation{
		Path: issueAt + "/comments/{comment_id}", OperationID: "getIssueComment", Summary: "A comment on an issue",
	})
	add(a, to, access.ReadIssues, a.listIssueChanges, huma.Operation{
		Path: issueAt + "/changes", OperationID: "listIssueChanges", Summary: "What was changed of an issue, the oldest first",
	})
	add(a, to, access.ReadIssues, a.listIssueAttachments, huma.Operation{
		Path: issueAt + "/attachments", OperationID: "listIssueAttachments", Summary: "The files of an issue, all on one page",
	})
	add(a, to, access.RaiseIssues, a.createIssueComment, huma.Operation{
		Method: http.MethodPost, Path: issueAt + "/comments", OperationID: "createIssueComment", Summary: "Say something of an issue", DefaultStatus: http.StatusCreated,
	})
	add(a, to, access.RaiseIssues, a.updateIssueComment, huma.Operation{
		Method: http.MethodPut, Path: issueAt + "/comments/{comment_id}", OperationID: "updateIssueComment", Summary: "Change a comment of one's own. What it was before is kept, for whoever reads it",
	})
	add(a, to, access.RaiseIssues, a.deleteIssueComment, huma.Operation{
		Method: http.MethodDelete, Path: issueAt + "/comments/{comment_id}", OperationID: "deleteIssueComment", Summary: "Delete a comment of one's own, or any as an administrator",
	})
	a.plain(to, http.MethodPost, issueAt+"/attachments", access.RaiseIssues, a.createIssueAttachments, "createIssueAttachments",
		"Attach files to an issue: multipart/form-data with one or more parts that have a file name. A file takes the place of one of the same name")
	a.plain(to, http.MethodDelete, issueAt+"/attachments/*", access.RaiseIssues, a.deleteIssueAttachment, "deleteIssueAttachment", "Delete a file of an issue")
	a.plain(to, http.MethodGet, issueAt+"/attachments/*", access.ReadIssues, a.getIssueAttachment, "getIssueAttachment", "The bytes of a file of an issue")
	add(a, to, access.ReadIssues, a.getIssueVote, huma.Operation{
		Path: issueAt + "/vote", OperationID: "getIssueVote", Summary: "Whether you have voted for an issue: 204, or 404 where you haven't", DefaultStatus: http.StatusNoContent,
	})
	add(a, to, access.ReadIssues, a.getIssueWatch, huma.Operation{
		Path: issueAt + "/watch", OperationID: "getIssueWatch", Summary: "Whether you watch an issue: 204, or 404 where you don't", DefaultStatus: http.StatusNoContent,
	})
}

// rendered is a text of an issue. Nothing in it is looked up: #12 stays a word.
func (a *API) rendered(g access.Grant, number int64, text string) Rendered {
	files := a.issueURL(g, number) + "/attachments"
	return Rendered{Type: "rendered", Raw: text, Markup: "markdown", HTML: string(markup.Markdown([]byte(text), markup.Links{File: files, Raw: files}))}
}

func (a *API) issueName(g access.Grant, i issue.Issue) IssueName {
	return IssueName{Type: "issue", ID: i.Number, Title: i.Title, Links: map[string]Link{"self": {Href: a.issueURL(g, i.Number)}}}
}

func (a *API) listIssueComments(ctx context.Context, g access.Grant, in *NamedIssueList) (*output[Page[IssueComment]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	one, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	found, err := a.Issues.Comments(ctx, g, one, after, in.limit())
	if err != nil {
		return nil, err
	}
	out := pageOf(in.Paged, a.issueURL(g, one.Number)+"/comments", found, issue.Comment.Key, func(c issue.Comment) IssueComment { return a.commentOf(g, one, c) })
	out.Body.Values = slices.DeleteFunc(out.Body.Values, func(c IssueComment) bool { return c.deleted })
	return out, nil
}

func (a *API) getIssueComment(ctx context.Context, g access.Grant, in *NamedIssueComment) (*output[IssueComment], error) {
	one, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	c, err := a.Issues.Comment(ctx, g, one, in.Comment)
	if err != nil {
		return nil, err
	}
	return &output[IssueComment]{a.commentOf(g, one, c)}, nil
}

type createIssueCommentInput struct {
	NamedIssue
	Body CommentInput
}

type updateIssueCommentInput struct {
	NamedIssueComment
	Body CommentInput
}

// CommentInput is what is said.
type CommentInput struct {
	_       struct{}  `json:"-" additionalProperties:"true"`
	Content TextInput `json:"content"`
}

func (a *API) createIssueComment(ctx context.Context, g access.Grant, in *createIssueCommentInput) (*located[IssueComment], error) {
	number, err := a.Issues.AddComment(ctx, g, in.Issue, issue.Reply{Body: in.Body.Content.Raw})
	if err != nil {
		return nil, err
	}
	out, err := a.getIssueComment(ctx, g, &NamedIssueComment{in.NamedIssue, number})
	if err != nil {
		return nil, err
	}
	return &located[IssueComment]{out.Body.Links["self"].Href, out.Body}, nil
}

func (a *API) updateIssueComment(ctx context.Context, g access.Grant, in *updateIssueCommentInput) (*output[IssueComment], error) {
	if err := a.Issues.EditComment(ctx, g, in.Issue, in.Comment, in.Body.Content.Raw); err != nil {
		return nil, err
	}
	return a.getIssueComment(ctx, g, &in.NamedIssueComment)
}

func (a *API) deleteIssueComment(ctx context.Context, g access.Grant, in *NamedIssueComment) (*struct{}, error) {
	return nil, a.Issues.DeleteComment(ctx, g, in.Issue, in.Comment)
}

func (a *API) commentOf(g access.Grant, i issue.Issue, c issue.Comment) IssueComment {
	made := IssueComment{
		deleted: !c.Deleted.IsZero(),
		Type:    "issue_comment", ID: c.Number, Issue: a.issueName(g, i), User: account(g, c.Author), Content: a.rendered(g, i.Number, c.Body), CreatedOn: moment(c.Created),
		Links: map[string]Link{"self": {Href: a.issueURL(g, i.Number) + "/comments/" + c.Key()}, "html": {Href: a.pageURL(g, i.Number) + "#comment-" + c.Key()}},
	}
	if !c.Edited.IsZero() {
		edited := moment(c.Edited)
		made.UpdatedOn = &edited
	}
	return made
}

func (a *API) listIssueChanges(ctx context.Context, g access.Grant, in *NamedIssueList) (*output[Page[IssueChange]], error) {
	one, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	changes, err := a.Issues.Changes(ctx, g, one)
	if err != nil {
		return nil, err
	}
	return numbered(in.Paged, a.issueURL(g, one.Number)+"/changes", a.changesOf(g, one, changes), func(c IssueChange) int64 { return c.ID })
}

// changesOf joins what one person changed at one moment, as Bitbucket tells it.
// The log only grows, so each keeps its number.
func (a *API) changesOf(g access.Grant, i issue.Issue, changes []issue.Change) []IssueChange {
	var made []IssueChange
	for n, c := range changes {
		field := c.Field
		if field == "status" {
			field = "state"
		}
		if n > 0 && c.Revision == changes[n-1].Revision && c.Author == changes[n-1].Author && c.Created.Equal(changes[n-1].Created) {
			if last := made[len(made)-1].Changes; last[field] == (FieldChange{}) {
				last[field] = FieldChange{c.Was, c.Became}
				continue
			}
		}
		made = append(made, IssueChange{
			Type: "issue_change", ID: int64(len(made) + 1), Issue: a.issueName(g, i), User: account(g, c.Author),
			Changes: map[string]FieldChange{field: {c.Was, c.Became}}, CreatedOn: moment(c.Created),
		})
	}
	return made
}

func (a *API) getIssueVote(ctx context.Context, g access.Grant, in *NamedIssue) (*struct{}, error) {
	return a.whether(ctx, g, in.Issue, a.Issues.Voted)
}

func (a *API) getIssueWatch(ctx context.Context, g access.Grant, in *NamedIssue) (*struct{}, error) {
	return a.whether(ctx, g, in.Issue, a.Issues.Watching)
}

// whether answers with nothing where it is so, and else that there is none.
func (a *API) whether(ctx context.Context, g access.Grant, number int64, so func(context.Context, access.Grant, issue.Issue) (bool, error)) (*struct{}, error) {
	one, err := a.Issues.Get(ctx, g, number)
	if err != nil {
		return nil, err
	}
	yes, err := so(ctx, g, one)
	if err == nil && !yes {
		err = errs.NotFound("You haven't.")
	}
	return nil, err
}

// issueNumber reads the number of an issue in the address; what isn't one is 0,
// which no issue has.
func issueNumber(text string) int64 {
	number, _ := strconv.ParseInt(text, 10, 64)
	return number
}
