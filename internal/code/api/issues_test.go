package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/db"
)

const (
	appIssues = "/2.0/repositories/acme/app/issues"
	issueOne  = appIssues + "/1"
)

var app = access.Target{Workspace: "acme", Repository: "app"}

// tracked is acme with a tracker of three issues: alice's bug #1, of which bob
// has said something and to which a file belongs, bob's task #2, resolved, and
// alice's #3.
func (w *world) tracked() (alice, bob *codetest.Person) {
	w.Helper()
	alice, bob = w.acme()
	issues, ctx := w.Issues(), w.Context()
	write := alice.Grant(access.WriteIssues, app)
	must := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	admin := alice.Grant(access.AdminIssues, app)
	must(issues.AddChoice(ctx, admin, issue.Versions, "1.0"))
	must(issues.AddChoice(ctx, admin, issue.Components, "Gate"))
	must(issues.AddChoice(ctx, admin, issue.Components, "Door"))
	for _, in := range []issue.Fields{
		{Title: "A secret bug", Body: "See ![it](it.png) <script>", Priority: "blocker", Assignee: "bob", Component: "Gate", Version: "1.0"},
		{Title: "To do", Kind: issue.Task, State: issue.Resolved},
		{Title: "An idea", Kind: issue.Proposal, State: issue.OnHold},
	} {
		_, err := issues.Create(ctx, write, in)
		must(err)
		w.Now.Advance(time.Second)
	}
	file, err := issues.Upload(ctx, write, "it ä.png", strings.NewReader("\x89PNG\r\n\x1a\n...."))
	must(err)
	must(issues.Attach(ctx, write, 1, []string{file.ID}, false))
	for _, said := range []string{"first", "second", "third"} {
		_, err := issues.AddComment(ctx, bob.Grant(access.RaiseIssues, app), 1, issue.Reply{Body: said})
		must(err)
		w.Now.Advance(time.Second)
	}
	must(issues.DeleteComment(ctx, bob.Grant(access.RaiseIssues, app), 1, 2))
	must(issues.EditComment(ctx, bob.Grant(access.RaiseIssues, app), 1, 3, "third time"))
	fields := issue.Fields{Title: "A secret bug", Body: "other words", State: issue.Open, Priority: "minor", Assignee: "bob"}
	_, err = issues.Update(ctx, write, 1, 0, fields)
	must(err)
	must(issues.Vote(ctx, bob.Grant(access.RaiseIssues, app), 1, true))
	return alice, bob
}

// listed gives one field of everything in a list, page by page.
func (w *world) listed(at, field, token string) string {
	w.Helper()
	var all []string
	for next := site + at; next != ""; {
		address, err := url.Parse(next)
		if err != nil {
			w.Fatal(err)
		}
		page := w.expect(200, "GET", address.RequestURI(), "", token)
		for _, value := range page["values"].([]any) {
			all = append(all, fmt.Sprint(value.(map[string]any)[field]))
		}
		next, _ = page["next"].(string)
	}
	return strings.Join(all, ", ")
}

