package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

type issueForm struct {
	Form       ui.Form
	Path, Back string
	New        bool
	Title      string
	Fields     []ui.Field // beside title and text
	Previews   bool
	Preview    template.HTML
	Conflict   *issueConflict
	Attach     attachField // of a new issue
}

// issueConflict is what somebody else changed meanwhile.
type issueConflict struct {
	Message string
	Changes []issue.Change
}

func (s *Site) showNewIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("kind", string(issue.Bug), "priority", issue.Major.String(), "title", r.URL.Query().Get("title")))
	if err != nil {
		return err
	}
	return s.newIssueAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) newIssueAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.newIssuePage(w, r, g, issueForm{Form: form}, status)
}

func (s *Site) newIssuePage(w http.ResponseWriter, r *http.Request, g access.Grant, page issueForm, status int) error {
	page.New, page.Title, page.Path, page.Back = true, "Create issue", issuesPath(g)+"/new", issuesPath(g)
	var err error
	if page.Fields, err = s.issueFields(r, g, page.Form, nil); err != nil {
		return err
	}
	if page.Attach, err = s.attachOf(r, g, page.Form); err != nil {
		return err
	}
	return s.render(w, r, status, "issueform.html", s.inIssues(r, g, page.Title), page)
}

// issueFields are the fields that the visitor may set.
func (s *Site) issueFields(r *http.Request, g access.Grant, form ui.Form, now *issue.Issue) ([]ui.Field, error) {
	fields := []ui.Field{
		form.Select("kind", "Kind", options("", issue.Kinds())[1:]),
		form.Select("priority", "Priority", priorityOptions("")),
	}
	if g.Repository().Permission < access.Write {
		return fields, nil
	}
	choices, err := s.Issues.Choices(r.Context(), g)
	if err != nil {
		return nil, err
	}
	people, err := s.Issues.Assignable(r.Context(), g)
	if err != nil {
		return nil, err
	}
	if now != nil {
		fields = append(fields, form.Select("state", "State", options("", issue.States())[1:]))
		if now.Assignee.ID != "" && !holds(people, now.Assignee.ID) {
			people = append(people, now.Assignee)
		}
	}
	none := func(list []ui.Option) []ui.Option { return append([]ui.Option{{Label: "None"}}, list...) }
	fields = append(fields, form.Select("assignee", "Assignee", none(personOptions(people))))
	for _, list := range issue.Lists() {
		if entries := choiceOptions(choices, list); len(entries) > 0 {
			fields = append(fields, form.Select(string(list), listWord(list), none(entries)))
		}
	}
	return fields, nil
}

func holds(people []issue.Person, id string) bool {
	for _, p := range people {
		if p.ID == id {
			return true
		}
	}
	return false
}

// typedIssue reads what was typed over what is.
func typedIssue(form url.Values, now issue.Fields) issue.Fields {
	for name, into := range map[string]*string{
		"title": &now.Title, "text": &now.Body, "kind": (*string)(&now.Kind), "priority": &now.Priority, "state": (*string)(&now.State),
		"assignee": &now.Assignee, "component": &now.Component, "milestone": &now.Milestone, "version": &now.Version,
	} {
		if form.Has(name) {
			*into = form.Get(name)
		}
	}
	return now
}

func filledIssue(f issue.Fields, revision int64) ui.Form {
	return ui.Filled("title", f.Title, "text", f.Body, "kind", string(f.Kind), "priority", f.Priority, "state", string(f.State), "assignee", f.Assignee,
		"component", f.Component, "milestone", f.Milestone, "version", f.Version, "base", strconv.FormatInt(revision, 10))
}

func (s *Site) createIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	files, err := s.takeFiles(r, g)
	if err != nil {
		return err
	}
	typed := typedIssue(r.PostForm, issue.Fields{})
	if r.PostForm.Has("preview") {
		return s.newIssuePage(w, r, g, issueForm{Form: ui.Form{Values: r.PostForm}, Previews: true, Preview: s.issueText(r, g, 0, typed.Body)}, http.StatusOK)
	}
	made, err := s.Issues.Create(r.Context(), g, typed, files...)
	if err != nil {
		return err
	}
	return s.done(w, r, issuePath(g, made.Number), "created")
}

func (s *Site) showIssueEdit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	form, err := s.keptOr(r, filledIssue(one.Fields(), one.Revision))
	if err != nil {
		return err
	}
	return s.issueEditAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) issueEditAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.issueEditPage(w, r, g, issueForm{Form: form}, status)
}

func (s *Site) issueEditPage(w http.ResponseWriter, r *http.Request, g access.Grant, page issueForm, status int) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	if !issue.Edits(g, one) {
		return errs.Denied("Only whoever raised an issue, and those who may write to the repository, change it.")
	}
	page.Title, page.Back = "Edit #"+strconv.FormatInt(one.Number, 10), issuePath(g, one.Number)
	page.Path = page.Back + "/edit"
	if page.Fields, err = s.issueFields(r, g, page.Form, &one); err != nil {
		return err
	}
	return s.render(w, r, status, "issueform.html", s.inIssues(r, g, page.Title), page)
}

func (s *Site) saveIssue(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	typed := typedIssue(r.PostForm, one.Fields())
	if r.PostForm.Has("preview") {
		return s.issueEditPage(w, r, g, issueForm{Form: ui.Form{Values: r.PostForm}, Previews: true, Preview: s.issueText(r, g, one.Number, typed.Body)}, http.StatusOK)
	}
	base, err := strconv.ParseInt(r.PostFormValue("base"), 10, 64)
	if err != nil || base < 1 {
		return errs.Invalid("", "The form was sent without telling what it changes. Open the issue and edit it again.")
	}
	_, err = s.Issues.Update(r.Context(), g, one.Number, base, typed)
	if conflict, ok := errors.AsType[*issue.Conflict](err); ok {
		return s.issueEditPage(w, r, g, issueForm{
			Form:     filledIssue(conflict.Merge(typed), conflict.Now.Revision),
			Conflict: &issueConflict{Message: errs.Message(conflict), Changes: conflict.Changes},
		}, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, issuePath(g, one.Number), "saved")
}
