package issue_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
)

// zipOf makes an archive of names and contents in turn.
func zipOf(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: pairs[i], Method: zip.Deflate, NonUTF8: true})
		if err == nil {
			_, err = io.WriteString(f, pairs[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unzipped gives the JSON and the other files of an archive, sorted by content.
func unzipped(t testing.TB, data []byte) (text string, files map[string]string) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for _, f := range r.File {
		from, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == "db-2.0.json" {
			text = string(content)
		} else {
			files[f.Name] = string(content)
		}
	}
	return text, files
}

func (w *world) export(target access.Target) []byte {
	w.Helper()
	var out bytes.Buffer
	if err := w.Export(w.Context(), w.ada.Grant(access.ExportIssues, target), &out); err != nil {
		w.Fatal(err)
	}
	return out.Bytes()
}

var second = access.Target{Workspace: "acme", Repository: "second"}

// second makes another repository with an empty tracker.
func (w *world) second() access.Grant {
	w.Helper()
	repositories := w.code.Repositories(1 << 20)
	if _, err := repositories.Create(w.Context(), w.ada.Grant(access.CreateRepository, access.Target{Workspace: "acme"}), repo.Input{Name: "second"}); err != nil {
		w.Fatal(err)
	}
	return w.ada.Grant(access.AdminIssues, second)
}

// What is exported and imported elsewhere is exported there as it was.
func TestArchiveThereAndBack(t *testing.T) {
	each(t, func(w *world) {
		ada, bob := w.ada.Grant(access.WriteIssues, app), w.bob.Grant(access.RaiseIssues, app)
		for list, name := range map[issue.List]string{issue.Components: "Gate", issue.Milestones: "M 1", issue.Versions: "1.0"} {
			if err := w.AddChoice(t.Context(), w.ada.Grant(access.AdminIssues, app), list, name); err != nil {
				t.Fatal(err)
			}
		}
		w.raise(w.bob, "gone")
		shot := w.upload(bob, "shot.png", png)
		_, err := w.Create(t.Context(), bob, issue.Fields{Title: "Ünïcode \"title\"", Body: "Body\n<b>", Kind: issue.Proposal, Priority: "blocker"}, shot.ID)
		if err == nil {
			_, err = w.AddComment(t.Context(), ada, 2, issue.Reply{Body: "said", State: issue.OnHold})
		}
		if err == nil {
			_, err = w.AddComment(t.Context(), bob, 2, issue.Reply{Body: "deleted"})
		}
		fields := w.get(2).Fields()
		fields.Component, fields.Milestone, fields.Version, fields.Assignee, fields.Body = "Gate", "M 1", "1.0", "bob", "Body 2"
		if err == nil {
			_, err = w.Update(t.Context(), ada, 2, 0, fields)
		}
		err = errors.Join(err, w.Vote(t.Context(), bob, 2, true), w.Watch(t.Context(), ada, 2, false), w.Delete(t.Context(), w.ada.Grant(access.AdminIssues, app), 1))
		comments, listed := w.Comments(t.Context(), bob, w.get(2), "", 10)
		if err = errors.Join(err, listed); err == nil {
			err = w.DeleteComment(t.Context(), bob, 2, comments[1].Number)
		}
		if err != nil {
			t.Fatal(err)
		}
		was, wasFiles := unzipped(t, w.export(app))
		if strings.Contains(was, "deleted") || strings.Contains(was, "gone") || !strings.Contains(was, `"account_id":"`+w.bob.ID+`"`) {
			t.Errorf("%s", was)
		}
		g := w.second()
		w.code.Now.Advance(1e12)
		done, err := w.Import(t.Context(), g, bytes.NewReader(w.export(app)), false)
		if err != nil || done != (issue.Imported{Issues: 1, Comments: 1, Attachments: 1, Logs: 6}) {
			t.Fatalf("%+v %v", done, err)
		}
		is, isFiles := unzipped(t, w.export(second))
		for name, content := range wasFiles {
			was = strings.ReplaceAll(was, name, "FILE")
			for other, same := range isFiles {
				if same == content {
					is = strings.ReplaceAll(is, other, "FILE")
				}
			}
		}
		if is != was || len(isFiles) != 1 {
			t.Errorf("was\n%s\nis\n%s", was, is)
		}
		list, _, err := w.List(t.Context(), w.ada.Grant(access.ReadIssues, second), issue.Filter{Text: "said"}, "", 5)
		if err != nil || len(list) != 1 || list[0].Number != 2 || list[0].Votes != 1 {
			t.Errorf("what was imported isn't found: %+v %v", list, err)
		}
		next, err := w.Create(t.Context(), w.ada.Grant(access.WriteIssues, second), issue.Fields{Title: "next"})
		if err != nil || next.Number != 3 {
			t.Errorf("#%d %v", next.Number, err)
		}

		// A number that is taken: nothing happens; unless all is to be replaced.
		if _, err := w.Import(t.Context(), g, bytes.NewReader(w.export(app)), false); !errs.Is(err, errs.KindConflict) {
			t.Errorf("%v", err)
		}
		if n := w.count(`SELECT COUNT(*) FROM issue`) + w.count(`SELECT COUNT(*) FROM issue_attachment`); n != 3+2 {
			t.Errorf("%d rows after what was refused", n)
		}
		if _, err := w.Import(t.Context(), g, bytes.NewReader(w.export(app)), true); err != nil {
			t.Error(err)
		}
		if n := w.count(`SELECT COUNT(*) FROM issue`); n != 2 {
			t.Errorf("%d issues", n)
		}
		for _, g := range []access.Grant{{}, ada} {
			_, imported := w.Import(t.Context(), g, nil, false)
			if !errors.Is(imported, access.ErrNoGrant) || !errors.Is(w.Export(t.Context(), g, io.Discard), access.ErrNoGrant) {
				t.Error("without a grant")
			}
		}
	})
}

const times = `"created_on":"2013-01-22T15:55:13.573339+00:00","updated_on":"2013-03-21T04:26:26.733922+00:00","content_updated_on":"2013-03-21T03:44:04.660869+00:00"`

// bitbuckets is as Bitbucket writes an archive, with people whom nobody knows here.
const bitbuckets = `{
	"issues": [{"assignee": {"display_name": "Erik \u0007van Z", "account_id": "1:2"}, "component": null, "content": "Some **issue**.", "edited_on": null, "id": 7, "kind": "bug", "milestone": "M2",
		"priority": "major", "reporter": {"display_name": "Erik van Z", "account_id": "1:2"}, "status": "resolved", "title": "Test", "version": null, ` + times + `,
		"watchers": [{"display_name": "D", "account_id": "3"}, "bob"], "voters": ["bob", "bob"]}],
	"comments": [{"content": "Later", "created_on": "2014-03-21T03:44:04.660869+00:00", "id": 2, "issue": 7, "updated_on": null, "user": "BOB"},
		{"content": "Hi", "created_on": "2013-03-21T03:44:04.660869+00:00", "id": 3, "issue": 7, "updated_on": null, "user": "BOB"},
		{"content": null, "created_on": "2013-03-21T03:44:04+02:00", "id": 4, "issue": 7, "updated_on": null, "user": null}],
	"attachments": [{"filename": "cow_small.png", "issue": 7, "path": "attachments/cow_small.png", "user": null}, {"filename": "cow_small.png", "issue": 7, "path": "attachments/cow_small.png", "user": "bob"}],
	"logs": [{"changed_from": "new", "changed_to": "resolved", "comment": 4, "created_on": "2013-03-21T03:44:04.660869+00:00", "field": "status", "issue": 7, "user": null},
		{"changed_from": null, "changed_to": "x", "comment": 3, "created_on": "2013-03-21T03:44:04.660869+00:00", "field": "version", "issue": 7, "user": "x"}],
	"meta": {"default_assignee": null, "default_component": null, "default_kind": "bug", "default_milestone": null, "default_version": null},
	"components": [], "milestones": [{"name": "M1"}, {"name": "M2"}], "versions": []
}`

func TestImportOfBitbuckets(t *testing.T) {
	each(t, func(w *world) {
		g := w.ada.Grant(access.AdminIssues, app)
		done, err := w.Import(t.Context(), g, bytes.NewReader(zipOf(t, "attachments/", "", "db-2.0.json", bitbuckets, "attachments/cow_small.png", png)), false)
		if err != nil || done != (issue.Imported{Issues: 1, Comments: 2, Attachments: 2, Logs: 2}) {
			t.Fatalf("%+v %v", done, err)
		}
		now := w.get(7)
		if now.Reporter != (issue.Person{Name: "Erik van Z"}) || now.Assignee.ID != "" || now.Milestone != "M2" || now.Votes != 1 || now.Created.Year() != 2013 {
			t.Errorf("%+v", now)
		}
		if got := w.names(7); got != "cow_small-2.png image/png 12 bob|cow_small.png image/png 12 " {
			t.Errorf("%q", got)
		}
		changes, err := w.Changes(t.Context(), g, now)
		if err != nil || len(changes) != 3 {
			t.Fatalf("%+v %v", changes, err)
		}
		told := fmt.Sprint(changes)
		if !strings.Contains(told, "assignee Erik van Z ") || !strings.Contains(told, "status new resolved") {
			t.Error(told)
		}
		comments, err := w.Comments(t.Context(), g, now, "", 10)
		if err != nil || len(comments) != 2 || comments[0].Body != "Hi" || comments[0].Number != 1 || comments[1].Body != "Later" {
			t.Errorf("%+v %v", comments, err)
		}
		if got := w.mails(); strings.Contains(got, "#7") {
			t.Errorf("an import mails: %q", got)
		}
	})
}

// Whatever is wrong with an archive: it is told what, and nothing is changed.
func TestHostileArchives(t *testing.T) {
	one := func(change ...string) string { return strings.NewReplacer(change...).Replace(bitbuckets) }
	with := func(text string) []byte { return zipOf(t, "db-2.0.json", text, "attachments/cow_small.png", png) }
	bomb := zipOf(t, "db-2.0.json", `{"issues":[`+strings.Repeat(" ", 65<<20)+`]}`)
	large := zipOf(t, "db-2.0.json", bitbuckets, "attachments/cow_small.png", strings.Repeat("x", issue.MaxAttachment+1))
	damaged := bytes.Replace(large, []byte("attachments/cow_small.png"), []byte("attachments/cow_small.pnG"), 1)
	many := []string{}
	for n := range 20_001 {
		many = append(many, fmt.Sprint(n), "")
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":               {nil, "isn't a zip"},
		"no zip":                {[]byte("PK\x03\x04 no"), "isn't a zip"},
		"another zip":           {zipOf(t, "a/db-2.0.json", bitbuckets), "no file db-2.0.json"},
		"a bomb":                {bomb, "larger than 64 MiB"},
		"a file too large":      {large, "is too large"},
		"too many files":        {zipOf(t, many...), "more than 20000 files"},
		"out of the archive":    {zipOf(t, "db-2.0.json", bitbuckets, "../../etc/passwd", "x"), "can't be right"},
		"absolute":              {zipOf(t, "db-2.0.json", bitbuckets, "/etc/passwd", "x"), "can't be right"},
		"backslashes":           {zipOf(t, "db-2.0.json", bitbuckets, `..\x`, "x"), "can't be right"},
		"twice":                 {zipOf(t, "db-2.0.json", bitbuckets, "db-2.0.json", bitbuckets), "can't be right"},
		"a name without sense":  {zipOf(t, "db-2.0.json", bitbuckets, "\xff\xfe", "x"), "can't be right"},
		"damaged":               {damaged, ""},
		"no JSON":               {with("{"), "line 1"},
		"a list":                {with("[]"), "line 1"},
		"deep":                  {with(strings.Repeat(`{"issues":[`, 20_000)), "isn't what an issue tracker exports"},
		"no UTF-8":              {with(one("Test", "T\xffst")), "isn't UTF-8"},
		"a NUL":                 {with(one("Test", `T\u0000st`)), "Use one line of text"},
		"a kind":                {with(one(`"kind": "bug"`, `"kind": "<script>"`)), "Its kind is none"},
		"a state":               {with(one(`"resolved", "title"`, `"done", "title"`)), "Its status is none"},
		"a priority":            {with(one(`"major"`, `"top"`)), "Its priority is none"},
		"a number":              {with(one(`"id": 7`, `"id": -7`)), "isn't a number"},
		"a large number":        {with(one(`"id": 7`, `"id": 1e30`)), "line"},
		"the same twice":        {with(one(`"issues": [`, `"issues": [{"id":7,"title":"x","kind":"bug","priority":"minor","status":"new",`+times+`},`)), "two issues #7"},
		"no title":              {with(one(`"Test"`, `" "`)), "Say in one line"},
		"no time":               {with(one(`"created_on":"2013-01-22T15:55:13.573339+00:00",`, "")), "when it was created"},
		"a time":                {with(one("2013-01-22", "0001-02-22")), "time that can't be right"},
		"no such milestone":     {with(one(`{"name": "M2"}`, `{"name": "M3"}`)), "milestone isn't in the archive's list"},
		"a milestone twice":     {with(one(`"M1"`, `"m2"`)), "there twice"},
		"a milestone's name":    {with(one(`"M1"`, `""`)), "can't be taken"},
		"a comment of nothing":  {with(one(`"id": 3, "issue": 7`, `"id": 3, "issue": 8`)), "issue #8"},
		"a log of nothing":      {with(one(`"field": "version", "issue": 7`, `"field": "version", "issue": 8`)), "issue #8"},
		"a file of nothing":     {with(one(`"issue": 7, "path"`, `"issue": 8, "path"`)), "issue #8"},
		"a file that isn't":     {with(one("attachments/cow", "../cow")), "isn't in the archive"},
		"a file that is none":   {zipOf(t, "db-2.0.json", one("attachments/cow_small.png", "attachments"), "attachments/", ""), "isn't in the archive"},
		"a comment too long":    {with(one(`"Hi"`, `"`+strings.Repeat("x", 65<<10)+`"`)), "64 KB"},
		"a milestone too often": {with(one(`{"name": "M1"}`, strings.Repeat(`{"name": "M1"},`, 300)+`{"name": "M1"}`)), "302 milestones"},
	} {
		t.Run(name, func(t *testing.T) { hostile(t, c.data, c.says) })
	}
}

func hostile(t *testing.T, data []byte, says string) {
	w := onSQLite(t)
	w.raise(w.ada, "there already")
	_, err := w.Import(t.Context(), w.ada.Grant(access.AdminIssues, app), bytes.NewReader(data), true)
	if told := errs.Fields(err)["archive"]; told == "" || !strings.Contains(told, says) {
		t.Errorf("%v", err)
	}
	left := w.count(`SELECT COUNT(*) FROM issue`) + w.count(`SELECT COUNT(*) FROM issue_attachment`) + w.count(`SELECT COUNT(*) FROM issue_choice`) + w.count(`SELECT COUNT(*) FROM issue_comment`)
	if left != 1 || w.get(1).Title != "there already" {
		t.Errorf("something was changed: %d rows", left)
	}
}
