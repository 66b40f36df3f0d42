package api

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// TreeEntry is a file or a folder as Bitbucket shows one.
type TreeEntry struct {
	Type       string          `json:"type" enum:"commit_file,commit_directory"`
	Path       string          `json:"path"`
	Commit     CommitRef       `json:"commit"`
	Size       *int64          `json:"size,omitempty" doc:"In bytes; of a file"`
	Attributes []string        `json:"attributes,omitempty" doc:"link, executable or subrepository"`
	Links      map[string]Link `json:"links"`
}

func (a *API) sourceOperations(to huma.API) {
	const summary = "The bytes of a file, or what a folder holds, by name with folders first. With format=meta, what a file is"
	a.plain(to, http.MethodGet, repositoryAt+"/src", access.ReadRepository, a.getSource, "getTop",
		"What the main branch holds at its top", "pagelen", "page", "format")
	a.plain(to, http.MethodGet, repositoryAt+"/src/*", access.ReadRepository, a.getSource, "getSource",
		summary+". The path is a branch, a tag or a commit, and the path inside it", "pagelen", "page", "format")
}

func (a *API) getSource(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	content, err := a.Repositories.Open(r.Context(), g)
	if err != nil {
		return err
	}
	place, err := content.Locate(r.Context(), chi.URLParam(r, "*"))
	if err != nil {
		return err
	}
	node, err := content.At(r.Context(), place)
	if err != nil {
		return err
	}
	switch entry := node.Entry; {
	case r.URL.Query().Get("format") == "meta":
		shown, err := a.entryOf(r.Context(), g, content, place, entry)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, shown)
	case entry.Mode.IsTree():
		return a.listFolder(w, r, g, content, place, node)
	case !entry.Mode.IsFile() && entry.Mode != git.ModeSymlink:
		return errs.NotFound("There is no such file.")
	case node.Blob.Data != nil || node.Blob.Size == 0:
		sendBytes(w, node.Blob.Data)
		return nil
	}
	file, err := content.Stream(r.Context(), node)
	if err != nil {
		return err
	}
	defer file.Close()
	bytesHeader(w.Header(), node.Blob.Size)
	door.Stream(w, r, node.Blob.Size, file)
	return nil
}

// sendBytes answers with bytes.
func sendBytes(w http.ResponseWriter, data []byte) {
	bytesHeader(w.Header(), int64(len(data)))
	_, _ = w.Write(data) // the reader went away: nothing to be done
}

// bytesHeader says that what follows is so many bytes, and nothing to take for a
// page.
func bytesHeader(header http.Header, size int64) {
	header.Set("Content-Type", "text/plain")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("Content-Length", strconv.FormatInt(size, 10))
}

func (a *API) listFolder(w http.ResponseWriter, r *http.Request, g access.Grant, content *repo.Content, place repo.Place, folder repo.Node) error {
	paged, err := pagedOf(r.URL.Query())
	if err != nil {
		return err
	}
	after, err := paged.key()
	if err != nil {
		return err
	}
	found, next := folder.Page(after, paged.PageLen)
	page := Page[TreeEntry]{PageLen: paged.PageLen, Values: make([]TreeEntry, len(found))}
	for i, entry := range found {
		at := place
		at.Path = path.Join(place.Path, entry.Name)
		if page.Values[i], err = a.entryOf(r.Context(), g, content, at, entry); err != nil {
			return err
		}
	}
	if next != "" {
		page.Next = a.URL + escapePath(r.URL.Path) + "?" + paged.next(next).Encode()
	}
	return answer(w, http.StatusOK, page)
}

func (a *API) entryOf(ctx context.Context, g access.Grant, content *repo.Content, at repo.Place, entry git.Entry) (TreeEntry, error) {
	self := a.repositoryURL(g) + "/src/" + string(at.Commit) + "/" + escapePath(at.Path)
	made := TreeEntry{
		Type: "commit_file", Path: at.Path, Commit: a.commitRef(g, at.Commit),
		Links: map[string]Link{"self": {Href: self}, "meta": {Href: self + "?format=meta"}},
	}
	switch mode := entry.Mode; {
	case mode.IsTree():
		made.Type = "commit_directory"
		return made, nil
	case mode == git.ModeSubmodule:
		made.Attributes = []string{"subrepository"}
		return made, nil
	case mode == git.ModeSymlink:
		made.Attributes = []string{"link"}
	case mode == git.ModeExecutable:
		made.Attributes = []string{"executable"}
	}
	size, _, err := content.Size(ctx, entry.OID)
	made.Size = &size
	return made, err
}

// pagedOf reads from a query what huma reads elsewhere.
func pagedOf(query url.Values) (Paged, error) {
	paged := Paged{PageLen: 10, Page: query.Get("page")}
	if text := query.Get("pagelen"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return paged, errs.Invalid("pagelen", "Ask for 1 to 100.")
		}
		paged.PageLen = n
	}
	return paged, nil
}
