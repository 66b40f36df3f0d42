package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

const adasNext = "quiet tractors near the harbour"

// forgot asks for a link in a fresh browser and gives the link.
func (w *world) forgot(address string) string {
	w.t.Helper()
	b := w.browser()
	if got := b.submit(b.get("/forgotten"), "/forgotten", "email", address); got.status != http.StatusOK {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	return w.linkTo(address)
}

func TestAForgottenPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.newApp(false)
		b := w.browser()
		form := b.get(a.ask())
		way := regexp.MustCompile(`href="(/forgotten[^"]*)"`).FindStringSubmatch(form.body)
		if way == nil {
			t.Fatalf("no way to it: %s", form.body)
		}
		if got := b.submit(b.get(way[1]), "/forgotten", "email", "Ada@Example.com"); !strings.Contains(got.body, "Check your mail") {
			t.Fatalf("%d %s", got.status, got.body)
		}
		link := w.linkTo(ada)
		form = b.get(link)
		if got := b.submit(form, "/reset", "password", "too short"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "at least 15") {
			t.Errorf("a short one: %d", got.status)
		}
		if got := b.submit(form, "/reset", "password", "ada@example.com ok"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "mostly your name") {
			t.Errorf("the address itself: %d", got.status)
		}
		// It goes on to the app that was waiting.
		if got := b.submit(form, "/reset", "password", adasNext).answer(t, wiki); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
		if got := w.mailTo(ada); got.Subject != "Your password was changed" {
			t.Errorf("the notice: %q", got.Subject)
		}
		for what, got := range map[string]page{
			"opened again": w.browser().get(link), "sent again": b.post("/reset", "token", tokenIn(link), "password", adasPass+" again"),
		} {
			if got.status != http.StatusGone {
				t.Errorf("%s: %d", what, got.status)
			}
		}
		if got := w.browser().signIn(ada, adasPass); got.status != http.StatusForbidden {
			t.Errorf("the old password: %d", got.status)
		}
		if got := w.browser().signIn(ada, adasNext); got.at.Path != "/manage-profile" {
			t.Errorf("the new one: %d at %s", got.status, got.at)
		}
		if got := w.actions(); !strings.HasPrefix(got, "person.create app.create password.reset session.open") {
			t.Errorf("audit: %s", got)
		}
	})
}

func TestStandard12AMailedLinkWorksForADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		old := w.forgot(ada)
		w.clock.Advance(24*time.Hour - time.Second)
		if got := w.browser().get(old); got.status != http.StatusOK {
			t.Errorf("within a day: %d", got.status)
		}
		w.clock.Advance(time.Second)
		b := w.browser()
		if got := b.post("/reset", "token", tokenIn(old), "password", adasNext); got.status != http.StatusGone || !strings.Contains(got.body, "older than 24 hours") {
			t.Errorf("after a day: %d", got.status)
		}
		// A change of the password voids every link that waits.
		first, second := w.forgot(ada), w.forgot(ada)
		b.submit(b.get(second), "/reset", "password", adasNext)
		if got := w.browser().get(first); got.status != http.StatusGone {
			t.Errorf("the other link: %d", got.status)
		}
		// A link of one kind is none of another.
		third := w.forgot(ada)
		for _, path := range []string{"/confirm", "/setup"} {
			if got := b.get(path + "?token=" + tokenIn(third)); got.status != http.StatusNotFound {
				t.Errorf("at %s: %d", path, got.status)
			}
		}
	})
}

func TestAttack26AResetEndsEverySession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		there, here := w.browser(), w.browser()
		there.signIn(ada, adasPass)
		here.submit(here.get(w.forgot(ada)), "/reset", "password", adasNext)
		if got := there.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("the other browser is signed in")
		}
		if got := here.get("/manage-profile"); got.at.Path != "/manage-profile" {
			t.Error("this browser isn't")
		}
	})
}

