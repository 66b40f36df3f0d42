package activity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/db"
)

// reached is where the gate lets the person now.
func (w *world) reached(p *codetest.Person) []access.Grant {
	w.Helper()
	reached, err := w.Gate.Reach(w.Context(), p.Grant(access.ReadSelf, access.Target{}).Actor(), access.ReadActivity, []string{"acme", "missing"})
	w.must(err)
	return reached
}

// sees gives what the person is told of, the newest first.
func (w *world) sees(p *codetest.Person) string {
	w.Helper()
	list, _, err := w.Events.Recent(w.Context(), w.reached(p), "", 100)
	w.must(err)
	var lines []string
	for _, e := range list {
		lines = append(lines, e.Sentence()+" → "+e.Path())
	}
	return strings.Join(lines, "\n")
}

// everything does one thing of each kind, all of them ada's.
func (w *world) everything() {
	w.Helper()
	ctx, ada := w.Context(), w.ada
	w.writes(ada, "a.txt", "one")
	w.writes(ada, "a.txt", "two")
	made := w.raises(ada, issue.Fields{Title: "Broken", Assignee: "bob"})
	_, err := w.issues.AddComment(ctx, ada.Grant(access.RaiseIssues, app), made.Number, issue.Reply{Body: "A secret word"})
	w.must(err)
	_, err = w.issues.AddComment(ctx, ada.Grant(access.WriteIssues, app), made.Number, issue.Reply{State: issue.Resolved})
	w.must(err)
	_, err = w.issues.AddComment(ctx, ada.Grant(access.WriteIssues, app), made.Number, issue.Reply{Body: "No", State: issue.Open})
	w.must(err)
	page, err := w.wikis.Save(ctx, ada.Grant(access.WriteWiki, app), wiki.Edit{Name: "How to", Text: "x"})
	w.must(err)
	page, err = w.wikis.Rename(ctx, ada.Grant(access.WriteWiki, app), "How to", "Manual", page.Blob)
	w.must(err)
	w.must(w.wikis.Delete(ctx, ada.Grant(access.WriteWiki, app), "Manual", page.Blob))
	said, err := w.snippets.Create(ctx, ada.Grant(access.CreateSnippet, acme), snippet.Input{Title: "Notes", Files: []snippet.File{{Name: "a.txt", Data: []byte("x")}}})
	w.must(err)
	_, err = w.snippets.AddComment(ctx, w.bob.Grant(access.CommentSnippet, access.Target{Workspace: "acme", Snippet: said.ID}), "Hm")
	w.must(err)
}

func TestWhatHappened(t *testing.T) {
	each(t, func(w *world) {
		w.everything()
		id, err := db.One[string](w.Context(), w.DB, `SELECT id FROM snippet`)
		w.must(err)
		want := strings.ReplaceAll(`Bob commented on the snippet Notes in acme → /snippets/acme/ID
Ada made the snippet Notes in acme → /snippets/acme/ID
Ada deleted the page Manual in acme/app → /acme/app/wiki
Ada renamed the page How to to Manual in acme/app → /acme/app/wiki/Manual
Ada wrote the page How to in acme/app → /acme/app/wiki/How%20to
Ada set to open #1 Broken in acme/app → /acme/app/issues/1
Ada set to resolved #1 Broken in acme/app → /acme/app/issues/1
Ada commented on #1 Broken in acme/app → /acme/app/issues/1
Ada raised #1 Broken in acme/app → /acme/app/issues/1
Ada pushed a commit to main in acme/app → /acme/app/commits/main
Ada created the branch main in acme/app → /acme/app/commits/main
Ada created the repository app in acme/app → /acme/app`, "ID", id)
		for _, p := range []*codetest.Person{w.ada, w.bob} {
			if got := w.sees(p); got != want {
				t.Errorf("%s sees\n%s\nwant\n%s", p.Username, got, want)
			}
		}
		tasks, err := w.Events.Tasks(w.Context(), w.reached(w.bob)[0], 10)
		if err != nil || len(tasks) != 1 || tasks[0].Title != "Broken" {
			t.Errorf("bob is to do %+v, %v", tasks, err)
		}
	})
}

