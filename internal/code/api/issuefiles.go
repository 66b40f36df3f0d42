package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
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
