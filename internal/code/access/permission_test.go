package access

import (
	"fmt"
	"strings"
	"testing"

	"sallyport.dev/internal/db"
)

// group makes one of acme with members.
func (w *world) group(name string, creates bool, members ...string) {
	w.t.Helper()
	w.sql(`INSERT INTO workspace_group (id, workspace, name, folded, creates, created) VALUES ($1, 'w-acme', $2, $2, $3, 0)`, "g-"+name, name, creates)
	for _, user := range members {
		w.sql(`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ($1, 'w-acme', $2, 0)`, "g-"+name, user)
	}
}

// readable are the repositories of acme that a list shows to somebody.
func (w *world) readable(user string) string {
	w.t.Helper()
	slugs, err := db.All[string](w.t.Context(), w.d, `
		SELECT r.slug FROM repository r JOIN workspace w ON w.id = r.workspace LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $1
		WHERE w.slug = 'acme' AND `+ReadableSQL+` ORDER BY r.slug`, user)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(slugs, " ")
}

// The permission is the most of the role's, what every member has, one's own
// and one's groups'; and lists show what the gate would open.
func TestPermissionIsTheMostOfAllThatWasGiven(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.user("carol")
		w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', 'carol', 'member', 0)`)
		w.workspace("beta", "member bob")
		w.group("devs", false, "alice")
		w.group("ops", false, "alice", "olga")
		w.sql(`INSERT INTO workspace_group (id, workspace, name, folded, created) VALUES ('g-beta', 'w-beta', 'b', 'b', 0)`)
		w.sql(`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ('g-beta', 'w-beta', 'bob', 0)`)
		for _, c := range []struct {
			def, own, devs, ops Permission // 0: none given
			want                Permission
		}{
			{None, None, None, None, None},
			{Read, None, None, None, Read},
			{Write, None, None, None, Write},
			{None, Read, None, None, Read},
			{None, Write, None, None, Write},
			{None, Admin, None, None, Admin},
			{None, None, Read, None, Read},
			{None, None, Read, Write, Write},
			{None, None, Admin, Read, Admin},
			{Write, Read, Read, Read, Write},
			{Read, Write, Admin, Read, Admin},
			{Read, Admin, Write, Write, Admin},
		} {
			w.sql(`DELETE FROM repository_user`)
			w.sql(`DELETE FROM repository_group`)
			w.sql(`UPDATE workspace SET default_access = $1 WHERE slug = 'acme'`, c.def)
			if c.own > None {
				w.sql(`INSERT INTO repository_user (repository, workspace, user_id, permission) VALUES ('r-acme-secret', 'w-acme', 'alice', $1)`, c.own)
			}
			for group, permission := range map[string]Permission{"g-devs": c.devs, "g-ops": c.ops} {
				if permission > None {
					w.sql(`INSERT INTO repository_group (repository, group_id, permission) VALUES ('r-acme-secret', $1, $2)`, group, permission)
				}
			}
			// Another workspace's group, were it given something by mistake, gives nobody anything here.
			w.sql(`INSERT INTO repository_group (repository, group_id, permission) VALUES ('r-acme-secret', 'g-beta', 3)`)
			for user, want := range map[string]Permission{"alice": c.want, "olga": Admin, "carol": c.def, "bob": None} {
				f, err := w.gate.facts(t.Context(), session(user), secret)
				if err != nil || f.Permission != want {
					t.Errorf("%+v: %s has %d, want %d, %v", c, user, f.Permission, want, err)
				}
				if got := w.readable(user); strings.Contains(got, "secret") != (want > None) || !strings.Contains(got, "open") {
					t.Errorf("%+v: %s sees listed %q", c, user, got)
				}
				for _, actor := range []Actor{session(user), token(user)} {
					outcome := Allow
					if want == None {
						outcome = Hidden
					}
					if v := w.verdict(actor, secret, ReadRepository); v.Outcome != outcome {
						t.Errorf("%+v: reading by %s: %s", c, user, v.Outcome)
					}
					if outcome == Allow && want < Write {
						outcome = Forbidden
					}
					if v := w.verdict(actor, secret, WriteRepository); v.Outcome != outcome {
						t.Errorf("%+v: writing by %s: %s", c, user, v.Outcome)
					}
				}
			}
		}
		w.sql(`UPDATE workspace SET no_public = TRUE, default_access = 0`)
		if got := w.readable("carol"); got != "" {
			t.Errorf("under no public content carol sees listed %q", got)
		}
	})
}

