package web

import (
	"net/http"
	"net/url"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/ui"
)

// issueSearches is what a member has saved of a tracker, and saves.
type issueSearches struct {
	Form  ui.Form
	Path  string
	Query string // the filter that is shown
	List  []issue.Search
}

// filterNames are what a filter of issues is made of.
func filterNames() []string {
	return []string{"q", "state", "kind", "priority", "assignee", "reporter", "component", "milestone", "version", "watching", "sort"}
}

// filterText writes the filter that a query holds always in the same way; empty:
// it chooses nothing.
func filterText(query url.Values) string {
	kept := url.Values{}
	for _, name := range filterNames() {
		if value := query.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept.Encode()
}

// quickIssues are the choices of issues that are a link away: those that
// everybody has, and those that the visitor has saved.
func quickIssues(base string, signedIn bool, saved []issue.Search, shown string) []ui.Link {
	links := []issue.Search{{Name: "Unresolved"}, {Name: "All", Query: "state=all"}}
	if signedIn {
		links = append(links, issue.Search{Name: "Assigned to me", Query: "assignee=me"}, issue.Search{Name: "Raised by me", Query: "reporter=me&state=all"},
			issue.Search{Name: "Watching", Query: "state=all&watching=me"})
	}
	var made []ui.Link
	for _, l := range append(links, saved...) {
		link := ui.Link{Text: l.Name, Href: base, Current: l.Query == shown}
		if l.Query != "" {
			link.Href += "?" + l.Query
		}
		made = append(made, link)
	}
	return made
}

// saveIssueSearch keeps the filter that the visitor sees under a name.
func (s *Site) saveIssueSearch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	query := savedFilter(r.PostForm)
	if err := s.Issues.SaveSearch(r.Context(), g, r.PostFormValue("name"), filterText(query)); err != nil {
		return err
	}
	return s.done(w, r, issuesPath(g)+"?"+filterText(query), "saved")
}

// savedFilter reads the filter that a form brings along.
func savedFilter(form url.Values) url.Values {
	query, err := url.ParseQuery(form.Get("query"))
	if err != nil {
		return url.Values{}
	}
	return query
}

func (s *Site) changeIssueSearch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	notice, err := "saved", error(nil)
	if id := r.PostFormValue("search"); r.PostForm.Has("remove") {
		notice, err = "deleted", s.Issues.RemoveSearch(r.Context(), g, id)
	} else {
		err = s.Issues.RenameSearch(r.Context(), g, id, r.PostFormValue("name"))
	}
	if err != nil {
		return err
	}
	back := issuesPath(g)
	if query := filterText(savedFilter(r.PostForm)); query != "" {
		back += "?" + query
	}
	return s.done(w, r, back, notice)
}
