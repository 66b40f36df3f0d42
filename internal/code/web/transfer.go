package web

import (
	"net/http"
	"slices"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

type transferPage struct {
	Form       ui.Form
	Slug       string
	From       string // name of the workspace
	Path, Back string
	Workspaces []ui.Option
}

func (s *Site) showTransfer(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.transferAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) transferAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	spaces, err := s.creatable(r)
	if err != nil {
		return err
	}
	base := repositoryPath(g) + "/admin"
	page := transferPage{
		Form: form, Slug: g.Repository().Slug, From: g.Workspace().Name, Path: base + "/transfer", Back: base,
		Workspaces: slices.DeleteFunc(spaces, func(o ui.Option) bool { return o.Value == g.Workspace().Slug }),
	}
	return s.render(w, r, status, "transfer.html", s.adminOf(r, g, "Transfer", ""), page)
}

func (s *Site) transfer(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	into, err := s.into(r)
	if err != nil {
		return err
	}
	address, err := s.Repositories.Transfer(r.Context(), g, into, r.PostFormValue("confirm"))
	if err != nil {
		return err
	}
	return s.done(w, r, address, "transferred")
}
