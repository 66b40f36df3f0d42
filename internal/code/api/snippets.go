package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Snippet is a snippet as Bitbucket shows one. In a list, files is left out.
type Snippet struct {
	Type      string                 `json:"type" enum:"snippet"`
	ID        string                 `json:"id"`
	Title     string                 `json:"title"`
	SCM       string                 `json:"scm" enum:"git"`
	IsPrivate bool                   `json:"is_private"`
	Creator   UserRef                `json:"creator"`
	Owner     Workspace              `json:"owner"`
	CreatedOn string                 `json:"created_on" format:"date-time"`
	UpdatedOn string                 `json:"updated_on" format:"date-time"`
	Files     map[string]SnippetFile `json:"files,omitempty"`
	Links     SnippetLinks           `json:"links"`
}

// SnippetFile says where a file of a snippet is.
type SnippetFile struct {
	Links map[string]Link `json:"links"`
}

// SnippetLinks is where a snippet is found.
type SnippetLinks struct {
	Self  Link   `json:"self"`
	HTML  Link   `json:"html"`
	Clone []Link `json:"clone"`
}

// NamedSnippet names a snippet.
type NamedSnippet struct {
	Named
	ID string `path:"id" maxLength:"100" doc:"The snippet's id"`
}

const (
	snippetsAt = "/2.0/snippets/{workspace}"
	snippetAt  = snippetsAt + "/{id}"

	maxSnippet = 2 << 20 // bytes of a request that writes one
)

func (a *API) snippetOperations(to huma.API) {
	add(a, to, access.ListSnippets, a.listSnippets, huma.Operation{
		Path: snippetsAt, OperationID: "listSnippets", Summary: "The snippets of a workspace, the newest first",
	})
	add(a, to, access.ReadSnippet, a.getSnippet, huma.Operation{
		Path: snippetAt, OperationID: "getSnippet", Summary: "A snippet",
	})
	a.plain(to, http.MethodPost, snippetsAt, access.CreateSnippet, a.createSnippet, "createSnippet",
		"Make a snippet: multipart/form-data with title, is_private and one or more parts file, each with a file name")
	a.plain(to, http.MethodPut, snippetAt, access.WriteSnippet, a.updateSnippet, "updateSnippet",
		"Change a snippet: JSON with title or is_private, or multipart/form-data as for making one. A part file without a file name removes the file that it names")
	a.plain(to, http.MethodDelete, snippetAt, access.DeleteSnippet, a.deleteSnippet, "deleteSnippet", "Delete a snippet")
	a.plain(to, http.MethodGet, snippetAt+"/files/*", access.ReadSnippet, a.getSnippetFile, "getSnippetFile", "The bytes of a file of a snippet, as it is now")
}

func (a *API) listSnippets(ctx context.Context, g access.Grant, in *listInput) (*output[Page[Snippet]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Snippets.List(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, a.URL+"/2.0/snippets/"+g.Workspace().Slug, found, snippet.Snippet.Key,
		func(s snippet.Snippet) Snippet { return a.snippetOf(g.Workspace(), s) }), nil
}

func (a *API) getSnippet(ctx context.Context, g access.Grant, _ *NamedSnippet) (*output[Snippet], error) {
	out, err := a.wholeSnippet(ctx, g)
	return &output[Snippet]{out}, err
}

// wholeSnippet is a snippet with its files.
func (a *API) wholeSnippet(ctx context.Context, g access.Grant) (Snippet, error) {
	s, err := a.Snippets.Get(ctx, g)
	if err != nil {
		return Snippet{}, err
	}
	content, err := a.Snippets.Open(ctx, g)
	if err != nil {
		return Snippet{}, err
	}
	out := a.snippetOf(g.Workspace(), s)
	out.Files = map[string]SnippetFile{}
	for _, name := range content.Names {
		escaped := (&url.URL{Path: name}).EscapedPath()
		out.Files[name] = SnippetFile{Links: map[string]Link{
			"self": {Href: out.Links.Self.Href + "/files/" + escaped}, "html": {Href: out.Links.HTML.Href + "/raw/" + escaped},
		}}
	}
	return out, nil
}

func (a *API) snippetOf(ws access.WorkspaceRef, s snippet.Snippet) Snippet {
	at := ws.Slug + "/" + s.ID
	return Snippet{
		Type: "snippet", ID: s.ID, Title: s.Title, SCM: "git", IsPrivate: !s.Public,
		Creator: userRef(s.AuthorID, s.Username, s.Shown()),
		Owner:   a.workspaceOf(ws.ID, ws.Slug, ws.Name), CreatedOn: moment(s.Created), UpdatedOn: moment(s.Updated),
		Links: SnippetLinks{
			Self: Link{Href: a.URL + "/2.0/snippets/" + at}, HTML: Link{Href: a.URL + "/snippets/" + at},
			Clone: []Link{{Name: "https", Href: a.URL + "/snippets/" + at + ".git"}},
		},
	}
}

// written is what a request says of a snippet.
type written struct {
	Title     *string `json:"title"`
	IsPrivate *bool   `json:"is_private"`
	files     []snippet.File
	gone      []string
}

func readSnippet(w http.ResponseWriter, r *http.Request) (written, error) {
	var in written
	r.Body = http.MaxBytesReader(w, r.Body, maxSnippet)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	switch kind {
	case "application/json":
		err = json.NewDecoder(r.Body).Decode(&in)
	case "multipart/form-data":
		var parts *multipart.Reader
		if parts, err = r.MultipartReader(); err == nil {
			err = in.readParts(parts)
		}
	default:
		return in, errs.Invalid("", "Send application/json or multipart/form-data.")
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return in, errs.TooLarge("A request can have %s. Push larger files with git.", git.Size(maxSnippet))
	}
	if err != nil && errs.KindOf(err) == errs.KindInternal {
		return in, errs.Invalid("", "The request's body can't be read as %s.", kind)
	}
	return in, err
}

func (in *written) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		value := string(data)
		switch part.FormName() {
		case "title":
			in.Title = &value
		case "is_private":
			private, err := strconv.ParseBool(value)
			if err != nil {
				return errs.Invalid("is_private", "Say true or false.")
			}
			in.IsPrivate = &private
		case "file":
			if name := part.FileName(); name != "" {
				in.files = append(in.files, snippet.File{Name: name, Data: data})
			} else {
				in.gone = append(in.gone, value)
			}
		}
	}
}

