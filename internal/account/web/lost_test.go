package web_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// losing is a person with MFA whose reset has begun, and the key that isn't lost.
func (w *world) losing() (b *browser, key string) {
	w.t.Helper()
	b = w.browser()
	b.signIn(ada, adasPass)
	key, _ = b.enrols(b.get(mfa))
	b.post("/signout")
	p := b.at(b.signIn(ada, adasPass), "/signin/verify", "I've lost my second step")
	way := regexp.MustCompile(`href="(/signin/lost[^"]*)"`).FindStringSubmatch(p.body)
	p = b.at(b.get(way[1]), "/signin/lost", "after 24 hours", "recovery code")
	b.at(b.submit(p, "/signin/lost"), "/signin/lost", "comes by mail", "in 1 day")
	return b, key
}

var resetLinks = regexp.MustCompile(`https?://\S+/reset-mfa(/stop)?\?token=\S+`)

// resetMail gives the links of the last mail about a reset: the one that does
// it, if any, and the one that stops it.
func (w *world) resetMail() (do, stop string) {
	w.t.Helper()
	w.mailTo(ada)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range slices.Backward(w.mails) {
		for _, link := range resetLinks.FindAllString(m.Text, -1) {
			if strings.Contains(link, "/stop") {
				stop = link
			} else {
				do = link
			}
		}
		if stop != "" {
			break
		}
	}
	return do, stop
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.clock.Advance(d)
	must(w.t, w.signin.AdvanceResets(w.t.Context()))
	must(w.t, w.outbox.SendDue(w.t.Context())) // mails of one moment arrive in any order
}

func TestLostFactorsAreResetAfterADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		b, _ := w.losing()
		if do, stop := w.resetMail(); do != "" || stop == "" {
			t.Errorf("the first mail: %q %q", do, stop)
		}
		if got := b.submit(b.get("/signin/lost"), "/signin/lost"); got.status != http.StatusConflict {
			t.Errorf("again: %d", got.status)
		}
		w.advance(12 * time.Hour)
		if do, stop := w.resetMail(); do != "" || stop == "" || !strings.Contains(w.mailTo(ada).Subject, "soon") {
			t.Errorf("the second mail: %q %q", do, stop)
		}
		w.advance(12*time.Hour - time.Second)
		if do, _ := w.resetMail(); do != "" {
			t.Fatal("the link came before its time")
		}
		w.advance(time.Second)
		do, _ := w.resetMail()
		form := b.get(do)
		if form.status != http.StatusOK || form.header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%d %s", form.status, form.body)
		}
		b.at(b.signIn(ada, adasPass), "/signin/verify") // opening it did nothing
		b.at(b.submit(form, "/reset-mfa"), "/signin", "Your second steps are removed")
		if got := w.mailTo(ada).Subject; got != "MFA of your account was reset" {
			t.Errorf("the notice: %q", got)
		}
		b.at(b.signIn(ada, adasPass), "/manage-profile")
		if got := w.browser().get(do); got.status != http.StatusNotFound {
			t.Errorf("the link again: %d", got.status)
		}
		if got := w.actions(); !strings.Contains(got, "mfa.reset_begin") || !strings.Contains(got, "mfa.reset session.open") {
			t.Errorf("audit: %s", got)
		}
	})
}

