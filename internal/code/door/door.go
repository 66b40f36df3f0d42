// Package door is what the HTTP doors of Code share: a table of routes in
// which each declares its action, and which asks the gate before a handler
// runs. It isn't a door itself and knows no page, no JSON and no git.
package door

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
)

// Gated is a handler behind the gate; it gets the grant. An error that it
// returns, and every refusal, goes to the door's Fail.
type Gated func(w http.ResponseWriter, r *http.Request, g access.Grant) error

// Open is a handler of a route that shows no private content.
type Open func(w http.ResponseWriter, r *http.Request) error

// Config is how one door differs from another.
type Config struct {
	Gate *access.Gate
	// Authenticate tells who asks; the zero Actor with a nil error is nobody.
	Authenticate func(r *http.Request) (access.Actor, error)
	// Fail answers a request that an error ended, in the door's own wording.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// Route is one line of the table.
type Route struct {
	Method, Pattern string
	Action          access.Action
}

// Routes is a door's table of routes.
type Routes struct {
	config Config
	mux    *chi.Mux
	list   []Route
}

// New makes an empty table. What matches no route, or no method of one, ends
// in Fail with NotFound or MethodNotAllowed.
func New(config Config) *Routes {
	rs := &Routes{config: config, mux: chi.NewRouter()}
	rs.mux.NotFound(func(w http.ResponseWriter, r *http.Request) { config.Fail(w, r, ErrNoRoute) })
	rs.mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			if rs.mux.Match(chi.NewRouteContext(), method, cmp.Or(r.URL.RawPath, r.URL.Path)) {
				w.Header().Add("Allow", method)
			}
		}
		config.Fail(w, r, ErrMethod)
	})
	return rs
}

// Gated adds a route that is judged: who asks comes from the door, what is
// asked for from {workspace}, {repo} and, for a snippet, {id} in the pattern.
func (rs *Routes) Gated(method, pattern string, action access.Action, h Gated) {
	rs.add(method, pattern, rs.Judge(method, pattern, action, h))
}

// Open adds a route that isn't judged.
func (rs *Routes) Open(method, pattern string, h Open) {
	rs.list = append(rs.list, Route{method, pattern, access.Open})
	rs.add(method, pattern, rs.adapt(h))
}

// Judge declares a route and gives its handler without mounting it, for a door
// whose route depends on more than the path.
func (rs *Routes) Judge(method, pattern string, action access.Action, h Gated) http.HandlerFunc {
	if action.Content() == 0 {
		panic(fmt.Sprintf("%s %s declares no action for the gate", method, pattern))
	}
	named := namesOf(action)
	if named != (names{strings.Contains(pattern, "{workspace}"), strings.Contains(pattern, "{repo}"), named.snippet && strings.Contains(pattern, "{id}")}) {
		panic(fmt.Sprintf("%s %s doesn't name what %v is done to", method, pattern, action))
	}
	rs.list = append(rs.list, Route{method, pattern, action})
	return rs.adapt(func(w http.ResponseWriter, r *http.Request) error {
		target := access.Target{Workspace: chi.URLParam(r, "workspace"), Repository: chi.URLParam(r, "repo")}
		if named.snippet {
			target.Snippet = chi.URLParam(r, "id")
		}
		if named != (names{target.Workspace != "", target.Repository != "", target.Snippet != ""}) {
			return ErrNoRoute // as in "//repo"
		}
		actor, err := rs.config.Authenticate(r)
		if err != nil {
			return err
		}
		grant, err := rs.config.Gate.Check(r.Context(), actor, target, action)
		if err != nil {
			return err
		}
		return h(w, r, grant)
	})
}

// names tells which names an address has.
type names struct{ workspace, repository, snippet bool }

// namesOf gives those that an action needs to know what it is done to.
func namesOf(action access.Action) names {
	switch action.Content() {
	case access.Self:
		return names{}
	case access.Repository, access.IssueTracker, access.Wiki:
		return names{workspace: true, repository: true}
	case access.Snippet:
		return names{workspace: true, snippet: true}
	default:
		return names{workspace: true}
	}
}

func (rs *Routes) adapt(h Open) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			rs.config.Fail(w, r, err)
		}
	}
}

// add mounts a handler; what answers GET answers HEAD too.
func (rs *Routes) add(method, pattern string, h http.HandlerFunc) {
	rs.mux.Method(method, pattern, h)
	if method == http.MethodGet {
		rs.mux.Method(http.MethodHead, pattern, h)
	}
}

// List gives every route, for the tests that walk them.
func (rs *Routes) List() []Route { return rs.list }

// Mux gives the router, for middleware and mounting.
func (rs *Routes) Mux() *chi.Mux { return rs.mux }

func (rs *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) { rs.mux.ServeHTTP(w, r) }
