package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

type snippetForm struct {
	Form       ui.Form
	Path, Back string
	New        bool
	Files      []snippetField
	More       int // files that there may be; sent along to add one
	Visibility []ui.Option
	Left       []string // files that aren't edited here
}

// snippetField is the part of the form for one file; its fields end in its number.
type snippetField struct {
	Number, Was string
	Name, Text  ui.Field
	Removed     bool
}

const maxFields = 20

func snippetVisibility(workspace string) []ui.Option {
	return []ui.Option{
		{Value: "private", Label: "Private", Hint: "Members of " + workspace + " alone."},
		{Value: "public", Label: "Public", Hint: "Everybody who has its address, without signing in. Only you and owners can change it."},
	}
}

func (s *Site) showNewSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("visibility", "private"))
	if err != nil {
		return err
	}
	return s.newSnippetAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) newSnippetAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	base := "/" + g.Workspace().Slug + "/snippets"
	page := snippetForm{Form: form, Path: base + "/new", Back: base, New: true, Visibility: snippetVisibility(g.Workspace().Name)}
	page.fields()
	shell := s.inWorkspace(r, g, "Create a snippet")
	return s.render(w, r, status, "snippetform.html", shell, page)
}

// fields makes the parts of the form: as many as it says, one at least, and
// none more than may be.
func (p *snippetForm) fields() {
	count, _ := strconv.Atoi(p.Form.Value("files"))
	p.More = max(1, min(count, maxFields))
	for i := range p.More {
		n := strconv.Itoa(i)
		name, text := p.Form.Text("name-"+n, "File name"), p.Form.Lines("text-"+n, "Content")
		name.Autocomplete, name.Placeholder, text.Mono = "off", "notes.md", true
		text.Rows = 16
		p.Files = append(p.Files, snippetField{
			Number: n, Was: p.Form.Value("was-" + n), Name: name, Text: text, Removed: p.Form.Value("remove-"+n) != "",
		})
	}
}

// snippetEdits reads what was typed; a part that was left empty is none.
func snippetEdits(r *http.Request) []snippet.Edit {
	count, _ := strconv.Atoi(r.PostFormValue("files"))
	var edits []snippet.Edit
	for i := range max(1, min(count, maxFields)) {
		n := strconv.Itoa(i)
		edit := snippet.Edit{
			Was: r.PostFormValue("was-" + n), Name: strings.TrimSpace(r.PostFormValue("name-" + n)),
			Data: []byte(strings.ReplaceAll(r.PostFormValue("text-"+n), "\r\n", "\n")), Remove: r.PostFormValue("remove-"+n) != "",
		}
		if edit.Remove && edit.Was == "" || edit.Was == "" && edit.Name == "" && len(edit.Data) == 0 {
			continue
		}
		if edit.Name == "" && !edit.Remove {
			edit.Name = "file" + strconv.Itoa(i+1) + ".txt"
		}
		edits = append(edits, edit)
	}
	return edits
}

// another reports whether one more part of the form is asked for, and makes it.
func another(r *http.Request) bool {
	if !r.PostForm.Has("add") {
		return false
	}
	count, _ := strconv.Atoi(r.PostFormValue("files"))
	r.PostForm.Set("files", strconv.Itoa(max(1, count)+1))
	return true
}

func (s *Site) createSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if another(r) {
		return s.newSnippetAgain(w, r, g, ui.Form{Values: r.PostForm}, http.StatusOK)
	}
	in := snippet.Input{Title: r.PostFormValue("title"), Public: r.PostFormValue("visibility") == "public"}
	for _, edit := range snippetEdits(r) {
		in.Files = append(in.Files, snippet.File{Name: edit.Name, Data: edit.Data})
	}
	made, err := s.Snippets.Create(r.Context(), g, in)
	if err != nil {
		return err
	}
	return s.done(w, r, "/snippets/"+g.Workspace().Slug+"/"+made.ID, "created")
}

func (s *Site) showSnippetEdit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	described, err := s.Snippets.Get(r.Context(), g)
	if err != nil {
		return err
	}
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	pairs := []string{"title", described.Title, "base", string(content.Head)}
	count := 0
	for _, name := range content.Names {
		file, err := content.File(r.Context(), name)
		if err != nil {
			return err
		}
		if file.Why != "" || binary(file.Data) || len(file.Data) > 256<<10 || count >= maxFields-1 {
			continue
		}
		n := strconv.Itoa(count)
		pairs = append(pairs, "was-"+n, name, "name-"+n, name, "text-"+n, string(file.Data))
		count++
	}
	form, err := s.keptOr(r, ui.Filled(append(pairs, "files", strconv.Itoa(count))...))
	if err != nil {
		return err
	}
	return s.snippetEditAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) snippetEditAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	if form.Failed() { // it has been told what others did: the next save is meant
		form.Values.Set("base", string(content.Head))
	}
	page := snippetForm{Form: form, Path: head.Base + "/edit", Back: head.Base}
	page.fields()
	for _, name := range content.Names {
		if !slices.ContainsFunc(page.Files, func(f snippetField) bool { return f.Was == name }) {
			page.Left = append(page.Left, name)
		}
	}
	return s.render(w, r, status, "snippetform.html", s.inSnippet(r, g, head, "Edit "+head.Title), page)
}

func (s *Site) saveSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if another(r) {
		return s.snippetEditAgain(w, r, g, ui.Form{Values: r.PostForm}, http.StatusOK)
	}
	title := strings.TrimSpace(r.PostFormValue("title"))
	if title == "" {
		return errs.Invalid("title", "Give it a title.")
	}
	err := s.Snippets.Update(r.Context(), g, snippet.Change{Title: title, Edits: snippetEdits(r), Base: git.OID(r.PostFormValue("base"))})
	if err != nil {
		return err
	}
	return s.done(w, r, snippetPath(g), "saved")
}

type snippetSettings struct {
	snippetHead
	Form       ui.Form
	Visibility []ui.Option
}

func (s *Site) showSnippetSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.snippetSettingsAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) snippetSettingsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	now := "private"
	if head.Public {
		now = "public"
	}
	page := snippetSettings{snippetHead: head, Form: filledUp(form, "visibility", now), Visibility: snippetVisibility(g.Workspace().Name)}
	return s.render(w, r, status, "snippetsettings.html", s.inSnippet(r, g, head, "Settings of "+head.Title), page)
}

func (s *Site) setSnippetVisibility(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Snippets.SetVisibility(r.Context(), g, r.PostFormValue("visibility") == "public"); err != nil {
		return err
	}
	return s.done(w, r, snippetPath(g)+"/settings", "saved")
}

func (s *Site) deleteSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Snippets.Delete(r.Context(), g); err != nil {
		return err
	}
	return s.done(w, r, "/"+g.Workspace().Slug+"/snippets", "deleted")
}
