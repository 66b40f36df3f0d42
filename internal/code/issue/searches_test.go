package issue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
)

// saved lists what somebody has saved: "mine: kind=bug".
func (w *world) saved(p *codetest.Person, at access.Target) string {
	w.Helper()
	list, err := w.Searches(w.Context(), p.Grant(access.ReadIssues, at))
	if err != nil {
		w.Fatal(err)
	}
	var said []string
	for _, s := range list {
		said = append(said, s.Name+": "+s.Query)
	}
	return strings.Join(said, ", ")
}

func (w *world) keeps(p *codetest.Person, name, query string) {
	w.Helper()
	if err := w.SaveSearch(w.Context(), p.Grant(access.SaveSearches, app), name, query); err != nil {
		w.Fatal(err)
	}
}

func TestSavedSearches(t *testing.T) {
	each(t, func(w *world) {
		ada, bob := w.ada.Grant(access.SaveSearches, app), w.bob.Grant(access.SaveSearches, app)
		w.keeps(w.bob, "  My \n bugs ", "kind=bug")
		w.keeps(w.bob, "All", "state=all")
		w.keeps(w.ada, "my bugs", "kind=bug")
		if got := w.saved(w.bob, app) + " | " + w.saved(w.ada, app); got != "All: state=all, My bugs: kind=bug | my bugs: kind=bug" {
			t.Error(got)
		}
		for name, c := range map[string]struct {
			name, query string
			kind        errs.Kind
		}{
			"no name":        {" ", "kind=bug", errs.KindInvalid},
			"a long name":    {strings.Repeat("ä", 61), "kind=bug", errs.KindInvalid},
			"a sign":         {"a\x00", "kind=bug", errs.KindInvalid},
			"no filter":      {"x", "", errs.KindInvalid},
			"a long filter":  {"x", strings.Repeat("x", 3<<10), errs.KindInvalid},
			"a taken name":   {"MY BUGS", "kind=task", errs.KindConflict},
			"another's name": {"all", "kind=task", errs.KindConflict},
		} {
			if err := w.SaveSearch(t.Context(), bob, c.name, c.query); !errs.Is(err, c.kind) || errs.Fields(err)["name"] == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		list, err := w.Searches(t.Context(), bob)
		if err != nil {
			t.Fatal(err)
		}
		all := list[0].ID
		if err := w.RenameSearch(t.Context(), bob, all, "my bugs"); errs.Fields(err)["name"] == "" {
			t.Errorf("renamed to a taken name: %v", err)
		}
		if err := w.RenameSearch(t.Context(), bob, all, ""); errs.Fields(err)["name"] == "" {
			t.Errorf("renamed to nothing: %v", err)
		}
		if err := w.RenameSearch(t.Context(), ada, all, "hers"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("another's: %v", err)
		}
		if err := errors.Join(w.RemoveSearch(t.Context(), ada, all), w.RenameSearch(t.Context(), bob, all, "Everything")); err != nil {
			t.Error(err)
		}
		if got := w.saved(w.bob, app); got != "Everything: state=all, My bugs: kind=bug" {
			t.Error(got)
		}
		if err := w.RemoveSearch(t.Context(), bob, all); err != nil || w.saved(w.bob, app) != "My bugs: kind=bug" {
			t.Error(err)
		}
		for n := range 49 {
			w.keeps(w.bob, fmt.Sprint(n), "kind=bug")
		}
		if err := w.SaveSearch(t.Context(), bob, "one more", "kind=bug"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("one too many: %v", err)
		}
		for _, g := range []access.Grant{{}, w.bob.Grant(access.ReadIssues, app)} {
			for _, err := range []error{w.SaveSearch(t.Context(), g, "x", "x"), w.RenameSearch(t.Context(), g, all, "x"), w.RemoveSearch(t.Context(), g, all)} {
				if !errors.Is(err, access.ErrNoGrant) {
					t.Error(err)
				}
			}
		}
	})
}

// What somebody has saved goes with their membership and with the tracker; a
// stranger at a public one saves nothing.
func TestSavedSearchesGo(t *testing.T) {
	each(t, func(w *world) {
		w.keeps(w.bob, "mine", "kind=bug")
		w.keeps(w.ada, "hers", "kind=bug")
		w.sql(`DELETE FROM member WHERE user_id = $1`, w.bob.ID)
		w.sql(`UPDATE repository SET issues_public = TRUE`)
		if got := w.saved(w.bob, app) + w.saved(w.ada, app); got != "hers: kind=bug" {
			t.Errorf("after leaving: %s", got)
		}
		if err := w.SaveSearch(t.Context(), w.bob.Grant(access.SaveSearches, app), "mine", "kind=bug"); !errs.Is(err, errs.KindDenied) {
			t.Errorf("a stranger: %v", err)
		}

		// Into another workspace, of which ada is a member and bob isn't.
		w.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, 'member', 0 FROM workspace`, w.bob.ID)
		w.keeps(w.bob, "mine", "kind=bug")
		if _, err := w.code.Workspaces.Create(t.Context(), w.ada.Grant(access.CreateWorkspace, access.Target{}), "other", "Other"); err != nil {
			t.Fatal(err)
		}
		into := w.ada.Grant(access.CreateRepository, access.Target{Workspace: "other"})
		if _, err := w.repositories.Transfer(t.Context(), w.ada.Grant(access.TransferRepository, app), into, "app"); err != nil {
			t.Fatal(err)
		}
		w.sql(`UPDATE repository SET issues_public = TRUE`)
		moved := access.Target{Workspace: "other", Repository: "app"}
		if got := w.saved(w.bob, moved) + w.saved(w.ada, moved); got != "hers: kind=bug" {
			t.Errorf("after a transfer: %s", got)
		}
		w.sql(`DELETE FROM repository`)
		if n := w.count(`SELECT COUNT(*) FROM issue_search`); n != 0 {
			t.Errorf("%d are left of a tracker that is gone", n)
		}
	})
}

// Comments count within their issue, the entries of lists within the tracker,
// also those that were there before they had numbers; what is deleted keeps its
// own.
func TestNumbersOfCommentsAndChoices(t *testing.T) {
	each(t, func(w *world) {
		one := w.raise(w.ada, "one")
		w.raise(w.ada, "two")
		g := w.bob.Grant(access.RaiseIssues, app)
		said := func(number int64, body string) int64 {
			t.Helper()
			comment, err := w.AddComment(t.Context(), g, number, issue.Reply{Body: body})
			if err != nil {
				t.Fatal(err)
			}
			w.code.Now.Advance(1e9)
			return comment
		}
		for n, issue := range []int64{1, 2, 1, 1, 2} {
			said(issue, fmt.Sprint(n))
		}
		numbers := func() string {
			var all []string
			for _, number := range []int64{1, 2} {
				list, err := w.Comments(t.Context(), g, w.get(number), "", 10)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range list {
					all = append(all, fmt.Sprintf("%d.%d %s", number, c.Number, c.Body))
				}
			}
			return strings.Join(all, ", ")
		}
		const want = "1.1 0, 1.2 2, 1.3 3, 2.1 1, 2.2 4"
		if got := numbers(); got != want {
			t.Error(got)
		}
		admin := w.ada.Grant(access.AdminIssues, app)
		lists := func() (said string) {
			choices, err := w.Choices(t.Context(), admin)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range choices {
				said += fmt.Sprintf("%s %d %s, ", c.List, c.Number, c.Name)
			}
			return said
		}
		add := func(list issue.List, name string) {
			if err := w.AddChoice(t.Context(), admin, list, name); err != nil {
				t.Fatal(err)
			}
		}
		add(issue.Versions, "1.0")
		add(issue.Components, "Gate")
		const choices = "component 2 Gate, version 1 1.0, "
		if got := lists(); got != choices {
			t.Error(got)
		}
		for _, statement := range []string{
			`DROP INDEX issue_choice_number`, `ALTER TABLE issue_choice DROP COLUMN number`, `ALTER TABLE issue_tracker DROP COLUMN last_choice`,
			`DROP TABLE issue_search`, `DROP INDEX issue_comment_number`, `ALTER TABLE issue_comment DROP COLUMN number`,
			`CREATE INDEX issue_comment_issue ON issue_comment (issue, created, id)`, `DELETE FROM goose_db_version WHERE version_id = 30`,
		} {
			w.sql(statement)
		}
		if err := w.DB.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := numbers(); got != want {
			t.Errorf("of what was there before: %s", got)
		}
		if got := lists(); got != choices {
			t.Errorf("of what was there before: %s", got)
		}
		w.sql(`DELETE FROM issue_choice WHERE number = 2`)
		if add(issue.Components, "Door"); lists() != "component 3 Door, version 1 1.0, " {
			t.Errorf("a number was given again: %s", lists())
		}
		if err := w.DeleteComment(t.Context(), g, one.Number, 3); err != nil {
			t.Fatal(err)
		}
		if next := said(1, "next"); next != 4 {
			t.Errorf("after a deleted one: %d", next)
		}
		if _, err := w.Comment(t.Context(), g, one, 3); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("a deleted one: %v", err)
		}
	})
}
