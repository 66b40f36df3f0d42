package web

import (
	"errors"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// Addresses inside a repository.

func (o opened) source(ref, inside string) string {
	return escapePath(join(o.base+"/src/"+ref, inside))
}

func (o opened) raw(ref, inside string) string {
	return escapePath(join(o.base+"/raw/"+ref, inside))
}

func (o opened) commits(ref string) string { return escapePath(o.base + "/commits/" + ref) }

// address is that of another page about a place.
func (o opened) address(kind, ref, inside string) string {
	return escapePath(join(o.base+"/"+kind+"/"+ref, inside))
}

func join(at, name string) string {
	if at == "" || name == "" {
		return at + name
	}
	return at + "/" + name
}

// trail is the way to a place inside the repository, from its top.
func (o opened) trail(place repo.Place) []ui.Link {
	links := []ui.Link{{Text: o.Slug, Href: o.source(place.Ref, "")}}
	inside := ""
	for name := range strings.SplitSeq(place.Path, "/") {
		if name == "" {
			continue
		}
		inside = join(inside, name)
		links = append(links, ui.Link{Text: name, Href: o.source(place.Ref, inside)})
	}
	return links
}

const switchable = 30 // branches that the switcher lists

func (o opened) switcher(r *http.Request, place repo.Place) (switcher, error) {
	branches, _, err := o.content.Branches(r.Context(), "", switchable)
	if err != nil {
		return switcher{}, err
	}
	sw := switcher{Current: shown(place.Ref), All: o.base + "/branches"}
	for _, b := range branches {
		sw.Links = append(sw.Links, ui.Link{Text: b.Name, Href: o.source(b.Name, place.Path), Current: b.Name == place.Ref})
	}
	return sw, nil
}

// shown is a ref as it is read: a commit's id is cut short.
func shown(ref string) string {
	if oid, ok := git.ParseOID(ref); ok {
		return oid.Short()
	}
	return ref
}

type folderPage struct {
	Folder  folder
	Find    string // address of the search for files
	History string
}

// filePage is one file.
type filePage struct {
	Branches switcher
	Trail    []ui.Link
	Size     string
	Raw      string // address of its bytes; empty: there are none to send
	Blame    string
	History  string
	Edit     string // empty: the actor can't change it
	Find     string
	Other    ui.Link // to the same file shown the other way

	// One of these.
	Why      string // why it isn't shown
	Target   string // of a symbolic link
	Image    bool
	Rendered template.HTML
	Lines    []template.HTML
}

// showSource is a folder or a file.
func (s *Site) showSource(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, node, err := s.locate(r, g)
	if errors.Is(err, repo.ErrEmpty) {
		return redirect(w, r, o.base)
	}
	if err != nil {
		return err
	}
	shell := s.inRepository(r, g, o.Name, shownPath(o, place), "")
	if node.Entry.Mode.IsTree() {
		f, err := s.folder(r, g, o, place, node)
		if err != nil {
			return err
		}
		return s.render(w, r, http.StatusOK, "folder.html", shell, folderPage{
			Folder: f, Find: o.address("find", place.Ref, ""), History: o.address("commits", place.Ref, place.Path),
		})
	}
	page, err := o.file(r, place, node)
	if err != nil {
		return err
	}
	if o.changeable(g, place) && node.Entry.Mode.IsFile() && node.Blob.Size <= repo.MaxEdited && repo.Mergeable(node.Blob.Data) {
		page.Edit = o.address("edit", place.Ref, place.Path)
	}
	shell.Wide = len(page.Lines) > 0
	return s.render(w, r, http.StatusOK, "file.html", shell, page)
}

func (o opened) file(r *http.Request, place repo.Place, node repo.Node) (filePage, error) {
	branches, err := o.switcher(r, place)
	if err != nil {
		return filePage{}, err
	}
	page := filePage{
		Branches: branches, Trail: o.trail(place), Size: git.Size(node.Blob.Size), Raw: o.raw(place.Ref, place.Path),
		Blame: o.address("blame", place.Ref, place.Path), History: o.address("commits", place.Ref, place.Path),
		Find: o.address("find", place.Ref, ""),
	}
	name, here := path.Base(place.Path), o.source(place.Ref, place.Path)
	text := node.Blob.Data
	switch {
	case node.Entry.Mode == git.ModeSubmodule:
		page.Why, page.Raw, page.Size = "This is a submodule: another repository, at commit "+string(node.Entry.OID)+".", "", ""
	case text == nil && node.Blob.Size > 0:
		page.Why = "This file is too large to be shown."
	case node.Entry.Mode == git.ModeSymlink:
		page.Target, page.Raw = strings.ToValidUTF8(string(text), "\uFFFD"), ""
	case imageType(name) != "":
		page.Image = true
	case binary(text):
		page.Why = "This file isn't text, so it isn't shown."
	case len(text) == 0:
		page.Why = "This file is empty."
	case repo.Markdown(name) && r.URL.Query().Get("view") != "source":
		page.Rendered = o.rendered(place, strings.Trim(path.Dir("/"+place.Path), "/"), name, text)
		page.Other = ui.Link{Text: "As it is written", Href: here + "?view=source"}
	default:
		page.Lines = highlight(name, string(text))
		if repo.Markdown(name) {
			page.Other = ui.Link{Text: "As a page", Href: here}
		}
	}
	return page, nil
}

func shownPath(o opened, place repo.Place) string {
	if place.Path == "" {
		return o.Name
	}
	return path.Base(place.Path) + " · " + o.Name
}

// locate opens the place that the address names after /src/, /raw/ or /commits/.
func (s *Site) locate(r *http.Request, g access.Grant) (opened, repo.Place, repo.Node, error) {
	o, err := s.openRepository(r, g)
	if err != nil {
		return o, repo.Place{}, repo.Node{}, err
	}
	place, err := o.content.Locate(r.Context(), chi.URLParam(r, "*"))
	if err != nil {
		return o, place, repo.Node{}, err
	}
	node, err := o.content.At(r.Context(), place)
	return o, place, node, err
}

// showRaw is a file's bytes. They are anybody's, so no browser may take them
// for a page: text is plain text, images run nothing, the rest is saved.
func (s *Site) showRaw(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, node, err := s.locate(r, g)
	if err != nil {
		return err
	}
	if !node.Entry.Mode.IsFile() {
		return errs.NotFound("There is no such file.")
	}
	if node.Blob.Data != nil || node.Blob.Size == 0 {
		sendRaw(w, place.Path, node.Blob.Data)
		return nil
	}
	file, err := o.content.Stream(r.Context(), node)
	if err != nil {
		return err
	}
	defer file.Close()
	head, _ := file.Peek(rawHead) // where it fails, so does the reading
	rawHeader(w.Header(), place.Path, node.Blob.Size, cutRune(head))
	door.Stream(w, r, node.Blob.Size, file)
	return nil
}

// rawHead is how much of a large file says whether it is text.
const rawHead = 8000

// cutRune leaves out the last letter of a text that may be cut in the middle of it.
func cutRune(head []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(head); i++ {
		if last := head[len(head)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return head[:len(head)-i]
			}
			break
		}
	}
	return head
}

// sendRaw answers with a file's bytes.
func sendRaw(w http.ResponseWriter, name string, data []byte) {
	rawHeader(w.Header(), name, int64(len(data)), data)
	_, _ = w.Write(data) // the reader went away: nothing to be done
}

// rawHeader says how a file's bytes are to be taken: in such a way that nothing
// of it runs. head is the beginning of the file, or all of it.
func rawHeader(header http.Header, name string, size int64, head []byte) {
	switch kind := imageType(name); {
	case kind != "":
		header.Set("Content-Type", kind)
	case binary(head):
		header.Set("Content-Type", "application/octet-stream")
		header.Set("Content-Disposition", "attachment")
	default:
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Content-Length", strconv.FormatInt(size, 10))
	header.Set("Accept-Ranges", "none") // git reads a file from its beginning
}

// imageType is the type of an image that a page may hold, by its name.
func imageType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".svg":
		return "image/svg+xml"
	default:
		return ""
	}
}
