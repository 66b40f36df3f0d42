package web

import (
	"strings"
	"testing"

	"sallyport.dev/internal/db"
)

func TestNotices(t *testing.T) {
	each(t, func(w *world) {
		b, other := w.signedIn("ada"), w.signedIn("other")
		b.founds()
		other.joins(b, "other@example.com")
		other.is(other.get(noticesPath), 200, "Nothing here", "choose “Watch”")
		other.is(other.get("/acme/vault"), 200, `action="/acme/vault/watch"`, ">Watch<")
		other.leads(other.post("/acme/vault/watch", "watch", "on"), "/acme/vault")
		other.is(other.get("/acme/vault"), 200, "You watch this repository", "Stop watching")
		b.leads(b.post("/acme/vault/issues/new", "title", "Broken door", "text", "@other: look", "kind", "bug", "priority", "major"), "/acme/vault/issues/1")
		other.is(other.get("/acme"), 200, "Notifications (1)")
		other.is(other.get("/"), 200, "You are mentioned in one place")
		p := other.is(other.get(noticesPath), 200, "Ada raised", "#1 Broken door", "You are mentioned", "New", "Mark all as read")
		id := p.find(t, `name="id" value="([^"]+)"`)

		// Blocked: no name, no title, no count.
		rule := func(on bool) {
			t.Helper()
			if _, err := db.Exec(t.Context(), w.DB, `UPDATE workspace SET require_two_step = $1`, on); err != nil {
				t.Fatal(err)
			}
		}
		rule(true)
		for _, path := range []string{noticesPath, "/", noticeSettings, "/acme"} {
			p := other.get(path)
			for _, secret := range []string{"Broken", "vault", "Notifications (", "mentioned in"} {
				if strings.Contains(p.text, secret) {
					t.Errorf("%s tells whoever is blocked of %q", path, secret)
				}
			}
		}
		rule(false)
		other.leads(other.post("/account/notifications/read", "id", id), noticesPath)
		if p := other.is(other.get(noticesPath), 200, "Broken door"); strings.Contains(p.text, "Notifications (") || strings.Contains(p.text, "Mark all") {
			t.Error("what is read is still counted")
		}
		other.is(other.get(noticeSettings), 200, "A push to a repository that you watch", "can't be switched off", `id="f-mail-push" name="mail" value="push" checked`)
		other.leads(other.post(noticeSettings, "page", "push", "mail", "mention"), noticeSettings)
		p = other.is(other.get(noticeSettings), 200, "Saved.", `value="mention" checked`)
		if strings.Count(p.text, " checked") != 2 {
			t.Errorf("%d are on", strings.Count(p.text, " checked"))
		}
		nobody := w.browser()
		nobody.is(nobody.get("/notifications/unsubscribe?x=y"), 200, "No more mails of this kind", "Send me no more")
		nobody.is(nobody.post("/notifications/unsubscribe?user=x&reason=push&key=y"), 404, "This link isn't whole")
		nobody.leads(nobody.get(noticesPath), "/login")
	})
}
