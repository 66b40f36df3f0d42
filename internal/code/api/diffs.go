package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// DiffStat is what was done to one file, as Bitbucket shows it.
type DiffStat struct {
	Type    string   `json:"type" enum:"diffstat"`
	Status  string   `json:"status" enum:"added,removed,modified,renamed"`
	Added   int      `json:"lines_added"`
	Removed int      `json:"lines_removed"`
	Old     *DiffEnd `json:"old" doc:"null where the file is new"`
	New     *DiffEnd `json:"new" doc:"null where the file is gone"`
}

// DiffEnd is a file before a change, or after it.
type DiffEnd struct {
	Type  string          `json:"type" enum:"commit_file"`
	Path  string          `json:"path"`
	Links map[string]Link `json:"links"`
}

type diffStatInput struct {
	NamedRepository
	Paged
	Spec  string `path:"spec" maxLength:"600" doc:"A commit, or two divided by two dots: what the first has beyond what it has in common with the second"`
	Path  string `query:"path" maxLength:"4000" doc:"Only this file or folder"`
	Space bool   `query:"ignore_whitespace" doc:"Without changes of space"`
}

func (a *API) diffOperations(to huma.API) {
	a.plain(to, http.MethodGet, repositoryAt+"/diff/*", access.ReadRepository, a.getDiff, "getDiff",
		"What a commit changed, or what the first of two, divided by two dots, has beyond what it has in common with the second; as git prints it", "path", "ignore_whitespace")
	add(a, to, access.ReadRepository, a.listDiffStat, huma.Operation{
		Path: repositoryAt + "/diffstat/{spec}", OperationID: "listDiffStat", Summary: "The files of a diff, by path",
		Metadata: part{described: "spec", routed: "*"}.as(),
	})
}

// ends is what is compared: from is zero where it is a commit with its parent.
type ends struct{ from, to repo.Place }

// endsOf reads a spec. Bitbucket names first what is looked at, then what it is
// compared with.
func endsOf(ctx context.Context, content *repo.Content, spec string) (ends, error) {
	source, target, two := strings.Cut(spec, "..")
	var e ends
	var err error
	if e.to, err = revision(ctx, content, source); err != nil || !two {
		return e, err
	}
	e.from, err = revision(ctx, content, strings.TrimPrefix(target, "."))
	return e, err
}

func (a *API) getDiff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	query := r.URL.Query()
	options := git.DiffOptions{Path: strings.Trim(query.Get("path"), "/")}
	if text := query.Get("ignore_whitespace"); text != "" {
		ignore, err := strconv.ParseBool(text)
		if err != nil {
			return errs.Invalid("ignore_whitespace", "Say true or false.")
		}
		options.IgnoreSpace = ignore
	}
	content, err := a.Repositories.Open(r.Context(), g)
	if err != nil {
		return err
	}
	e, err := endsOf(r.Context(), content, chi.URLParam(r, "*"))
	if err != nil {
		return err
	}
	text, err := printed(r.Context(), content, e, options)
	if err != nil {
		return err
	}
	sendBytes(w, text)
	return nil
}

func printed(ctx context.Context, content *repo.Content, e ends, options git.DiffOptions) ([]byte, error) {
	if !git.ValidPath(options.Path) {
		return nil, errs.NotFound("There is no such file.")
	}
	if e.from.Commit != "" {
		return content.PrintCompared(ctx, e.from, e.to, options)
	}
	commit, err := content.Commit(ctx, e.to.Commit)
	if err != nil {
		return nil, err
	}
	return content.PrintChanges(ctx, commit, options)
}

func compared(ctx context.Context, content *repo.Content, e *ends, options git.DiffOptions) (git.Diff, error) {
	if !git.ValidPath(options.Path) {
		return git.Diff{}, errs.NotFound("There is no such file.")
	}
	if e.from.Commit != "" {
		both, err := content.Compare(ctx, e.from, e.to, options)
		return both.Diff, err
	}
	commit, err := content.Commit(ctx, e.to.Commit)
	if err != nil {
		return git.Diff{}, err
	}
	if len(commit.Parents) > 0 {
		e.from.Commit = commit.Parents[0]
	}
	return content.Changes(ctx, commit, options)
}

func (a *API) listDiffStat(ctx context.Context, g access.Grant, in *diffStatInput) (*output[Page[DiffStat]], error) {
	after, err := in.key()
	if err != nil {
		return nil, err
	}
	content, err := a.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	e, err := endsOf(ctx, content, in.Spec)
	if err != nil {
		return nil, err
	}
	diff, err := compared(ctx, content, &e, git.DiffOptions{Path: strings.Trim(in.Path, "/"), IgnoreSpace: in.Space})
	if err != nil {
		return nil, err
	}
	if diff.More {
		return nil, errs.TooLarge("This is more than can be compared here. Clone the repository to look at it there.")
	}
	slices.SortFunc(diff.Files, func(x, y git.FileDiff) int { return strings.Compare(x.Path(), y.Path()) })
	found := slices.DeleteFunc(diff.Files, func(f git.FileDiff) bool { return f.Path() <= after })
	query := url.Values{}
	if in.Path != "" {
		query.Set("path", in.Path)
	}
	if in.Space {
		query.Set("ignore_whitespace", "true")
	}
	return pageWith(in.Paged, a.repositoryURL(g)+"/diffstat/"+escapePath(in.Spec), query, found, git.FileDiff.Path,
		func(f git.FileDiff) DiffStat { return a.diffStatOf(g, e, f) }), nil
}

func (a *API) diffStatOf(g access.Grant, e ends, f git.FileDiff) DiffStat {
	made := DiffStat{Type: "diffstat", Status: "modified", Added: f.Added, Removed: f.Removed, Old: a.diffEnd(g, e.from, f.Old), New: a.diffEnd(g, e.to, f.New)}
	switch {
	case f.Old == "":
		made.Status = "added"
	case f.New == "":
		made.Status = "removed"
	case f.Renamed:
		made.Status = "renamed"
	}
	return made
}

func (a *API) diffEnd(g access.Grant, at repo.Place, name string) *DiffEnd {
	if name == "" {
		return nil
	}
	return &DiffEnd{Type: "commit_file", Path: name, Links: map[string]Link{
		"self": {Href: a.repositoryURL(g) + "/src/" + string(at.Commit) + "/" + escapePath(name)},
	}}
}
