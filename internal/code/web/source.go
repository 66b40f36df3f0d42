package web

import (
	"errors"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// sourcePage is a folder or a file.
type sourcePage struct {
	Ref     string
	Trail   []ui.Link // from the top of the tree to here
	History string

	Folder     bool
	Up         string // the folder above; empty: this is the top
	Rows       []treeRow
	More       bool
	ReadmeName string
	Readme     template.HTML

	Size     string
	Why      string // why a file isn't shown
	Target   string // of a symbolic link
	Lines    []template.HTML
	Rendered template.HTML
	Other    ui.Link // rendered or as it is
}

func (s *Site) showSource(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	described, content, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	place, err := content.Locate(r.Context(), chi.URLParam(r, "*"))
	if errors.Is(err, repo.ErrEmpty) {
		return redirect(w, r, repositoryPath(g))
	}
	if err != nil {
		return err
	}
	node, err := content.At(r.Context(), place)
	if err != nil {
		return err
	}
	page := sourcePage{
		Ref: place.Ref, Trail: trail(g, described.Name, place),
		History: repositoryPath(g) + "/commits/" + escapePath(place.Ref),
	}
	if node.Entry.Mode.IsTree() {
		err = s.fillFolder(r, g, content, place, node, &page)
	} else {
		fillFile(r, g, place, node, &page)
	}
	if err != nil {
		return err
	}
	title := described.Name
	if place.Path != "" {
		title = path.Base(place.Path) + " · " + title
	}
	shell := s.inRepository(r, g, described.Name, title, "")
	shell.Wide = !page.Folder
	return s.render(w, r, http.StatusOK, "source.html", shell, page)
}

// trail is the way from the top of the tree to a place.
func trail(g access.Grant, name string, place repo.Place) []ui.Link {
	links := []ui.Link{{Text: name, Href: sourcePath(g, place.Ref, "")}}
	if place.Path == "" {
		return links
	}
	parts := strings.Split(place.Path, "/")
	for i, part := range parts {
		links = append(links, ui.Link{Text: part, Href: sourcePath(g, place.Ref, strings.Join(parts[:i+1], "/"))})
	}
	return links
}

func (s *Site) fillFolder(r *http.Request, g access.Grant, content *repo.Content, place repo.Place, node repo.Node, page *sourcePage) (err error) {
	page.Folder, page.More = true, node.More
	page.Rows = rowsOf(g, place, node.Entries)
	if place.Path != "" {
		page.Up = sourcePath(g, place.Ref, strings.TrimPrefix(path.Dir("/"+place.Path), "/"))
	}
	page.ReadmeName, page.Readme, err = readme(r, g, content, place, node.Entries)
	return err
}

func fillFile(r *http.Request, g access.Grant, place repo.Place, node repo.Node, page *sourcePage) {
	page.Size = git.Size(node.Blob.Size)
	name, here := path.Base(place.Path), sourcePath(g, place.Ref, place.Path)
	switch {
	case node.Entry.Mode == git.ModeSubmodule:
		page.Why = "This is a submodule: another repository at commit " + string(node.Entry.OID) + "."
	case node.Blob.Data == nil && node.Blob.Size > 0:
		page.Why = "This file is too large to be shown. Clone the repository to read it."
	case node.Entry.Mode == git.ModeSymlink:
		page.Target = strings.ToValidUTF8(string(node.Blob.Data), "\uFFFD")
	case binary(node.Blob.Data):
		page.Why = "This file isn't text, so it isn't shown. Clone the repository to read it."
	case repo.Markdown(name) && r.URL.Query().Get("view") != "source":
		dir := strings.TrimPrefix(path.Dir("/"+place.Path), "/")
		page.Rendered = rendered(g, place, dir, name, node.Blob.Data)
		page.Other = ui.Link{Text: "As it is written", Href: here + "?view=source"}
	default:
		page.Lines = highlight(name, string(node.Blob.Data))
		if repo.Markdown(name) {
			page.Other = ui.Link{Text: "As a page", Href: here}
		}
	}
}

// commitsEach is how many commits one page lists.
const commitsEach = 30

type commitsPage struct {
	Ref     string
	Empty   bool
	Commits []git.Commit
	Next    string // the address of older ones; empty: these are the oldest
	Newest  string // the address of the first page; empty: this is it
	Base    string
}

func (s *Site) showCommits(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	described, content, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	page := commitsPage{Base: repositoryPath(g)}
	shell := s.inRepository(r, g, described.Name, "Commits", "/commits")
	place, err := content.Locate(r.Context(), chi.URLParam(r, "*"))
	if errors.Is(err, repo.ErrEmpty) {
		page.Empty = true
		return s.render(w, r, http.StatusOK, "commits.html", shell, page)
	}
	if err != nil {
		return err
	}
	if err := s.fillCommits(r, content, place, &page); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "commits.html", shell, page)
}

// fillCommits lists one page. The pages after the first count from the commit
// at which the first began, so a push in between doesn't shift them.
func (s *Site) fillCommits(r *http.Request, content *repo.Content, place repo.Place, page *commitsPage) error {
	from, skip := place.Commit, 0
	query := r.URL.Query()
	if oid, ok := git.ParseOID(query.Get("from")); ok {
		began, err := content.Locate(r.Context(), string(oid))
		if err != nil {
			return err
		}
		from = began.Commit
		if n, err := strconv.Atoi(query.Get("skip")); err == nil && n > 0 && n < 1<<20 {
			skip = n
		}
	}
	commits, err := content.Commits(r.Context(), from, skip, commitsEach+1)
	if err != nil {
		return err
	}
	here := page.Base + "/commits/" + escapePath(place.Ref)
	page.Ref = place.Ref
	if skip > 0 {
		page.Newest = here
	}
	if len(commits) > commitsEach {
		commits = commits[:commitsEach]
		page.Next = here + "?from=" + string(from) + "&skip=" + strconv.Itoa(skip+commitsEach)
	}
	page.Commits = commits
	return nil
}