// What may not be seen is as what isn't there, for whoever has nothing on it.
func TestWithoutPermissionNothingCanBeProbed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		missing := Target{Workspace: "acme", Repository: "missing"}
		for _, def := range []Permission{None, Read, Write} {
			for _, required := range []bool{false, true} {
				w.sql(`UPDATE workspace SET default_access = $1, require_two_step = $2`, def, required)
				for _, action := range Actions() {
					if c := action.Content(); c != Repository && c != Wiki && c != IssueTracker {
						continue
					}
					for _, a := range []Actor{{}, session("alice"), token("alice"), session("bob"), token("bob")} {
						there, not := w.verdict(a, secret, action), w.verdict(a, missing, action)
						if there != not && there.Outcome != Allow {
							t.Errorf("default %d, required %v: %v by %q: %+v there, %+v where nothing is", def, required, action, a.User, there, not)
						}
					}
				}
			}
		}
	})
}

func TestWhoMayCreateRepositories(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.group("plain", false, "alice")
		w.allowed(session("alice"), acme, CreateRepository)
		w.sql(`UPDATE workspace SET members_create = FALSE`)
		w.expect(session("alice"), acme, CreateRepository, Forbidden, ReasonPermission)
		w.allowed(session("alice"), acme, ListRepositories)
		w.allowed(session("olga"), acme, CreateRepository)
		w.expect(session("bob"), acme, CreateRepository, Hidden, ReasonNotFound)
		w.group("makers", true, "alice")
		w.allowed(session("alice"), acme, CreateRepository)
		w.sql(`DELETE FROM group_member WHERE group_id = 'g-makers'`)
		w.expect(session("alice"), acme, CreateRepository, Forbidden, ReasonPermission)
	})
}

// Attack 16: joined by request, by group, by shared group. Whoever isn't a
// member can't be in a group or hold a permission, and with the membership goes
// all that hung on it, even for one who joins again.
func TestAttack16NothingIsHeldWithoutMembership(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.sql(`UPDATE workspace SET default_access = 0`)
		w.group("devs", true, "alice")
		w.sql(`INSERT INTO repository_group (repository, group_id, permission) VALUES ('r-acme-secret', 'g-devs', 3)`)
		w.sql(`INSERT INTO repository_user (repository, workspace, user_id, permission) VALUES ('r-acme-secret', 'w-acme', 'alice', 3)`)
		for _, outsider := range []string{
			`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ('g-devs', 'w-acme', 'bob', 0)`,
			`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ('g-devs', 'w-beta', 'bob', 0)`,
			`INSERT INTO repository_user (repository, workspace, user_id, permission) VALUES ('r-acme-secret', 'w-acme', 'bob', 1)`,
		} {
			if _, err := db.Exec(t.Context(), w.d, outsider); err == nil {
				t.Errorf("taken: %s", outsider)
			}
		}
		w.allowed(session("alice"), secret, WriteRepository)
		w.sql(`DELETE FROM member WHERE user_id = 'alice'`)
		for _, a := range []Actor{session("alice"), token("alice")} {
			w.expect(a, secret, ReadRepository, Hidden, ReasonNotFound)
			w.expect(a, acme, CreateRepository, Hidden, ReasonNotFound)
		}
		w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', 'alice', 'member', 0)`)
		w.expect(session("alice"), secret, ReadRepository, Hidden, ReasonNotFound)
		w.require("acme")
		w.sql(`INSERT INTO group_member (group_id, workspace, user_id, created) VALUES ('g-devs', 'w-acme', 'alice', 0)`)
		w.expect(session("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
	})
}

func TestAPermissionThatIsMalformedRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, level := range []int{4, -1, 1000} {
			w.sql(`UPDATE workspace SET default_access = 0`)
			w.sql(`DELETE FROM repository_user`)
			w.sql(`INSERT INTO repository_user (repository, workspace, user_id, permission) VALUES ('r-acme-secret', 'w-acme', 'alice', $1)`, level)
			if g, err := w.gate.Check(t.Context(), session("alice"), secret, ReadRepository); err == nil || g.Require(Actions()...) == nil {
				t.Error(fmt.Errorf("a permission of %d: %w", level, err))
			}
		}
	})
}
