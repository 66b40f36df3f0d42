package api_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"sallyport.dev/internal/db"
)

// parts makes the body of a form: names and values in turn; a name that begins
// with "@" is a part file of that file name.
func parts(pairs ...string) func(*http.Request) {
	return func(r *http.Request) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for i := 0; i < len(pairs); i += 2 {
			name, header := pairs[i], textproto.MIMEHeader{}
			header.Set("Content-Disposition", `form-data; name="`+name+`"`)
			if file, ok := strings.CutPrefix(name, "@"); ok {
				header.Set("Content-Disposition", `form-data; name="file"; filename="`+file+`"`)
			}
			part, _ := form.CreatePart(header)
			_, _ = io.WriteString(part, pairs[i+1])
		}
		_ = form.Close()
		r.Body = io.NopCloser(&body)
		r.Header.Set("Content-Type", form.FormDataContentType())
	}
}

func text(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
}

func both(all ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, each := range all {
			each(r)
		}
	}
}

func TestSnippets(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		eve := w.Person("eve")
		as := bearer(alice.Token)
		made := w.ask("POST", "/2.0/snippets/acme", both(as, parts("title", "Notes", "@a.txt", "one\n", "@b.md", "# two\n")))
		at := strings.TrimPrefix(made.header.Get("Location"), site)
		shown := made.json(w.T)
		if made.status != http.StatusCreated || !strings.HasPrefix(at, "/2.0/snippets/acme/") || shown["is_private"] != true || shown["title"] != "Notes" || shown["type"] != "snippet" {
			t.Fatalf("%d %s", made.status, made.body)
		}
		got := w.ask("GET", at, bearer(bob.Token))
		files, _ := got.json(w.T)["files"].(map[string]any)
		if got.status != http.StatusOK || len(files) != 2 || files["a.txt"] == nil {
			t.Errorf("%d %s", got.status, got.body)
		}
		raw := w.ask("GET", at+"/files/b.md", bearer(bob.Token))
		if raw.body != "# two" || raw.header.Get("Content-Type") != "text/plain" || !strings.Contains(raw.header.Get("Content-Security-Policy"), "sandbox") || raw.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%+v", raw)
		}
		list := w.ask("GET", "/2.0/snippets/acme?pagelen=1", as).json(w.T)
		if values := list["values"].([]any); len(values) != 1 || list["next"] != nil {
			t.Errorf("%v", list)
		}
		w.Now.Advance(1e9)
		w.ask("POST", "/2.0/snippets/acme", both(as, parts("title", "Later", "is_private", "false", "@x", "x")))
		list = w.ask("GET", "/2.0/snippets/acme?pagelen=1", as).json(w.T)
		next, _ := list["next"].(string)
		if older := w.ask("GET", strings.TrimPrefix(next, site), as).json(w.T); list["values"].([]any)[0].(map[string]any)["title"] != "Later" || older["values"].([]any)[0].(map[string]any)["title"] != "Notes" || older["next"] != nil {
			t.Errorf("%v, then %v", list, older)
		}

		if got := w.ask("PUT", at, both(as, parts("@a.txt", "changed\n", "@c.txt", "new", "file", "b.md"))); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		} else if files := got.json(w.T)["files"].(map[string]any); len(files) != 2 || files["b.md"] != nil || files["c.txt"] == nil {
			t.Errorf("%v", files)
		}
		if got := w.ask("PUT", at, both(as, text(`{"title":"Renamed","is_private":false}`))); got.status != http.StatusOK || got.json(w.T)["title"] != "Renamed" || got.json(w.T)["is_private"] != false {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := w.ask("GET", at+"/files/a.txt", nobody); got.body != "changed" {
			t.Errorf("published: %d %s", got.status, got.body)
		}
		for _, c := range []struct {
			method, path string
			with         func(*http.Request)
			status       int
		}{
			{"PUT", at, both(bearer(bob.Token), text(`{"title":"Mine"}`)), 403},
			{"DELETE", at, bearer(bob.Token), 403},
			{"PUT", at, both(bearer(eve.Token), text(`{}`)), 403},
			{"GET", "/2.0/snippets/acme", bearer(eve.Token), 404},
			{"GET", "/2.0/snippets/acme/nothing", as, 404},
			{"GET", at + "/files/b.md", as, 404},
			{"GET", at + "/files/../x", as, 404},
			{"POST", "/2.0/snippets/acme", both(as, parts("title", "x")), 400},
			{"POST", "/2.0/snippets/acme", both(as, parts("title", "x", "@.git", "x")), 400},
			{"POST", "/2.0/snippets/acme", both(as, parts("title", "x", "is_private", "perhaps", "@a", "x")), 400},
			{"POST", "/2.0/snippets/acme", both(as, parts("title", "x", "@a", strings.Repeat("x", 3<<20))), 413},
			{"POST", "/2.0/snippets/acme", both(as, text(`{`)), 400},
			{"POST", "/2.0/snippets/acme", as, 400},
			{"PUT", at, both(as, parts("file", "a.txt", "file", "c.txt")), 400},
			{"PUT", at, both(as, parts("file", "none")), 409},
		} {
			if got := w.ask(c.method, c.path, c.with); got.status != c.status || got.json(w.T)["type"] != "error" {
				t.Errorf("%s %s: %d %s, want %d", c.method, c.path, got.status, got.body, c.status)
			}
		}

		less := alice.TokenWith("read:snippet:bitbucket", "write:snippet:bitbucket")
		if got := w.ask("DELETE", at, bearer(less)); got.status != http.StatusForbidden || !strings.Contains(got.body, "delete:snippet:bitbucket") {
			t.Errorf("%d %s", got.status, got.body)
		}
		// Of whoever is enrolled a token, which can take no step, deletes nothing.
		alice.Enrol()
		if got := w.ask("DELETE", at, as); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "do it in the browser") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if _, err := db.Exec(w.Context(), w.DB, `DELETE FROM factor`); err != nil {
			w.Fatal(err)
		}
		if got := w.ask("DELETE", at, as); got.status != http.StatusNoContent || got.body != "" {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := w.ask("GET", at, as); got.status != http.StatusNotFound {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}
