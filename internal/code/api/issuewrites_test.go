package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

func TestIssuesAreRaisedAndChanged(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.tracked()
		got := w.change("POST", appIssues, `{"title":"From a program","content":{"raw":"**words**"},"kind":"task","priority":"trivial","state":"open",
			"assignee":{"account_id":"`+bob.ID+`"},"component":{"id":2},"version":{"name":"1.0"},"milestone":null,"links":{"self":{}},"type":"issue"}`, alice.Token)
		made := got.json(t)
		if got.status != 201 || got.header.Get("Location") != site+appIssues+"/4" || got.header.Get("ETag") != `"1"` || made["state"] != "open" || made["kind"] != "task" ||
			made["assignee"].(map[string]any)["username"] != "bob" || made["component"].(map[string]any)["name"] != "Gate" || made["version"].(map[string]any)["id"] != 1.0 {
			t.Fatalf("%d %v %s", got.status, got.header, got.body)
		}
		at := appIssues + "/4"
		if got := w.expect(201, "POST", appIssues, `{"title":"Least"}`, bob.Token); got["kind"] != "bug" || got["priority"] != "major" || got["state"] != "new" || got["reporter"].(map[string]any)["username"] != "bob" {
			t.Errorf("%v", got)
		}

		// What is left out stays; null takes away; the whole of it may be sent back.
		if got := w.expect(200, "PUT", at, `{"assignee":null,"component":null,"priority":"minor"}`, bob.Token); got["assignee"] != nil || got["component"] != nil || got["priority"] != "minor" ||
			got["title"] != "From a program" || got["version"] == nil {
			t.Errorf("%v", got)
		}
		whole := w.ask("GET", at, bearer(bob.Token))
		if got := w.change("PUT", at, whole.body, bob.Token); got.status != 200 || got.header.Get("ETag") != whole.header.Get("ETag") {
			t.Errorf("sent back as it was: %d %s", got.status, got.body)
		}

		// Two at once: the later one is told what was changed, and nothing is overwritten.
		match := func(etag, body string) answer {
			return w.ask("PUT", at, both(bearer(alice.Token), text(body), func(r *http.Request) { r.Header.Set("If-Match", etag) }))
		}
		if got := match(whole.header.Get("ETag"), `{"title":"Mine"}`); got.status != 200 || got.header.Get("ETag") != `"3"` {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := match(whole.header.Get("ETag"), `{"title":"Also mine"}`); got.status != 409 || !strings.Contains(got.body, `changed title from \"From a program\" to \"Mine\"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		for _, wrong := range []string{"3", `"x"`, `"0"`, `"1", "2"`} {
			if got := match(wrong, `{"title":"No"}`); got.status != 400 || !strings.Contains(got.body, `"If-Match":[`) {
				t.Errorf("%s: %d %s", wrong, got.status, got.body)
			}
		}
		if got := match("*", `{"assignee":{"username":"bob"}}`); got.status != 200 || got.json(t)["title"] != "Mine" {
			t.Errorf("%d %s", got.status, got.body)
		}

		for body, field := range map[string]string{
			`{}`:                            "title",
			`{"title":""}`:                  "title",
			`{"title":"a\nb"}`:              "title",
			`{"title":7}`:                   "title",
			`{"title":null}`:                "title",
			`{"title":"x","content":"raw"}`: "content",
			`{"title":"x","content":{}}`:    "content",
			`{"title":"x","content":{"raw":"` + strings.Repeat("x", 64<<10+1) + `"}}`: "content",
			`{"title":"x","state":"done"}`:                                            "state",
			`{"title":"x","kind":""}`:                                                 "kind",
			`{"title":"x","priority":"top"}`:                                          "priority",
			`{"title":"x","assignee":{}}`:                                             "assignee",
			`{"title":"x","assignee":{"username":"nobody"}}`:                          "assignee",
			`{"title":"x","assignee":{"uuid":"{nobody}"}}`:                            "assignee",
			`{"title":"x","component":{"name":"None"}}`:                               "component",
			`{"title":"x","component":{"id":1}}`:                                      "component",
			`{"title":"x","milestone":{}}`:                                            "milestone",
			`{"title":"x","version":"1.0"}`:                                           "version",
		} {
			if got := w.change("POST", appIssues, body, alice.Token); got.status != 400 || !strings.Contains(got.body, `"type":"error"`) || !strings.Contains(got.body, `"fields":{"`+field) {
				t.Errorf("%.80s: %d %s", body, got.status, got.body)
			}
		}
		for _, body := range []string{``, `{`, `[]`, `null`, `"x"`, "{\"title\":\"\xff\"}"} {
			w.expect(400, "POST", appIssues, body, alice.Token)
		}
		if got := w.listed(appIssues+"?sort=created_on", "id", bob.Token); got != "1, 2, 3, 4, 5" {
			t.Errorf("what was refused is there: %s", got)
		}

		// What bob may not, who reads alone: another's issue, and fields of writers.
		w.readsAlone(bob.ID)
		w.expect(200, "PUT", appIssues+"/5", `{"title":"Better","priority":"minor"}`, bob.Token)
		w.expect(403, "PUT", appIssues+"/5", `{"state":"closed"}`, bob.Token)
		w.expect(403, "PUT", at, `{"title":"Not mine"}`, bob.Token)
		w.expect(403, "POST", appIssues, `{"title":"x","assignee":{"username":"bob"}}`, bob.Token)
		w.expect(403, "DELETE", appIssues+"/5", "", bob.Token)
		w.expect(404, "PUT", appIssues+"/9", `{"title":"x"}`, alice.Token)
		w.expect(403, "POST", appIssues, `{"title":"x"}`, alice.TokenWith(access.ScopeReadIssue))
		if got := w.expect(200, "DELETE", at, "", alice.Token); got["title"] != "Mine" {
			t.Errorf("%v", got)
		}
		w.expect(404, "GET", at, "", alice.Token)
	})
}