func TestAResetIsStoppedByASignInOrItsMail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		_, key := w.losing()
		_, stop := w.resetMail()
		stranger := w.browser()
		stranger.at(stranger.signIn(ada, adasPass), "/signin/verify") // half a sign-in
		w.advance(12 * time.Hour)
		w.advance(12 * time.Hour)
		do, _ := w.resetMail()
		if do == "" {
			t.Fatal("half a sign-in stopped it")
		}
		owner := w.browser()
		owner.at(owner.submit(owner.signIn(ada, adasPass), "/signin/verify", "code", owner.code(key)), "/manage-profile")
		for _, link := range []string{do, stop} {
			if got := w.browser().get(link); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", link, got.status)
			}
		}
		if got := w.browser().post("/reset-mfa", "token", tokenIn(do)); got.status != http.StatusNotFound {
			t.Errorf("sent all the same: %d", got.status)
		}

		// Anew, and stopped by the first mail.
		again := w.browser()
		again.signIn(ada, adasPass)
		again.submit(again.get("/signin/lost"), "/signin/lost")
		_, stop = w.resetMail()
		form := w.browser().get(stop)
		if form.status != http.StatusOK {
			t.Fatalf("%d", form.status)
		}
		again.at(again.submit(form, "/reset-mfa/stop"), "/signin", "It is stopped")
		if got := w.browser().get(stop); got.status != http.StatusNotFound {
			t.Errorf("the mail again: %d", got.status)
		}
		if got := w.browser().get("/signin/lost"); got.at.Path != "/signin" {
			t.Errorf("without a sign-in under way: at %s", got.at)
		}
	})
}

// A browser that isn't asked for the second step is its owner's all the same:
// a sign-in there stops a reset that somebody else with the password began.
func TestAResetIsStoppedByASignInOfATrustedBrowser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		if _, err := db.Exec(t.Context(), d, `UPDATE site_policy SET remember = TRUE`); err != nil {
			t.Fatal(err)
		}
		owner := w.browser()
		owner.signIn(ada, adasPass)
		key, _ := owner.enrols(owner.get(mfa))
		owner.post("/signout")
		owner.at(owner.submit(owner.signIn(ada, adasPass), "/signin/verify", "code", owner.code(key), "remember", "1"), "/manage-profile")
		owner.post("/signout")

		thief := w.browser()
		thief.signIn(ada, adasPass)
		thief.at(thief.submit(thief.get("/signin/lost"), "/signin/lost"), "/signin/lost", "comes by mail")
		_, stop := w.resetMail()
		owner.at(owner.signIn(ada, adasPass), "/manage-profile") // the password alone
		if got := w.mailTo(ada).Subject; got != "MFA of your account stays as it is" {
			t.Errorf("the notice: %q", got)
		}
		if got := w.browser().get(stop); got.status != http.StatusNotFound {
			t.Errorf("it goes on: %d", got.status)
		}
		w.advance(24 * time.Hour)
		if do, _ := w.resetMail(); do != "" {
			t.Errorf("a link came all the same")
		}
	})
}

func TestStandard11NoticesOfOddSignIns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		subjects := func() []string {
			t.Helper()
			must(t, w.outbox.SendDue(t.Context()))
			w.mu.Lock()
			defer w.mu.Unlock()
			var all []string
			for _, m := range w.mails {
				all = append(all, m.Subject)
			}
			w.mails = nil
			return all
		}
		home := w.browser()
		home.signIn(ada, adasPass)
		home.post("/signout")
		home.signIn(ada, adasPass)
		if got := subjects(); len(got) != 0 {
			t.Errorf("the first browser: %q", got)
		}
		key, _ := home.enrols(home.get(mfa))
		subjects()
		home.post("/signout")
		p := home.signIn(ada, adasPass)
		home.submit(p, "/signin/verify", "code", "000000")
		if got := subjects(); len(got) != 0 {
			t.Errorf("a wrong code at home: %q", got)
		}
		stranger := w.browser()
		stranger.agent, stranger.from = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0", "198.51.100.9"
		p = stranger.signIn(ada, adasPass)
		for range 3 {
			stranger.submit(p, "/signin/verify", "code", "000000")
		}
		if got := subjects(); len(got) != 1 || got[0] != "Somebody may have your password" {
			t.Errorf("wrong codes from a strange browser: %q", got)
		}
		stranger.at(stranger.submit(p, "/signin/verify", "code", stranger.code(key)), "/manage-profile")
		must(t, w.outbox.SendDue(t.Context()))
		if m := w.mailTo(ada); m.Subject != "A new sign-in to your account" || !strings.Contains(m.Text, "Firefox on Linux, from the address 198.51.100.9") {
			t.Errorf("%+v", m)
		}
	})
}
