package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

// newAdministrator makes one and signs them in.
func (w *world) newAdministrator(email string) *browser {
	w.t.Helper()
	_, err := w.people.Create(w.t.Context(), person.Input{Name: "Root " + email, Email: email, Password: secret.New(adasPass), Administrator: true})
	must(w.t, err)
	b := w.browser()
	b.signIn(email, adasPass)
	return b
}

func TestAdministrationIsForAdministrators(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		for _, route := range w.site.Routes() {
			if !strings.HasPrefix(route.Pattern, "/admin/") {
				continue
			}
			path := strings.ReplaceAll(route.Pattern, "{id}", p.ID)
			if got := b.do(route.Method, path, nil); got.status != http.StatusNotFound {
				t.Errorf("%s %s as an ordinary person: %d", route.Method, path, got.status)
			}
			if got := w.browser().do(route.Method, path, nil); got.at.Path != "/signin" {
				t.Errorf("%s %s as nobody: at %s", route.Method, path, got.at)
			}
		}
		if strings.Contains(b.get("/manage-profile").body, "/admin/") {
			t.Error("an ordinary person is led there")
		}
		root := w.newAdministrator("root@example.com")
		if !strings.Contains(root.get("/manage-profile").body, `href="/admin/people"`) {
			t.Error("an administrator isn't led there")
		}
		if got := root.get("/admin/people/nobody"); got.status != http.StatusNotFound {
			t.Errorf("nobody: %d", got.status)
		}
		if got := root.do("PUT", "/admin/people/"+p.ID, nil); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") == "" {
			t.Errorf("PUT: %d %q", got.status, got.header.Get("Allow"))
		}
	})
}

func TestPeopleOfTheSite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		root := w.newAdministrator("root@example.com")
		for _, c := range []struct{ name, email, field string }{
			{"", "bob@example.com", "Enter a name"}, {"Bob", "nonsense", "isn't an email address"}, {"Root", "root@example.com", "has an account already"},
		} {
			got := root.post("/admin/people", "name", c.name, "email", c.email)
			if got.status < 400 || !strings.Contains(got.body, c.field) || !strings.Contains(got.body, `value="`+c.email+`"`) {
				t.Errorf("%+v: %d %s", c, got.status, got.body)
			}
		}
		if got := root.post("/admin/people", "name", "Bob", "email", "bob@example.com"); !strings.Contains(got.body, "invitation is on its way") {
			t.Errorf("%d %s", got.status, got.body)
		}
		bob := w.browser()
		bob.submit(bob.get(w.linkTo("bob@example.com")), "/setup", "name", "Bob", "password", adasPass)
		if got := bob.get("/manage-profile"); got.at.Path != "/manage-profile" {
			t.Fatalf("at %s", got.at)
		}
		for i := range 55 {
			_, err := w.people.Create(t.Context(), person.Input{Name: "Extra", Email: fmt.Sprintf("x%02d@example.com", i)})
			must(t, err)
		}
		first := root.get("/admin/people")
		more := regexp.MustCompile(`href="(/admin/people\?after=[^"]+)"`).FindStringSubmatch(first.body)
		if more == nil || strings.Contains(first.body, "x54@") || !strings.Contains(root.get(more[1]).body, "x54@") {
			t.Errorf("no way on: %v", more)
		}
		if got := root.get("/admin/people?search=BOB"); !strings.Contains(got.body, "bob@example.com") || strings.Contains(got.body, "x00@") {
			t.Errorf("%s", got.body)
		}
		if got := root.get("/admin/people?search=zzz"); !strings.Contains(got.body, "“zzz”") {
			t.Errorf("%s", got.body)
		}

		page := "/admin/people/" + w.idOf("bob@example.com")
		if got := root.get(page); !strings.Contains(got.body, "Suspend") || strings.Contains(got.body, "Let in again") || !strings.Contains(got.body, "Chose the first password") {
			t.Errorf("%s", got.body)
		}
		if got := root.post(page, "act", "suspend"); got.status != http.StatusOK || !strings.Contains(got.body, "Let in again") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := bob.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("bob is signed in")
		}
		if got := root.post(page, "act", "suspend"); got.status != http.StatusConflict || !strings.Contains(got.body, "is suspended already") {
			t.Errorf("again: %d %s", got.status, got.body)
		}
		root.post(page, "act", "resume")
		if got := bob.signIn("bob@example.com", adasPass); got.at.Path != "/manage-profile" {
			t.Errorf("bob is at %s", got.at)
		}
		if got := root.post(page, "act", "nonsense"); got.status != http.StatusInternalServerError && got.status != http.StatusBadRequest {
			t.Errorf("nonsense: %d", got.status)
		}
	})
}

func TestAttack28OnThePages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		ann, ben, cat := w.newAdministrator("ann@example.com"), w.newAdministrator("ben@example.com"), w.newAdministrator("cat@example.com")
		page := "/admin/people/" + w.idOf("ben@example.com")
		if got := ann.get(page); !strings.Contains(got.body, "It takes a second administrator") {
			t.Errorf("%s", got.body)
		}
		if got := ann.post(page, "act", "suspend"); got.at.Path != "/admin/approvals" || !strings.Contains(got.body, "That takes two") || !strings.Contains(got.body, "Take back") {
			t.Errorf("%d at %s: %s", got.status, got.at, got.body)
		}
		if got := ben.get("/admin/approvals"); !strings.Contains(got.body, "It is about you") || strings.Contains(got.body, "Approve") {
			t.Errorf("%s", got.body)
		}
		form := cat.get("/admin/approvals")
		id := regexp.MustCompile(`action="/admin/approvals"><input type="hidden" name="id" value="([^"]+)"`).FindStringSubmatch(form.body)
		if id == nil || !strings.Contains(w.mailTo("cat@example.com").Text, "/admin/approvals") {
			t.Fatalf("cat isn't asked: %s", form.body)
		}
		for who, b := range map[string]*browser{"ann": ann, "ben": ben} {
			if got := b.post("/admin/approvals", "id", id[1], "answer", "yes"); got.status != http.StatusForbidden {
				t.Errorf("%s approves: %d", who, got.status)
			}
		}
		if got := ben.get("/manage-profile"); got.at.Path != "/manage-profile" {
			t.Fatal("ben is out already")
		}
		if got := cat.post("/admin/approvals", "id", id[1], "answer", "yes"); !strings.Contains(got.body, "with your approval") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := ben.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("ben is still in")
		}
		if got := cat.post("/admin/approvals", "id", id[1], "answer", "yes"); got.status != http.StatusConflict {
			t.Errorf("again: %d", got.status)
		}
	})
}
