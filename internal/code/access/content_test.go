package access

import (
	"fmt"
	"testing"
)

// The table "What is private", row by row: each kind of content has its own
// visibility, reads as that says, and is written behind the gate whatever it says.
func TestEachKindHasItsOwnVisibility(t *testing.T) {
	publish := map[Content]string{
		Repository: `repository SET public`, Wiki: `repository SET wiki_public`,
		IssueTracker: `repository SET issues_public`, Snippet: `snippet SET public`,
	}
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		for kind, column := range publish {
			w.sql(`UPDATE ` + column + ` = TRUE`)
			for _, noPublic := range yesNo {
				w.sql(`UPDATE workspace SET no_public = $1`, noPublic)
				for _, action := range Actions() {
					target := targetOf(action)
					if target.Repository == "" && target.Snippet == "" {
						continue
					}
					open := action.Content() == kind && !noPublic
					why := fmt.Sprintf("%v, of %v's kind published: %v", action, kind, open)
					if v := w.verdict(Actor{}, target, action); (v.Outcome == Allow) != (open && ruleOf(action).reads) || v.Outcome != Allow && v.Outcome != Unauthenticated {
						t.Errorf("%s: nobody gets %+v", why, v)
					}
					if v := w.verdict(session("alice"), target, action); v.Outcome == Allow && !(open && ruleOf(action).reads) {
						t.Errorf("%s: a blocked member gets %+v", why, v)
					}
					if v := w.verdict(session("bob"), target, action); (v.Outcome == Hidden) == open {
						t.Errorf("%s: an outsider gets %+v", why, v)
					}
				}
			}
			w.sql(`UPDATE ` + column + ` = FALSE`)
		}
	})
}

// What is off isn't there, for those who may know; a blocked member can't tell.
func TestWhatIsOffIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, c := range []struct {
			column        string
			action        Action
			public, write string
		}{{"has_wiki", ReadWiki, "wiki_public", ""}, {"has_issues", ReadIssues, "issues_public", ""}} {
			w.allowed(session("alice"), secret, c.action)
			w.sql(`UPDATE repository SET ` + c.column + ` = FALSE, ` + c.public + ` = TRUE`)
			w.expect(session("alice"), secret, c.action, Hidden, ReasonNotFound)
			w.expect(Actor{}, secret, c.action, Unauthenticated, ReasonSignedOut)
			w.require("acme")
			w.expect(session("alice"), secret, c.action, Enrol, ReasonTwoStepRequired)
			w.sql(`UPDATE workspace SET require_two_step = FALSE`)
			w.sql(`UPDATE repository SET ` + c.column + ` = TRUE`)
		}
	})
}

// A snippet is its author's while a member; the other members read it, and
// owners administer all.
func TestWhoMayDoWhatWithASnippet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.user("carl")
		w.sql(`INSERT INTO member (workspace, user_id, role, created) VALUES ('w-acme', 'carl', 'member', 0)`)
		for _, action := range []Action{WriteSnippet, ManageSnippet, DeleteSnippet} {
			w.allowed(session("alice"), snippet1, action)
			w.allowed(session("olga"), snippet1, action)
			w.expect(session("carl"), snippet1, action, Forbidden, ReasonPermission)
			w.expect(session("bob"), snippet1, action, Hidden, ReasonNotFound)
		}
		for _, action := range []Action{ReadSnippet, CommentSnippet} {
			w.allowed(session("carl"), snippet1, action)
			w.expect(session("bob"), snippet1, action, Hidden, ReasonNotFound)
		}
		w.expect(session("carl"), Target{Workspace: "acme", Snippet: "s2"}, ReadSnippet, Hidden, ReasonNotFound)
		w.workspace("beta", "owner bob")
		w.expect(session("bob"), Target{Workspace: "beta", Snippet: "s1"}, ReadSnippet, Hidden, ReasonNotFound)

		w.sql(`UPDATE snippet SET public = TRUE`)
		w.allowed(session("bob"), snippet1, CommentSnippet)
		w.expect(session("bob"), snippet1, WriteSnippet, Forbidden, ReasonPermission)
		w.sql(`DELETE FROM member WHERE user_id = 'alice'`)
		w.expect(session("alice"), snippet1, WriteSnippet, Forbidden, ReasonPermission)
		w.sql(`UPDATE snippet SET public = FALSE`)
		w.expect(session("alice"), snippet1, ReadSnippet, Hidden, ReasonNotFound)
		w.expect(Actor{Credential: DeployKey, Scopes: Scopes()}, snippet1, ReadSnippet, Hidden, ReasonNotFound)
	})
}

// An API token can't take a step: whoever is enrolled can do nothing sensitive
// with it (decision 0025), whoever isn't within its scopes.
func TestSensitiveActionsByToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.allowed(token("alice"), snippet1, DeleteSnippet)
		w.factor("alice", "totp")
		w.require("acme")
		w.expect(token("alice"), snippet1, DeleteSnippet, Renew, ReasonFreshStep)
		less := token("alice")
		less.Scopes = []Scope{ScopeReadSnippet, ScopeWriteSnippet}
		w.expect(less, snippet1, DeleteSnippet, Forbidden, ReasonScope)
		old := stepped("alice")
		old.Step.At = now.Add(-FreshFor - 1)
		w.expect(old, snippet1, DeleteSnippet, Renew, ReasonFreshStep)
		for _, action := range Actions() {
			if action.Sensitive() {
				if v := w.verdict(token("alice"), targetOf(action), action); v.Outcome == Allow {
					t.Errorf("a token may %v", action)
				}
			}
		}
	})
}

// What a page may show of what else a repository has.
func TestSees(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.sql(`UPDATE repository SET wiki_public = TRUE, has_issues = FALSE, issues_public = TRUE`)
		for _, c := range []struct {
			actor  Actor
			target Target
			code   bool
		}{{session("bob"), secret, false}, {Actor{}, open, true}, {session("alice"), secret, true}} {
			g, err := w.gate.Check(t.Context(), c.actor, c.target, ReadWiki)
			if err != nil || g.Sees(Repository) != c.code || !g.Sees(Wiki) || g.Sees(IssueTracker) || g.Sees(Snippet) || g.Sees(Workspace) {
				t.Errorf("%q of %+v: %v", c.actor.User, c.target, err)
			}
		}
		w.sql(`UPDATE repository SET wiki_public = FALSE`)
		g, err := w.gate.Check(t.Context(), Actor{}, open, ReadRepository)
		if err != nil || g.Sees(Wiki) || (Grant{}).Sees(Repository) {
			t.Errorf("a stranger sees the private wiki of a public repository: %v", err)
		}
	})
}
