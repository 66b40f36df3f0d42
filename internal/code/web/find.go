package web

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// errNoStart says that what a branch shall start at isn't there.
func errNoStart(err error) error {
	if err == nil || errs.Is(err, errs.KindNotFound) {
		return errs.Invalid("from", "There is no such branch, tag or commit.")
	}
	return err
}

// findPage finds files by their names, or lines by their text.
type findPage struct {
	Branches switcher
	Here     string
	Query    string
	Files    []ui.Link
	Matches  []foundFile
	More     bool
}

// foundFile is a file with the lines that a search found in it.
type foundFile struct {
	Path  string
	Href  string
	Lines []git.Match
}

const filesFound = 100

// showFind finds files: those whose paths hold the letters asked for, in order.
func (s *Site) showFind(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, page, err := s.findIn(r, g, "find")
	if err != nil {
		return err
	}
	paths, more, err := o.content.Files(r.Context(), place)
	if err != nil {
		return err
	}
	found := match(paths, page.Query)
	page.More = more || len(found) > filesFound
	for _, name := range found[:min(len(found), filesFound)] {
		if git.ValidPath(name) {
			page.Files = append(page.Files, ui.Link{Text: strings.ToValidUTF8(name, "\uFFFD"), Href: o.source(place.Ref, name)})
		}
	}
	return s.render(w, r, http.StatusOK, "find.html", s.inRepository(r, g, o.Name, "Find a file · "+o.Name, ""), page)
}

// showSearch finds lines.
func (s *Site) showSearch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, page, err := s.findIn(r, g, "search")
	if err != nil {
		return err
	}
	matches, more, err := o.content.Search(r.Context(), place, page.Query)
	if err != nil {
		return err
	}
	page.More = more
	for _, m := range matches {
		if last := len(page.Matches) - 1; last >= 0 && page.Matches[last].Path == m.Path {
			page.Matches[last].Lines = append(page.Matches[last].Lines, m)
			continue
		}
		page.Matches = append(page.Matches, foundFile{Path: m.Path, Href: o.source(place.Ref, m.Path), Lines: []git.Match{m}})
	}
	return s.render(w, r, http.StatusOK, "search.html", s.inRepository(r, g, o.Name, "Search · "+o.Name, ""), page)
}

func (s *Site) findIn(r *http.Request, g access.Grant, kind string) (opened, repo.Place, findPage, error) {
	o, err := s.openRepository(r, g)
	if err != nil {
		return o, repo.Place{}, findPage{}, err
	}
	place, err := o.content.Locate(r.Context(), chi.URLParam(r, "*"))
	if err != nil {
		return o, place, findPage{}, err
	}
	if place.Path != "" {
		return o, place, findPage{}, errs.NotFound("There is no such branch, tag or commit.")
	}
	branches, err := o.switcher(r, place)
	if err != nil {
		return o, place, findPage{}, err
	}
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	for i, link := range branches.Links {
		branches.Links[i].Href = o.address(kind, link.Text, "") + "?q=" + url.QueryEscape(query)
	}
	return o, place, findPage{Branches: branches, Here: o.address(kind, place.Ref, ""), Query: query}, nil
}

// match gives the paths that hold the letters of a query in their order, those
// that hold it in one piece in the file's own name first, then the short ones.
func match(paths []string, query string) []string {
	if query == "" {
		return paths
	}
	query = strings.ToLower(query)
	type scored struct {
		path string
		rank int
	}
	var found []scored
	for _, name := range paths {
		lower := strings.ToLower(name)
		switch {
		case strings.Contains(path.Base(lower), query):
			found = append(found, scored{name, 0})
		case strings.Contains(lower, query):
			found = append(found, scored{name, 1})
		case inOrder(lower, query):
			found = append(found, scored{name, 2})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(a.path), len(b.path)))
	})
	out := make([]string, len(found))
	for i, f := range found {
		out[i] = f.path
	}
	return out
}

func inOrder(text, letters string) bool {
	for _, letter := range letters {
		at := strings.IndexRune(text, letter)
		if at < 0 {
			return false
		}
		text = text[at+1:]
	}
	return true
}

// archives are the addresses of a branch, tag or commit, packed.
func (o opened) archives(ref string) []ui.Link {
	return []ui.Link{
		{Text: "zip", Href: escapePath(o.base + "/get/" + ref + ".zip")},
		{Text: "tar.gz", Href: escapePath(o.base + "/get/" + ref + ".tar.gz")},
	}
}

// showArchive sends all files of a branch, tag or commit, packed.
func (s *Site) showArchive(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	name, format := chi.URLParam(r, "*"), git.Zip
	ref, ok := strings.CutSuffix(name, ".zip")
	if !ok {
		ref, ok = strings.CutSuffix(name, ".tar.gz")
		format = git.TarGz
	}
	if !ok {
		return errs.NotFound("Archives are made as .zip and .tar.gz.")
	}
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	place, err := o.content.Locate(r.Context(), ref)
	if err != nil {
		return err
	}
	if place.Path != "" {
		return errs.NotFound("There is no such branch, tag or commit.")
	}
	folder := o.Slug + "-" + strings.ReplaceAll(shown(place.Ref), "/", "-")
	out := &archive{ResponseWriter: w, name: folder + "." + string(format), format: format}
	if err := o.content.Archive(r.Context(), place, format, folder, out); err != nil && !out.began {
		return err
	} else if err != nil {
		panic(http.ErrAbortHandler) // what was sent isn't whole: the reader must notice
	}
	return nil
}

// archive sends its header with the first piece.
type archive struct {
	http.ResponseWriter
	name   string
	format git.ArchiveFormat
	began  bool
}

func (a *archive) Write(p []byte) (int, error) {
	if !a.began {
		a.began = true
		kind := "application/zip"
		if a.format == git.TarGz {
			kind = "application/gzip"
		}
		header := a.Header()
		header.Set("Content-Type", kind)
		header.Set("Content-Disposition", `attachment; filename*=UTF-8''`+url.PathEscape(a.name))
		header.Set("Cache-Control", "private, no-cache")
	}
	return a.ResponseWriter.Write(p)
}
