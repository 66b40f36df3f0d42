package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/ui"
)

// workspaceTabs lead to what a workspace holds.
func workspaceTabs(slug, current string) []ui.Link {
	tabs := []ui.Link{
		{Text: "Repositories", Href: "/" + slug, Icon: "repository"},
		{Text: "Snippets", Href: "/" + slug + "/snippets", Icon: "file"},
		{Text: "Activity", Href: "/" + slug + "/workspace/activity", Icon: "clock"},
	}
	mark(tabs, "/"+slug+current)
	return tabs
}

func snippetPath(g access.Grant) string {
	return "/snippets/" + g.Workspace().Slug + "/" + g.Snippet().ID
}

type snippetsPage struct {
	Slug     string
	Snippets []snippetLine
	Next     string
	First    bool
	Empty    ui.Empty
}

type snippetLine struct {
	snippet.Snippet
	Href string
}

func (s *Site) showSnippets(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	after := r.URL.Query().Get("after")
	list, err := s.Snippets.List(r.Context(), g, after, listed+1)
	if err != nil {
		return err
	}
	slug := g.Workspace().Slug
	page := snippetsPage{Slug: slug, First: after == "", Empty: ui.Empty{
		Icon: "file", Title: "No snippet yet", Text: "A snippet is a file or two that is worth keeping: a script, a configuration, an answer.",
		Link: ui.Link{Text: "Create snippet", Href: "/" + slug + "/snippets/new"},
	}}
	if len(list) > listed {
		list = list[:listed]
		page.Next = list[listed-1].Key()
	}
	for _, one := range list {
		page.Snippets = append(page.Snippets, snippetLine{one, "/snippets/" + slug + "/" + one.ID})
	}
	shell := s.inWorkspace(r, g, "Snippets")
	shell.Tabs = workspaceTabs(slug, "/snippets")
	return s.render(w, r, http.StatusOK, "snippets.html", shell, page)
}

// snippetHead is what every page of a snippet shows above.
type snippetHead struct {
	snippet.Snippet
	Base      string
	Clone     cloneBox
	CanEdit   bool
	CanManage bool
}

func (s *Site) snippetHead(r *http.Request, g access.Grant) (snippetHead, error) {
	described, err := s.Snippets.Get(r.Context(), g)
	base := snippetPath(g)
	return snippetHead{
		Snippet: described, Base: base, Clone: s.cloneBox(g, base+".git"),
		CanEdit: g.Snippet().Permission >= access.Write, CanManage: g.Snippet().Permission >= access.Admin,
	}, err
}

// inSnippet is the frame of a page of a snippet. Whoever reads a public one
// isn't led to the workspace's list.
func (s *Site) inSnippet(r *http.Request, g access.Grant, head snippetHead, title string) ui.Shell {
	shell := s.shell(r, title)
	if g.Snippet().Permission > access.None {
		slug := g.Workspace().Slug
		shell.Crumbs = []ui.Link{{Text: g.Workspace().Name, Href: "/" + slug}, {Text: "Snippets", Href: "/" + slug + "/snippets"}}
	}
	shell.Crumbs = append(shell.Crumbs, ui.Link{Text: head.Title, Href: head.Base})
	return shell
}

const filesShown = 20

type snippetPage struct {
	snippetHead
	Files    []snippetFile
	More     bool
	Old      *git.Commit // the version that is shown, where it isn't the newest
	Comments []snippetComment
	MoreSaid bool
	SignedIn bool
	Form     ui.Form
}

type snippetFile struct {
	Name, Raw, Size string
	Why             string
	Rendered        template.HTML
	Lines           []template.HTML
}

type snippetComment struct {
	snippet.Comment
	Text template.HTML
	Edit string // address; empty where it isn't the visitor's to change
}

func (s *Site) showSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{})
	if err != nil {
		return err
	}
	return s.snippetAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) snippetAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	page := snippetPage{snippetHead: head, Form: form, SignedIn: g.Actor().User != ""}
	if page.Files, page.More, err = filesOf(r, content, head.Base, ""); err != nil {
		return err
	}
	comments, more, err := s.Snippets.Comments(r.Context(), g)
	if err != nil {
		return err
	}
	page.MoreSaid = more
	for _, c := range comments {
		shown := snippetComment{Comment: c, Text: s.texts.Markdown([]byte(c.Body), markup.Links{File: head.Base, Raw: head.Base + "/raw"})}
		if g.Actor().User != "" && (c.AuthorID == g.Actor().User || head.CanManage) {
			shown.Edit = head.Base + "/comments?comment=" + c.ID
		}
		page.Comments = append(page.Comments, shown)
	}
	return s.render(w, r, status, "snippet.html", s.inSnippet(r, g, head, head.Title), page)
}