// What somebody isn't let to, they aren't told of: neither of a part that they
// may not read, nor of a workspace whose rule they don't meet, from the moment on.
func TestNobodyIsToldOfWhatTheyMayNotRead(t *testing.T) {
	each(t, func(w *world) {
		w.everything()
		carl := w.Person("carl")
		for _, c := range []struct {
			name     string
			who      *codetest.Person
			change   string
			has, not []string
		}{
			{"an outsider", carl, `UPDATE workspace SET slug = 'acme'`, nil, []string{"app", "Notes"}},
			{"no permission", w.bob, `UPDATE workspace SET default_access = 0`, []string{"Notes"}, []string{"app"}},
			{"a public tracker", w.bob, `UPDATE repository SET issues_public = TRUE`, []string{"Notes", "Broken"}, []string{"Manual", "main"}},
			{"no public content", w.bob, `UPDATE workspace SET no_public = TRUE`, []string{"Notes"}, []string{"Broken"}},
			{"public code", w.bob, `UPDATE workspace SET no_public = FALSE, name = 'x'`, []string{"Broken"}, []string{"main"}},
			{"given again", w.bob, `UPDATE workspace SET default_access = 1`, []string{"main", "Manual", "Broken"}, nil},
			{"no tracker", w.bob, `UPDATE repository SET has_issues = FALSE`, []string{"main", "Manual"}, []string{"Broken"}},
			{"no wiki", w.bob, `UPDATE repository SET has_wiki = FALSE`, []string{"main"}, []string{"Manual"}},
			{"the rule", w.bob, `UPDATE workspace SET require_two_step = TRUE`, nil, []string{"a", "e"}},
		} {
			w.sql(c.change)
			got := w.sees(c.who)
			for _, word := range c.has {
				if !strings.Contains(got, word) {
					t.Errorf("%s: isn't told of %s:\n%s", c.name, word, got)
				}
			}
			for _, word := range c.not {
				if strings.Contains(got, word) {
					t.Errorf("%s: is told of %s:\n%s", c.name, word, got)
				}
			}
		}
		if got := w.reached(w.bob); len(got) != 0 {
			t.Error("blocked, and reached all the same")
		}
		w.bob.Enrol()
		if got := w.sees(w.bob); !strings.Contains(got, "Notes") {
			t.Error("enrolled, and not let in")
		}
	})
}

func TestOtherGrantsOpenNothing(t *testing.T) {
	each(t, func(w *world) {
		other := w.ada.Grant(access.ReadWorkspace, acme)
		for _, g := range []access.Grant{{}, other} {
			if _, _, err := w.Events.Recent(w.Context(), []access.Grant{g}, "", 1); !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("Recent: %v", err)
			}
			if _, err := w.Events.Of(w.Context(), g, 1); !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("Of: %v", err)
			}
			if _, err := w.Events.Tasks(w.Context(), g, 1); !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("Tasks: %v", err)
			}
			if _, _, err := w.Events.Notices(w.Context(), []access.Grant{g}, "", 1); !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("Notices: %v", err)
			}
			if _, err := w.Events.Unread(w.Context(), []access.Grant{g}, ""); !errors.Is(err, access.ErrNoGrant) {
				t.Errorf("Unread: %v", err)
			}
			if err := errors.Join(w.Events.Choose(w.Context(), g, nil), w.Events.Watch(w.Context(), g, true), w.Events.MarkRead(w.Context(), g, "")); strings.Count(err.Error(), access.ErrNoGrant.Error()) != 3 {
				t.Errorf("what changes something: %v", err)
			}
		}
	})
}

// Pages go on where the one before ended, also where most of what is looked
// through may not be seen.
func TestPages(t *testing.T) {
	each(t, func(w *world) {
		note := func(h activity.Happening) {
			t.Helper()
			w.must(w.DB.InTx(t.Context(), func(tx *db.Tx) error {
				_, err := w.Events.Note(t.Context(), tx, w.ada.Grant(access.WriteRepository, app), h)
				return err
			}))
		}
		for i := range 25 {
			note(activity.Happening{Kind: activity.TagMade, Subject: fmt.Sprint("v", i)})
		}
		for range 401 {
			note(activity.Happening{Kind: activity.WikiPushed})
		}
		w.sql(`UPDATE repository SET has_wiki = FALSE`)
		var all []string
		pages, key := 0, ""
		for {
			list, next, err := w.Events.Recent(t.Context(), w.reached(w.ada), key, 10)
			w.must(err)
			for _, e := range list {
				all = append(all, e.Thing())
			}
			pages++
			if next == "" {
				break
			}
			if key = next; pages > 10 {
				t.Fatal("it never ends")
			}
		}
		if len(all) != 26 || all[0] != "v24" || all[24] != "v0" || all[25] != "app" {
			t.Errorf("%d pages: %q", pages, all)
		}
		w.Now.Advance(91 * 24 * time.Hour)
		w.must(w.Events.Clear(t.Context()))
		if left, err := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM event`); err != nil || left != 0 {
			t.Errorf("after 90 days %d are left, %v", left, err)
		}
	})
}

// What is deleted is told of no more.
func TestDeleted(t *testing.T) {
	each(t, func(w *world) {
		w.everything()
		w.must(w.issues.Delete(t.Context(), w.ada.Grant(access.AdminIssues, app), 1))
		if got := w.sees(w.ada); strings.Contains(got, "Broken") {
			t.Error(got)
		}
		w.must(w.repositories.Delete(t.Context(), w.ada.Grant(access.DeleteRepository, app), "app"))
		if got := w.sees(w.ada); strings.Contains(got, "app") || !strings.Contains(got, "Notes") {
			t.Error(got)
		}
		w.must(w.Workspaces.Delete(t.Context(), w.ada.Grant(access.DeleteWorkspace, acme), "acme"))
		if left, err := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM event`); err != nil || left != 0 {
			t.Errorf("%d are left, %v", left, err)
		}
	})
}
