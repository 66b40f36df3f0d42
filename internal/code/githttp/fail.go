package githttp

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// fail says in plain text what ended a request: git prints it line by line.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	request.Failed(r.Context(), err)
	status, lines := d.wording(err)
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Basic realm="Sallyport"`)
	}
	request.SetRetryAfter(header, err)
	if status >= http.StatusInternalServerError {
		lines = append(lines, "Request "+request.ID(r.Context()))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n")
}

// wording is the status and the lines of an error.
func (d *Door) wording(err error) (int, []string) {
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return d.refusal(refusal)
	}
	if _, ok := errors.AsType[badCredential](err); ok && errs.Is(err, errs.KindUnauthenticated) {
		if errors.Is(err, token.ErrPassword) {
			return http.StatusUnauthorized, []string{
				"Passwords aren't accepted here. Use an API token as the password; make one at:",
				"  " + d.URL + "/account/settings/api-tokens/",
			}
		}
		return http.StatusUnauthorized, []string{
			errs.Message(err),
			"API tokens are made at:",
			"  " + d.URL + "/account/settings/api-tokens/",
		}
	}
	switch {
	case errors.Is(err, door.ErrMethod):
		return http.StatusMethodNotAllowed, []string{"This address doesn't take that method."}
	case errors.Is(err, errContentType):
		return http.StatusUnsupportedMediaType, []string{errs.Message(err)}
	}
	return errs.Status(err), []string{errs.Message(err)}
}

func (d *Door) refusal(refusal *access.Refusal) (int, []string) {
	switch refusal.Outcome {
	case access.Unauthenticated:
		return http.StatusUnauthorized, []string{
			"Sign in with an API token as the password; make one at:",
			"  " + d.URL + "/account/settings/api-tokens/",
		}
	case access.Hidden:
		return http.StatusNotFound, refusal.Lines(d.URL)
	default:
		return http.StatusForbidden, refusal.Lines(d.URL)
	}
}
