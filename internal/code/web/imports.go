package web

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

type importPage struct {
	Form       ui.Form
	Path       string
	From       string // the addresses that are allowed, in words; empty: none
	Readable   string // for whom what is there must be readable
	Most       string // the largest file
	Visibility []ui.Option
}

func (s *Site) showImport(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("visibility", "private"))
	if err != nil {
		return err
	}
	return s.importAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) importAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	page := importPage{
		Form: form, Path: importPath(g), From: strings.Join(s.Repositories.ImportFrom, ", "), Most: git.Size(s.Repositories.MaxPush),
		Readable: "without signing in", Visibility: visibilityOptions(g),
	}
	if s.Repositories.ImportSSH.Key != "" {
		page.Readable += ", or by ssh:// with this server's key"
	}
	shell := s.inWorkspace(r, g, "Import a repository")
	shell.Narrow = true
	return s.render(w, r, status, "import.html", shell, page)
}

func importPath(g access.Grant) string {
	return "/" + g.Workspace().Slug + "/workspace/import-repository"
}

// importRepository takes the form with an address.
func (s *Site) importRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.beginImport(w, r, g, repo.Source{Address: r.PostFormValue("address")})
}

func (s *Site) beginImport(w http.ResponseWriter, r *http.Request, g access.Grant, from repo.Source) error {
	id, err := s.Repositories.Import(r.Context(), g, repo.Input{
		Name: r.PostForm.Get("name"), Description: r.PostForm.Get("description"), Public: r.PostForm.Get("visibility") == "public",
	}, from)
	if err != nil {
		return err
	}
	return redirect(w, r, importPath(g)+"/"+id)
}

// importBundle takes the form with a file: its fields come first.
func (s *Site) importBundle(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	upload := visitorOf(r).upload
	if upload == nil {
		return errs.Invalid("bundle", "Choose a file.")
	}
	upload.allow(s.Repositories.MaxPush)
	file, err := upload.next(r.PostForm)
	if err != nil {
		return uploadError(err)
	}
	if file.FormName() != "bundle" {
		return errs.Invalid("bundle", "Choose a file.")
	}
	return s.beginImport(w, r, g, repo.Source{Bundle: file})
}

func uploadError(err error) error {
	if errors.Is(err, io.EOF) {
		return errs.Invalid("bundle", "Choose a file.")
	}
	return errors.Join(errs.Invalid("bundle", "The upload was cut short. Try again."), err)
}

type importingPage struct {
	Import   repo.Importing
	Came     string
	Href     string // of the repository, once it is there
	Again    string
	Creating bool
}

// showImporting says how far an import is. It looks again by itself until it is
// over.
func (s *Site) showImporting(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	found, err := s.Repositories.Importing(r.Context(), g, chi.URLParam(r, "import"))
	if err != nil {
		return err
	}
	page := importingPage{Import: found, Came: git.Size(found.Bytes), Again: importPath(g)}
	switch {
	case found.Repository != "":
		page.Href = "/" + g.Workspace().Slug + "/" + found.Repository
	case !found.Over():
		w.Header().Set("Refresh", "3")
	}
	shell := s.inWorkspace(r, g, "Importing "+found.Name)
	shell.Narrow = true
	return s.render(w, r, http.StatusOK, "importing.html", shell, page)
}

type forkPage struct {
	Form       ui.Form
	Path, Name string
	Workspaces []ui.Option
}

func (s *Site) showFork(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.forkAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) forkAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	spaces, err := s.creatable(r)
	if err != nil {
		return err
	}
	page := forkPage{
		Form: filledUp(form, "name", g.Repository().Slug), Path: repositoryPath(g) + "/fork", Name: g.Repository().Slug, Workspaces: spaces,
	}
	return s.render(w, r, status, "fork.html", s.inRepository(r, g, g.Repository().Slug, "Fork", ""), page)
}

// creatable lists the workspaces in which the gate would let the visitor create
// repositories.
func (s *Site) creatable(r *http.Request) ([]ui.Option, error) {
	actor, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	self, err := s.Gate.Check(r.Context(), actor, access.Target{}, access.ReadSelf)
	if err != nil {
		return nil, err
	}
	memberships, err := s.Workspaces.Of(r.Context(), self)
	if err != nil {
		return nil, err
	}
	var options []ui.Option
	for _, m := range memberships {
		e, err := s.Gate.Explain(r.Context(), actor, access.Target{Workspace: m.Slug}, access.CreateRepository)
		if err != nil {
			return nil, err
		}
		if e.Outcome == access.Allow {
			options = append(options, ui.Option{Value: m.Slug, Label: m.Name})
		}
	}
	return options, nil
}

// into is the grant to create in the workspace that a form names.
func (s *Site) into(r *http.Request) (access.Grant, error) {
	actor, err := s.authenticate(r)
	if err != nil {
		return access.Grant{}, err
	}
	slug := r.PostFormValue("workspace")
	if slug == "" {
		return access.Grant{}, errs.Invalid("workspace", "Choose a workspace.")
	}
	return s.Gate.Check(r.Context(), actor, access.Target{Workspace: slug}, access.CreateRepository)
}

func (s *Site) fork(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	into, err := s.into(r)
	if err != nil {
		return err
	}
	id, err := s.Repositories.Fork(r.Context(), g, into, r.PostFormValue("name"))
	if err != nil {
		return err
	}
	return redirect(w, r, importPath(into)+"/"+id)
}

// forkedFrom leads to what a repository is a fork of, for those who may read that.
func (s *Site) forkedFrom(r *http.Request, g access.Grant) (ui.Link, error) {
	origin, err := s.Repositories.Origin(r.Context(), g)
	if err != nil || origin.Repository == "" {
		return ui.Link{}, err
	}
	actor, err := s.authenticate(r)
	if err != nil {
		return ui.Link{}, err
	}
	e, err := s.Gate.Explain(r.Context(), actor, origin, access.ReadRepository)
	if err != nil || e.Outcome != access.Allow {
		return ui.Link{}, err
	}
	name := origin.Workspace + "/" + origin.Repository
	return ui.Link{Text: name, Href: "/" + name}, nil
}