// filesOf reads a snippet's files for a page.
func filesOf(r *http.Request, content *snippet.Content, base, at string) (files []snippetFile, more bool, err error) {
	for i, name := range content.Names {
		if i >= filesShown {
			return files, true, nil
		}
		read, err := content.File(r.Context(), name)
		if err != nil {
			return nil, false, err
		}
		file := snippetFile{Name: strings.ToValidUTF8(name, "\uFFFD"), Raw: escapePath(join(base+"/raw", name)), Size: git.Size(read.Size), Why: read.Why}
		if at != "" {
			file.Raw += "?at=" + at
		}
		switch {
		case file.Why != "":
		case binary(read.Data):
			file.Why = "This file isn't text, so it isn't shown."
		case strings.HasSuffix(strings.ToLower(name), ".md"):
			file.Rendered = markup.Markdown(read.Data, markup.Links{File: base, Raw: base + "/raw"})
		default:
			file.Lines = highlight(name, string(read.Data))
		}
		files = append(files, file)
	}
	return files, content.More, nil
}

// showSnippetRaw is a file's bytes, as text that nothing takes for a page.
func (s *Site) showSnippetRaw(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	if at := r.URL.Query().Get("at"); at != "" {
		if content, err = content.At(r.Context(), git.OID(at)); err != nil {
			return err
		}
	}
	file, err := content.File(r.Context(), chi.URLParam(r, "*"))
	if err != nil {
		return err
	}
	if file.Why != "" {
		return errs.TooLarge("%s", file.Why)
	}
	sendRaw(w, "", file.Data)
	return nil
}

type snippetVersions struct {
	snippetHead
	Versions []git.Commit
	Older    string
}

func (s *Site) showSnippetVersions(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	after, _ := git.ParseOID(r.URL.Query().Get("after"))
	page := snippetVersions{snippetHead: head}
	if page.Versions, err = content.Versions(r.Context(), after, versionsShown+1); err != nil {
		return err
	}
	if len(page.Versions) > versionsShown {
		page.Versions = page.Versions[:versionsShown]
		page.Older = "?after=" + string(page.Versions[versionsShown-1].OID)
	}
	return s.render(w, r, http.StatusOK, "snippetversions.html", s.inSnippet(r, g, head, "Versions of "+head.Title), page)
}

type snippetVersion struct {
	snippetHead
	Commit  git.Commit
	Files   []snippetFile
	More    bool
	Changes []fileChanges
}

type fileChanges struct {
	Name string
	Diff textDiff
}

func (s *Site) showSnippetVersion(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	content, err := s.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	oid := chi.URLParam(r, "commit")
	if content, err = content.At(r.Context(), git.OID(oid)); err != nil {
		return err
	}
	page := snippetVersion{snippetHead: head}
	commit, diff, err := content.Changes(r.Context())
	if err != nil {
		return err
	}
	page.Commit = commit
	for _, file := range diff.Files {
		name := strings.ToValidUTF8(file.Path(), "\uFFFD")
		page.Changes = append(page.Changes, fileChanges{name, textDiff{FileDiff: file, Of: name}})
	}
	if page.Files, page.More, err = filesOf(r, content, head.Base, string(commit.OID)); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "snippetversion.html", s.inSnippet(r, g, head, "Version "+commit.OID.Short()+" of "+head.Title), page)
}

type snippetComments struct {
	snippetHead
	Comment snippet.Comment
	Mine    bool
	Form    ui.Form
}

func (s *Site) showSnippetComment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.snippetCommentAgain(w, r, g, ui.Form{}, http.StatusOK)
}

// snippetCommentAgain is the form of a comment that is there; of a new one it
// is the snippet's own page.
func (s *Site) snippetCommentAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	id := r.FormValue("comment")
	if id == "" {
		return s.snippetAgain(w, r, g, form, status)
	}
	head, err := s.snippetHead(r, g)
	if err != nil {
		return err
	}
	comment, err := s.Snippets.Comment(r.Context(), g, id)
	if err != nil {
		return err
	}
	page := snippetComments{snippetHead: head, Comment: comment, Mine: comment.AuthorID == g.Actor().User}
	if page.Form, err = s.keptOr(r, filledUp(form, "text", comment.Body)); err != nil {
		return err
	}
	return s.render(w, r, status, "snippetcomment.html", s.inSnippet(r, g, head, "Comment"), page)
}

func (s *Site) saveSnippetComment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	id, text := r.PostFormValue("comment"), r.PostFormValue("text")
	var err error
	switch {
	case id == "":
		id, err = s.Snippets.AddComment(r.Context(), g, text)
	case r.PostForm.Has("delete"):
		if err := s.Snippets.DeleteComment(r.Context(), g, id); err != nil {
			return err
		}
		return s.done(w, r, snippetPath(g), "deleted")
	default:
		err = s.Snippets.EditComment(r.Context(), g, id, text)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, snippetPath(g)+"#comment-"+url.PathEscape(id))
}
