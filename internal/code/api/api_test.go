package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
)

// Standard 23: shapes and status as Bitbucket Cloud has them.
func TestTheShapesAreBitbuckets(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		workspace := `{"type":"workspace","uuid":"{ID}","slug":"acme","name":"Acme Inc.","is_private":true,%s"links":{` +
			`"html":{"href":"https://code.test/acme"},"repositories":{"href":"https://code.test/2.0/repositories/acme"},"self":{"href":"https://code.test/2.0/workspaces/acme"}}}`
		repository := `{"type":"repository","uuid":"{ID}","full_name":"acme/app","slug":"app","name":"App","description":"The app.","scm":"git",` +
			`"is_private":true,"workspace":` + fmt.Sprintf(workspace, "") + `,"mainbranch":null,` +
			`"created_on":"2026-07-01T12:00:00.000000+00:00","updated_on":"2026-07-01T12:00:00.000000+00:00","links":{` +
			`"self":{"href":"https://code.test/2.0/repositories/acme/app"},"html":{"href":"https://code.test/acme/app"},` +
			`"clone":[{"href":"https://code.test/acme/app.git","name":"https"}]}}`
		for path, want := range map[string]string{
			"/2.0/user": `{"type":"user","uuid":"{ID}","username":"alice","nickname":"alice","display_name":"Alice",` +
				`"created_on":"2026-07-01T12:00:00.000000+00:00","has_2fa_enabled":false,"links":{` +
				`"html":{"href":"https://code.test/account/settings/"},"self":{"href":"https://code.test/2.0/user"}}}`,
			"/2.0/workspaces/acme":               fmt.Sprintf(workspace, `"created_on":"2026-07-01T12:00:00.000000+00:00",`),
			"/2.0/repositories/acme/app":         repository,
			"/2.0/repositories/acme?pagelen=1":   `{"pagelen":1,"values":[` + repository + `],"next":"https://code.test/2.0/repositories/acme?page=YXBw&pagelen=1"}`,
			"/2.0/repositories/acme?page=c2l0ZQ": `{"pagelen":10,"values":[]}`,
		} {
			got := w.ask("GET", path, bearer(alice.Token))
			body := strings.ReplaceAll(uuids.ReplaceAllString(got.body, "{ID}"), `\u0026`, "&")
			if got.status != http.StatusOK || body != want || got.header.Get("Content-Type") != "application/json" {
				w.Errorf("%s: %d %s\n%s", path, got.status, got.header.Get("Content-Type"), cmp.Diff(want, body))
			}
			if head := w.ask("HEAD", path, bearer(alice.Token)); head.status != http.StatusOK {
				w.Errorf("HEAD %s: %d", path, head.status)
			}
		}
	})
}

func TestAListIsWalkedByNext(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		want := []string{"app"}
		for i := range 22 {
			name := fmt.Sprintf("repo-%02d", i)
			want = append(want, name)
			if _, err := w.repos.Create(w.Context(), alice.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: name}); err != nil {
				w.Fatal(err)
			}
		}
		want = append(want, "site")
		var got []string
		pages := 0
		for next := site + "/2.0/repositories/acme?pagelen=8"; next != ""; pages++ {
			at, err := url.Parse(next)
			if err != nil {
				w.Fatal(err)
			}
			page := w.ask("GET", at.RequestURI(), bearer(alice.Token)).json(w.T)
			for _, value := range page["values"].([]any) {
				got = append(got, value.(map[string]any)["slug"].(string))
			}
			next, _ = page["next"].(string)
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
			w.Errorf("%d pages, %s", pages, diff)
		}
	})
}

