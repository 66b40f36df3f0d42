package web

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/ui"
)

const commentsShown = 50

type issuePage struct {
	issue.Issue
	Base     string
	Text     template.HTML
	Said     []issueEvent // comments and changes, the oldest first
	More     string       // address of what was said later
	Later    bool         // it isn't the beginning that is shown
	SignedIn bool
	CanWrite bool
	CanEdit  bool
	CanAdmin bool
	Voted    bool
	Watching bool
	Form     ui.Form
	States   []ui.Option
	Files    []issueFile
	Attach   attachField
	Previews bool
	Preview  template.HTML // of the comment that is being written
}

// issueEvent is a comment, or what somebody changed at once.
type issueEvent struct {
	Number  int64 // of a comment
	At      time.Time
	Who     string
	Text    template.HTML
	Edited  bool
	Deleted bool
	Href    string // of the comment's own page: to change it, or to see what it was
	Changes []issueChange
}

// issueChange is one field; a long text isn't told.
type issueChange struct {
	Field, Was, Became string
	Long               bool
}

func (s *Site) showIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.issueAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) issueAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.issuePage(w, r, g, issuePage{Form: form}, status)
}

func (s *Site) issuePage(w http.ResponseWriter, r *http.Request, g access.Grant, page issuePage, status int) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	page.Issue, page.Base, page.Text, page.SignedIn = one, issuePath(g, one.Number), s.issueText(r, g, one.Number, one.Body), g.Actor().User != ""
	page.CanWrite, page.CanEdit, page.CanAdmin = g.Repository().Permission >= access.Write, issue.Edits(g, one), g.Repository().Permission >= access.Admin
	page.States = options("As it is: "+string(one.State), issue.States())
	if err := s.fillIssue(r, g, &page); err != nil {
		return err
	}
	return s.render(w, r, status, "issue.html", s.inIssues(r, g, one.Title), page)
}

// fillIssue reads what was said about an issue, from where the address says.
func (s *Site) fillIssue(r *http.Request, g access.Grant, page *issuePage) error {
	after := r.URL.Query().Get("page")
	comments, err := s.Issues.Comments(r.Context(), g, page.Issue, after, commentsShown+1)
	if err != nil {
		return err
	}
	changes, err := s.Issues.Changes(r.Context(), g, page.Issue)
	if err != nil {
		return err
	}
	if page.Files, err = s.filesOf(r, g, page.Issue); err != nil {
		return err
	}
	if page.Attach, err = s.attachOf(r, g, page.Form); err != nil {
		return err
	}
	if page.Voted, err = s.Issues.Voted(r.Context(), g, page.Issue); err != nil {
		return err
	}
	if page.Watching, err = s.Issues.Watching(r.Context(), g, page.Issue); err != nil {
		return err
	}
	page.Later = after != ""
	from, to := time.Time{}, time.Time{}
	if len(comments) > commentsShown {
		comments = comments[:commentsShown]
		page.More, to = "?page="+url.QueryEscape(comments[commentsShown-1].Key()), comments[commentsShown-1].Created
	}
	if page.Later && len(comments) > 0 {
		from = comments[0].Created
	}
	for _, c := range comments {
		page.Said = append(page.Said, s.commentEvent(r, g, page, c))
	}
	for _, c := range changes {
		if c.Created.Before(from) || !to.IsZero() && c.Created.After(to) {
			continue
		}
		page.Said = append(page.Said, changeEvent(c))
	}
	slices.SortStableFunc(page.Said, func(a, b issueEvent) int { return a.At.Compare(b.At) })
	page.Said = together(page.Said)
	return nil
}

func (s *Site) commentEvent(r *http.Request, g access.Grant, page *issuePage, c issue.Comment) issueEvent {
	event := issueEvent{Number: c.Number, At: c.Created, Who: c.Author.Name, Edited: !c.Edited.IsZero(), Deleted: !c.Deleted.IsZero()}
	if event.Deleted {
		return event
	}
	event.Text = s.issueText(r, g, page.Number, c.Body)
	if mine := page.SignedIn && c.Author.ID == g.Actor().User; mine || page.CanAdmin || event.Edited {
		event.Href = page.Base + "/comments/" + c.Key()
	}
	return event
}

func changeEvent(c issue.Change) issueEvent {
	told := issueChange{Field: c.Field, Was: c.Was, Became: c.Became, Long: c.Field == "content"}
	return issueEvent{At: c.Created, Who: c.Author.Name, Changes: []issueChange{told}}
}

// together joins the changes that one person made at one moment.
func together(events []issueEvent) []issueEvent {
	var made []issueEvent
	for _, e := range events {
		last := len(made) - 1
		if last >= 0 && len(e.Changes) > 0 && len(made[last].Changes) > 0 && made[last].At.Equal(e.At) && made[last].Who == e.Who {
			made[last].Changes = append(made[last].Changes, e.Changes...)
			continue
		}
		made = append(made, e)
	}
	return made
}

