package issue_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/mail/mailtest"
)

// mails sends what waits, and tells to whom and what about.
func (w *world) mails() string {
	w.Helper()
	var told []string
	for _, m := range mailtest.Take(w, w.Outbox) {
		told = append(told, m.To+": "+m.Subject)
	}
	slices.Sort(told)
	return strings.Join(told, "|")
}

func TestWhoIsTold(t *testing.T) {
	each(t, func(w *world) {
		w.Outbox.May = w.MayMail
		mailtest.Take(t, w.Outbox)
		ada, bob := w.ada.Grant(access.WriteIssues, app), w.bob.Grant(access.RaiseIssues, app)
		if _, err := w.Create(t.Context(), ada, issue.Fields{Title: "Look", Body: "Dear @bob and @eve and x@bob and `code`"}); err != nil {
			t.Fatal(err)
		}
		if got := w.mails(); got != "bob@example.com: [acme/app] #1 Look" {
			t.Errorf("mentioned: %q", got)
		}
		if _, err := w.AddComment(t.Context(), bob, 1, issue.Reply{Body: "yes"}); err != nil {
			t.Fatal(err)
		}
		if got := w.mails(); got != "ada@example.com: [acme/app] #1 Look" {
			t.Errorf("commented: %q", got)
		}
		say := func() {
			t.Helper()
			if _, err := w.AddComment(t.Context(), w.ada.Grant(access.WriteIssues, app), 1, issue.Reply{Body: "@bob?"}); err != nil {
				t.Fatal(err)
			}
		}
		// What is judged is the moment of sending, not that of writing.
		for _, c := range []struct{ shut, open string }{
			{`UPDATE workspace SET default_access = 0`, `UPDATE workspace SET default_access = 1`},
			{`UPDATE workspace SET require_two_step = TRUE`, `UPDATE workspace SET require_two_step = FALSE`},
			{`UPDATE workspace SET networks = '192.0.2.0/24'`, `UPDATE workspace SET networks = ''`},
			{`UPDATE repository SET has_issues = FALSE`, `UPDATE repository SET has_issues = TRUE`},
			{`UPDATE code_user SET suspended = TRUE WHERE username = 'bob'`, `UPDATE code_user SET suspended = FALSE`},
			{`DELETE FROM member WHERE role = 'member'`, `INSERT INTO member (workspace, user_id, role, created) SELECT w.id, u.id, 'member', 0 FROM workspace w, code_user u WHERE u.username = 'bob'`},
			{`UPDATE code_user SET email_proven = TRUE`, ``},
		} {
			say()
			w.sql(c.shut)
			if got := w.mails(); (got == "") != (c.open != "") {
				t.Errorf("after %s: %q", c.shut, got)
			}
			if c.open != "" {
				w.sql(c.open)
			}
		}
		say()
		sent := mailtest.Take(t, w.Outbox)
		if len(sent) != 1 || !strings.Contains(sent[0].Text, "http://code.test/acme/app/issues/1\n") {
			t.Fatalf("%+v", sent)
		}
		link, err := url.Parse(sent[0].Unsubscribe)
		if err != nil || !strings.Contains(sent[0].Text, link.String()) {
			t.Fatal(err, sent[0].Text)
		}
		q := link.Query()
		for _, key := range []string{"", "x", q.Get("key") + "x"} {
			if err := w.Leave(t.Context(), q.Get("issue"), q.Get("user"), key); !errs.Is(err, errs.KindNotFound) {
				t.Errorf("key %q: %v", key, err)
			}
		}
		if err := w.Leave(t.Context(), q.Get("issue"), w.ada.ID, q.Get("key")); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("another's link: %v", err)
		}
		say() // on its way already
		if err := w.Leave(t.Context(), q.Get("issue"), q.Get("user"), q.Get("key")); err != nil {
			t.Fatal(err)
		}
		say()
		if got := w.mails(); got != "" {
			t.Errorf("after leaving: %q", got)
		}
		if err := w.Watch(t.Context(), bob, 1, true); err != nil {
			t.Fatal(err)
		}
		say()
		if got := w.mails(); got == "" {
			t.Error("nobody is told after watching again")
		}
	})
}

func TestCommitsResolve(t *testing.T) {
	each(t, func(w *world) {
		for n := range 9 {
			w.raise(w.bob, fmt.Sprint("issue ", n+1))
		}
		g := w.ada.Grant(access.WriteRepository, app)
		oid := git.OID(strings.Repeat("a1", 20))
		message := "Fixes #1, #2 and #3\n\nresolves: #4. closed issue #5; prefixes #6, fix 7, mentions #8, fixes #99 fixes #99999999999"
		if err := w.Fixed(t.Context(), g, []git.Commit{{OID: oid, Message: message}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.titles(issue.Filter{States: []issue.State{issue.Resolved}, Sort: issue.ByOldest}), ","); got != "issue 1,issue 2,issue 3,issue 4,issue 5" {
			t.Error(got)
		}
		if got := w.titles(issue.Filter{Text: string(oid)}); len(got) != 5 {
			t.Errorf("the commit isn't named: %q", got)
		}
		if err := w.Fixed(t.Context(), g, []git.Commit{{OID: oid, Message: message}}); err != nil || w.get(1).Comments != 1 {
			t.Errorf("told twice: %v", err)
		}
		if err := w.Fixed(t.Context(), w.ada.Grant(access.WriteIssues, app), nil); err == nil {
			t.Error("without a grant for the code")
		}
	})
}
