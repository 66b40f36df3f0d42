package web

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/mail/mailtest"
)

func TestSessionsOfCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, testSite)
		alice := w.signedIn("alice")
		phone := w.browser()
		session, err := w.Users.OpenSession(t.Context(),
			user.Identity{Issuer: issuerURL, Subject: "alice", Email: "alice@example.com", EmailVerified: true, AMR: []string{"pwd", "otp", "mfa"}},
			user.SessionInfo{Address: netip.MustParseAddr("198.51.100.9"), UserAgent: "Mozilla/5.0 (iPhone) Version/17 Safari/605"})
		if err != nil {
			t.Fatal(err)
		}
		phone.cookies[w.cookies.Name(sessionCookie)] = session.Token.Reveal()
		p := alice.is(alice.get(sessionsPath), http.StatusOK, "This one", "Safari on iPhone", "198.51.100.9", "password, one-time code", "not taken", "isn't used for 7 days", "at the latest")
		if strings.Count(p.text, "(this network)") != 1 {
			t.Errorf("%s", p.text)
		}
		alice.leads(alice.post(sessionsPath+"end", "id", p.find(t, `name="id" value="([^"]+)"`)), sessionsPath)
		phone.leads(phone.get(sessionsPath), "/login")
		alice.is(alice.post(sessionsPath+"end", "id", "none"), http.StatusNotFound)
		alice.leads(alice.post(sessionsPath+"end-others"), sessionsPath)
		alice.is(alice.get(sessionsPath), http.StatusOK, "Every other browser is signed out")
	})
}

func TestLostSecondStepOfCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, testSite)
		alice := w.signedIn("alice")
		alice.enrols(twoStepPath)
		again := w.browser()
		session, err := w.Users.OpenSession(t.Context(),
			user.Identity{Issuer: issuerURL, Subject: "alice", Email: "alice@example.com", EmailVerified: true}, user.SessionInfo{Address: netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		again.cookies[w.cookies.Name(sessionCookie)] = session.Token.Reveal()
		verify := again.leads(again.get(twoStepPath), "/login/verify")
		way := again.is(again.get(verify), http.StatusOK, "I've lost my second step").find(t, `href="(/login/lost[^"]*)"`)
		p := again.is(again.get(way), http.StatusOK, "Begin the 24 hours", "An SSH key can't")
		again.leads(again.post(lostPath, "return", p.find(t, `name="return" value="([^"]*)"`)), lostPath)
		again.is(again.get(way), http.StatusOK, "comes by mail")
		again.is(again.post(lostPath), http.StatusConflict, "You asked for this already")
		again.is(again.get(resetPath+"?token=guess"), http.StatusNotFound)
		again.is(again.post(resetPath+"/stop", "token", "guess"), http.StatusNotFound)
		w.browser().leads(w.browser().get(lostPath), "/login")

		stops := func() string {
			t.Helper()
			mails := mailtest.Take(t, w.Users.Outbox)
			found := regexp.MustCompile(testSite + `(/login/reset/stop\?token=\S+)`).FindStringSubmatch(mails[len(mails)-1].Text)
			if found == nil {
				t.Fatalf("%+v", mails)
			}
			return found[1]
		}()
		nobody := w.browser()
		page := nobody.is(nobody.get(stops), http.StatusOK, "Stop the reset")
		nobody.leads(nobody.post(resetPath+"/stop", "token", page.find(t, `name="token" value="([^"]*)"`)), "/")
		nobody.is(nobody.get(stops), http.StatusNotFound)

		// Taking the step makes the browser known.
		alice.now.Advance(30 * time.Second)
		code := alice.code()
		again.leads(again.post("/login/verify", "code", code, "return", ""), "/")
		if again.cookies[w.cookies.Name(browserCookie)] == "" {
			t.Error("the browser isn't known afterwards")
		}
	})
}
