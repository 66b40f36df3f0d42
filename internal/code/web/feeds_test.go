package web

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/db"
)

// reads asks for a feed as a program does, without a cookie; by Basic where the
// address names no token.
func (w *world) reads(path, token string) page {
	w.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.SetBasicAuth("anything", token)
	}
	return w.browser().send(r)
}

// makesFeedToken gives a new one, from the page that shows it once.
func (b *browser) makesFeedToken(days string) string {
	b.Helper()
	p := b.is(b.post(feedTokensPath, "name", "reader", "expires", days), 201, "shown this once", activityFeedPath+"?token=spf_")
	return p.find(b, `\?token=(spf_[A-Za-z0-9_-]+)`)
}

// valid checks what RFC 4287 asks of a feed, and gives its entries' titles.
func (w *world) valid(p page, self string) string {
	w.Helper()
	if got := p.Header().Get("Content-Type"); p.Code != 200 || got != "application/atom+xml; charset=utf-8" {
		w.Fatalf("%d %s: %s", p.Code, got, p.text)
	}
	var f atomFeed
	if err := xml.Unmarshal(p.Body.Bytes(), &f); err != nil {
		w.Fatal(err)
	}
	iri := regexp.MustCompile(`^tag:code\.test,2026:[a-z-]+/\S+$`)
	if f.XMLName.Space != "http://www.w3.org/2005/Atom" || !iri.MatchString(f.ID) || f.Title == "" || f.Author.Name == "" {
		w.Errorf("the feed lacks something: %+v", f)
	}
	if len(f.Links) != 2 || f.Links[0].Rel != "self" || f.Links[0].Href != testSite+self || f.Links[1].Rel != "alternate" {
		w.Errorf("links: %+v", f.Links)
	}
	var titles []string
	newest, ids := "", map[string]bool{f.ID: true}
	for _, e := range f.Entries {
		if at, err := time.Parse(time.RFC3339, e.Updated); err != nil || !iri.MatchString(e.ID) || ids[e.ID] || e.Title == "" || e.Author.Name == "" || e.Link.Href == "" {
			w.Errorf("an entry lacks something: %v %+v, %v", at, e, err)
		}
		if u, err := url.Parse(e.Link.Href); err != nil || u.Host != "code.test" {
			w.Errorf("%q, %v", e.Link.Href, err)
		}
		newest, ids[e.ID] = max(newest, e.Updated), true
		titles = append(titles, e.Title)
	}
	if f.Updated == "" || newest != "" && f.Updated != newest {
		w.Errorf("updated %q, its newest entry %q", f.Updated, newest)
	}
	return strings.Join(titles, "; ")
}

func TestFeeds(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		const commits, issues, happened = "/acme/vault/feeds/commits.atom", "/acme/vault/feeds/issues.atom", "/acme/vault/feeds/activity.atom"
		w.valid(b.get(commits), commits) // nothing was pushed yet
		w.pushes(map[string]string{"README.md": "x"})
		b.leads(b.post("/acme/vault/issues/new", "title", "A ]]> <door> & more", "text", "It <b>*sticks*</b>", "kind", "bug", "priority", "major"), "/acme/vault/issues/1")
		if got := w.valid(b.get(issues), issues); got != "#1 A ]]> <door> & more (new)" {
			t.Error(got)
		}
		b.is(b.get(commits), 200, "First <commit>")
		if _, err := db.Exec(t.Context(), w.DB, `UPDATE repository SET public = TRUE`); err != nil {
			t.Fatal(err)
		}
		nobody := w.browser() // what is public is open to everyone, and no more of it
		if got := w.valid(nobody.get(happened), happened); strings.Contains(got, "door") || !strings.Contains(got, "created the repository") {
			t.Error(got)
		}
		w.valid(nobody.get(commits), commits)
		nobody.leads(nobody.get(issues), "/login")
	})
}

