package door_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

// fixture is a table of routes before a real gate. Alice is a member of acme,
// which has the private repository "secret"; a request is hers where it says
// so in the header User.
type fixture struct {
	*door.Routes
	ran    []string // the handlers that ran, with the grant's repository
	failed []error
}

var errCredential = errors.New("that credential is no good")

func newFixture(t *testing.T) *fixture {
	d := dbtest.SQLite(t)
	for _, row := range []string{
		`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created) VALUES ('alice', '', '', 'alice', '', '', FALSE, 0)`,
		`INSERT INTO workspace (id, slug, name, plan, created) VALUES ('w', 'acme', 'Acme', 'premium', 0)`,
		`INSERT INTO member (workspace, user_id, role, created) VALUES ('w', 'alice', 'member', 0)`,
		`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated) VALUES ('r', 'w', 'secret', '', '', FALSE, 0, 0)`,
	} {
		if _, err := db.Exec(t.Context(), d, row); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{}
	f.Routes = door.New(door.Config{
		Gate: access.New(d, clock.NewManual(time.Now()).Now, access.NewRecords(d)),
		Authenticate: func(r *http.Request) (access.Actor, error) {
			switch user := r.Header.Get("User"); user {
			case "":
				return access.Actor{}, nil
			case "wrong":
				return access.Actor{Credential: access.Session, User: "alice"}, errCredential
			default:
				return access.Actor{Credential: access.Session, User: user}, nil
			}
		},
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			f.failed = append(f.failed, err)
			status := errs.Status(err)
			if errors.Is(err, door.ErrMethod) {
				status = http.StatusMethodNotAllowed
			}
			http.Error(w, "failed", status)
		},
	})
	return f
}

// handler notes that it ran, and with what.
func (f *fixture) handler(name string) door.Gated {
	return func(w http.ResponseWriter, _ *http.Request, g access.Grant) error {
		f.ran = append(f.ran, name+" "+g.Repository().ID)
		fmt.Fprint(w, name)
		return nil
	}
}

// usual mounts one route of each kind.
func (f *fixture) usual() *fixture {
	f.Gated("GET", "/self", access.ReadSelf, f.handler("self"))
	f.Gated("GET", "/{workspace}", access.ReadWorkspace, f.handler("workspace"))
	f.Gated("GET", "/{workspace}/{repo}", access.ReadRepository, f.handler("repository"))
	f.Gated("POST", "/{workspace}/{repo}", access.WriteRepository, f.handler("write"))
	f.Gated("GET", "/{workspace}/{repo}/src/{ref}/*", access.ReadRepository, f.handler("file"))
	f.Open("GET", "/login", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := fmt.Fprint(w, "login")
		return err
	})
	return f
}

// ask sends a request and tells the status, whether a handler ran and the
// error that failed it.
func (f *fixture) ask(method, path, user string) (*httptest.ResponseRecorder, []string, error) {
	f.ran, f.failed = nil, nil
	r := httptest.NewRequest(method, path, nil)
	if user != "" {
		r.Header.Set("User", user)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w, f.ran, errors.Join(f.failed...)
}

func panics(f func()) (message string) {
	defer func() {
		if thrown := recover(); thrown != nil {
			message = fmt.Sprint(thrown)
		}
	}()
	f()
	return ""
}

// Attack 4: one page missed the filter. Such a route can't be declared.
func TestAttack04RouteWithoutAnActionPanics(t *testing.T) {
	f := newFixture(t)
	for _, action := range []access.Action{0, access.Open, 255} {
		for _, declare := range []func(){
			func() { f.Gated("GET", "/{workspace}/{repo}", action, f.handler("")) },
			func() { f.Judge("GET", "/{workspace}/{repo}", action, f.handler("")) },
		} {
			if message := panics(declare); !strings.Contains(message, "declares no action") {
				t.Errorf("Action(%d): %q", action, message)
			}
		}
	}
	if len(f.List()) != 0 {
		t.Errorf("declared all the same: %v", f.List())
	}
}

// A route must name what its action is done to, or the gate couldn't know.
func TestRouteMustNameWhatItsActionIsDoneTo(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		pattern string
		action  access.Action
		fits    bool
	}{
		{"/self", access.ReadSelf, true},
		{"/a/{workspace}", access.ReadWorkspace, true},
		{"/b/{workspace}/{repo}", access.ReadRepository, true},
		{"/c/{workspace}/{repo}.git/info/refs", access.ReadRepository, true},
		{"/d/{workspace}", access.ReadSelf, false},
		{"/e/{workspace}", access.ReadRepository, false},
		{"/f/{repo}", access.ReadRepository, false},
		{"/g", access.ReadWorkspace, false},
		{"/h/{workspace}/{repo}", access.ReadWorkspace, false},
		{"/i/{Workspace}/{repository}", access.ReadRepository, false},
		{"/j/{workspace}/{repo}/wiki", access.ReadWiki, true},
		{"/k/{workspace}/wiki", access.ReadWiki, false},
		{"/l/{workspace}/{repo}/issues/{id}", access.ReadIssues, true},
		{"/m/{workspace}/{id}", access.ReadSnippet, true},
		{"/n/{workspace}", access.ReadSnippet, false},
		{"/o/{workspace}/{repo}/{id}", access.ReadSnippet, false},
		{"/p/{workspace}/members/{id}", access.ReadMembers, true},
	} {
		if message := panics(func() { f.Gated("GET", c.pattern, c.action, f.handler("")) }); (message == "") != c.fits {
			t.Errorf("%s for %v: %q", c.pattern, c.action, message)
		}
	}
}

