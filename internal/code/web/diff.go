package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// What of a comparison is unfolded at once, in lines.
const (
	unfoldedFile = 500
	unfoldedAll  = 5000
)

const (
	filesCompared   = 1000 // files of a comparison that are shown
	commitsCompared = 10   // commits of it that are listed
	filesLookedAt   = 200  // those of which images and sizes are
)

// diffView is a comparison as it is shown: the fragment "diff".
type diffView struct {
	Summary string
	Split   bool
	Ways    []ui.Link // other ways to look at it
	Files   []diffFile
	Alone   string // address of the whole, where one file is looked at alone
	More    bool

	query url.Values
}

// diffFile is one file of it.
type diffFile struct {
	Anchor         string
	Name, Was      string // Was: the name before, where it is another
	Kind           string
	Added, Removed int
	Note           string // why no lines are shown; empty: they are
	Unfold         string // address that shows the lines which are folded
	Browse         string // address of the file; empty where it is gone
	Images         []diffImage
	Hunks          []diffHunk

	sizes string // how long a file that isn't text was and is
}

type diffHunk struct {
	Section string
	Rows    template.HTML
}

// diffOptions reads how a comparison is asked for: side by side, without
// changes of space, one file alone.
func diffOptions(r *http.Request) (diffView, git.DiffOptions, error) {
	query := r.URL.Query()
	view := diffView{Split: query.Get("view") == "split", query: url.Values{}}
	options := git.DiffOptions{IgnoreSpace: query.Get("w") == "1", Path: query.Get("file")}
	if !git.ValidPath(options.Path) {
		return view, options, errs.NotFound("There is no such file.")
	}
	for _, key := range []string{"view", "w", "file"} {
		if value := query.Get(key); value != "" {
			view.query.Set(key, value)
		}
	}
	view.Ways = []ui.Link{
		{Text: "Unified", Href: view.with("view", ""), Current: !view.Split},
		{Text: "Side by side", Href: view.with("view", "split"), Current: view.Split},
	}
	if options.IgnoreSpace {
		view.Ways = append(view.Ways, ui.Link{Text: "Show changes of space", Href: view.with("w", "")})
	} else {
		view.Ways = append(view.Ways, ui.Link{Text: "Hide changes of space", Href: view.with("w", "1")})
	}
	if options.Path != "" {
		view.Alone = view.with("file", "")
	}
	return view, options, nil
}

// with gives the address of the same comparison looked at in another way.
func (v *diffView) with(key, value string) string {
	query := url.Values{}
	for k, values := range v.query {
		query[k] = values
	}
	query.Del(key)
	if value != "" {
		query.Set(key, value)
	}
	return "?" + query.Encode()
}

// fill puts a comparison into the view.
func (v *diffView) fill(diff git.Diff, sides diffSides) error {
	v.Summary, v.More = diff.Summary, diff.More
	lines := 0
	if len(diff.Files) > filesCompared {
		diff.Files, v.More = diff.Files[:filesCompared], true
	}
	for i, file := range diff.Files {
		shown := diffFile{
			Anchor: fmt.Sprint("file-", i+1), Name: strings.ToValidUTF8(file.Path(), "\uFFFD"), Kind: "Changed",
			Added: file.Added, Removed: file.Removed,
		}
		switch {
		case file.Old == "":
			shown.Kind = "New"
		case file.New == "":
			shown.Kind = "Deleted"
		case file.Renamed:
			shown.Kind, shown.Was = "Renamed", strings.ToValidUTF8(file.Old, "\uFFFD")
		}
		if file.New != "" && git.ValidPath(file.New) {
			shown.Browse = sides.o.source(sides.ref, file.New)
		}
		if i < filesLookedAt {
			if err := sides.look(file, &shown); err != nil {
				return err
			}
		}
		size := 0
		for _, h := range file.Hunks {
			size += len(h.Lines)
		}
		switch {
		case file.Binary:
			if shown.Images == nil {
				shown.Note = "This file isn't text, so its lines aren't compared" + shown.sizes + "."
			}
		case file.OldMode != 0 && file.NewMode != 0 && file.OldMode != file.NewMode && size == 0:
			shown.Note = fmt.Sprintf("Its mode was changed from %o to %o.", file.OldMode, file.NewMode)
		case size == 0:
			shown.Note = "No line was changed."
		case v.Alone == "" && (size > unfoldedFile || lines+size > unfoldedAll):
			shown.Note, shown.Unfold = fmt.Sprintf("%d lines are folded.", size), v.with("file", file.Path())
		default:
			lines += size
			shown.Hunks = v.hunks(file.Hunks)
		}
		v.Files = append(v.Files, shown)
	}
	return nil
}

