package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

type issueSettingsPage struct {
	Form       ui.Form
	Path       string
	Visibility []ui.Option
	On         bool
	Lists      []issueList
	Slug, Most string // of the repository; the largest archive
}

// issueList is one of the lists to choose from.
type issueList struct {
	List    issue.List
	Name    string // in the plural
	Entries []issue.Choice
}

// showIssueSettings says whether a repository has an issue tracker, who reads
// it, and what can be chosen in it.
func (s *Site) showIssueSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.issueSettingsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) issueSettingsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	now := g.Repository().Issues
	if !form.Values.Has("visibility") {
		visibility, on := "private", ""
		if now.Public {
			visibility = "public"
		}
		if now.On {
			on = "on"
		}
		form = filledUp(form, "visibility", visibility, "issues", on)
	}
	page := issueSettingsPage{
		Form: form, Path: repositoryPath(g) + "/admin/issues", On: now.On, Slug: g.Repository().Slug, Most: git.Size(issue.MaxArchive),
		Visibility: []ui.Option{
			{Value: "private", Label: "Private", Hint: "Whoever may read the repository as a member."},
			{Value: "public", Label: "Public", Hint: "Everybody, without signing in, even where the repository is private. Whoever is signed in to Code can raise issues and comment."},
		},
	}
	if now.On {
		choices, err := s.issueChoices(r, g)
		if err != nil {
			return err
		}
		page.Lists = choices
	}
	return s.render(w, r, status, "issuesettings.html", s.adminOf(r, g, "Issue settings", "/issues"), page)
}

// issueChoices reads the lists, for which the gate is asked about the tracker.
func (s *Site) issueChoices(r *http.Request, g access.Grant) ([]issueList, error) {
	target := access.Target{Workspace: g.Workspace().Slug, Repository: g.Repository().Slug}
	reading, err := s.Gate.Check(r.Context(), g.Actor(), target, access.ReadIssues)
	if err != nil {
		return nil, err
	}
	choices, err := s.Issues.Choices(r.Context(), reading)
	if err != nil {
		return nil, err
	}
	var lists []issueList
	for _, list := range issue.Lists() {
		made := issueList{List: list, Name: listWord(list) + "s"}
		for _, choice := range choices {
			if choice.List == list {
				made.Entries = append(made.Entries, choice)
			}
		}
		lists = append(lists, made)
	}
	return lists, nil
}

func (s *Site) saveIssueSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	err := s.Repositories.SetIssues(r.Context(), g, access.Feature{
		On: r.PostFormValue("issues") == "on", Public: r.PostFormValue("visibility") == "public",
	})
	if err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/issues", "saved")
}

func (s *Site) addIssueChoice(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Issues.AddChoice(r.Context(), g, issue.List(r.PostFormValue("list")), r.PostFormValue("name")); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/issues", "saved")
}

func (s *Site) changeIssueChoice(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	name := r.PostFormValue("name")
	if r.PostForm.Has("delete") {
		name = ""
	} else if name == "" {
		name = " " // says that a name is needed
	}
	if err := s.Issues.ChangeChoice(r.Context(), g, r.PostFormValue("entry"), name); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/issues", "saved")
}
