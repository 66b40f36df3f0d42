package token_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/api"
	"sallyport.dev/internal/code/githttp"
	"sallyport.dev/internal/request"
)

// doors gives the real ones that tokens come through.
func (w *world) doors() http.Handler {
	w.Helper()
	rest, err := api.New(api.Config{URL: site, Gate: w.Gate, Users: w.Users, Tokens: w.Tokens, Workspaces: w.Workspaces, Repositories: w.repos, Snippets: w.Snippets(w.repos)})
	if err != nil {
		w.Fatal(err)
	}
	git := githttp.New(githttp.Config{URL: site, Gate: w.Gate, Tokens: w.Tokens, Repositories: w.repos, Wikis: w.Wikis(w.repos), Snippets: w.Snippets(w.repos)})
	return request.Wrap("code", nil, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if githttp.Matches(r.URL.Path) {
			git.ServeHTTP(out, r)
			return
		}
		rest.Handler().ServeHTTP(out, r)
	}))
}

// answer is what a client sees, but for what differs at every request.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func ask(door http.Handler, path string, with func(*http.Request)) answer {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	with(r)
	out := httptest.NewRecorder()
	door.ServeHTTP(out, r)
	out.Header().Del("X-Request-Id")
	return answer{out.Code, out.Header(), out.Body.String()}
}

// ways lists how a token can be sent; a person's also by the person's names.
func ways(k kind, plain string) map[string]func(*http.Request) {
	basic := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, plain) }
	}
	header := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	all := map[string]func(*http.Request){
		"Bearer": header("Bearer " + plain), "bearer": header("bearer " + plain),
		"x-token-auth": basic("x-token-auth"), "x-bitbucket-api-token-auth": basic("x-bitbucket-api-token-auth"),
	}
	if k.credential == access.APIToken {
		all["the username"], all["the email"] = basic("alice"), basic("Alice@example.com")
	}
	return all
}

const (
	theUser       = "/2.0/user"
	theWorkspace  = "/2.0/workspaces/acme"
	theList       = "/2.0/repositories/acme"
	theRepository = "/2.0/repositories/acme/app"
	another       = "/2.0/repositories/acme/lib"
	noRepository  = "/2.0/repositories/acme/none"
	publicOne     = "/2.0/repositories/acme/site"
	fetch         = "/acme/app.git/info/refs?service=git-upload-pack"
	push          = "/acme/app.git/info/refs?service=git-receive-pack"
	fetchAnother  = "/acme/lib.git/info/refs?service=git-upload-pack"
	fetchNone     = "/acme/none.git/info/refs?service=git-upload-pack"
)

// Attack 7: scope lost, or won, by the way in which a token came. Each kind of
// token, with all its scopes and with one, on each action, with and without the
// workspace's rules: the answer is the same to the byte, and the one expected.
func TestAttack07OneTokenOneAnswerHoweverItComes(t *testing.T) {
	paths := []string{theUser, theWorkspace, theList, theRepository, another, noRepository, publicOne, fetch, push, fetchAnother, fetchNone}
	// The statuses are those of paths, in order.
	want := map[string][3]string{ // by rule: of an API token, a workspace's, a repository's
		"no rule": {
			"200 200 200 200 200 404 200 200 200 200 404",
			"404 200 200 200 200 404 200 200 200 200 404",
			"404 404 404 200 404 404 200 200 200 404 404",
		},
		"no rule, one scope": {
			"403 403 200 200 200 404 200 200 403 200 404",
			"404 403 200 200 200 404 200 200 403 200 404",
			"404 404 404 200 404 404 200 200 403 404 404",
		},
		"two steps required": {
			"200 403 403 403 403 403 200 403 403 403 403",
			"404 200 200 200 200 404 200 200 200 200 404",
			"404 404 404 200 404 404 200 200 200 404 404",
		},
		"machines refused": {
			"200 200 200 200 200 404 200 200 200 200 404",
			"404 403 403 403 403 403 200 403 403 403 403",
			"404 404 404 403 404 404 200 403 403 404 404",
		},
	}
	rules := map[string]string{
		"no rule": "", "no rule, one scope": "",
		"two steps required": "require_two_step = TRUE", "machines refused": "refuse_machines = TRUE",
	}
	each(t, func(w *world) {
		door := w.doors()
		for rule, change := range rules {
			for i, k := range kinds {
				scopes := access.ScopesFor(k.credential)
				if strings.HasSuffix(rule, "one scope") {
					scopes = []access.Scope{access.ScopeReadRepository}
				}
				_, plain := w.make(k, scopes...)
				if change != "" {
					w.sql(`UPDATE workspace SET ` + change)
				}
				var got []string
				for _, path := range paths {
					first := ask(door, path, ways(k, plain)["Bearer"])
					got = append(got, fmt.Sprint(first.Status))
					for way, with := range ways(k, plain) {
						if diff := cmp.Diff(first, ask(door, path, with)); diff != "" {
							w.Errorf("%s, %s, %s, by %s:\n%s", rule, k.credential, path, way, diff)
						}
					}
				}
				if statuses := strings.Join(got, " "); statuses != want[rule][i] {
					w.Errorf("%s, %s:\n%s, want\n%s", rule, k.credential, statuses, want[rule][i])
				}
				w.sql(`UPDATE workspace SET require_two_step = FALSE, refuse_machines = FALSE`)
			}
		}
	})
}

// What a refusal of a good token says, at each door.
func TestRefusalsOfTokensSayWhy(t *testing.T) {
	each(t, func(w *world) {
		door := w.doors()
		_, plain := w.make(kinds[1])
		_, reading := w.make(kinds[1], access.ScopeReadRepository)
		as := func(plain string) func(*http.Request) { return ways(kinds[1], plain)["x-token-auth"] }
		says := func(a answer, status int, words ...string) {
			w.Helper()
			for _, word := range words {
				if a.Status != status || !strings.Contains(a.Body+a.Header.Get("WWW-Authenticate"), word) {
					w.Errorf("%d, lacks %q: %s", a.Status, word, a.Body)
				}
			}
		}
		says(ask(door, push, as(reading)), 403, "This token lacks the scope write:repository:bitbucket.")
		says(ask(door, theWorkspace, as(reading)), 403, `"reason":"scope_missing"`, `scope="read:workspace:bitbucket"`)
		w.sql(`UPDATE workspace SET refuse_machines = TRUE`)
		says(ask(door, push, as(plain)), 403, "Workspace acme doesn't accept machine credentials.")
		says(ask(door, theRepository, as(plain)), 403, `"reason":"machine_credential_refused"`, "Workspace acme doesn't accept machine credentials.")
		// A token in the place of the user name is no credential.
		says(ask(door, theRepository, func(r *http.Request) { r.SetBasicAuth(plain, "x-oauth-basic") }), 401, "Passwords aren't accepted here.")
	})
}