// readsAlone takes everybody's right to write but the owner's.
func (w *world) readsAlone(user string) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.Users.DB, `UPDATE workspace SET default_access = 1 WHERE EXISTS (SELECT 1 FROM member m WHERE m.workspace = workspace.id AND m.user_id = $1)`, user); err != nil {
		w.Fatal(err)
	}
}

func TestWhatIsSaidOfAnIssue(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.tracked()
		const comments = issueOne + "/comments"
		got := w.change("POST", comments, `{"content":{"raw":"by *REST*"}}`, bob.Token)
		if made := got.json(t); got.status != 201 || got.header.Get("Location") != site+comments+"/4" || made["id"] != 4.0 || !strings.Contains(fmt.Sprint(made["content"]), "<em>REST</em>") {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if got := w.expect(200, "PUT", comments+"/4", `{"content":{"raw":"edited"}}`, bob.Token); got["updated_on"] == nil || got["content"].(map[string]any)["raw"] != "edited" {
			t.Errorf("%v", got)
		}
		for body, field := range map[string]string{`{"content":{"raw":" "}}`: "content", `{"content":{}}`: "content", `{}`: "", `{"content":{"raw":7}}`: "content"} {
			for _, got := range []answer{w.change("POST", comments, body, bob.Token), w.change("PUT", comments+"/4", body, bob.Token)} {
				if got.status != 400 || !strings.Contains(got.body, `"`+field) {
					t.Errorf("%s: %d %s", body, got.status, got.body)
				}
			}
		}
		w.expect(404, "PUT", comments+"/4", `{"content":{"raw":"not mine"}}`, alice.Token)
		w.expect(404, "POST", appIssues+"/9/comments", `{"content":{"raw":"x"}}`, bob.Token)
		w.expect(204, "DELETE", comments+"/4", "", alice.Token)
		w.expect(404, "DELETE", comments+"/4", "", alice.Token)
		w.expect(404, "GET", comments+"/4", "", alice.Token)

		for _, c := range []struct {
			method, at string
			status     int
		}{
			{"PUT", "/2/vote", 204},
			{"PUT", "/2/vote", 204},
			{"GET", "/2/vote", 204},
			{"DELETE", "/2/vote", 204},
			{"DELETE", "/2/vote", 204},
			{"GET", "/2/vote", 404},
			{"PUT", "/2/watch", 204},
			{"GET", "/2/watch", 204},
			{"DELETE", "/2/watch", 204},
			{"GET", "/2/watch", 404},
			{"PUT", "/9/vote", 404},
			{"DELETE", "/9/watch", 404},
		} {
			if got := w.ask(c.method, appIssues+c.at, bearer(bob.Token)); got.status != c.status || c.status == 204 && got.body != "" {
				t.Errorf("%s %s: %d %s", c.method, c.at, got.status, got.body)
			}
		}
	})
}

func TestFilesOfIssuesOverREST(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.tracked()
		const files = appIssues + "/2/attachments"
		names := func() string { return w.listed(files, "name", bob.Token) + ": " + w.listed(files, "size", bob.Token) }
		got := w.ask("POST", files, both(bearer(bob.Token), parts("@a.txt", "one", "note", "no file", "@b.html", "<script>alert(1)</script>")))
		if got.status != 201 || got.body != "" || got.header.Get("Location") != site+files || names() != "a.txt, b.html: 3, 25" {
			t.Errorf("%d %v %s: %s", got.status, got.header, got.body, names())
		}
		page := w.ask("GET", files+"/b.html", bearer(bob.Token))
		if page.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(page.header.Get("Content-Disposition"), "attachment;") || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'; sandbox") {
			t.Errorf("%v", page.header)
		}
		if w.ask("POST", files, both(bearer(bob.Token), parts("@a.txt", "longer"))); names() != "a.txt, b.html: 6, 25" {
			t.Errorf("sent again: %s", names())
		}
		many := []string{}
		for n := range 11 {
			many = append(many, fmt.Sprintf("@%d", n), "x")
		}
		cut := func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = io.NopCloser(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf"))
		}
		for name, with := range map[string]func(*http.Request){
			"JSON": text(`{}`), "nothing": bearer(bob.Token), "no file": parts("note", "x"), "too many": parts(many...), "cut off": cut, "too large": parts("@a", strings.Repeat("x", 10<<20+1)),
		} {
			if got := w.ask("POST", files, both(bearer(bob.Token), with)); got.status != 400 || !strings.Contains(got.body, `"fields":{"`) {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		if got := names(); got != "a.txt, b.html: 6, 25" {
			t.Errorf("what was refused is there: %s", got)
		}
		if got := w.ask("POST", appIssues+"/9/attachments", both(bearer(bob.Token), parts("@a", "x"))); got.status != 404 {
			t.Errorf("%d", got.status)
		}
		w.readsAlone(bob.ID)
		w.expect(404, "DELETE", issueOne+"/attachments/it ä.png", "", bob.Token)
		w.expect(204, "DELETE", files+"/a.txt", "", bob.Token)
		w.expect(204, "DELETE", files+"/b.html", "", alice.Token)
		w.expect(404, "DELETE", files+"/b.html", "", alice.Token)
		if got := names(); got != ": " {
			t.Error(got)
		}
	})
}