func TestIssuesAreListed(t *testing.T) {
	each(t, func(w *world) {
		_, bob := w.tracked()
		for query, want := range map[string]string{
			"":                                   "1, 3, 2",
			"pagelen=1":                          "1, 3, 2",
			"pagelen=2&sort=created_on":          "1, 2, 3",
			"pagelen=1&sort=-created_on":         "3, 2, 1",
			"pagelen=1&sort=-priority":           "3, 2, 1",
			"sort=-votes":                        "1, 3, 2",
			"state=open":                         "1",
			"pagelen=1&state=open&state=on+hold": "1, 3",
			"kind=task":                          "2",
			"priority=minor":                     "1",
			"assignee=bob":                       "1",
			"assignee=none&kind=proposal":        "3",
			"reporter=alice&pagelen=2":           "1, 3, 2",
			"component=gate":                     "",
			"version=none&milestone=none":        "1, 3, 2",
		} {
			if got := w.listed(appIssues+"?"+query, "id", bob.Token); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		for _, query := range []string{
			"q=state%3D%22open%22", "state=done", "state=open&state=", "kind=idea", "priority=top", "sort=title", "sort=-id", "pagelen=0", "page=%21", "page=eA",
			"assignee=" + strings.Repeat("x", 101),
		} {
			if got := w.expect(400, "GET", appIssues+"?"+query, "", bob.Token); query[0] == 'q' && !strings.Contains(fmt.Sprint(got), "Use the parameters") {
				t.Errorf("%s: %v", query, got)
			}
		}
	})
}

func TestAnIssueIsShown(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.tracked()
		got := w.ask("GET", issueOne, bearer(bob.Token))
		for _, part := range []string{
			`"type":"issue","id":1,"repository":{"type":"repository"`, `"full_name":"acme/app"`, `"title":"A secret bug"`,
			`"content":{"type":"rendered","raw":"other words","markup":"markdown","html":"<p>other words</p>\n"}`,
			`"reporter":{"type":"user","uuid":"{` + alice.ID + `}","account_id":"` + alice.ID + `","username":"alice"`, `"assignee":{"type":"user","uuid":"{` + bob.ID,
			`"state":"open","kind":"bug","priority":"minor","component":null,"milestone":null,"version":null,"votes":1,"watches":2`,
			`"vote":{"href":"https://code.test` + issueOne + `/vote"}`, `"html":{"href":"https://code.test/acme/app/issues/1"}`,
		} {
			if !strings.Contains(got.body, part) {
				t.Errorf("it lacks %s: %s", part, got.body)
			}
		}
		if got.status != 200 || got.header.Get("ETag") != `"2"` {
			t.Errorf("%d %v", got.status, got.header)
		}

		for at, want := range map[string]string{
			"/components":                       "2 Gate, 3 Door",
			"/components?pagelen=1":             "2 Gate, 3 Door",
			"/versions":                         "1 1.0",
			"/milestones":                       "",
			"/issues/1/comments":                "1 map[html:<p>first</p>\n markup:markdown raw:first type:rendered], 3 map[html:<p>third time</p>\n markup:markdown raw:third time type:rendered]",
			"/issues/1/comments?pagelen=1":      "1 map[html:<p>first</p>\n markup:markdown raw:first type:rendered], 3 map[html:<p>third time</p>\n markup:markdown raw:third time type:rendered]",
			"/issues/1/changes?pagelen=1":       "1 map[attachment:map[new:it ä.png old:]], 2 map[component:map[new: old:Gate] content:map[new:other words old:See ![it](it.png) <script>] priority:map[new:minor old:blocker] state:map[new:open old:new] version:map[new: old:1.0]]",
			"/issues/1/attachments":             "it ä.png 12",
			"/issues/2/comments":                "",
			"/issues/2/attachments?pagelen=100": "",
		} {
			fields := map[string]string{"comments": "content", "changes": "changes", "attachments": "size"}
			first, second := "id", "name"
			for part, field := range fields {
				if strings.Contains(at, "/"+part) {
					second = field
				}
			}
			if second == "size" {
				first = "name"
			}
			ids, others := strings.Split(w.listed("/2.0/repositories/acme/app"+at, first, bob.Token), ", "), w.listed("/2.0/repositories/acme/app"+at, second, bob.Token)
			var both []string
			for n, other := range strings.Split(others, ", ") {
				both = append(both, strings.TrimSpace(ids[n]+" "+other))
			}
			if got := strings.Join(both, ", "); got != want {
				t.Errorf("%s:\n%s, want\n%s", at, got, want)
			}
		}
		if got := w.expect(200, "GET", "/2.0/repositories/acme/app/components/2", "", bob.Token); got["name"] != "Gate" || got["type"] != "component" {
			t.Errorf("%v", got)
		}
		if got := w.expect(200, "GET", issueOne+"/comments/3", "", bob.Token); got["updated_on"] == nil || got["user"].(map[string]any)["username"] != "bob" || got["issue"].(map[string]any)["title"] != "A secret bug" {
			t.Errorf("%v", got)
		}
		if got := w.expect(200, "GET", issueOne+"/comments/1", "", bob.Token); got["updated_on"] != nil {
			t.Errorf("%v", got)
		}
		file := w.ask("GET", issueOne+"/attachments/it ä.png", bearer(bob.Token))
		if file.status != 200 || file.body != "\x89PNG\r\n\x1a\n...." || file.header.Get("Content-Type") != "image/png" || !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment;") ||
			!strings.Contains(file.header.Get("Content-Security-Policy"), "sandbox") || file.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%+v", file)
		}
		for at, status := range map[string]int{"/1/vote": 204, "/1/watch": 204, "/2/vote": 404, "/2/watch": 404, "/9/vote": 404} {
			if got := w.ask("GET", appIssues+at, bearer(bob.Token)); got.status != status || status == 204 && got.body != "" {
				t.Errorf("%s: %d %s", at, got.status, got.body)
			}
		}
		for _, none := range []string{
			"/9", "/0", "/-1", "/9/comments", "/9/changes", "/9/attachments", "/1/comments/2", "/1/comments/9", "/1/attachments/none", "/x/attachments/it ä.png",
			"/1/attachments/../it ä.png", "/1/attachments/",
		} {
			w.expect(404, "GET", appIssues+none, "", bob.Token)
		}
		for _, none := range []string{"/components/1", "/components/9", "/versions/2", "/milestones/1"} {
			w.expect(404, "GET", "/2.0/repositories/acme/app"+none, "", bob.Token)
		}
		for _, wrong := range []string{"/x", "/1x", "/1/comments/x", "/99999999999999999999", "/1/comments?page=eA", "/1/changes?page=eA"} {
			w.expect(400, "GET", appIssues+wrong, "", bob.Token)
		}
	})
}

