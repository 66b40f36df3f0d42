package web

import (
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// editPage changes a file, or makes a new one.
type editPage struct {
	Form   ui.Form
	New    bool
	Branch string
	Path   string    // of the file as it is; empty for a new one
	Theirs string    // what the branch holds now, where somebody was faster
	Seen   git.OID   // the commit that the text was read at
	Action string    // where the form goes
	Cancel string    // address of the file or folder
	Trail  []ui.Link // to it
}

func (s *Site) showEdit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.editAgain(w, r, g, form, http.StatusOK)
}

// editAgain shows the form, filled in from the branch unless something was typed.
func (s *Site) editAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	o, place, fresh, err := s.editing(r, g)
	if err != nil {
		return err
	}
	page := editPage{New: fresh, Branch: place.Ref, Path: place.Path, Action: r.URL.Path, Form: form, Trail: o.trail(place), Cancel: o.source(place.Ref, place.Path)}
	page.Seen, _ = git.ParseOID(form.Value("seen"))
	if page.Seen == "" {
		page.Seen = place.Commit
	}
	text, err := s.editedText(r, o, place, fresh)
	if err != nil {
		return err
	}
	switch {
	case form.Values == nil && fresh:
		page.Form = ui.Filled("path", strings.TrimPrefix(place.Path+"/", "/"))
	case form.Values == nil:
		page.Form = ui.Filled("path", place.Path, "text", text)
	case status == http.StatusConflict && form.Errors["path"] == "":
		page.Theirs, page.Seen = text, place.Commit // the next try is on top of it
	}
	title := "Edit " + path.Base(place.Path)
	if fresh {
		title = "New file"
	}
	return s.render(w, r, status, "edit.html", s.inRepository(r, g, o.Name, title+" · "+o.Name, ""), page)
}

// editing finds what the address names: /edit/ a file, /create/ the folder of a
// new one. Only the tip of a branch can be changed.
func (s *Site) editing(r *http.Request, g access.Grant) (o opened, place repo.Place, fresh bool, err error) {
	if o, err = s.openRepository(r, g); err != nil {
		return o, place, false, err
	}
	fresh = strings.Contains(r.URL.Path, "/create/") || strings.HasSuffix(r.URL.Path, "/create")
	place, err = o.content.Locate(r.Context(), chi.URLParam(r, "*"))
	if errors.Is(err, repo.ErrEmpty) && fresh {
		branch, _ := o.content.DefaultBranch(r.Context()) // unborn: the first commit makes it
		return o, repo.Place{Ref: branch}, true, nil
	}
	if err != nil {
		return o, place, fresh, err
	}
	if branch, err := o.content.IsBranch(r.Context(), place); err != nil || !branch {
		return o, place, fresh, errs.NotFound("Only a branch can be changed. Make one at this commit first.")
	}
	return o, place, fresh, nil
}

func (s *Site) editedText(r *http.Request, o opened, place repo.Place, fresh bool) (string, error) {
	if place.Commit == "" {
		return "", nil
	}
	node, err := o.content.At(r.Context(), place)
	switch {
	case err != nil:
		return "", err
	case fresh && node.Entry.Mode.IsTree():
		return "", nil
	case fresh || !node.Entry.Mode.IsFile():
		return "", errs.NotFound("There is no such file.")
	case node.Blob.Size > repo.MaxEdited || !repo.Mergeable(node.Blob.Data):
		return "", errs.Invalid("", "This file is too large or isn't text, so it can't be changed here.")
	}
	return string(node.Blob.Data), nil
}

func (s *Site) edit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, fresh, err := s.editing(r, g)
	if err != nil {
		return err
	}
	if seen, ok := git.ParseOID(r.PostFormValue("seen")); ok {
		place.Commit = seen
	}
	was := place.Path
	if fresh {
		place.Path = ""
	}
	who := visitorOf(r).user
	change := repo.FileChange{
		Place: place, Path: r.PostFormValue("path"), Text: r.PostFormValue("text"), Remove: !fresh && r.PostFormValue("do") == "delete",
		Message: r.PostFormValue("message"), Author: git.Signature{Name: who.Name, Email: who.Email, When: s.Clock()},
	}
	if _, err := s.Repositories.ChangeFile(r.Context(), g, change); err != nil {
		return err
	}
	if change.Remove {
		return s.done(w, r, o.source(place.Ref, strings.Trim(path.Dir("/"+was), "/")), "filedeleted")
	}
	return s.done(w, r, o.source(place.Ref, strings.Trim(strings.TrimSpace(change.Path), "/")), "committed")
}
