package web

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db/dbtest"
)

func TestSessionsOfCode(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	alice := w.signedIn("alice")
	phone := w.browser()
	session, err := w.Users.OpenSession(t.Context(),
		user.Identity{Issuer: issuerURL, Subject: "alice", Email: "alice@example.com", EmailVerified: true, AMR: []string{"pwd", "otp", "mfa"}},
		user.SessionInfo{Address: netip.MustParseAddr("198.51.100.9"), UserAgent: "Mozilla/5.0 (iPhone) Version/17 Safari/605"})
	if err != nil {
		t.Fatal(err)
	}
	phone.cookies[w.cookies.Name(sessionCookie)] = session.Token.Reveal()
	p := alice.is(alice.get(sessionsPath), http.StatusOK, "This one", "Safari on iPhone", "198.51.100.9", "password, one-time code", "not taken", "7 days", "30 days")
	if strings.Count(p.text, "(this network)") != 1 {
		t.Errorf("%s", p.text)
	}
	alice.leads(alice.post(sessionsPath+"end", "id", p.find(t, `name="id" value="([^"]+)"`)), sessionsPath)
	phone.leads(phone.get(sessionsPath), "/login")
	alice.is(alice.post(sessionsPath+"end", "id", "none"), http.StatusNotFound)
	alice.leads(alice.post(sessionsPath+"end-others"), sessionsPath)
	alice.is(alice.get(sessionsPath), http.StatusOK, "Every other browser is signed out")
}
