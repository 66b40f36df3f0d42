package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// Failure is an error as clients get it, in Bitbucket's shape.
type Failure struct {
	status  int
	headers http.Header

	Type string `json:"type" enum:"error"`
	Body Body   `json:"error"`
}

// Body is what a Failure says.
type Body struct {
	Message string `json:"message"`
	Detail  string `json:"detail,omitempty"`

	Fields map[string][]string `json:"fields,omitempty" doc:"What is wrong with each part of what was sent"`

	Data *Data `json:"data,omitempty"`
}

// Data is the part of a Failure that is meant for programs.
type Data struct {
	Reason string `json:"reason" doc:"Why, by a code that pages, git's texts and logs share"`
	URL    string `json:"url,omitempty" doc:"The page on which a person can put it right"`
}

func newFailure(status int, message, detail string) *Failure {
	return &Failure{status: status, headers: http.Header{}, Type: "error", Body: Body{Message: message, Detail: detail}}
}

// challenge says which credentials would do.
func (f *Failure) challenge(schemes ...string) {
	for _, scheme := range schemes {
		f.headers.Add("WWW-Authenticate", scheme)
	}
}

func (f *Failure) Error() string { return f.Body.Message }

// GetStatus and GetHeaders let huma write it.
func (f *Failure) GetStatus() int          { return f.status }
func (f *Failure) GetHeaders() http.Header { return f.headers }

// fail answers a request that an error ended before huma saw it.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	failure := a.failureOf(r.Context(), err)
	header := w.Header()
	for name, values := range failure.headers {
		header[name] = values
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(failure.status)
	_ = json.NewEncoder(w).Encode(failure) // the client may have gone
}

// failureOf says an error in this door's words. It is noted for the log here,
// once, whole.
func (a *API) failureOf(ctx context.Context, err error) *Failure {
	request.Failed(ctx, err)
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return a.refused(refusal)
	}
	if unmet, ok := errors.AsType[*workspace.Unmet](err); ok {
		return a.unmet(unmet)
	}
	if conflict, ok := errors.AsType[*issue.Conflict](err); ok {
		return conflictOf(conflict)
	}
	switch {
	case errors.Is(err, token.ErrPassword):
		f := newFailure(http.StatusUnauthorized, "Passwords aren't accepted here.", "Use an API token as the password. You can make one on the page in url.")
		f.Body.Data = &Data{Reason: "password_not_accepted", URL: a.URL + "/account/settings/api-tokens/"}
		f.challenge(basicChallenge)
		return f
	case errors.Is(err, door.ErrMethod):
		return newFailure(http.StatusMethodNotAllowed, "Method not allowed", "The Allow header names the methods that this address takes.")
	}
	switch errs.KindOf(err) {
	case errs.KindNotFound:
		return notFound()
	case errs.KindUnauthenticated:
		f := newFailure(http.StatusUnauthorized, errs.Message(err), "")
		f.Body.Data = &Data{Reason: "token_invalid"}
		f.challenge(`Bearer realm="Sallyport", error="invalid_token"`, basicChallenge)
		return f
	case errs.KindTooMany:
		f := newFailure(http.StatusTooManyRequests, errs.Message(err), "")
		request.SetRetryAfter(f.headers, err)
		return f
	case errs.KindInternal:
		return newFailure(http.StatusInternalServerError, errs.Message(err), "Request "+request.ID(ctx))
	default:
		f := newFailure(errs.Status(err), errs.Message(err), "")
		for field, message := range errs.Fields(err) {
			f.wrong(field, message)
		}
		return f
	}
}

// wrong says what is wrong with a field. What forms call text is content here.
func (f *Failure) wrong(field, message string) {
	switch field {
	case "":
		return
	case "text":
		field = "content"
	}
	if f.Body.Fields == nil {
		f.Body.Fields = map[string][]string{}
	}
	f.Body.Fields[field] = append(f.Body.Fields[field], message)
}

