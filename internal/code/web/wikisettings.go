package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

type wikiSettingsPage struct {
	Form       ui.Form
	Path       string
	Visibility []ui.Option
}

// showWikiSettings says whether a repository has a wiki, and who reads it.
func (s *Site) showWikiSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	wiki := g.Repository().Wiki
	filled := ui.Filled("visibility", "private")
	if wiki.Public {
		filled.Values.Set("visibility", "public")
	}
	if wiki.On {
		filled.Values.Set("wiki", "on")
	}
	form, err := s.keptOr(r, filled)
	if err != nil {
		return err
	}
	return s.wikiSettingsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) wikiSettingsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	page := wikiSettingsPage{
		Form: form, Path: repositoryPath(g) + "/admin/wiki",
		Visibility: []ui.Option{
			{Value: "private", Label: "Private", Hint: "Whoever may read the repository as a member."},
			{Value: "public", Label: "Public", Hint: "Everybody, without signing in, even where the repository is private. Only members who may write to the repository change it."},
		},
	}
	return s.render(w, r, status, "wikisettings.html", s.adminOf(r, g, "Wiki settings", "/wiki"), page)
}

func (s *Site) saveWikiSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	err := s.Repositories.SetWiki(r.Context(), g, access.Feature{
		On: r.PostFormValue("wiki") == "on", Public: r.PostFormValue("visibility") == "public",
	})
	if err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/wiki", "saved")
}