func TestWhatCanNotBeMeantIsRefused(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		for _, query := range []string{
			"pagelen=0", "pagelen=101", "pagelen=-1", "pagelen=ten", "page=%21", "page=_w", "page=" + strings.Repeat("YQ", 201),
			"page=%ff", "page=%00", "q=%zz", "q=" + strings.Repeat("x", 1<<17),
		} {
			got := w.ask("GET", "/2.0/repositories/acme?"+query, bearer(alice.Token))
			if got.status != http.StatusBadRequest || got.json(w.T)["type"] != "error" {
				w.Errorf("%.40s: %d %.200s", query, got.status, got.body)
			}
		}
	})
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	each(t, func(w *world) {
		alice, _ := w.acme()
		const none = `{"type":"error","error":{"message":"Resource not found","detail":"There is nothing here that you can see."}}`
		for _, path := range []string{
			"/2.0", "/2.0/", "/2.0/nothing", "/2.0/user/", "/2.0/workspaces", "/2.0/repositories", "/2.0/repositories//app",
			"/2.0/workspaces/\xff", "/2.0/workspaces/a\x00b", "/2.0/repositories/acme/..", "/2.0/repositories/acme/app/x",
			"/2.0/workspaces/" + strings.Repeat("x", 5000),
		} {
			if got := w.ask("GET", path, bearer(alice.Token)); got.status != http.StatusNotFound || got.body != none {
				w.Errorf("%.60q: %d %s", path, got.status, got.body)
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			got := w.ask(method, "/2.0/repositories/acme", bearer(alice.Token))
			if got.status != http.StatusMethodNotAllowed || strings.Join(got.header.Values("Allow"), ", ") != "GET, HEAD" || got.json(w.T)["type"] != "error" {
				w.Errorf("%s: %d %v %s", method, got.status, got.header.Values("Allow"), got.body)
			}
		}
	})
}

func TestTheDescriptionTellsEveryRoute(t *testing.T) {
	each(t, func(w *world) {
		described := w.ask("GET", "/2.0/openapi.json", nobody).json(w.T)["paths"].(map[string]any)
		for _, route := range w.api.Routes().List() {
			if route.Action == access.Open {
				continue
			}
			operations := operationsAt(described, route.Pattern)
			operation, ok := operations[strings.ToLower(route.Method)].(map[string]any)
			if !ok || operation["x-action"] != route.Action.String() || operation["x-scope"] == "" {
				w.Errorf("%s %s isn't described as it is: %v", route.Method, route.Pattern, operation)
				continue
			}
			responses := operation["responses"].(map[string]any)
			if responses["400"] == nil || responses["401"] == nil || responses["404"] == nil || responses["422"] != nil {
				w.Errorf("%s: its responses are %v", route.Pattern, responses)
			}
		}
		operations := 0
		for _, path := range described {
			operations += len(path.(map[string]any))
		}
		if gated := len(w.api.Routes().List()) - 1; operations != gated {
			w.Errorf("%d operations are described of %d", operations, gated)
		}
	})
}

// operationsAt finds what is described at a route, which may call a part of the
// address otherwise.
func operationsAt(described map[string]any, pattern string) map[string]any {
	for path, operations := range described {
		for _, part := range regexp.MustCompile(`\{[^}]+\}`).FindAllString(path, -1) {
			if path == pattern || strings.Replace(path, part, "*", 1) == pattern || strings.Replace(path, part, "{made}", 1) == pattern {
				return operations.(map[string]any)
			}
		}
	}
	operations, _ := described[pattern].(map[string]any)
	return operations
}

// Whoever makes a client of the description has to be told of each part of an
// address.
func TestEveryPartOfAnAddressIsDescribed(t *testing.T) {
	each(t, func(w *world) {
		paths := w.ask("GET", "/2.0/openapi.json", nobody).json(w.T)["paths"].(map[string]any)
		for path, operations := range paths {
			for method, op := range operations.(map[string]any) {
				declared := map[string]bool{}
				list, _ := op.(map[string]any)["parameters"].([]any)
				for _, p := range list {
					if p := p.(map[string]any); p["in"] == "path" {
						declared["{"+p["name"].(string)+"}"] = p["required"] == true
					}
				}
				parts := regexp.MustCompile(`\{[^}]+\}`).FindAllString(path, -1)
				for _, part := range parts {
					if !declared[part] {
						t.Errorf("%s %s doesn't declare %s", method, path, part)
					}
				}
				if len(declared) != len(parts) {
					t.Errorf("%s %s declares %v", method, path, declared)
				}
			}
		}
	})
}
