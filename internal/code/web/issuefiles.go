package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// maxFiles is how many files one form can bring.
const maxFiles = 10

// issueFile is a file of an issue, as its page lists it.
type issueFile struct {
	issue.Attachment
	Href    string
	Shown   string // its size, for people
	Deletes bool
}

// attachField is the fragment "attach": a field for files, and those that came
// with the form before it was refused, to be left out where their tick is taken away.
type attachField struct {
	Error, Most string
	Kept        []issueFile
}

func filePath(g access.Grant, number int64, name string) string {
	return issuePath(g, number) + "/attachments/" + url.PathEscape(name)
}

// attachOf makes the field for files of a form.
func (s *Site) attachOf(r *http.Request, g access.Grant, form ui.Form) (attachField, error) {
	field := attachField{Error: form.Errors["attachment"], Most: git.Size(issue.MaxAttachment)}
	if len(form.Values["attached"]) == 0 {
		return field, nil
	}
	kept, err := s.Issues.Uploads(r.Context(), g, form.Values["attached"])
	for _, a := range kept {
		field.Kept = append(field.Kept, issueFile{Attachment: a, Shown: git.Size(a.Size)})
	}
	return field, err
}

// takeFiles keeps the files that come with a form, and notes their ids in it, so
// that they outlast what is wrong with the rest. It gives the ids of all.
func (s *Site) takeFiles(r *http.Request, g access.Grant) ([]string, error) {
	u := visitorOf(r).upload
	if u == nil {
		return r.PostForm["attached"], nil
	}
	u.allow(maxFiles * issue.MaxAttachment)
	var wrong []error
	for count := 0; ; {
		part, err := u.next(r.PostForm)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() != "attachment" {
			continue
		}
		if count++; count > maxFiles {
			wrong = append(wrong, errs.Invalid("attachment", "A form can bring %d files at once. The others weren't taken.", maxFiles))
			break
		}
		made, err := s.Issues.Upload(r.Context(), g, part.FileName(), part)
		switch {
		case err == nil:
			r.PostForm.Add("attached", made.ID)
		case errs.Is(err, errs.KindInternal) || errs.Is(err, errs.KindUnavailable):
			return nil, err
		default:
			wrong = append(wrong, err)
		}
	}
	return r.PostForm["attached"], errors.Join(wrong...)
}

// filesOf lists the files of an issue.
func (s *Site) filesOf(r *http.Request, g access.Grant, one issue.Issue) ([]issueFile, error) {
	list, err := s.Issues.Attachments(r.Context(), g, one)
	var made []issueFile
	for _, a := range list {
		made = append(made, issueFile{Attachment: a, Href: filePath(g, one.Number, a.Name), Shown: git.Size(a.Size), Deletes: issue.Detaches(g, a)})
	}
	return made, err
}

func (s *Site) showAttachment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err != nil {
		return err
	}
	a, err := s.Issues.Attachment(r.Context(), g, one, chi.URLParam(r, "name"))
	if errs.Is(err, errs.KindNotFound) && g.Actor().User != "" { // a comment that is looked at before it is sent
		a, err = s.Issues.UploadNamed(r.Context(), g, chi.URLParam(r, "name"))
	}
	if err != nil {
		return err
	}
	return s.sendAttachment(w, r, g, a)
}

// showUpload sends a file of an issue that isn't raised yet to whoever sent it.
func (s *Site) showUpload(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	a, err := s.Issues.UploadNamed(r.Context(), g, chi.URLParam(r, "name"))
	if err != nil {
		return err
	}
	return s.sendAttachment(w, r, g, a)
}

// sendAttachment sends a file in such a way that nothing of it runs: an image
// that a page can hold as what it is, all else to be saved.
func (s *Site) sendAttachment(w http.ResponseWriter, r *http.Request, g access.Grant, a issue.Attachment) error {
	header := w.Header()
	header.Set("Cache-Control", "private, no-cache")
	header.Set("ETag", strconv.Quote(a.ID))
	if r.Header.Get("If-None-Match") == header.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.Kind != "" {
		header.Set("Content-Type", a.Kind)
	} else {
		header.Set("Content-Type", "application/octet-stream")
		header.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(a.Name)) // RFC 6266 §4.3
	}
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.FormatInt(a.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	return s.Issues.WriteAttachment(r.Context(), g, a, w)
}

func (s *Site) detach(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := s.issueAt(r, g)
	if err == nil {
		err = s.Issues.Detach(r.Context(), g, one.Number, r.PostFormValue("file"))
	}
	if err != nil {
		return err
	}
	return s.done(w, r, issuePath(g, one.Number), "deleted")
}
