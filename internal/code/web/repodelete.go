package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

type deleteRepositoryPage struct {
	Form       ui.Form
	Slug       string
	Path, Back string
}

func (s *Site) showDeleteRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.deleteRepositoryAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) deleteRepositoryAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	base := repositoryPath(g) + "/admin"
	page := deleteRepositoryPage{Form: form, Slug: g.Repository().Slug, Path: base + "/delete", Back: base}
	return s.render(w, r, status, "repodelete.html", s.adminOf(r, g, "Delete", ""), page)
}

func (s *Site) deleteRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Repositories.Delete(r.Context(), g, r.PostFormValue("confirm")); err != nil {
		return err
	}
	return s.done(w, r, "/"+g.Workspace().Slug, "norepo")
}
