package web

import (
	"encoding/csv"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/ui"
)

const issuesShown = 50

func issuesPath(g access.Grant) string { return repositoryPath(g) + "/issues" }

func issuePath(g access.Grant, number int64) string {
	return issuesPath(g) + "/" + strconv.FormatInt(number, 10)
}

func (s *Site) inIssues(r *http.Request, g access.Grant, title string) ui.Shell {
	return s.inRepository(r, g, g.Repository().Slug, title+" · Issues of "+g.Repository().Slug, "/issues")
}

// issueAt reads the issue that the address names.
func (s *Site) issueAt(r *http.Request, g access.Grant) (issue.Issue, error) {
	number, err := strconv.ParseInt(chi.URLParam(r, "number"), 10, 64)
	if err != nil || number < 1 {
		return issue.Issue{}, errs.NotFound("There is no such issue.")
	}
	return s.Issues.Get(r.Context(), g, number)
}

// issueText renders what somebody wrote of an issue; 0: of a new one. What is relative in it
// leads to the issue's files: ![What I see](screen.png).
func (s *Site) issueText(r *http.Request, g access.Grant, number int64, text string) template.HTML {
	base := issuePath(g, number) + "/attachments"
	if number == 0 {
		base = issuesPath(g) + "/new/attachments"
	}
	return s.texts.Markdown([]byte(text), markup.Links{File: base, Raw: base, Ref: s.references(r, g).find})
}

type issuesPage struct {
	Base     string
	Form     ui.Form
	Fields   []ui.Field // of the filter
	Quick    []ui.Link
	Issues   []issueLine
	Filtered bool
	First    bool
	Next     string // address of the rest of the list
	CSV      string
	Feed     string
	SignedIn bool
	Searches *issueSearches // nil: nothing can be saved
	Empty    ui.Empty
}

type issueLine struct {
	issue.Issue
	Href string
}

// stateFilters are the states that a list is chosen by; Unresolved is the usual.
func stateFilters() []ui.Option {
	list := []ui.Option{{Value: "", Label: "Unresolved"}, {Value: "all", Label: "All states"}}
	for _, state := range issue.States() {
		list = append(list, ui.Option{Value: string(state), Label: string(state)})
	}
	return list
}

func options[T ~string](first string, values []T) []ui.Option {
	list := []ui.Option{{Value: "", Label: first}}
	for _, value := range values {
		list = append(list, ui.Option{Value: string(value), Label: string(value)})
	}
	return list
}

func priorityOptions(first string) []ui.Option {
	var names []string
	for _, p := range issue.Priorities() {
		names = append([]string{p.String()}, names...)
	}
	if first == "" {
		return options("", names)[1:]
	}
	return options(first, names)
}

// choiceOptions are the entries of one of a tracker's lists.
func choiceOptions(choices []issue.Choice, list issue.List) []ui.Option {
	var made []ui.Option
	for _, choice := range choices {
		if choice.List == list {
			made = append(made, ui.Option{Value: choice.Name, Label: choice.Name})
		}
	}
	return made
}

func personOptions(people []issue.Person) []ui.Option {
	var made []ui.Option
	for _, p := range people {
		label := p.Username
		if p.Name != p.Username {
			label = p.Name + " (" + p.Username + ")"
		}
		made = append(made, ui.Option{Value: p.Username, Label: label})
	}
	return made
}

// filterOfIssues reads what is asked for in a query; me is who asks.
func filterOfIssues(query url.Values, me string, id string) issue.Filter {
	f := issue.Filter{
		Kind: issue.Kind(query.Get("kind")), Priority: query.Get("priority"), Assignee: query.Get("assignee"), Reporter: query.Get("reporter"),
		Component: query.Get("component"), Milestone: query.Get("milestone"), Version: query.Get("version"),
		Text: strings.TrimSpace(query.Get("q")), Sort: issue.Sort(query.Get("sort")),
	}
	for _, name := range []*string{&f.Assignee, &f.Reporter} {
		if *name == "me" {
			*name = me
		}
	}
	if query.Get("watching") != "" {
		f.Watching = id
	}
	switch state := query.Get("state"); state {
	case "":
		f.States = slices.DeleteFunc(issue.States(), func(s issue.State) bool { return !s.Unresolved() })
	case "all":
	default:
		f.States = []issue.State{issue.State(state)}
	}
	return f
}

func (s *Site) showIssues(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.issuesPage(w, r, g, r.URL.Query(), form, http.StatusOK)
}

// issuesAgain shows the list beside which a search was to be saved.
func (s *Site) issuesAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.issuesPage(w, r, g, savedFilter(form.Values), form, status)
}

