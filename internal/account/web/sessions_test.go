package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

var sessionID = regexp.MustCompile(`action="/manage-profile/sessions/end"><input type="hidden" name="id" value="([^"]+)"`)

func TestStandard14SessionsAreListedAndEnded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		w.newPerson("eve@example.com", adasPass)
		var browsers []*browser
		for i, agent := range []string{"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0", "Mozilla/5.0 (iPhone) Version/17 Safari/605", "curl/8"} {
			b := w.browser()
			b.agent, b.from = agent, fmt.Sprintf("192.0.2.%d", i)
			b.signIn(ada, adasPass)
			browsers = append(browsers, b)
			w.clock.Advance(time.Hour)
		}
		eve := w.browser()
		eve.signIn("eve@example.com", adasPass)
		here := browsers[0]
		listed := here.get("/manage-profile/sessions")
		for _, want := range []string{"Firefox on Linux", "Safari on iPhone", "<b>curl</b>", "This one", "from 192.0.2.0 (this network)", "from 192.0.2.1 ", "password", "7 days", "30 days"} {
			if !strings.Contains(listed.body, want) {
				t.Errorf("no %q: %s", want, listed.body)
			}
		}
		ids := sessionID.FindAllStringSubmatch(listed.body, -1)
		if len(ids) != 2 {
			t.Fatalf("%d can be ended: %s", len(ids), listed.body)
		}
		if got := eve.post("/manage-profile/sessions/end", "id", ids[0][1]); got.status != http.StatusNotFound {
			t.Errorf("somebody else ends it: %d", got.status)
		}
		if got := here.post("/manage-profile/sessions/end", "id", ids[0][1]); !strings.Contains(got.body, "signed out") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := browsers[2].get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("the ended one is alive")
		}
		if got := browsers[1].get("/manage-profile"); got.at.Path != "/manage-profile" {
			t.Error("another one was ended")
		}
		here.post("/manage-profile/sessions/end-others")
		if got := browsers[1].get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("the others are alive")
		}
		if got := here.get("/manage-profile/sessions"); strings.Contains(got.body, "Sign out all others") || !strings.Contains(got.body, "This one") {
			t.Errorf("%s", got.body)
		}
		if got := eve.get("/manage-profile"); got.at.Path != "/manage-profile" {
			t.Error("somebody else was signed out")
		}
		if !strings.HasSuffix(w.actions(), "session.end_one session.end_others") {
			t.Errorf("audit: %s", w.actions())
		}
	})
}

func TestStandard15SessionsEndWhenThePolicySays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b := w.browser()
		alive := func() bool { t.Helper(); return b.get("/manage-profile").at.Path == "/manage-profile" }
		b.signIn(ada, adasPass)
		w.clock.Advance(2 * time.Hour)
		if !alive() {
			t.Fatal("it ended after two hours")
		}
		w.limit(time.Hour, 8*time.Hour)
		w.clock.Advance(50 * time.Minute)
		if !alive() {
			t.Error("it ended while it was in use")
		}
		w.clock.Advance(61 * time.Minute)
		if alive() {
			t.Error("it lived an hour without use")
		}
		b.signIn(ada, adasPass)
		for range 9 {
			w.clock.Advance(55 * time.Minute)
			alive()
		}
		if alive() {
			t.Error("it lived longer than eight hours")
		}
	})
}

// Apps are told how long a session lasts, and sign people out where it is to be
// shorter than they were told.
func TestStandard15AppsFollowThePolicy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		told := newListener(t)
		a := w.register(provider.App{LogoutAddress: told.URL, Grants: lasting().Grants})
		b := w.browser()
		b.signIn(ada, adasPass)
		began := w.clock.Now()
		w.clock.Advance(time.Hour)
		says := func(got map[string]any) (ends, idle int64) {
			t.Helper()
			id, err := a.verifier.Verify(t.Context(), got["id_token"].(string))
			must(t, err)
			var claims struct {
				Ends int64 `json:"session_expiry"`
				Idle int64 `json:"session_idle"`
			}
			must(t, id.Claims(&claims))
			return claims.Ends, claims.Idle
		}
		first := a.grant(w, b)
		if ends, idle := says(first); ends != began.Add(30*24*time.Hour).Unix() || idle != 7*24*3600 {
			t.Errorf("at first %d %d", ends, idle)
		}
		w.limit(7*24*time.Hour, 20*24*time.Hour)
		if status, _ := a.refresh(w, first["refresh_token"]); status != 400 {
			t.Errorf("what was given under the longer terms goes on: %d", status)
		}
		must(t, w.site.Provider.Deliver(t.Context()))
		if got := told.all(); len(got) != 1 {
			t.Errorf("told %d times", len(got))
		}
		second := a.grant(w, b)
		if ends, _ := says(second); ends != began.Add(20*24*time.Hour).Unix() {
			t.Errorf("then %d", ends)
		}
		w.limit(7*24*time.Hour, 25*24*time.Hour) // longer: nobody need hear of it
		must(t, w.site.Provider.Deliver(t.Context()))
		if got := told.all(); len(got) != 1 {
			t.Errorf("told %d times", len(got))
		}
	})
}

// limit has sessions last so long, by the site's policy.
func (w *world) limit(idle, overall time.Duration) {
	w.t.Helper()
	p, err := w.signin.Policy.Get(w.t.Context())
	must(w.t, err)
	p.Idle, p.Overall = idle, overall
	_, err = w.signin.Policy.Save(w.t.Context(), policy.Change{Policy: p}, "operator", "")
	must(w.t, err)
}

func TestActivityIsInWordsAndPaged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		eve := w.newPerson("eve@example.com", adasPass)
		b := w.browser()
		b.from = "192.0.2.7"
		b.signIn(ada, adasPass)
		for i := range 60 {
			must(t, w.people.Rename(t.Context(), w.idOf(ada), fmt.Sprintf("Ada %d", i), "192.0.2.8"))
		}
		must(t, w.signin.MailRecovery(t.Context(), eve, operator()))
		first := b.get("/manage-profile/activity")
		if n := strings.Count(first.body, "Changed the name"); n != 50 || strings.Contains(first.body, "Signed in with") {
			t.Errorf("%d lines", n)
		}
		older := regexp.MustCompile(`href="(/manage-profile/activity\?before=\d+)"`).FindStringSubmatch(first.body)
		if older == nil {
			t.Fatalf("no way on: %s", first.body)
		}
		second := b.get(older[1])
		if n := strings.Count(second.body, "Changed the name"); n != 10 || !strings.Contains(second.body, "Signed in with password") ||
			!strings.Contains(second.body, "from 192.0.2.7") || !strings.Contains(second.body, "by the operator of this site") ||
			strings.Contains(second.body, "Older") || strings.Contains(first.body+second.body, "mailed") {
			t.Errorf("%d: %s", n, second.body)
		}
		for _, bad := range []string{"x", "-1", "99999999999999999999", ""} {
			if got := b.get("/manage-profile/activity?before=" + bad); got.status != http.StatusBadRequest {
				t.Errorf("%q: %d", bad, got.status)
			}
		}
		if got := w.browser().get("/manage-profile/activity"); got.at.Path != "/signin" {
			t.Errorf("nobody is at %s", got.at)
		}
	})
}

func (w *world) idOf(email string) string {
	w.t.Helper()
	p, err := w.people.Find(w.t.Context(), email)
	must(w.t, err)
	return p.ID
}
