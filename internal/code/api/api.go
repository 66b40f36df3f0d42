// Package api is the door that programs come through: REST at /2.0/…, in the
// shapes of Bitbucket Cloud's REST API 2.0, so that what was written for it
// reads ours.
//
// It owns the addresses, the JSON and its words, and no rule: who may do what
// is the gate's, what there is to tell is the rooms'. It is described at
// /2.0/openapi.json, which is made from the same operations that answer.
//
// Invariants: every operation declares its action and is judged before its
// input is looked at; who asks is told by a token in the Authorization header
// and never by a cookie; what is missing and what may not be seen answer with
// the same bytes; every error has the shape of Failure.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// Config is what the door stands on.
type Config struct {
	URL          string // of Code, as clients see it, without a slash at the end
	Gate         *access.Gate
	Users        *user.Service
	Tokens       *token.Service
	Workspaces   *workspace.Service
	Repositories *repo.Service
	Issues       *issue.Service
	Snippets     *snippet.Service
}

// API is the REST door. It is safe for concurrent use.
type API struct {
	Config
	routes *door.Routes
}

// New makes the door.
func New(config Config) (*API, error) {
	a := &API{Config: config}
	a.routes = door.New(door.Config{Gate: config.Gate, Authenticate: a.authenticate, Fail: a.fail})
	setErrorShape()
	described := huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Sallyport Code", Version: "2.0",
				Description: "In the shapes of Bitbucket Cloud's REST API 2.0.",
			},
			Servers:    []*huma.Server{{URL: config.URL}},
			Components: &huma.Components{SecuritySchemes: securitySchemes()},
			Security:   []map[string][]string{{"token": {}}, {"basic": {}}},
		},
		Formats: map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
	}, adapter{a.routes})
	a.operations(described)
	for _, path := range described.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete} {
			if op != nil {
				delete(op.Responses, "422") // huma's idea of invalid input; ours is 400
			}
		}
	}
	description, err := json.Marshal(described.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	a.routes.Open(http.MethodGet, "/2.0/openapi.json", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, err := w.Write(description)
		return err
	})
	return a, nil
}

// jsonFormat is huma's, without what encoding/json would put in place of bytes
// that are no text.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, into any) error {
		if !utf8.Valid(data) {
			return errors.New("it isn't UTF-8")
		}
		return huma.DefaultJSONFormat.Unmarshal(data, into)
	}}
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token."},
		"basic": {Type: "http", Scheme: "basic", Description: "An API token as the password; the user is x-token-auth, or its owner's username or email."},
	}
}

// Routes gives the table of routes, for the tests that walk it.
func (a *API) Routes() *door.Routes { return a.routes }

// Handler answers everything under /2.0/.
func (a *API) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		query, err := url.ParseQuery(r.URL.RawQuery)
		switch {
		case !request.Clean(r.URL.Path):
			a.fail(w, r, door.ErrNoRoute)
		case err != nil || request.CleanForm(query) != nil:
			a.fail(w, r, errs.Invalid("", "The query is too long or isn't text."))
		default:
			r.URL.RawPath = "" // route by what the path means, not by how it was written
			a.routes.ServeHTTP(w, r)
		}
	})
}

// operations is the whole of the API.
func (a *API) operations(to huma.API) {
	add(a, to, access.ReadSelf, a.getUser, huma.Operation{
		Path: "/2.0/user", OperationID: "getUser", Summary: "The user whose token it is",
	})
	add(a, to, access.ReadSelf, a.getAccess, huma.Operation{
		Path: "/2.0/user/access", OperationID: "getAccess",
		Summary: "What the gate says to the user at each door of a workspace, and why",
	})
	add(a, to, access.ReadWorkspace, a.getWorkspace, huma.Operation{
		Path: "/2.0/workspaces/{workspace}", OperationID: "getWorkspace", Summary: "A workspace",
	})
	a.repositoryOperations(to)
	a.refOperations(to)
	a.commitOperations(to)
	a.sourceOperations(to)
	a.diffOperations(to)
	a.memberOperations(to)
	a.permissionOperations(to)
	a.controlsOperations(to)
	a.issueOperations(to)
	a.snippetOperations(to)
}

const (
	actionKey = "x-action"
	partKey   = "part"
)

// part is a part of an address that the door calls otherwise than the
// description does: "*" may hold slashes, and what isn't there yet isn't what an
// action is done to.
type part struct{ described, routed string }

func (p part) of(pattern string) string {
	routed := "{" + p.routed + "}"
	if p.routed == "*" {
		routed = p.routed
	}
	return strings.Replace(pattern, "{"+p.described+"}", routed, 1)
}

// as says so of an operation.
func (p part) as() map[string]any { return map[string]any{partKey: p} }

type grantKey struct{}

// add adds an operation, which reads where it names no method. Its handler gets the gate's grant.
func add[In, Out any](a *API, to huma.API, action access.Action, f func(context.Context, access.Grant, *In) (*Out, error), op huma.Operation) {
	if op.Method == "" {
		op.Method = http.MethodGet
	}
	op.Extensions = map[string]any{actionKey: action.String(), "x-scope": string(action.Scope())}
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[actionKey] = action
	op.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}
	huma.Register(to, op, func(ctx context.Context, in *In) (*Out, error) {
		grant, _ := ctx.Value(grantKey{}).(access.Grant) // the zero Grant is refused by whoever gets it
		out, err := f(ctx, grant, in)
		if err != nil {
			return nil, a.failureOf(ctx, err)
		}
		return out, nil
	})
}

// adapter mounts huma's operations as routes behind the gate.
type adapter struct{ routes *door.Routes }

// Handle is called by huma once for each operation.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	action, _ := op.Metadata[actionKey].(access.Action) // the zero action is refused by the table
	part, _ := op.Metadata[partKey].(part)
	a.routes.Gated(op.Method, part.of(op.Path), action, func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		if part.routed != "" {
			r.SetPathValue(part.described, chi.URLParam(r, part.routed))
		}
		handler(humachi.NewContext(op, r.WithContext(context.WithValue(r.Context(), grantKey{}, g)), w))
		return nil
	})
}

// ServeHTTP makes it huma's idea of a router.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.routes.ServeHTTP(w, r) }

// setErrorShape tells huma our shape for the errors that it finds by itself in
// a request's input. It keeps that in a variable of its own.
var setErrorShape = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		if status >= http.StatusInternalServerError {
			return newFailure(status, errs.Message(errors.Join(causes...)), "")
		}
		return invalidInput(message, causes)
	}
})
