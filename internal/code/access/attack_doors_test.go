package access_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// Attacks by a credential where it doesn't belong, at every route of every HTTP
// door. Those that the gate alone settles stand in attacks_test.go.

// got is an answer, without what differs between any two.
type got struct {
	status     int
	location   string
	challenged string
	body       string
}

// knock asks a route with something changed about the request.
func (m *matrix) knock(r route, change func(*http.Request)) got {
	m.Helper()
	response, body, _ := m.send(r, change)
	text := strings.ReplaceAll(string(body), response.Header.Get("X-Request-Id"), "")
	return got{response.StatusCode, response.Header.Get("Location"), response.Header.Get("WWW-Authenticate"), text}
}

// everyRoute tells what each route answers, with what is private and with what
// is public.
func everyRoute(t *testing.T, each func(m *matrix, r route, public bool)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		m := newMatrix(t, d)
		for _, public := range []bool{false, true} {
			m.set(access.Policy{}, public)
			for _, r := range m.routes {
				if r.door != access.GitSSH {
					each(m, r, public)
				}
			}
		}
	})
}

func asIs(*http.Request) {}

// Attack 3 (Gitea 27819, CVE-2026-33315): side endpoints took the password of
// the account as Basic. Here no route of any door does, be it for archives, raw
// files, attachments, snippets, wikis, the API or git: pages don't know Basic,
// feeds know their tokens alone, and programs are told what to use, also where
// nobody needs a credential.
func TestAttack03ThePasswordAsBasicAtEveryRoute(t *testing.T) {
	everyRoute(t, func(m *matrix, r route, public bool) {
		nobody := m.knock(r, asIs)
		for _, user := range []string{"olga", "olga@example.com", m.owner.ID, "x-token-auth", ""} {
			answer := m.knock(r, func(r *http.Request) { r.SetBasicAuth(user, "correct horse battery staple 42") })
			switch {
			case m.feed(r):
				m.unknownToFeeds(r, user+" and a password", answer)
			case r.door == access.Web && answer != nobody:
				m.Errorf("%s %s, public %v, by %q and a password: %d %s; and nobody gets %d %s", r.Method, r.Pattern, public, user, answer.status, answer.location, nobody.status, nobody.location)
			case r.door != access.Web && (answer.status != http.StatusUnauthorized || !strings.HasPrefix(answer.challenged, "Basic") || !strings.Contains(answer.body, "Passwords aren't accepted here.")):
				m.Errorf("%s %s, public %v, by %q and a password: %d %s", r.Method, r.Pattern, public, user, answer.status, answer.body)
			}
		}
	})
}

// Attack 5 (CVE-2026-20706): archives, raw files, patches, attachments and
// avatars were handed out without asking what the token may. Here a token opens
// no page at all, so none of these; a session opens nothing for programs; and
// where tokens belong, one without the scope of what is asked gets nothing.
func TestAttack05ACredentialAtAnotherDoor(t *testing.T) {
	everyRoute(t, func(m *matrix, r route, public bool) {
		nobody := m.knock(r, asIs)
		if r.door == access.Web || r.door == access.Feeds {
			for how, with := range map[string]func(*http.Request){
				"Bearer": bearer(m.owner.Token), "Basic": func(r *http.Request) { r.SetBasicAuth("olga", m.owner.Token) },
				"x-token-auth":  func(r *http.Request) { r.SetBasicAuth("x-token-auth", m.owner.Token) },
				"PRIVATE-TOKEN": func(r *http.Request) { r.Header.Set("PRIVATE-TOKEN", m.owner.Token) },
				"the cookie":    func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "sallyport_code", Value: m.owner.Token}) },
			} {
				answer := m.knock(r, with)
				switch _, _, basic := basicOf(with); {
				case m.feed(r) && basic:
					m.unknownToFeeds(r, "a token as "+how, answer)
				case answer != nobody:
					m.Errorf("%s %s, public %v, by a token as %s: %d %s; and nobody gets %d %s", r.Method, r.Pattern, public, how, answer.status, answer.location, nobody.status, nobody.location)
				}
			}
			return
		}
		session := m.owner.Session.Reveal()
		if answer := m.knock(r, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "sallyport_code", Value: session}) }); answer != nobody {
			m.Errorf("%s %s, public %v, by a session: %d; and nobody gets %d", r.Method, r.Pattern, public, answer.status, nobody.status)
		}
		narrow := m.knock(r, bearer(m.narrow()))
		open := public && nobody.status != http.StatusUnauthorized || r.Action.Scope() == access.ScopeReadUser
		if !open && narrow.status != http.StatusForbidden {
			m.Errorf("%s %s, public %v, by a token that only says who: %d %s", r.Method, r.Pattern, public, narrow.status, narrow.body)
		}
	})
}

// feed tells whether a route is one of the pages that a feed token opens too: by
// Basic they want one, and nothing else.
func (m *matrix) feed(r route) bool {
	return slices.ContainsFunc(m.routes, func(f route) bool { return f.door == access.Feeds && f.Pattern == r.Pattern })
}

// unknownToFeeds tells that what came to a feed by Basic opened nothing.
func (m *matrix) unknownToFeeds(r route, by string, answer got) {
	m.Helper()
	if answer.status != http.StatusUnauthorized || !strings.HasPrefix(answer.challenged, "Basic") || !strings.Contains(answer.body, "Make a feed token at") {
		m.Errorf("%s %s by %s: %d %s", r.Method, r.Pattern, by, answer.status, answer.body)
	}
}

func basicOf(change func(*http.Request)) (user, password string, ok bool) {
	r := &http.Request{Header: http.Header{}}
	change(r)
	return r.BasicAuth()
}

// narrow is a token of the owner's that says who they are, and nothing more.
func (m *matrix) narrow() string {
	if m.onlyWho == "" {
		m.onlyWho = m.owner.TokenWith(access.ScopeReadUser)
	}
	return m.onlyWho
}

// Attack 6 (GitLab 366752): a token in a feed's address never expired, and read
// what is confidential. Here no credential in an address opens anything, under
// whatever name, and there is none without an end.
func TestAttack06ATokenInTheAddress(t *testing.T) {
	everyRoute(t, func(m *matrix, r route, public bool) {
		if r.Method != http.MethodGet {
			return
		}
		query := url.Values{}
		for _, name := range []string{"token", "access_token", "private_token", "feed_token", "rss_token", "atom_token", "api_key", "auth", "key", "jwt", "session", "sallyport_code"} {
			query.Set(name, m.owner.Token)
		}
		in := func(values url.Values) func(*http.Request) {
			return func(r *http.Request) {
				if r.URL.RawQuery != "" {
					r.URL.RawQuery += "&"
				}
				r.URL.RawQuery += values.Encode()
			}
		}
		meaningless := url.Values{}
		for name := range query {
			meaningless.Set(name, "x")
		}
		with, without := m.knock(r, in(query)), m.knock(r, in(meaningless))
		if with.status != without.status || !public && with.status == http.StatusOK {
			m.Errorf("%s %s, public %v, by a token in the address: %d, and without %d", r.Method, r.Pattern, public, with.status, without.status)
		}
	})
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		m := newMatrix(t, d)
		endless, err := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM token WHERE expires <= created OR expires > $1`, m.Now.Now().Add(366*24*time.Hour))
		if all, _ := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM token`); err != nil || endless != 0 || all == 0 {
			t.Errorf("%d of %d tokens never end, %v", endless, all, err)
		}
	})
}
