package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// rules fills in the policy's form; more pairs replace the usual ones.
func rules(pairs ...string) []string {
	form := map[string]string{
		"mfa": "optional", "grace": "168h0m0s", "idle": "168h0m0s", "overall": "720h0m0s", "signup": "started", "remember": "on", "remember_for": "720h0m0s",
	}
	for i := 0; i < len(pairs); i += 2 {
		form[pairs[i]] = pairs[i+1]
	}
	var all []string
	for name, value := range form {
		all = append(all, name, value)
	}
	return all
}

func TestThePolicyOfTheSite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		root := w.newAdministrator("root@other.test")
		p := root.get("/admin/policy")
		for _, want := range []string{"required of nobody", `value="started" checked`, `value="168h0m0s" selected>7 days`} {
			if !strings.Contains(p.body, want) {
				t.Errorf("no %q: %s", want, p.body)
			}
		}
		for _, c := range []struct{ field, value, said string }{
			{"mfa", "domains", "at least one domain"},
			{"idle", "nonsense", "Choose one of these"},
			{"overall", "9000h", "how long a session lasts at most"},
			{"mfa", "everyone", "your own MFA is off"},
		} {
			got := root.post("/admin/policy", rules(c.field, c.value)...)
			if got.status < 400 || !strings.Contains(got.body, c.said) {
				t.Errorf("%+v: %d %s", c, got.status, got.body)
			}
		}
		// Of a domain that isn't the administrator's own.
		saved := root.post("/admin/policy", rules("mfa", "domains", "domains", "Example.com", "grace", "24h0m0s", "idle", "1h0m0s")...)
		if !strings.Contains(saved.body, "It will be required of 1 person out of 2") || !strings.Contains(saved.body, "1 person has yet to turn it on") ||
			!strings.Contains(saved.body, ">example.com<") && !strings.Contains(saved.body, "\nexample.com") || !strings.Contains(saved.body, "Keep the date") {
			t.Errorf("%d %s", saved.status, saved.body)
		}
		b := w.browser()
		if got := b.signIn(ada, adasPass); got.at.Path != "/manage-profile" {
			t.Errorf("within the grace: at %s", got.at)
		}
		w.clock.Advance(25 * time.Hour)
		if got := b.signIn(ada, adasPass); got.at.Path != mfa || !strings.Contains(got.body, "MFA is required here") {
			t.Errorf("after the grace: at %s", got.at)
		}
		root.signIn("root@other.test", adasPass)
		if got := root.get("/admin/policy"); !strings.Contains(got.body, "It is required of 1 person") || !strings.Contains(got.body, `value="keep" selected`) {
			t.Errorf("%s", got.body)
		}
		if !strings.Contains(w.actions(), "site.policy") {
			t.Errorf("audit: %s", w.actions())
		}
	})
}

// The way in is the way on: also in the middle of an app's request, and with a
// new password at the same time (attack 33).
func TestAttack33NewPasswordAndRequiredStep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		root := w.newAdministrator("root@other.test")
		root.post("/admin/policy", rules("mfa", "domains", "domains", "example.com", "grace", "0s")...)
		a, b := w.newApp(false), w.browser()
		way := regexp.MustCompile(`href="(/forgotten[^"]*)"`).FindStringSubmatch(b.get(a.ask()).body)
		b.submit(b.get(way[1]), "/forgotten", "email", ada)
		p := b.submit(b.get(w.linkTo(ada)), "/reset", "password", adasNext)
		p = b.at(p, mfa, "MFA is required here")
		for _, path := range []string{"/manage-profile", "/manage-profile/sessions", "/admin/people"} {
			b.at(b.get(path), mfa)
		}
		key, codes := b.enrols(p)
		if got := b.submit(codes, mfa+"/saved").answer(t, wiki); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
		// From then on the new password alone opens nothing.
		other := w.browser()
		verify := other.at(other.signIn(ada, adasNext), "/signin/verify")
		other.at(other.submit(verify, "/signin/verify", "code", other.code(key)), "/manage-profile")

		// And once more: the mailed link never gets past the second step.
		third := w.browser()
		reset := third.submit(third.get(w.forgot(ada)), "/reset", "password", adasPass)
		third.at(reset, "/signin/verify")
		third.at(third.get("/manage-profile"), "/signin")
		if got := other.get("/manage-profile"); got.at.Path != "/signin" {
			t.Error("the session from before is alive")
		}
		third.at(third.submit(reset, "/signin/verify", "code", third.code(key)), "/manage-profile")
	})
}

func TestAttack25AResetForgetsRememberedBrowsers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		if _, err := db.Exec(t.Context(), d, `UPDATE site_policy SET remember = TRUE`); err != nil {
			t.Fatal(err)
		}
		w.newPerson(ada, adasPass)
		b := w.browser()
		b.signIn(ada, adasPass)
		key, _ := b.enrols(b.get(mfa))
		b.post("/signout")
		p := b.signIn(ada, adasPass)
		b.at(b.submit(p, "/signin/verify", "code", b.code(key), "remember", "1"), "/manage-profile")
		b.post("/signout")
		b.at(b.signIn(ada, adasPass), "/manage-profile") // it isn't asked
		b.post("/signout")
		other := w.browser()
		other.submit(other.get(w.forgot(ada)), "/reset", "password", adasNext)
		b.at(b.signIn(ada, adasNext), "/signin/verify")
	})
}

func TestWhoMaySignUpFollowsThePolicy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		root := w.newAdministrator("root@example.com")
		for mode, want := range map[string]int{"open": http.StatusOK, "closed": http.StatusForbidden, "invite": http.StatusForbidden, "started": http.StatusForbidden} {
			root.post("/admin/policy", rules("signup", mode)...)
			if got := w.browser().get("/signup"); got.status != want {
				t.Errorf("%s: %d", mode, got.status)
			}
			if got := strings.Contains(w.browser().get("/signin").body, `href="/signup"`); got != (mode == "open") {
				t.Errorf("%s: the sign-in page leads to it: %v", mode, got)
			}
		}
	})
}

// A change of anything needs the strongest proof that the administrator can give.
func TestAttack27AdministrationAsksForAFreshProof(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		root := w.newAdministrator("root@example.com")
		key, _ := root.enrols(root.get(mfa))
		w.clock.Advance(16 * time.Minute)
		page := "/admin/people/" + p.ID
		ask := root.at(root.post(page, "act", "suspend"), "/signin/verify")
		if got, err := w.people.Get(t.Context(), p.ID); err != nil || got.Suspended {
			t.Fatalf("it happened: %+v %v", got, err)
		}
		root.at(root.submit(ask, "/signin/verify", "code", root.code(key)), page)
		if got := root.post(page, "act", "suspend"); !strings.Contains(got.body, "Let in again") {
			t.Errorf("%d %s", got.status, got.body)
		}
		w.clock.Advance(16 * time.Minute)
		for _, path := range []string{"/admin/people", "/admin/policy", "/admin/approvals"} {
			root.at(root.post(path, "name", "X"), "/signin/verify")
		}
	})
}
