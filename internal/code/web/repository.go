package web

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/ui"
)

type newRepositoryPage struct {
	Form       ui.Form
	Path       string
	Import     string
	Visibility []ui.Option
}

func (s *Site) showNewRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("visibility", "private"))
	if err != nil {
		return err
	}
	return s.newRepositoryAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) newRepositoryAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	page := newRepositoryPage{
		Form: form, Path: "/" + g.Workspace().Slug + "/workspace/create-repository", Import: importPath(g), Visibility: visibilityOptions(g),
	}
	shell := s.inWorkspace(r, g, "Create a repository")
	shell.Narrow = true
	return s.render(w, r, status, "newrepository.html", shell, page)
}

func visibilityOptions(g access.Grant) []ui.Option {
	return []ui.Option{
		{Value: "private", Label: "Private", Hint: "Members of " + g.Workspace().Name + " alone."},
		{Value: "public", Label: "Public", Hint: "Everybody, without signing in. Only members can change it."},
	}
}

func (s *Site) createRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	made, err := s.Repositories.Create(r.Context(), g, repo.Input{
		Name: r.PostFormValue("name"), Description: r.PostFormValue("description"),
		Public: r.PostFormValue("visibility") == "public",
	})
	if err != nil {
		return err
	}
	return redirect(w, r, "/"+g.Workspace().Slug+"/"+made.Slug)
}

// opened is a repository whose content is open, with what its pages share.
type opened struct {
	repo.Repository
	content *repo.Content
	base    string // address of the repository's page
	clone   string
}

func (s *Site) openRepository(r *http.Request, g access.Grant) (opened, error) {
	described, err := s.Repositories.Get(r.Context(), g)
	if err != nil {
		return opened{}, err
	}
	content, err := s.Repositories.Open(r.Context(), g)
	base := repositoryPath(g)
	return opened{Repository: described, content: content, base: base, clone: s.URL + base + ".git"}, err
}

// emptyPage teaches the first push.
type emptyPage struct {
	Repository repo.Repository
	Clone      cloneBox
	Start      string // commands for new work
	Push       string // commands for work that exists
	TokensPath string
	KeysPath   string
	CanWrite   bool
	Watch      watchBox
}

// repositoryPage is what a repository shows first.
type repositoryPage struct {
	Repository repo.Repository
	Clone      cloneBox
	Find       string // address of the search for files
	Search     string // address of the search in them
	Archives   []ui.Link
	Languages  []language
	Folder     folder
	Origin     ui.Link // what it is a fork of; zero: none that is to be known
	Watch      watchBox
	Fork       string // address of the form; empty: nobody is signed in
}

// cloneBox is the commands that clone a repository.
type cloneBox struct{ HTTPS, SSH string }

// cloneBox gives the commands for what git finds at a path. Who isn't signed in
// has no key.
func (s *Site) cloneBox(g access.Grant, path string) cloneBox {
	box := cloneBox{HTTPS: "git clone " + s.URL + path}
	if g.Actor().User != "" && s.SSH.On() {
		box.SSH = "git clone " + s.SSH.address(path)
	}
	return box
}

func (s *Site) showRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	place, err := o.content.Locate(r.Context(), "")
	if errors.Is(err, repo.ErrEmpty) {
		return s.showEmpty(w, r, g, o)
	}
	if err != nil {
		return err
	}
	node, err := o.content.At(r.Context(), place)
	if err != nil {
		return err
	}
	f, err := s.folder(r, g, o, place, node)
	if err != nil {
		return err
	}
	shell := s.inRepository(r, g, o.Name, o.Name, "")
	page := repositoryPage{
		Repository: o.Repository, Clone: s.cloneBox(g, repositoryPath(g)+".git"), Folder: f,
		Find: o.address("find", place.Ref, ""), Search: o.address("search", place.Ref, ""), Archives: o.archives(place.Ref),
	}
	if page.Origin, err = s.forkedFrom(r, g); err != nil {
		return err
	}
	if page.Watch, err = s.watchBox(r, g); err != nil {
		return err
	}
	if g.Actor().User != "" {
		page.Fork = repositoryPath(g) + "/fork"
	}
	if page.Languages, err = o.languages(r, place); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "repository.html", shell, page)
}

