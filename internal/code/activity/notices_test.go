package activity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/mail/mailtest"
)

// told gives what the person is told of on their page, the newest first, and
// checks the count of what is unread.
func (w *world) told(p *codetest.Person) string {
	w.Helper()
	reached := w.reached(p)
	list, _, err := w.Events.Notices(w.Context(), reached, "", 100)
	w.must(err)
	var lines []string
	unread := 0
	for _, n := range list {
		lines = append(lines, fmt.Sprintf("%s: %s %s", n.Reason, n.Did(), n.Thing()))
		if n.Unread {
			unread++
		}
	}
	if n, err := w.Events.Unread(w.Context(), reached, ""); err != nil || n != unread {
		w.Errorf("%d unread are counted, %v; %d are shown", n, err, unread)
	}
	return strings.Join(lines, "; ")
}

// mails sends the mails that wait, and gives those that the person got.
func (w *world) mails(p *codetest.Person) string {
	w.Helper()
	var all []string
	for _, m := range mailtest.Take(w, w.Users.Outbox) {
		if m.To == p.Email && m.About != "" {
			all = append(all, m.Subject)
		}
	}
	return strings.Join(all, "; ")
}

func (w *world) watches(p *codetest.Person, on bool) {
	w.Helper()
	w.must(w.Events.Watch(w.Context(), p.Grant(access.WatchRepository, app), on))
}

func TestWhoIsTold(t *testing.T) {
	each(t, func(w *world) {
		ctx := t.Context()
		mailtest.Take(t, w.Users.Outbox)
		w.writes(w.ada, "a.txt", "nobody watches")
		if got := w.told(w.bob) + w.mails(w.bob); got != "" {
			t.Errorf("nobody watches: %s", got)
		}
		w.watches(w.bob, true)
		w.watches(w.ada, true)
		w.watches(w.ada, false)
		w.writes(w.ada, "a.txt", "x")
		_, err := w.wikis.Save(ctx, w.ada.Grant(access.WriteWiki, app), wiki.Edit{Name: "Home", Text: "x"})
		w.must(err)
		w.raises(w.ada, issue.Fields{Title: "One"})
		w.raises(w.ada, issue.Fields{Title: "Two", Assignee: "bob"})
		w.raises(w.ada, issue.Fields{Title: "Three", Body: "@bob, look"})
		said, err := w.snippets.Create(ctx, w.bob.Grant(access.CreateSnippet, acme), snippet.Input{Title: "Notes", Files: []snippet.File{{Name: "a", Data: []byte("x")}}})
		w.must(err)
		on := access.Target{Workspace: "acme", Snippet: said.ID}
		_, err = w.snippets.AddComment(ctx, w.ada.Grant(access.CommentSnippet, on), "Hm")
		w.must(err)
		_, err = w.snippets.AddComment(ctx, w.bob.Grant(access.CommentSnippet, on), "@ada Yes?")
		w.must(err)
		const want = "snippet: commented on the snippet Notes; mention: raised #3 Three; assigned: raised #2 Two; issue: raised #1 One; wiki: wrote the page Home; push: pushed a commit to main"
		if got := w.told(w.bob); got != want {
			t.Errorf("bob is told\n%s\nwant\n%s", got, want)
		}
		if got := w.told(w.ada); got != "mention: commented on the snippet Notes" {
			t.Errorf("ada is told %s", got)
		}
		const mailed = "[acme/app] Ada pushed a commit to main; [acme/app] Ada wrote the page Home; [acme/app] #1 One; [acme/app] #2 Two; [acme/app] #3 Three; [acme] Ada commented on the snippet Notes"
		if got := w.mails(w.bob); got != mailed {
			t.Errorf("bob is mailed\n%s\nwant\n%s", got, mailed)
		}

		// What is read is no longer counted; others' notifications aren't his to mark.
		list, _, err := w.Events.Notices(ctx, w.reached(w.bob), "", 1)
		w.must(err)
		w.must(w.Events.MarkRead(ctx, w.ada.Grant(access.SetNotices, access.Target{}), list[0].ID))
		if n, err := w.Events.Unread(ctx, w.reached(w.bob), ""); err != nil || n != 6 {
			t.Errorf("%d, %v", n, err)
		}
		w.must(w.Events.MarkRead(ctx, w.bob.Grant(access.SetNotices, access.Target{}), list[0].ID))
		if n, err := w.Events.Unread(ctx, w.reached(w.bob), ""); err != nil || n != 5 {
			t.Errorf("%d, %v", n, err)
		}
		w.must(w.Events.MarkRead(ctx, w.bob.Grant(access.SetNotices, access.Target{}), ""))
		w.told(w.bob)
		if in, err := w.Events.UnreadIn(ctx, w.bob.ID); err != nil || len(in) != 0 {
			t.Errorf("%v, %v", in, err)
		}
	})
}