func TestHandlerRunsOnlyWithAGrant(t *testing.T) {
	f := newFixture(t).usual()
	for _, c := range []struct {
		method, path, user string
		status             int
		ran                string
		kind               errs.Kind
	}{
		{"GET", "/self", "alice", 200, "self ", 0},
		{"GET", "/acme", "alice", 200, "workspace ", 0},
		{"GET", "/acme/secret", "alice", 200, "repository r", 0},
		{"POST", "/acme/secret", "alice", 200, "write r", 0},
		{"GET", "/acme/secret", "", 401, "", errs.KindUnauthenticated},
		{"GET", "/acme/secret", "bob", 401, "", errs.KindUnauthenticated},
		{"GET", "/acme/missing", "alice", 404, "", errs.KindNotFound},
		{"GET", "/other", "alice", 404, "", errs.KindNotFound},
		{"GET", "/login", "", 200, "", 0},
		{"GET", "/login", "wrong", 200, "", 0}, // nobody asks
	} {
		w, ran, err := f.ask(c.method, c.path, c.user)
		if w.Code != c.status || strings.Join(ran, ",") != c.ran || err != nil && !errs.Is(err, c.kind) || (err == nil) != (c.status == 200) {
			t.Errorf("%s %s by %q: %d, ran %q, %v", c.method, c.path, c.user, w.Code, ran, err)
		}
		if _, refused := errors.AsType[*access.Refusal](err); refused != (err != nil) {
			t.Errorf("%s %s by %q failed by something else than the gate: %v", c.method, c.path, c.user, err)
		}
	}
	w, ran, err := f.ask("GET", "/acme/secret", "wrong")
	if w.Code != 500 || ran != nil || !errors.Is(err, errCredential) {
		t.Errorf("a credential that is no good: %d, ran %q, %v", w.Code, ran, err)
	}
}

func TestAnErrorOfAHandlerGoesToFail(t *testing.T) {
	f := newFixture(t)
	broken := errors.New("broken")
	f.Gated("GET", "/self", access.ReadSelf, func(http.ResponseWriter, *http.Request, access.Grant) error { return broken })
	f.Open("GET", "/open", func(http.ResponseWriter, *http.Request) error { return broken })
	for _, path := range []string{"/self", "/open"} {
		if w, _, err := f.ask("GET", path, "alice"); w.Code != 500 || !errors.Is(err, broken) || len(f.failed) != 1 {
			t.Errorf("%s: %d, %v", path, w.Code, f.failed)
		}
	}
}