func (s *Site) showEmpty(w http.ResponseWriter, r *http.Request, g access.Grant, o opened) error {
	branch, err := o.content.DefaultBranch(r.Context())
	if err != nil && !errors.Is(err, repo.ErrEmpty) {
		return err
	}
	page := emptyPage{
		Repository: o.Repository, Clone: s.cloneBox(g, repositoryPath(g)+".git"), TokensPath: tokensPath, KeysPath: keysPath,
		CanWrite: g.Repository().Permission >= access.Write,
		Start: "git clone " + o.clone + "\ncd " + o.Slug + "\necho \"# " + o.Slug + "\" > README.md\ngit add README.md\n" +
			"git commit -m \"First commit\"\ngit push -u origin HEAD:" + branch,
		Push: "git remote add origin " + o.clone + "\ngit push -u origin HEAD:" + branch,
	}
	if page.Watch, err = s.watchBox(r, g); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "empty.html", s.inRepository(r, g, o.Name, o.Name, ""), page)
}

// folder is a list of files with the README below.
type folder struct {
	Head     git.Commit // the commit that is shown
	Subject  message    // of it
	Branches switcher
	Trail    []ui.Link // the way to a folder, from the top
	Up       string    // address of the folder above; empty at the top
	Create   string    // address of the form for a new file; empty: the actor can't make one
	Entries  []entry
	More     string // address of those that follow; empty: none do
	Readme   template.HTML
	ReadmeOf string // file name
}

// entriesShown is how many lines of a folder one page lists.
const entriesShown = 1000

// entry is a line of a folder.
type entry struct {
	Name, Icon string
	Href       string // empty for what has no page
	Kind       string // for those who don't see the icon
	Note       string
	Last       git.Commit // that it changed in last; zero where that isn't known yet
	Message    message    // of that commit
}

// switcher leads to the same path on other branches.
type switcher struct {
	Current string
	Links   []ui.Link
	All     string
}

func (s *Site) folder(r *http.Request, g access.Grant, o opened, place repo.Place, node repo.Node) (folder, error) {
	head, err := o.content.Commit(r.Context(), place.Commit)
	if err != nil {
		return folder{}, err
	}
	branches, err := o.switcher(r, place)
	if err != nil {
		return folder{}, err
	}
	after := r.URL.Query().Get("after")
	shown, next := node.Page(after, entriesShown)
	f := folder{
		Head: head, Subject: s.message(r, g, head.Subject(), o.commits(string(head.OID))), Branches: branches, Trail: o.trail(place), Entries: make([]entry, len(shown)),
	}
	if next != "" {
		f.More = o.source(place.Ref, place.Path) + "?after=" + url.QueryEscape(next)
	}
	if o.changeable(g, place) {
		f.Create = o.address("create", place.Ref, place.Path)
	}
	if len(f.Trail) > 1 {
		f.Up = f.Trail[len(f.Trail)-2].Href
	}
	lasts, err := o.content.Lasts(r.Context(), place, node, shown)
	if err != nil {
		return folder{}, err
	}
	for i, e := range shown {
		f.Entries[i] = o.entry(place, e)
		if last, known := lasts[e.Name]; known {
			f.Entries[i].Last, f.Entries[i].Message = last, s.message(r, g, last.Subject(), o.commits(string(last.OID)))
		}
	}
	if after == "" {
		f.ReadmeOf, f.Readme, err = o.readme(r, place, node)
	}
	return f, err
}

// changeable reports whether the actor may commit there: it is a branch's tip.
func (o opened) changeable(g access.Grant, place repo.Place) bool {
	_, id := git.ParseOID(place.Ref)
	return !id && canWrite(g)
}

func (o opened) entry(place repo.Place, e git.Entry) entry {
	row := entry{Name: strings.ToValidUTF8(e.Name, "\uFFFD"), Icon: "file", Kind: "File"}
	inside := join(place.Path, e.Name)
	if row.Name == e.Name && e.Name != "" && git.ValidPath(inside) {
		row.Href = o.source(place.Ref, inside)
	} else {
		row.Note = "its name can't stand in an address"
	}
	switch {
	case e.Mode.IsTree():
		row.Icon, row.Kind = "folder", "Folder"
	case e.Mode == git.ModeSymlink:
		row.Icon, row.Kind = "link", "Link"
	case e.Mode == git.ModeSubmodule:
		row.Icon, row.Kind, row.Href, row.Note = "module", "Submodule", "", "at "+e.OID.Short()
	}
	return row
}

func (o opened) readme(r *http.Request, place repo.Place, node repo.Node) (string, template.HTML, error) {
	name, text, err := o.content.Readme(r.Context(), node.Entries)
	if err != nil || name == "" || binary(text) {
		return "", "", err
	}
	return name, o.rendered(place, place.Path, name, text), nil
}

// rendered shows a text that lies in the folder dir: Markdown as a page, all
// else as it is.
func (o opened) rendered(place repo.Place, dir, name string, text []byte) template.HTML {
	if !repo.Markdown(name) {
		return markup.Plain(text)
	}
	return markup.Markdown(text, markup.Links{File: o.source(place.Ref, ""), Raw: o.raw(place.Ref, ""), Dir: dir})
}