// Each kind has a switch of its own, for the page and for mails.
func TestSwitches(t *testing.T) {
	each(t, func(w *world) {
		w.watches(w.bob, true)
		g := w.bob.Grant(access.SetNotices, access.Target{})
		mailtest.Take(t, w.Users.Outbox)
		for _, c := range []struct {
			change       activity.Choice
			told, mailed string
		}{
			{activity.Choice{Reason: activity.Push, Page: true, Mail: false}, "push: created the branch main", ""},
			{activity.Choice{Reason: activity.Push, Page: false, Mail: true}, "", "[acme/app] Ada pushed a commit to main"},
			{activity.Choice{Reason: activity.Push}, "", ""},
			{activity.Choice{Reason: activity.Wiki}, "", ""},
			{activity.Choice{Reason: activity.Push, Page: true, Mail: true}, "push: pushed a commit to main", "[acme/app] Ada pushed a commit to main"},
		} {
			w.must(w.Events.Choose(t.Context(), g, []activity.Choice{c.change}))
			if choices, err := w.Events.Choices(t.Context(), g); err != nil || !slices.Contains(choices, c.change) || len(choices) != len(activity.Reasons()) {
				t.Errorf("%v, %v", choices, err)
			}
			w.writes(w.ada, "a.txt", fmt.Sprint(c))
			if got := w.told(w.bob); got != c.told {
				t.Errorf("%v: told %q, want %q", c.change, got, c.told)
			}
			if got := w.mails(w.bob); got != c.mailed {
				t.Errorf("%v: mailed %q, want %q", c.change, got, c.mailed)
			}
			w.sql(`DELETE FROM notification`)
		}
	})
}

// Whoever is blocked isn't told: not on the page, not by a count, and not by a
// mail that was on its way already.
func TestBlockedIsToldNothing(t *testing.T) {
	each(t, func(w *world) {
		w.watches(w.bob, true)
		for _, c := range []struct {
			name, block, lift string
			on                int // notifications that are shown all the same
		}{
			{"the rule", `UPDATE workspace SET require_two_step = TRUE`, `UPDATE workspace SET require_two_step = FALSE`, 0},
			{"permission", `UPDATE workspace SET default_access = 0`, `UPDATE workspace SET default_access = 2`, 0},
			{"a wiki that is off", `UPDATE repository SET has_wiki = FALSE`, `UPDATE repository SET has_wiki = TRUE`, 2},
		} {
			mailtest.Take(t, w.Users.Outbox)
			w.sql(`DELETE FROM notification`)
			w.writes(w.ada, "a.txt", c.name)
			page, err := w.wikis.Save(t.Context(), w.ada.Grant(access.WriteWiki, app), wiki.Edit{Name: c.name, Text: "x"})
			w.must(err)
			w.raises(w.ada, issue.Fields{Title: "Secret of " + page.Name})
			w.sql(c.block)
			if got := w.told(w.bob); strings.Count(got, ":") != c.on {
				t.Errorf("%s: told %q", c.name, got)
			}
			if got := w.mails(w.bob); strings.Count(got, "[acme") != c.on {
				t.Errorf("%s: mailed %q", c.name, got)
			}
			w.sql(c.lift)
			if got := w.told(w.bob); strings.Count(got, ":") != 3 {
				t.Errorf("%s is lifted: told %q", c.name, got)
			}
		}
	})
}

// The link of a mail ends mails of its kind, and nothing else.
func TestStop(t *testing.T) {
	each(t, func(w *world) {
		w.watches(w.bob, true)
		w.writes(w.ada, "a.txt", "x")
		var found mail.Message
		for _, m := range mailtest.Take(t, w.Users.Outbox) {
			if activity.Mine(m.About) {
				found = m
			}
		}
		_, key, _ := strings.Cut(found.Unsubscribe, "key=")
		key, _, _ = strings.Cut(key, "&")
		for _, c := range [][3]string{{w.bob.ID, "push", "x"}, {w.bob.ID, "wiki", key}, {w.ada.ID, "push", key}, {w.bob.ID, "all", key}} {
			if err := w.Events.Stop(t.Context(), c[0], c[1], c[2]); !errs.Is(err, errs.KindNotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		w.must(w.Events.Stop(t.Context(), w.bob.ID, "push", key))
		if may, err := w.Events.MayMail(t.Context(), found.About); err != nil || may {
			t.Errorf("a mail on its way is sent all the same: %v", err)
		}
		if mails, err := db.One[bool](t.Context(), w.DB, `SELECT mail FROM notice_choice WHERE user_id = $1 AND reason = 'push'`, w.bob.ID); err != nil || mails {
			t.Errorf("%v, %v", mails, err)
		}
	})
}