func (a *API) createSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	in, err := readSnippet(w, r)
	if err != nil {
		return err
	}
	made := snippet.Input{Files: in.files, Public: in.IsPrivate != nil && !*in.IsPrivate}
	if in.Title != nil {
		made.Title = *in.Title
	} else if len(in.files) > 0 {
		made.Title = in.files[0].Name
	}
	s, err := a.Snippets.Create(r.Context(), g, made)
	if err != nil {
		return err
	}
	out := a.snippetOf(g.Workspace(), s)
	w.Header().Set("Location", out.Links.Self.Href)
	return answer(w, http.StatusCreated, out)
}

func (a *API) updateSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	in, err := readSnippet(w, r)
	if err != nil {
		return err
	}
	if in.IsPrivate != nil && *in.IsPrivate == g.Snippet().Public {
		target := access.Target{Workspace: g.Workspace().Slug, Snippet: g.Snippet().ID}
		manage, err := a.Gate.Check(r.Context(), g.Actor(), target, access.ManageSnippet)
		if err != nil {
			return err
		}
		if err := a.Snippets.SetVisibility(r.Context(), manage, !*in.IsPrivate); err != nil {
			return err
		}
	}
	change, err := a.changeOf(r.Context(), g, in)
	if err == nil {
		err = a.Snippets.Update(r.Context(), g, change)
	}
	if err != nil {
		return err
	}
	out, err := a.wholeSnippet(r.Context(), g)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, out)
}

// changeOf tells files that are new from those that are there.
func (a *API) changeOf(ctx context.Context, g access.Grant, in written) (snippet.Change, error) {
	var change snippet.Change
	if in.Title != nil {
		if change.Title = *in.Title; change.Title == "" {
			return change, errs.Invalid("title", "Give it a title.")
		}
	}
	content, err := a.Snippets.Open(ctx, g)
	if err != nil {
		return change, err
	}
	for _, file := range in.files {
		edit := snippet.Edit{Name: file.Name, Data: file.Data}
		if slices.Contains(content.Names, file.Name) {
			edit.Was = file.Name
		}
		change.Edits = append(change.Edits, edit)
	}
	for _, name := range in.gone {
		change.Edits = append(change.Edits, snippet.Edit{Was: name, Remove: true})
	}
	return change, nil
}

func (a *API) deleteSnippet(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := a.Snippets.Delete(r.Context(), g); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) getSnippetFile(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	content, err := a.Snippets.Open(r.Context(), g)
	if err != nil {
		return err
	}
	file, err := content.File(r.Context(), chi.URLParam(r, "*"))
	if err != nil {
		return err
	}
	if file.Why != "" {
		return errs.TooLarge("%s", file.Why)
	}
	sendBytes(w, file.Data)
	return nil
}