// Attack 6: a feed token that never expired read confidential issues (GitLab
// 366752). Here it ends within a year, opens feeds alone, and obeys the gate at
// every read.
func TestAttack06FeedTokenReadsForever(t *testing.T) {
	each(t, func(w *world) {
		b, other := w.signedIn("ada"), w.signedIn("other")
		b.founds()
		other.joins(b, "other@example.com")
		w.pushes(map[string]string{"README.md": "x"})
		b.leads(b.post("/acme/vault/issues/new", "title", "A <door> & more", "text", "It sticks", "kind", "bug", "priority", "major"), "/acme/vault/issues/1")
		feeds := map[string]string{
			"/acme/vault/feeds/commits.atom":  "First <commit>",
			"/acme/vault/feeds/issues.atom":   "#1 A <door> & more (new)",
			"/acme/vault/feeds/activity.atom": "Ada raised #1 A <door> & more in acme/vault; Ada created the repository vault in acme/vault",
			activityFeedPath:                  "Ada raised #1 A <door> & more in acme/vault; Ada created the repository vault in acme/vault",
		}
		for _, days := range []string{"0", "366", "-1", "never", ""} {
			other.is(other.post(feedTokensPath, "name", "reader", "expires", days), 400, "Choose one of the times")
		}
		token := other.makesFeedToken("365")
		if p := other.get(feedTokensPath); strings.Contains(p.text, token) || !strings.Contains(p.text, "reader") {
			t.Error("the token is shown twice, or isn't listed")
		}
		all := func(when string, status int, words ...string) {
			t.Helper()
			for path, want := range feeds {
				for _, p := range []page{w.reads(path, token), w.reads(path+"?token="+token, "")} {
					if status == 200 {
						if got := w.valid(p, path); got != want {
							t.Errorf("%s, %s: %s", when, path, got)
						}
						continue
					}
					w.browser().is(p, status, words...)
					for _, secret := range []string{"door", "First", "raised", "<"} {
						if strings.Contains(p.text, secret) || !strings.HasPrefix(p.Header().Get("Content-Type"), "text/plain") {
							t.Errorf("%s, %s: %s", when, path, p.text)
						}
					}
				}
			}
		}
		all("at first", 200)
		for path, want := range feeds { // and in a browser, by its session
			if got := w.valid(other.get(path), path); got != want {
				t.Errorf("by a session, %s: %s", path, got)
			}
		}
		if got := w.valid(w.reads("/acme/vault/feeds/commits.atom?branch=feature/x&token="+token, ""), "/acme/vault/feeds/commits.atom?branch=feature%2Fx"); got != "First <commit>" {
			t.Error(got)
		}
		w.browser().is(w.reads("/acme/vault/feeds/commits.atom?branch=none", token), 404)

		// Nothing else opens by it.
		for _, path := range []string{"/", "/acme", "/acme/vault", "/acme/vault/issues/1", "/acme/vault/src/main/feeds/issues.atom", "/acme/vault/raw/main/README.md", "/account/settings/", "/acme/vault.atom"} {
			for _, p := range []page{w.reads(path, token), w.reads(path+"?token="+token, "")} {
				if strings.Contains(p.text, "A <door>") || strings.Contains(p.text, "First") || p.Code == 200 && path != "/" {
					t.Errorf("%s opens by a feed token: %d", path, p.Code)
				}
			}
		}
		for _, api := range []string{"spf_", "spt_"} {
			if _, err := w.Tokens.FromBearer(t.Context(), strings.Replace(token, "spf_", api, 1), netip.MustParseAddr("192.0.2.1")); err == nil {
				t.Errorf("%s: a feed token passes for another", api)
			}
		}
		apiToken := other.is(other.post(tokensPath, "name", "api", "scopes", "read:repository:bitbucket", "scopes", "read:issue:bitbucket", "expires", "30"), 201).find(t, `(spt_[A-Za-z0-9_-]+)`)
		w.browser().is(w.reads("/acme/vault/feeds/issues.atom", apiToken), 401, "isn't valid here")

		sql := func(statement string) {
			t.Helper()
			if _, err := db.Exec(t.Context(), w.DB, statement); err != nil {
				t.Fatal(err)
			}
		}
		blocked := func(when, block, lift string, status int, words ...string) {
			t.Helper()
			own := feeds[activityFeedPath]
			delete(feeds, activityFeedPath)
			sql(block)
			all(when, status, words...)
			if got := w.valid(w.reads(activityFeedPath, token), activityFeedPath); got != "" {
				t.Errorf("%s: the person's own feed tells %s", when, got)
			}
			sql(lift)
			feeds[activityFeedPath] = own
		}
		blocked("the rule is on", `UPDATE workspace SET require_two_step = TRUE`, `UPDATE workspace SET require_two_step = FALSE`, 403, "requires two-step verification", "/account/settings/two-step-verification/")
		blocked("other networks", `UPDATE workspace SET networks = '198.51.100.0/24'`, `UPDATE workspace SET networks = ''`, 403, "can't be reached from this network")
		blocked("no permission", `UPDATE workspace SET default_access = 0`, `UPDATE workspace SET default_access = 2`, 404)
		sql(`UPDATE code_user SET suspended = TRUE WHERE username = 'other'`)
		all("suspended", 401)
		sql(`UPDATE code_user SET suspended = FALSE WHERE username = 'other'`)
		all("let in again", 200)

		w.now.Advance(365*24*time.Hour - time.Minute)
		sql(`UPDATE event SET created = created`) // nothing is swept in this test
		all("just before its end", 200)
		w.now.Advance(2 * time.Minute)
		all("after a year", 401, "isn't valid here", feedTokensPath)
	})
}

func TestFeedTokenIsRevoked(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		token := b.makesFeedToken("7")
		w.valid(w.reads(activityFeedPath, token), activityFeedPath)
		id := b.get(feedTokensPath).find(t, `name="id" value="([^"]+)"`)
		if p := b.get(tokensPath); strings.Contains(p.text, id) {
			t.Error("it is among the API tokens")
		}
		b.is(b.post(tokensPath+"revoke", "id", id), 404) // those are of another kind
		b.leads(b.post(feedTokensPath+"revoke", "id", id), feedTokensPath)
		w.browser().is(w.reads(activityFeedPath, token), 401)
		nobody := w.browser()
		nobody.leads(nobody.get(activityFeedPath), "/login")
		b.is(b.get("/account/settings/security/"), 200)
	})
}