const (
	bearerChallenge = `Bearer realm="Sallyport"`
	basicChallenge  = `Basic realm="Sallyport", charset="UTF-8"`
)

// notFound is the answer to what isn't there and to what may not be known.
func notFound() *Failure {
	return newFailure(http.StatusNotFound, "Resource not found", "There is nothing here that you can see.")
}

// refused says a verdict of the gate.
func (a *API) refused(r *access.Refusal) *Failure {
	data := &Data{Reason: string(r.Reason)}
	if path := r.FixPath(); path != "" {
		data.URL = a.URL + path
	}
	switch r.Outcome {
	case access.Hidden:
		return notFound()
	case access.Unauthenticated:
		f := newFailure(http.StatusUnauthorized, "Give an API token.", "As Bearer, or as the password of Basic authentication. You can make one on the page in url.")
		f.Body.Data = &Data{Reason: string(r.Reason), URL: a.URL + "/account/settings/api-tokens/"}
		f.challenge(bearerChallenge, basicChallenge) // RFC 6750 §3: no error code
		return f
	case access.Enrol, access.Strengthen:
		f := newFailure(http.StatusForbidden, fmt.Sprintf("To access this %s, %s.", noun(r.Action), remedy(r)), r.Sentence())
		f.Body.Data = data
		return f
	case access.Verify, access.Renew:
		f := newFailure(http.StatusUnauthorized, r.Sentence(), stepDetail(r))
		f.Body.Data = data
		f.challenge(stepChallenge(r))
		return f
	default:
		f := newFailure(http.StatusForbidden, r.Sentence(), "")
		f.Body.Data = data
		if scope := r.Action.Scope(); r.Reason == access.ReasonScope && scope != "" {
			f.challenge(fmt.Sprintf(`Bearer realm="Sallyport", error="insufficient_scope", scope="%s"`, scope))
		}
		return f
	}
}

func noun(action access.Action) string {
	switch action.Content() {
	case access.Repository:
		return "repository"
	case access.Workspace:
		return "workspace"
	case access.Wiki:
		return "wiki"
	case access.IssueTracker:
		return "issue tracker"
	case access.Snippet:
		return "snippet"
	default:
		return "page"
	}
}

func remedy(r *access.Refusal) string {
	if r.Outcome == access.Strengthen {
		return "add a security key or passkey"
	}
	return "enable two-step verification"
}

// stepChallenge is RFC 9470's: what an authentication would have to be like.
func stepChallenge(r *access.Refusal) string {
	var challenge strings.Builder
	challenge.WriteString(`Bearer realm="Sallyport", error="insufficient_user_authentication", error_description="` + r.Sentence() + `"`)
	if r.ACR != "" {
		fmt.Fprintf(&challenge, `, acr_values="%s"`, r.ACR)
	}
	if r.MaxAge > 0 {
		fmt.Fprintf(&challenge, `, max_age="%d"`, int(r.MaxAge.Seconds()))
	}
	return challenge.String()
}

// invalidInput is the answer to input that doesn't fit the operation's description.
func invalidInput(message string, causes []error) *Failure {
	var details []string
	f := newFailure(http.StatusBadRequest, strings.ToUpper(message[:min(1, len(message))])+message[min(1, len(message)):], "")
	for _, cause := range causes {
		if cause == nil {
			continue
		}
		details = append(details, cause.Error())
		if detail, ok := errors.AsType[*huma.ErrorDetail](cause); ok {
			_, field, _ := strings.Cut(detail.Location, ".") // after "body" or "query"
			f.wrong(field, detail.Message)
		}
	}
	f.Body.Detail = strings.Join(details, "; ")
	return f
}

// stepDetail says what to do about a step that is asked for.
func stepDetail(r *access.Refusal) string {
	if r.Credential == access.APIToken {
		return ""
	}
	return "Take the second step on the page in url, then ask again."
}
