package issue_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
)

// Many raise issues at once: each gets a number of its own, and none is left out.
func TestNumbers(t *testing.T) {
	each(t, func(w *world) {
		g := w.bob.Grant(access.RaiseIssues, app)
		var all sync.WaitGroup
		var mu sync.Mutex
		var numbers []int64
		for range 12 {
			all.Go(func() {
				made, err := w.Create(t.Context(), g, issue.Fields{Title: "x"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				numbers = append(numbers, made.Number)
				mu.Unlock()
			})
		}
		all.Wait()
		slices.Sort(numbers)
		if len(numbers) != 12 || numbers[0] != 1 || numbers[11] != 12 || len(slices.Compact(numbers)) != 12 {
			t.Errorf("numbers %v", numbers)
		}
		if err := w.Delete(t.Context(), w.ada.Grant(access.AdminIssues, app), 12); err != nil {
			t.Fatal(err)
		}
		if made := w.raise(w.bob, "next"); made.Number != 13 {
			t.Errorf("the number of a deleted issue was given again: %d", made.Number)
		}
		if _, err := w.Get(t.Context(), w.ada.Grant(access.ReadIssues, app), 12); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("a deleted issue: %v", err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(w *world) {
		ada, bob := w.ada.Grant(access.WriteIssues, app), w.bob.Grant(access.RaiseIssues, app)
		for field, in := range map[string]issue.Fields{
			"title":     {Title: " "},
			"text":      {Title: "x", Body: strings.Repeat("x", 64<<10+1)},
			"kind":      {Title: "x", Kind: "idea"},
			"priority":  {Title: "x", Priority: "top"},
			"state":     {Title: "x", State: "done"},
			"assignee":  {Title: "x", Assignee: "eve"}, // no member
			"component": {Title: "x", Component: "none"},
		} {
			if _, err := w.Create(t.Context(), ada, in); errs.Fields(err)[field] == "" {
				t.Errorf("%s: %v", field, err)
			}
		}
		for _, in := range []issue.Fields{{Title: "x\ny"}, {Title: "\xff"}, {Title: strings.Repeat("x", 256)}} {
			if _, err := w.Create(t.Context(), ada, in); errs.Fields(err)["title"] == "" {
				t.Errorf("%q: %v", in.Title, err)
			}
		}
		for _, in := range []issue.Fields{{Title: "x", Assignee: "bob"}, {Title: "x", State: issue.Closed}, {Title: "x", Version: "1"}} {
			if _, err := w.Create(t.Context(), bob, in); !errs.Is(err, errs.KindDenied) {
				t.Errorf("somebody who can't write set %+v: %v", in, err)
			}
		}
		adas, bobs := w.raise(w.ada, "ada's"), w.raise(w.bob, "bob's")
		change := func(i issue.Issue, set func(*issue.Fields)) error {
			f := i.Fields()
			set(&f)
			_, err := w.Update(t.Context(), bob, i.Number, i.Revision, f)
			return err
		}
		if err := change(adas, func(f *issue.Fields) { f.Title = "mine" }); !errs.Is(err, errs.KindDenied) {
			t.Errorf("another's issue: %v", err)
		}
		if err := change(bobs, func(f *issue.Fields) { f.State = issue.Closed }); !errs.Is(err, errs.KindDenied) {
			t.Errorf("the state of one's own: %v", err)
		}
		if err := change(bobs, func(f *issue.Fields) { f.Title, f.Kind = "better", issue.Task }); err != nil {
			t.Errorf("one's own: %v", err)
		}
		read, code := w.ada.Grant(access.ReadIssues, app), w.ada.Grant(access.WriteRepository, app)
		for _, g := range []access.Grant{{}, read, code} {
			_, created := w.Create(t.Context(), g, issue.Fields{Title: "x"})
			_, updated := w.Update(t.Context(), g, 1, 0, issue.Fields{Title: "x"})
			_, commented := w.AddComment(t.Context(), g, 1, issue.Reply{Body: "x"})
			for name, err := range map[string]error{
				"create": created, "update": updated, "comment": commented, "delete": w.Delete(t.Context(), g, 1),
				"edit": w.EditComment(t.Context(), g, 1, 1, "y"), "uncomment": w.DeleteComment(t.Context(), g, 1, 1),
				"vote": w.Vote(t.Context(), g, 1, true), "add": w.AddChoice(t.Context(), g, issue.Versions, "1"), "change": w.ChangeChoice(t.Context(), g, "x", "1"),
			} {
				if !errors.Is(err, access.ErrNoGrant) {
					t.Errorf("%s with a grant for %v: %v", name, g.Action(), err)
				}
			}
		}
		for _, g := range []access.Grant{{}, code} {
			if _, err := w.Get(t.Context(), g, 1); !errors.Is(err, access.ErrNoGrant) {
				t.Error(err)
			}
			if _, _, err := w.List(t.Context(), g, issue.Filter{}, "", 10); !errors.Is(err, access.ErrNoGrant) {
				t.Error(err)
			}
		}
	})
}

// Two people edit at once: the later one is told what was changed, and saving
// again loses neither's work.
func TestConflict(t *testing.T) {
	each(t, func(w *world) {
		g := w.ada.Grant(access.WriteIssues, app)
		began := w.raise(w.ada, "one")
		theirs := began.Fields()
		theirs.Priority, theirs.Body, theirs.Assignee = "blocker", "their words", "bob"
		if _, err := w.Update(t.Context(), g, 1, began.Revision, theirs); err != nil {
			t.Fatal(err)
		}
		mine := began.Fields()
		mine.Title, mine.Body = "mine", "my words"
		_, err := w.Update(t.Context(), g, 1, began.Revision, mine)
		conflict, ok := errors.AsType[*issue.Conflict](err)
		if !ok || !errs.Is(err, errs.KindConflict) || len(conflict.Changes) != 3 || w.get(1).Title != "one" {
			t.Fatalf("%v %+v", err, conflict)
		}
		merged := conflict.Merge(mine)
		if merged.Title != "mine" || merged.Body != "my words" || merged.Priority != "blocker" || merged.Assignee != "bob" {
			t.Errorf("%+v", merged)
		}
		// A text that only they changed is theirs, also where a browser sent it back
		// with lines that end in its own way.
		unseen := *conflict
		unseen.Changes = []issue.Change{{Field: "content", Was: "one\n\ntwo", Became: "their words"}}
		if got := unseen.Merge(issue.Fields{Body: "one\r\n\r\ntwo\r\n"}); got.Body != "their words" {
			t.Errorf("%q", got.Body)
		}
		if _, err := w.Update(t.Context(), g, 1, conflict.Now.Revision, merged); err != nil {
			t.Fatal(err)
		}
		if same, err := w.Update(t.Context(), g, 1, 0, w.get(1).Fields()); err != nil || same.Revision != 3 {
			t.Errorf("saving without a change: %+v %v", same, err)
		}
		changes, err := w.Changes(t.Context(), g, began)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, c := range changes {
			told = append(told, c.Author.Username+" "+c.Field+": "+c.Was+" > "+c.Became)
		}
		want := "ada content: About one > their words|ada priority: major > blocker|ada assignee:  > bob|ada title: one > mine|ada content: their words > my words"
		if got := strings.Join(told, "|"); got != want {
			t.Error(got)
		}
	})
}

func TestComments(t *testing.T) {
	each(t, func(w *world) {
		one := w.raise(w.ada, "one")
		ada, bob := w.ada.Grant(access.RaiseIssues, app), w.bob.Grant(access.RaiseIssues, app)
		id, err := w.AddComment(t.Context(), bob, 1, issue.Reply{Body: " first\r\nwords "})
		if err != nil {
			t.Fatal(err)
		}
		w.code.Now.Advance(time.Minute)
		if err := w.EditComment(t.Context(), ada, 1, id, "not mine"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("edited by another: %v", err)
		}
		if err := w.EditComment(t.Context(), bob, 1, id, "second words"); err != nil {
			t.Fatal(err)
		}
		c, err := w.Comment(t.Context(), ada, one, id)
		if err != nil || c.Body != "second words" || c.Edited.IsZero() {
			t.Fatalf("%+v %v", c, err)
		}
		if before, err := w.Versions(t.Context(), ada, one, c); err != nil || len(before) != 1 || before[0].Body != " first\nwords" {
			t.Errorf("%+v %v", before, err)
		}
		for _, reply := range []issue.Reply{{}, {State: issue.New}, {State: issue.New, Body: "\n"}} {
			if _, err := w.AddComment(t.Context(), ada, 1, reply); errs.Fields(err)["text"] == "" {
				t.Errorf("%+v: %v", reply, err)
			}
		}
		if _, err := w.AddComment(t.Context(), bob, 1, issue.Reply{Body: "close it", State: issue.Closed}); !errs.Is(err, errs.KindDenied) || w.get(1).Comments != 1 {
			t.Errorf("closed by a reader: %v", err)
		}
		if _, err := w.AddComment(t.Context(), ada, 1, issue.Reply{Body: "done", State: issue.Resolved}); err != nil || w.get(1).State != issue.Resolved {
			t.Error(err)
		}
		if got := w.titles(issue.Filter{Text: "second"}); len(got) != 1 {
			t.Errorf("what was said isn't found: %q", got)
		}
		if err := w.DeleteComment(t.Context(), ada, 1, id); err != nil {
			t.Errorf("by an administrator: %v", err)
		}
		list, err := w.Comments(t.Context(), bob, one, "", 10)
		if err != nil || len(list) != 2 || list[0].Body != "" || list[0].Deleted.IsZero() || list[1].Body != "done" {
			t.Errorf("%+v %v", list, err)
		}
		if rest, err := w.Comments(t.Context(), bob, one, list[0].Key(), 10); err != nil || len(rest) != 1 {
			t.Errorf("%+v %v", rest, err)
		}
		if before, err := w.Versions(t.Context(), bob, one, c); err != nil || len(before) != 0 {
			t.Errorf("what a deleted comment was is told: %+v %v", before, err)
		}
		if got := w.titles(issue.Filter{Text: "second"}); len(got) != 0 || w.get(1).Comments != 1 {
			t.Errorf("a deleted comment is found: %q", got)
		}
		if err := w.DeleteComment(t.Context(), ada, 1, id); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}

func TestFilters(t *testing.T) {
	each(t, func(w *world) {
		admin, g := w.ada.Grant(access.AdminIssues, app), w.ada.Grant(access.WriteIssues, app)
		for list, name := range map[issue.List]string{issue.Components: "Door", issue.Milestones: "M1", issue.Versions: "2.0"} {
			if err := w.AddChoice(t.Context(), admin, list, name); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.AddChoice(t.Context(), admin, issue.Components, " door "); !errs.Is(err, errs.KindConflict) {
			t.Errorf("two of a name: %v", err)
		}
		for _, f := range []issue.Fields{
			{Title: "Zebra crossing", Body: "Häuser and C++", Priority: "minor"},
			{Title: "Apple", Kind: issue.Task, Assignee: "bob", Component: "door", Priority: "blocker"},
			{Title: "Mango", State: issue.Closed, Milestone: "M1", Version: "2.0"},
		} {
			w.code.Now.Advance(time.Second)
			if _, err := w.Create(t.Context(), g, f); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Vote(t.Context(), w.bob.Grant(access.RaiseIssues, app), 1, true); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter issue.Filter
			want   string
		}{
			{issue.Filter{}, "Mango Apple Zebra crossing"},
			{issue.Filter{Sort: issue.ByOldest}, "Zebra crossing Apple Mango"},
			{issue.Filter{Sort: issue.ByNewest}, "Mango Apple Zebra crossing"},
			{issue.Filter{Sort: issue.ByPriority}, "Apple Mango Zebra crossing"},
			{issue.Filter{Sort: issue.ByVotes}, "Zebra crossing Mango Apple"},
			{issue.Filter{Sort: "x'"}, "Mango Apple Zebra crossing"},
			{issue.Filter{States: []issue.State{issue.New, issue.Open}}, "Apple Zebra crossing"},
			{issue.Filter{States: []issue.State{"no"}}, ""},
			{issue.Filter{Kind: issue.Task}, "Apple"},
			{issue.Filter{Priority: "minor"}, "Zebra crossing"},
			{issue.Filter{Priority: "top"}, ""},
			{issue.Filter{Assignee: "bob"}, "Apple"},
			{issue.Filter{Assignee: issue.Unset}, "Mango Zebra crossing"},
			{issue.Filter{Reporter: "ada"}, "Mango Apple Zebra crossing"},
			{issue.Filter{Reporter: "bob"}, ""},
			{issue.Filter{Component: "DOOR"}, "Apple"},
			{issue.Filter{Milestone: "M1", Version: "2.0"}, "Mango"},
			{issue.Filter{Version: issue.Unset, Text: "zeb"}, "Zebra crossing"},
			{issue.Filter{Text: "HÄUS crossing"}, "Zebra crossing"},
			{issue.Filter{Text: "haus"}, ""},
			{issue.Filter{Text: `c" OR '*` + `':* & !`}, ""},
			{issue.Filter{Text: `"c`}, "Zebra crossing"},
			{issue.Filter{Text: "++"}, ""},
			{issue.Filter{Text: "apple zebra"}, ""},
		} {
			if got := strings.Join(w.titles(c.filter), " "); got != c.want {
				t.Errorf("%+v: %q, not %q", c.filter, got, c.want)
			}
		}
		for _, page := range []string{"x", "1", "1.x", ".", "99999999999999999999.1"} {
			if _, _, err := w.List(t.Context(), w.ada.Grant(access.ReadIssues, app), issue.Filter{}, page, 10); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("page %q: %v", page, err)
			}
		}
		choices, err := w.Choices(t.Context(), admin)
		if err != nil || len(choices) != 3 || choices[0].Name != "Door" || choices[0].Issues != 1 {
			t.Fatalf("%+v %v", choices, err)
		}
		if err := w.ChangeChoice(t.Context(), admin, choices[0].ID, "Gate"); err != nil || w.get(2).Component != "Gate" {
			t.Errorf("renamed: %v, %+v", err, w.get(2))
		}
		if err := w.ChangeChoice(t.Context(), admin, choices[0].ID, ""); err != nil || w.get(2).Component != "" {
			t.Errorf("deleted: %v, %+v", err, w.get(2))
		}
		people, err := w.Assignable(t.Context(), admin2(w))
		if err != nil || len(people) != 2 {
			t.Errorf("%+v %v", people, err)
		}
	})
}

func admin2(w *world) access.Grant { return w.ada.Grant(access.ReadIssues, app) }

// At a public tracker a stranger reads, raises and comments, and learns nothing
// of the members.
func TestPublicTracker(t *testing.T) {
	each(t, func(w *world) {
		w.raise(w.ada, "seen")
		w.sql(`UPDATE repository SET issues_public = TRUE`)
		g := w.eve.Grant(access.RaiseIssues, app)
		if _, err := w.Create(t.Context(), g, issue.Fields{Title: "eve's"}); err != nil {
			t.Error(err)
		}
		if _, err := w.Create(t.Context(), g, issue.Fields{Title: "x", Assignee: "ada"}); !errs.Is(err, errs.KindDenied) {
			t.Error(err)
		}
		if people, err := w.Assignable(t.Context(), w.eve.Grant(access.ReadIssues, app)); err != nil || len(people) != 0 {
			t.Errorf("%+v %v", people, err)
		}
	})
}