// HEAD is judged as GET and answers its header.
func TestHeadAnswersLikeGet(t *testing.T) {
	f := newFixture(t).usual()
	server := httptest.NewServer(f)
	defer server.Close()
	for _, c := range []struct {
		path, user string
		status     int
	}{{"/acme/secret", "alice", 200}, {"/acme/secret", "", 401}, {"/acme/missing", "alice", 404}, {"/login", "", 200}, {"/a/b/c/d", "", 404}} {
		var got [2]*http.Response
		for i, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequestWithContext(t.Context(), method, server.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("User", c.user)
			got[i], err = server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got[i].Body)
			if err != nil || (len(body) > 0) != (method == "GET") {
				t.Errorf("%s %s: %q, %v", method, c.path, body, err)
			}
			got[i].Body.Close()
			got[i].Header.Del("Date")
		}
		if got[0].StatusCode != c.status || got[1].StatusCode != c.status || fmt.Sprint(got[0].Header) != fmt.Sprint(got[1].Header) {
			t.Errorf("%s: GET %d %v, HEAD %d %v", c.path, got[0].StatusCode, got[0].Header, got[1].StatusCode, got[1].Header)
		}
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	f := newFixture(t).usual()
	for _, c := range []struct {
		method, path string
		status       int
		allow        []string
	}{
		{"GET", "/", 404, nil},
		{"GET", "/acme/secret/what/is/this", 404, nil},
		{"PUT", "/acme/secret", 405, []string{"GET", "HEAD", "POST"}},
		{"POST", "/acme", 405, []string{"GET", "HEAD"}},
		{"DELETE", "/login", 405, []string{"GET", "HEAD"}},
		{"DELETE", "/acme/secret/src/feature%2Fx/a", 405, []string{"GET", "HEAD"}},
		{"PROPFIND", "/acme/secret", 405, []string{"GET", "HEAD", "POST"}},
		{"OPTIONS", "/acme/secret", 405, []string{"GET", "HEAD", "POST"}},
	} {
		w, ran, err := f.ask(c.method, c.path, "alice")
		if w.Code != c.status || ran != nil || !slices.Equal(w.Header().Values("Allow"), c.allow) {
			t.Errorf("%s %s: %d, Allow %q, ran %q", c.method, c.path, w.Code, w.Header().Values("Allow"), ran)
		}
		if want := map[int]error{404: door.ErrNoRoute, 405: door.ErrMethod}[c.status]; !errors.Is(err, want) {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		}
	}
}

// What is asked for comes from the address as the pattern reads it, and from
// nowhere else.
func TestTargetComesFromTheAddress(t *testing.T) {
	f := newFixture(t).usual()
	for path, want := range map[string]string{
		"/acme/secret": "repository r",
		"/ACME/Secret": "repository r",
		"/acme/secret?workspace=other&repo=missing":  "repository r",
		"/acme/secret/src/feature%2Fx/a%2Fb/c":       "file r",
		"/acme/secret/src/main/../../../other/thing": "file r", // a path in the repository, whatever it looks like
		"/acme%2Fsecret":                     "",
		"/acme/secret%2F..%2Fother":          "",
		"/acme/%2e%2e":                       "",
		"/acme/..":                           "",
		"/acme/.":                            "",
		"/acme/secret%00":                    "",
		"/acme/%FF":                          "",
		"//secret":                           "",
		"/acme/":                             "",
		"//":                                 "",
		"/acme/secret/":                      "",
		"/acme/" + strings.Repeat("a", 5000): "",
	} {
		w, ran, err := f.ask("GET", path, "alice")
		if strings.Join(ran, ",") != want || (want == "") != (w.Code == 404) || (want == "") != errs.Is(err, errs.KindNotFound) {
			t.Errorf("%.40s: %d, ran %q, want %q, %v", path, w.Code, ran, want, err)
		}
	}
}

func TestListHasEveryRoute(t *testing.T) {
	f := newFixture(t).usual()
	f.Judge("POST", "/{workspace}/{repo}.git/x", access.WriteRepository, f.handler(""))
	want := []door.Route{
		{Method: "GET", Pattern: "/self", Action: access.ReadSelf},
		{Method: "GET", Pattern: "/{workspace}", Action: access.ReadWorkspace},
		{Method: "GET", Pattern: "/{workspace}/{repo}", Action: access.ReadRepository},
		{Method: "POST", Pattern: "/{workspace}/{repo}", Action: access.WriteRepository},
		{Method: "GET", Pattern: "/{workspace}/{repo}/src/{ref}/*", Action: access.ReadRepository},
		{Method: "GET", Pattern: "/login", Action: access.Open},
		{Method: "POST", Pattern: "/{workspace}/{repo}.git/x", Action: access.WriteRepository},
	}
	if !slices.Equal(f.List(), want) {
		t.Errorf("%+v", f.List())
	}
}