func (v *diffView) hunks(hunks []git.Hunk) []diffHunk {
	made := make([]diffHunk, len(hunks))
	for i, hunk := range hunks {
		made[i] = diffHunk{hunk.Section, rowsOf(hunk.Lines, v.Split)}
	}
	return made
}

// comparePage compares two branches, tags or commits.
type comparePage struct {
	Form     ui.Form
	Names    []string // branches and tags to choose from
	Compared bool
	From, To string
	Back     string // address of the comparison the other way round
	Ahead    int
	Behind   int
	Commits  []commitLine // the newest of those that To has beyond From
	All      string       // address of the list of all; empty: these are all
	Diff     diffView
}

// showDiff compares what the address names: FROM..TO. Without, it asks.
func (s *Site) showDiff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	base := o.base + "/diff/"
	query := r.URL.Query()
	from, to, ok := strings.Cut(chi.URLParam(r, "*"), "..")
	to = strings.TrimPrefix(to, ".") // as git writes it too
	if chosen, other := strings.TrimSpace(query.Get("from")), strings.TrimSpace(query.Get("to")); !ok && chosen != "" && other != "" {
		return redirect(w, r, escapePath(base+chosen+".."+other))
	}
	page := comparePage{From: from, To: to, Compared: ok && from != "" && to != ""}
	page.Form = ui.Filled("from", from, "to", to)
	if page.Names, err = o.names(r); err != nil {
		return err
	}
	shell := s.inRepository(r, g, o.Name, "Compare · "+o.Name, "/branches")
	if !page.Compared {
		return s.render(w, r, http.StatusOK, "compare.html", shell, page)
	}
	if err := s.compare(r, g, o, &page); err != nil {
		return err
	}
	page.Back = escapePath(base + to + ".." + from)
	shell.Wide = page.Diff.Split
	return s.render(w, r, http.StatusOK, "compare.html", shell, page)
}

func (s *Site) compare(r *http.Request, g access.Grant, o opened, page *comparePage) error {
	view, options, err := diffOptions(r)
	if err != nil {
		return err
	}
	ends := [2]repo.Place{}
	for i, name := range []string{page.From, page.To} {
		if ends[i], err = o.content.Locate(r.Context(), name); err != nil {
			return err
		}
		if ends[i].Path != "" {
			return errs.NotFound("There is no branch, tag or commit %q.", name)
		}
	}
	compared, err := o.content.Compare(r.Context(), ends[0], ends[1], options)
	if err != nil {
		return err
	}
	commits, err := o.content.Commits(r.Context(), compared.To, git.LogOptions{Without: compared.From, Limit: commitsCompared})
	if err != nil {
		return err
	}
	for _, c := range commits {
		page.Commits = append(page.Commits, s.commitLine(r, g, o, c))
	}
	if compared.Ahead > len(commits) {
		page.All = commitsPage{Here: o.commits(page.To), Without: string(compared.From), From: string(compared.To)}.address("", "")
	}
	err = view.fill(compared.Diff, diffSides{r.Context(), o, page.To, compared.Base, compared.To})
	page.Ahead, page.Behind, page.Diff = compared.Ahead, compared.Behind, view
	return err
}

// names are the branches and tags that a form proposes.
func (o opened) names(r *http.Request) ([]string, error) {
	const most = 200
	branches, _, err := o.content.Branches(r.Context(), "", most)
	if err != nil {
		return nil, err
	}
	tags, _, err := o.content.Tags(r.Context(), "", most)
	var names []string
	for _, ref := range append(branches, tags...) {
		names = append(names, ref.Name)
	}
	return names, err
}
