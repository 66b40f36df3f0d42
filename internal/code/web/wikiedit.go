package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

type wikiEdit struct {
	wikiHead
	Form     ui.Form
	Path     string
	New      bool
	Preview  template.HTML
	Previews bool
	Conflict *wikiConflict
}

// wikiConflict is what somebody else did to the page meanwhile.
type wikiConflict struct {
	Message string
	Theirs  string
	Gone    bool
	Diff    textDiff // what they changed
}

func (s *Site) showWikiEdit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return err
	}
	form := ui.Filled("name", wiki.CleanName(r.URL.Query().Get("name")))
	if name := chi.URLParam(r, "*"); name != "" {
		page, err := opened.Page(r.Context(), name)
		if err != nil {
			return err
		}
		if page.Why != "" {
			return errs.Conflict("", "%s", page.Why)
		}
		if len(page.Text) > wiki.MaxText {
			return errs.TooLarge("This page is too large to be edited here. Clone the wiki and edit it there.")
		}
		form = ui.Filled("text", string(page.Text), "base", string(page.Blob))
	}
	if form, err = s.keptOr(r, form); err != nil {
		return err
	}
	return s.wikiEditAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) wikiEditAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.wikiEditPage(w, r, g, wikiEdit{Form: form}, status)
}

func (s *Site) wikiEditPage(w http.ResponseWriter, r *http.Request, g access.Grant, edit wikiEdit, status int) error {
	name := chi.URLParam(r, "*")
	edit.wikiHead, edit.New = s.wikiHead(g, name), name == ""
	title := "Edit " + name
	if edit.Path = edit.At("_edit"); edit.New {
		edit.Path, title = edit.Base+"_new", "New page"
	}
	return s.render(w, r, status, "wikiedit.html", s.inWiki(r, g, title), edit)
}

func (s *Site) saveWiki(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	name := chi.URLParam(r, "*")
	if name == "" {
		name = wiki.CleanName(r.PostFormValue("name"))
	}
	text, base := r.PostFormValue("text"), r.PostFormValue("base")
	if r.PostForm.Has("preview") {
		page := wiki.Page{File: name + ".md", Text: []byte(text)}
		edit := wikiEdit{Form: ui.Form{Values: r.PostForm}, Previews: true, Preview: rendered(repositoryPath(g)+"/wiki/", page)}
		return s.wikiEditPage(w, r, g, edit, http.StatusOK)
	}
	saved, err := s.Wikis.Save(r.Context(), g, wiki.Edit{Name: name, Text: text, Message: r.PostFormValue("message"), Base: git.OID(base)})
	if conflict, ok := errors.AsType[*wiki.Conflict](err); ok {
		return s.showWikiConflict(w, r, g, conflict)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, wikiPath(repositoryPath(g)+"/wiki/", "", saved.Name), "saved")
}

// showWikiConflict shows what others did and keeps what was typed. Saving
// again then overwrites what is shown here, and nothing else.
func (s *Site) showWikiConflict(w http.ResponseWriter, r *http.Request, g access.Grant, conflict *wiki.Conflict) error {
	theirs := conflict.Theirs
	base, _ := git.ParseOID(r.PostFormValue("base"))
	edit := wikiEdit{Conflict: &wikiConflict{Message: errs.Message(conflict), Theirs: string(theirs.Text), Gone: theirs.Blob == ""}}
	if theirs.Why != "" {
		edit.Conflict.Message += " " + theirs.Why
	}
	if base != "" && theirs.Blob != "" {
		opened, err := s.Wikis.Open(r.Context(), g)
		if err != nil {
			return err
		}
		diff, more, err := opened.Diff(r.Context(), base, theirs.Blob)
		if err != nil && !errors.Is(err, git.ErrNoObject) {
			return err
		}
		edit.Conflict.Diff = textDiff{FileDiff: diff, More: more}
	}
	fields := url.Values{}
	for name, values := range r.PostForm {
		fields[name] = values
	}
	fields.Set("base", string(theirs.Blob))
	edit.Form = ui.Form{Values: fields}
	return s.wikiEditPage(w, r, g, edit, http.StatusConflict)
}

type wikiMove struct {
	wikiHead
	Form ui.Form
	Path string
	Base git.OID
}

func (s *Site) showWikiRename(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("name", chi.URLParam(r, "*")))
	if err != nil {
		return err
	}
	return s.wikiRenameAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) wikiRenameAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.wikiMove(w, r, g, "_rename", "wikirename.html", "Rename ", form, status)
}

func (s *Site) showWikiDelete(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.wikiDeleteAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) wikiDeleteAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.wikiMove(w, r, g, "_delete", "wikidelete.html", "Delete ", form, status)
}

func (s *Site) wikiMove(w http.ResponseWriter, r *http.Request, g access.Grant, what, template, title string, form ui.Form, status int) error {
	_, page, err := s.wikiAt(r, g)
	if err != nil {
		return err
	}
	shown := wikiMove{wikiHead: s.wikiHead(g, page.Name), Form: form, Base: page.Blob}
	shown.Path = shown.At(what)
	shell := s.inWiki(r, g, title+page.Name)
	return s.render(w, r, status, template, shell, shown)
}

func (s *Site) renameWiki(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	name := wiki.CleanName(r.PostFormValue("name"))
	page, err := s.Wikis.Rename(r.Context(), g, chi.URLParam(r, "*"), name, git.OID(r.PostFormValue("base")))
	if _, ok := errors.AsType[*wiki.Conflict](err); ok {
		return errs.Conflict("", "Somebody has changed this page since you opened this form. Look at it again, then rename it.")
	}
	if err != nil {
		return err
	}
	return s.done(w, r, wikiPath(repositoryPath(g)+"/wiki/", "", page.Name), "saved")
}

func (s *Site) deleteWiki(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	err := s.Wikis.Delete(r.Context(), g, chi.URLParam(r, "*"), git.OID(r.PostFormValue("base")))
	if _, ok := errors.AsType[*wiki.Conflict](err); ok {
		return errs.Conflict("", "Somebody has changed this page since you opened this form. Look at it again, then delete it.")
	}
	if err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/wiki/_pages", "deleted")
}