// Whoever is held back learns no title and no number of issues; a stranger at
// a public tracker no username.
func TestIssuesAreTheGates(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.tracked()
		eve := w.Person("eve")
		addresses := []string{
			appIssues, issueOne, issueOne + "/comments", issueOne + "/comments/1", issueOne + "/changes", issueOne + "/attachments", issueOne + "/attachments/it ä.png",
			issueOne + "/vote", issueOne + "/watch", "/2.0/repositories/acme/app/components", "/2.0/repositories/acme/app/components/2", "/2.0/repositories/acme/app/milestones", "/2.0/repositories/acme/app/versions",
		}
		refused := func(who *codetest.Person, token string, status int, says string) {
			t.Helper()
			for _, at := range addresses {
				got := w.ask("GET", at, bearer(token))
				if got.status != status || !strings.Contains(got.body, says) || strings.Contains(got.body, "secret") || strings.Contains(got.body, "Gate") {
					t.Errorf("%s at %s: %d %s", who.Username, at, got.status, got.body)
				}
			}
		}
		refused(eve, eve.Token, 404, "Resource not found")
		refused(bob, bob.TokenWith(access.ScopeReadRepository), 403, `"reason":"scope_missing"`)
		alice.Enrol()
		requireTwoStep(alice)
		refused(bob, bob.Token, 403, `"message":"To access this issue tracker, enable two-step verification."`)
		if _, err := db.Exec(t.Context(), w.Users.DB, `UPDATE repository SET issues_public = TRUE`); err != nil {
			t.Fatal(err)
		}
		for _, at := range addresses {
			got := w.ask("GET", at, nobody)
			if got.status != 200 && !strings.HasSuffix(at, "/vote") && !strings.HasSuffix(at, "/watch") {
				t.Errorf("what is public: %s: %d %s", at, got.status, got.body)
			}
			if strings.Contains(got.body, `"username"`) || strings.Contains(got.body, bob.ID) {
				t.Errorf("a stranger is told who somebody is: %s", got.body)
			}
		}
	})
}