// commentAt reads the number of a comment in the address; none has 0.
func commentAt(r *http.Request) int64 {
	number, _ := strconv.ParseInt(chi.URLParam(r, "comment"), 10, 64)
	return number
}

// commentPath is where an issue's page shows a comment.
func commentPath(g access.Grant, number, comment int64) string {
	return issuePath(g, number) + "#comment-" + strconv.FormatInt(comment, 10)
}

// replyToIssue takes a comment with its files, and the state that its author wants.
func (s *Site) replyToIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	files, err := s.takeFiles(r, g)
	if err != nil {
		return err
	}
	if r.PostForm.Has("preview") {
		return s.issuePage(w, r, g, issuePage{
			Form: ui.Form{Values: r.PostForm}, Previews: true, Preview: s.issueText(r, g, one.Number, r.PostForm.Get("text")),
		}, http.StatusOK)
	}
	comment, err := s.Issues.AddComment(r.Context(), g, one.Number, issue.Reply{Body: r.PostForm.Get("text"), State: issue.State(r.PostForm.Get("state")), Files: files})
	if err != nil {
		return err
	}
	if comment == 0 {
		return s.done(w, r, issuePath(g, one.Number), "saved")
	}
	return redirect(w, r, commentPath(g, one.Number, comment))
}

func (s *Site) voteForIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.switchIssue(w, r, g, "vote", s.Issues.Vote)
}

func (s *Site) watchIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.switchIssue(w, r, g, "watch", s.Issues.Watch)
}

// switchIssue does what a button of an issue's page switches on or off.
func (s *Site) switchIssue(w http.ResponseWriter, r *http.Request, g access.Grant, name string, do func(context.Context, access.Grant, int64, bool) error) error {
	one, err := s.issueAt(r, g)
	if err == nil {
		err = do(r.Context(), g, one.Number, r.PostFormValue(name) == "on")
	}
	if err != nil {
		return err
	}
	return redirect(w, r, issuePath(g, one.Number))
}

// unsubscribePage ends mails about an issue, or of a kind, and names nothing: whoever has the
// link may no longer know of it.
type unsubscribePage struct {
	Path string
	Kind bool // of notification
	Done bool
}

func (s *Site) showUnsubscribe(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "unsubscribe.html", s.shell(r, "No more mails"), unsubscribePage{Path: r.URL.RequestURI()})
}

func (s *Site) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if err := s.Issues.Leave(r.Context(), query.Get("issue"), query.Get("user"), query.Get("key")); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "unsubscribe.html", s.shell(r, "No more mails"), unsubscribePage{Done: true})
}

func (s *Site) deleteIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err == nil {
		err = s.Issues.Delete(r.Context(), g, one.Number)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, issuesPath(g), "deleted")
}

type issueCommentPage struct {
	Issue    issue.Issue
	Base     string
	Comment  issue.Comment
	Mine     bool
	CanAdmin bool
	Versions []issueVersion
	Form     ui.Form
	Previews bool
	Preview  template.HTML
}

type issueVersion struct {
	issue.Version
	Text template.HTML
}

func (s *Site) showIssueComment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.issueCommentAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) issueCommentAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.issueCommentPage(w, r, g, issueCommentPage{Form: form}, status)
}

func (s *Site) issueCommentPage(w http.ResponseWriter, r *http.Request, g access.Grant, page issueCommentPage, status int) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	comment, err := s.Issues.Comment(r.Context(), g, one, commentAt(r))
	if err != nil {
		return err
	}
	versions, err := s.Issues.Versions(r.Context(), g, one, comment)
	if err != nil {
		return err
	}
	page.Issue, page.Base, page.Comment, page.CanAdmin = one, issuePath(g, one.Number), comment, g.Repository().Permission >= access.Admin
	page.Mine, page.Form = g.Actor().User != "" && comment.Author.ID == g.Actor().User, filledUp(page.Form, "text", comment.Body)
	for _, v := range slices.Backward(versions) {
		page.Versions = append(page.Versions, issueVersion{v, s.issueText(r, g, one.Number, v.Body)})
	}
	return s.render(w, r, status, "issuecomment.html", s.inIssues(r, g, "Comment"), page)
}

func (s *Site) saveIssueComment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	comment := commentAt(r)
	if r.PostForm.Has("delete") {
		if err := s.Issues.DeleteComment(r.Context(), g, one.Number, comment); err != nil {
			return err
		}
		return s.done(w, r, issuePath(g, one.Number), "deleted")
	}
	if r.PostForm.Has("preview") {
		return s.issueCommentPage(w, r, g, issueCommentPage{
			Form: ui.Form{Values: r.PostForm}, Previews: true, Preview: s.issueText(r, g, one.Number, r.PostFormValue("text")),
		}, http.StatusOK)
	}
	if err := s.Issues.EditComment(r.Context(), g, one.Number, comment, r.PostFormValue("text")); err != nil {
		return err
	}
	return redirect(w, r, commentPath(g, one.Number, comment))
}
