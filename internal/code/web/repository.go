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
	page := newRepositoryPage{Form: form, Path: "/" + g.Workspace().Slug + "/workspace/create-repository", Visibility: []ui.Option{
		{Value: "private", Label: "Private", Hint: "members of " + g.Workspace().Name + " only, by its access controls"},
		{Value: "public", Label: "Public", Hint: "anybody may read it; only members write"},
	}}
	if form.Value("visibility") == "" {
		if form.Values == nil {
			form.Values = url.Values{}
		}
		form.Values.Set("visibility", "private")
		page.Form = form
	}
	shell := s.inWorkspace(r, g, "Create a repository")
	shell.Narrow = true
	return s.render(w, r, status, "newrepository.html", shell, page)
}

func (s *Site) createRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	made, err := s.Repositories.Create(r.Context(), g, repo.Input{
		Name: r.PostFormValue("name"), Description: r.PostFormValue("description"),
		Public: r.PostFormValue("visibility") == "public",
	})
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+g.Workspace().Slug+"/"+made.Slug, "created")
}

// treeRow is one line of a folder's list.
type treeRow struct {
	Name, Icon, Href string // no address for what can't be opened
	Note             string
}

type repositoryPage struct {
	Name, Description string
	Public            bool
	Clone             string
	Commands          string // for an empty repository: the first push
	Empty             bool

	Branch  string
	Commit  *git.Commit
	Commits string
	Rows    []treeRow
	More    bool

	ReadmeName string
	Readme     template.HTML
}

func (s *Site) cloneAddress(g access.Grant) string { return s.URL + repositoryPath(g) + ".git" }

func (s *Site) showRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	described, content, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	page := repositoryPage{
		Name: described.Name, Description: described.Description, Public: described.Public, Clone: s.cloneAddress(g),
	}
	place, err := content.Locate(r.Context(), "")
	switch {
	case errors.Is(err, repo.ErrEmpty):
		page.Empty = true
		page.Commands = firstPush(page.Clone, described.Slug)
	case err != nil:
		return err
	default:
		if err := s.fillRepository(r, g, content, place, &page); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, "repository.html", s.inRepository(r, g, described.Name, described.Name, ""), page)
}

func (s *Site) openRepository(r *http.Request, g access.Grant) (repo.Repository, *repo.Content, error) {
	described, err := s.Repositories.Get(r.Context(), g)
	if err != nil {
		return repo.Repository{}, nil, err
	}
	content, err := s.Repositories.Open(r.Context(), g)
	return described, content, err
}

func (s *Site) fillRepository(r *http.Request, g access.Grant, content *repo.Content, place repo.Place, page *repositoryPage) error {
	commit, err := content.Commit(r.Context(), place.Commit)
	if err != nil {
		return err
	}
	node, err := content.At(r.Context(), place)
	if err != nil {
		return err
	}
	page.Branch, page.Commit, page.Commits = place.Ref, &commit, repositoryPath(g)+"/commits/"+escapePath(place.Ref)
	page.Rows, page.More = rowsOf(g, place, node.Entries), node.More
	page.ReadmeName, page.Readme, err = readme(r, g, content, place, node.Entries)
	return err
}

// firstPush is what to type after creating a repository.
func firstPush(clone, name string) string {
	return "git clone " + clone + "\ncd " + name + "\necho \"# " + name + "\" > README.md\ngit add README.md\ngit commit -m \"First commit\"\ngit push -u origin HEAD"
}

// readme renders a folder's README.
func readme(r *http.Request, g access.Grant, content *repo.Content, place repo.Place, entries []git.Entry) (string, template.HTML, error) {
	name, text, err := content.Readme(r.Context(), entries)
	if err != nil || name == "" {
		return "", "", err
	}
	return name, rendered(g, place, place.Path, name, text), nil
}

// rendered shows a text: Markdown as a page, all else as it is.
func rendered(g access.Grant, place repo.Place, dir, name string, text []byte) template.HTML {
	if !repo.Markdown(name) {
		return markup.Plain(text)
	}
	at := sourcePath(g, place.Ref, "")
	return markup.Markdown(text, markup.Links{File: at, Raw: at, Dir: dir})
}

// sourcePath is the address of a folder or file.
func sourcePath(g access.Grant, ref, inside string) string {
	address := repositoryPath(g) + "/src/" + escapePath(ref)
	if inside != "" {
		address += "/" + escapePath(inside)
	}
	return address
}

func rowsOf(g access.Grant, place repo.Place, entries []git.Entry) []treeRow {
	rows := make([]treeRow, 0, len(entries))
	for _, entry := range entries {
		row := treeRow{Name: strings.ToValidUTF8(entry.Name, "\uFFFD"), Icon: "file"}
		inside := strings.TrimPrefix(place.Path+"/"+entry.Name, "/")
		if row.Name == entry.Name && git.ValidPath(inside) {
			row.Href = sourcePath(g, place.Ref, inside)
		} else {
			row.Note = "its name can't stand in an address"
		}
		switch {
		case entry.Mode.IsTree():
			row.Icon = "folder"
		case entry.Mode == git.ModeSymlink:
			row.Icon, row.Note = "link", "symbolic link"
		case entry.Mode == git.ModeSubmodule:
			row.Icon, row.Href, row.Note = "module", "", "submodule at "+entry.OID.Short()
		}
		rows = append(rows, row)
	}
	return rows
}

type branchesPage struct {
	Base     string
	Branches []repo.Branch
}

// maxBranches is how many branches the page lists.
const maxBranches = 500

func (s *Site) showBranches(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	described, content, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	branches, err := content.Branches(r.Context(), maxBranches)
	if err != nil {
		return err
	}
	page := branchesPage{Base: repositoryPath(g), Branches: branches}
	return s.render(w, r, http.StatusOK, "branches.html", s.inRepository(r, g, described.Name, "Branches", "/branches"), page)
}
