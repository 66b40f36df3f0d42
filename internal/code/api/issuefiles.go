package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

func (a *API) listIssueAttachments(ctx context.Context, g access.Grant, in *NamedIssue) (*output[Page[IssueAttachment]], error) {
	one, err := a.Issues.Get(ctx, g, in.Issue)
	if err != nil {
		return nil, err
	}
	found, err := a.Issues.Attachments(ctx, g, one)
	if err != nil {
		return nil, err
	}
	page := Page[IssueAttachment]{PageLen: issue.MaxAttached, Values: []IssueAttachment{}}
	for _, file := range found {
		escaped := url.PathEscape(file.Name)
		page.Values = append(page.Values, IssueAttachment{
			Type: "issue_attachment", Name: file.Name, Size: file.Size,
			Links: map[string]Link{
				"self": {Href: a.issueURL(g, one.Number) + "/attachments/" + escaped},
				"html": {Href: a.pageURL(g, one.Number) + "/attachments/" + escaped},
			},
		})
	}
	return &output[Page[IssueAttachment]]{page}, nil
}

// getIssueAttachment answers with bytes that nothing takes for a page.
func (a *API) getIssueAttachment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := a.Issues.Get(r.Context(), g, issueNumber(chi.URLParam(r, "issue_id")))
	if err != nil {
		return err
	}
	file, err := a.Issues.Attachment(r.Context(), g, one, chi.URLParam(r, "*"))
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	if file.Kind != "" {
		header.Set("Content-Type", file.Kind)
	}
	header.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(file.Name)) // RFC 6266 §4.3
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("Content-Length", strconv.FormatInt(file.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	return a.Issues.WriteAttachment(r.Context(), g, file, w)
}

// maxAttachments is how many files one request can bring.
const maxAttachments = 10

func (a *API) createIssueAttachments(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	one, err := a.Issues.Get(r.Context(), g, issueNumber(chi.URLParam(r, "issue_id")))
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAttachments*issue.MaxAttachment+1<<20)
	files, err := a.uploads(r, g)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errs.TooLarge("A request can bring %d files of %s each.", maxAttachments, git.Size(issue.MaxAttachment))
	}
	if err == nil {
		err = a.Issues.Attach(r.Context(), g, one.Number, files, true)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.issueURL(g, one.Number)+"/attachments")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// uploads takes the files that a request brings, and gives their ids.
func (a *API) uploads(r *http.Request, g access.Grant) (ids []string, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, errs.Invalid("files", "Send multipart/form-data.")
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF) && len(ids) == 0:
			return nil, errs.Invalid("files", "There is no file in it: a part needs a file name.")
		case errors.Is(err, io.EOF):
			return ids, nil
		case err != nil:
			return nil, unreadable(err)
		case part.FileName() == "":
			continue
		case len(ids) == maxAttachments:
			return nil, errs.Invalid("files", "A request can bring %d files.", maxAttachments)
		}
		made, err := a.Issues.Upload(r.Context(), g, part.FileName(), part)
		if err != nil {
			return nil, unreadable(err)
		}
		ids = append(ids, made.ID)
	}
}

// unreadable says that a request breaks off.
func unreadable(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "multipart:") {
		return errors.Join(errs.Invalid("files", "The request breaks off, or isn't multipart/form-data."), err)
	}
	return err
}

func (a *API) deleteIssueAttachment(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := a.Issues.Detach(r.Context(), g, issueNumber(chi.URLParam(r, "issue_id")), chi.URLParam(r, "*")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