func TestAttack29NobodyLearnsWhoForgot(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		suspended := w.newPerson("sue@example.com", adasPass)
		must(t, w.signin.Suspend(t.Context(), suspended.Email, true))
		work := func(i int, address string) (page, [2]int) {
			b := w.browser()
			b.from = fmt.Sprintf("10.3.%d.1", i)
			before := w.rows()
			got := b.post("/forgotten", "email", address)
			after := w.rows()
			return got, [2]int{after[0] - before[0], after[1] - before[1]}
		}
		want, wrote := work(0, ada)
		for i, address := range []string{"eva@example.com", "sue@example.com"} {
			got, also := work(i+1, address)
			if same(got) != strings.ReplaceAll(same(want), ada, address) || also != wrote {
				t.Errorf("%s: %v and %v rows\n%s\n%s", address, also, wrote, same(got), same(want))
			}
		}
		if got := w.mailTo("eva@example.com"); !strings.HasPrefix(got.Subject, "No account") || strings.Contains(got.Text, "token=") {
			t.Errorf("a stranger got %q", got.Subject)
		}
		if got := w.mailTo("sue@example.com"); strings.Contains(got.Text, "token=") {
			t.Errorf("somebody suspended got %q", got.Text)
		}
	})
}

// rows counts what is written for a forgotten password: links, and mails that wait.
func (w *world) rows() [2]int {
	w.t.Helper()
	links, err := db.One[int](w.t.Context(), w.db, `SELECT COUNT(*) FROM person_link`)
	must(w.t, err)
	mails, err := db.One[int](w.t.Context(), w.db, `SELECT COUNT(*) FROM outbox`)
	must(w.t, err)
	return [2]int{links, mails}
}

// One network can't have mail sent to everybody.
func TestForgettingIsSlowedDown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		b := w.browser()
		b.from = "192.0.2.9"
		for i := range 6 {
			got := b.post("/forgotten", "email", fmt.Sprintf("p%d@example.com", i))
			if i == 5 && (got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "") {
				t.Errorf("the sixth: %d", got.status)
			}
		}
		if got := b.post("/forgotten", "email", "no address"); got.status != http.StatusTooManyRequests {
			t.Errorf("%d", got.status)
		}
		w.clock.Advance(time.Hour)
		if got := b.post("/forgotten", "email", "no address"); got.status != http.StatusBadRequest || !strings.Contains(got.body, `value="no address"`) {
			t.Errorf("no address: %d", got.status)
		}
	})
}

func TestARecoveryLinkOfAnAdministrators(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p, err := w.people.Create(t.Context(), personInput("bob@example.com", ""))
		must(t, err)
		must(t, w.signin.MailRecovery(t.Context(), p, operator()))
		b := w.browser()
		if got := b.submit(b.get(w.linkTo("bob@example.com")), "/reset", "password", adasNext); got.at.Path != "/manage-profile" {
			t.Errorf("%d at %s", got.status, got.at)
		}
		if right, err := w.people.VerifyPassword(t.Context(), p.ID, secret.New(adasNext), false); err != nil || !right {
			t.Errorf("%v %v", right, err)
		}
	})
}

// Standard 3: paste and password managers work, what is typed can be shown, and
// a change needs the current password.
func TestStandard3PasswordFieldsAreFriendly(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), web.Open)
	w.newPerson(ada, adasPass)
	b := w.browser()
	signUp, reset, signIn := b.get("/signup"), b.get(w.forgot(ada)), b.get("/signin")
	b.signIn(ada, adasPass)
	for what, c := range map[string]struct {
		p    page
		uses []string
	}{
		"sign-up": {signUp, []string{"new-password"}}, "reset": {reset, []string{"new-password"}}, "sign-in": {signIn, []string{"current-password"}},
		"change": {b.get("/manage-profile/security"), []string{"current-password", "new-password"}},
	} {
		fields := regexp.MustCompile(`<input type="password"[^>]*>`).FindAllString(c.p.body, -1)
		if len(fields) != len(c.uses) || strings.Count(c.p.body, "data-show=") != len(fields) || strings.Contains(c.p.body, "onpaste") {
			t.Errorf("%s: %q", what, fields)
			continue
		}
		for i, use := range c.uses {
			if !strings.Contains(fields[i], `autocomplete="`+use+`"`) || strings.Contains(fields[i], "maxlength") || strings.Contains(fields[i], "readonly") {
				t.Errorf("%s: %s", what, fields[i])
			}
		}
	}
	if got := b.post("/manage-profile/security", "password", adasNext); got.status != http.StatusBadRequest || !strings.Contains(got.body, "current password") {
		t.Errorf("without the current one: %d", got.status)
	}
}