// issuesPage lists the issues that a query chooses; saving is what was typed to
// keep a search.
func (s *Site) issuesPage(w http.ResponseWriter, r *http.Request, g access.Grant, query url.Values, saving ui.Form, status int) error {
	if kept := savedFilter(saving.Values); len(kept) > 0 {
		query = kept
	}
	me, shown := visitorOf(r).user, filterText(query)
	list, next, err := s.Issues.List(r.Context(), g, filterOfIssues(query, me.Username, me.ID), query.Get("page"), issuesShown)
	if err != nil {
		return err
	}
	page := issuesPage{
		Base: issuesPath(g), Form: ui.Form{Values: query}, First: query.Get("page") == "", Filtered: shown != "", SignedIn: me.ID != "",
		Feed: repositoryPath(g) + "/feeds/issues.atom", CSV: issuesPath(g) + "/export.csv?" + shown,
		Empty: ui.Empty{
			Icon: "check", Title: "No issue yet", Text: "An issue is a thing to be done: a bug, an idea, a task. It has a state, and people who are told of it.",
			Link: ui.Link{Text: "Create issue", Href: issuesPath(g) + "/new"},
		},
	}
	for _, one := range list {
		page.Issues = append(page.Issues, issueLine{one, issuePath(g, one.Number)})
	}
	if next != "" {
		page.Next = "?" + strings.TrimPrefix(shown+"&", "&") + url.Values{"page": {next}}.Encode()
	}
	if page.Fields, err = s.issueFilter(r, g, page.Form); err != nil {
		return err
	}
	saved, err := s.Issues.Searches(r.Context(), g)
	if err != nil {
		return err
	}
	if page.SignedIn && g.Repository().Permission > access.None && (page.Filtered || len(saved) > 0 || saving.Failed()) {
		page.Searches = &issueSearches{Form: saving, Path: page.Base + "/searches", Query: shown, List: saved}
	}
	page.Quick = quickIssues(page.Base, page.SignedIn, saved, shown)
	return s.render(w, r, status, "issues.html", s.inIssues(r, g, "Issues"), page)
}

// issueFilter are the fields of the filter.
func (s *Site) issueFilter(r *http.Request, g access.Grant, form ui.Form) ([]ui.Field, error) {
	choices, err := s.Issues.Choices(r.Context(), g)
	if err != nil {
		return nil, err
	}
	people, err := s.Issues.Assignable(r.Context(), g)
	if err != nil {
		return nil, err
	}
	fields := []ui.Field{
		form.Select("state", "State", stateFilters()),
		form.Select("kind", "Kind", options("Any", issue.Kinds())),
		form.Select("priority", "Priority", priorityOptions("Any")),
	}
	unset := ui.Option{Value: issue.Unset, Label: "None"}
	anyOf := func(list []ui.Option) []ui.Option { return append([]ui.Option{{Label: "Any"}, unset}, list...) }
	if len(people) > 0 {
		me := []ui.Option{{Value: "me", Label: "Me"}}
		fields = append(fields, form.Select("assignee", "Assignee", anyOf(append(me, personOptions(people)...))))
	}
	for _, list := range issue.Lists() {
		if entries := choiceOptions(choices, list); len(entries) > 0 {
			fields = append(fields, form.Select(string(list), listWord(list), anyOf(entries)))
		}
	}
	if visitorOf(r).user.ID != "" {
		fields = append(fields, form.Select("watching", "Watched by", []ui.Option{{Label: "Any"}, {Value: "me", Label: "Me"}}))
	}
	return append(fields, form.Select("sort", "Sort by", []ui.Option{
		{Value: "", Label: "Last updated"},
		{Value: string(issue.ByNewest), Label: "Newest"},
		{Value: string(issue.ByOldest), Label: "Oldest"},
		{Value: string(issue.ByPriority), Label: "Priority"},
		{Value: string(issue.ByVotes), Label: "Votes"},
	})), nil
}

func listWord(list issue.List) string {
	return map[issue.List]string{issue.Components: "Component", issue.Milestones: "Milestone", issue.Versions: "Version"}[list]
}

// exportIssues sends the issues that a filter chooses as CSV.
func (s *Site) exportIssues(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	me := visitorOf(r).user
	filter := filterOfIssues(r.URL.Query(), me.Username, me.ID)
	list, next, err := s.Issues.List(r.Context(), g, filter, "", 500)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+g.Workspace().Slug+"-"+g.Repository().Slug+`-issues.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"number", "title", "kind", "priority", "state", "reporter", "assignee", "component", "milestone", "version", "votes", "comments", "created", "updated"})
	for {
		for _, i := range list {
			line := []string{
				strconv.FormatInt(i.Number, 10), i.Title, string(i.Kind), i.Priority.String(), string(i.State), i.Reporter.Name, i.Assignee.Username,
				i.Component, i.Milestone, i.Version, strconv.Itoa(i.Votes), strconv.Itoa(i.Comments), stamp(i.Created), stamp(i.Updated),
			}
			for n := range line {
				line[n] = plainCell(line[n])
			}
			_ = out.Write(line) // the reader went away: Error tells at the end
		}
		if next == "" || out.Error() != nil {
			break
		}
		if list, next, err = s.Issues.List(r.Context(), g, filter, next, 500); err != nil {
			return err
		}
	}
	out.Flush()
	return nil
}
