package web

import (
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/db"
)

// The page of a person who is let in names what needs them and what happened;
// of a workspace whose rule they don't meet it says that, and nothing of what is in it.
func TestHome(t *testing.T) {
	each(t, func(w *world) {
		b, other := w.signedIn("ada"), w.signedIn("other")
		b.founds()
		b.leads(b.post("/acme/workspace/settings/members/invite", "email", "other@example.com", "role", "member"), "/acme/workspace/settings/members")
		p := other.is(other.get("/"), 200, "What needs you", "Ada invites you to", "Acme Works", "Join", "Decline")
		id := p.find(t, `name="id" value="([^"]+)"`)
		if refused := b.post("/invitations/accept", "id", id); refused.Code != 403 {
			t.Errorf("an invitation to somebody else: %d", refused.Code)
		}
		if refused := b.post("/invitations/decline", "id", id); refused.Code != 404 {
			t.Errorf("declining an invitation to somebody else: %d", refused.Code)
		}
		other.leads(other.post("/invitations/decline", "id", id), "/")
		if p := other.get("/"); strings.Contains(p.text, "What needs you") {
			t.Error("a declined invitation still awaits")
		}
		w.now.Advance(time.Hour)
		b.leads(b.post("/acme/workspace/settings/members/invite", "email", "other@example.com", "role", "member"), "/acme/workspace/settings/members")
		id = other.get("/").find(t, `name="id" value="([^"]+)"`)
		other.leads(other.post("/invitations/accept", "id", id), "/acme")

		b.leads(b.post("/acme/vault/issues/new", "title", "Broken door", "text", "x", "kind", "bug", "priority", "major", "assignee", "other"), "/acme/vault/issues/1")
		b.leads(b.post("/acme/vault/issues/1", "text", "Said something to @other"), "/acme/vault/issues/1")
		other.is(other.get("/"), 200, "What needs you", "#1 Broken door", "Assigned to you in acme/vault", "You are mentioned in one place",
			"Recent activity", "Ada commented on", "Ada raised", "created the repository", "No rule")
		other.is(other.get("/account/activity/"), 200, "Ada raised")
		other.is(other.get("/acme/workspace/activity"), 200, "Ada raised", "Activity of Acme Works")

		// A token about to end, and members who aren't ready before a grace does.
		other.is(other.post(tokensPath, "name", "laptop", "scopes", "read:repository:bitbucket", "expires", "7"), 201)
		other.is(other.get("/"), 200, "Your API token “laptop” ends soon")
		from := w.now.Now().Add(3 * 24 * time.Hour)
		if _, err := db.Exec(t.Context(), w.DB, `UPDATE workspace SET require_two_step = TRUE, require_from = $1`, from); err != nil {
			t.Fatal(err)
		}
		b.is(b.get("/"), 200, "2 members of Acme Works aren't ready", "Acme Works closes to you without it")
		other.is(other.get("/"), 200, "Acme Works closes to you without it", "2SV required", "Broken door")

		w.now.Advance(4 * 24 * time.Hour)
		for _, path := range []string{"/", "/account/activity/"} {
			p := other.is(other.get(path), 200)
			for _, secret := range []string{"Broken", "vault", "Ada", "raised"} {
				if strings.Contains(p.text, secret) {
					t.Errorf("%s: whoever is blocked is told of %q: %s", path, secret, p.text)
				}
			}
		}
		other.is(other.get("/"), 200, "What needs you", "Set it up for Acme Works", "It is closed to you until then: 2SV required")
		if p := other.get("/"); strings.Contains(p.text, "mentioned") {
			t.Errorf("whoever is blocked is told of a mention: %s", p.text)
		}
		other.is(other.get("/acme/workspace/activity"), 403, "temporarily blocked")

		// Whoever is enrolled, and has taken no step in this session, is asked for it;
		// and again when the workspace wants it anew.
		other.enrols(twoStepPath)
		other.is(other.get("/"), 200, "2SV required: you are ready", "Broken door")
		if _, err := db.Exec(t.Context(), w.DB, `UPDATE workspace SET ask_again = $1`, time.Hour.Microseconds()); err != nil {
			t.Fatal(err)
		}
		w.now.Advance(2 * time.Hour)
		p = other.is(other.get("/"), 200, "What needs you", "for Acme Works", "It is closed to you until then")
		if !strings.Contains(p.text, "/login/verify") || strings.Contains(p.text, "Broken door") {
			t.Errorf("an old step is no step: %s", p.text)
		}
	})
}
