package issue_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// png begins as a PNG does.
const png = "\x89PNG\r\n\x1a\n0000"

func (w *world) upload(g access.Grant, name, data string) issue.Attachment {
	w.Helper()
	made, err := w.Upload(w.Context(), g, name, iotest.OneByteReader(strings.NewReader(data)))
	if err != nil {
		w.Fatal(err)
	}
	return made
}

func (w *world) count(statement string) int {
	w.Helper()
	n, err := db.One[int](w.Context(), w.DB, statement)
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// names lists the files of an issue.
func (w *world) names(number int64) string {
	w.Helper()
	g := w.bob.Grant(access.ReadIssues, app)
	list, err := w.Attachments(w.Context(), g, w.get(number))
	if err != nil {
		w.Fatal(err)
	}
	var told []string
	for _, a := range list {
		told = append(told, fmt.Sprintf("%s %s %d %s", a.Name, a.Kind, a.Size, a.Author.Username))
	}
	return strings.Join(told, "|")
}

func TestAttachments(t *testing.T) {
	each(t, func(w *world) {
		ada, bob := w.ada.Grant(access.WriteIssues, app), w.bob.Grant(access.RaiseIssues, app)
		large := strings.Repeat("0123456789abcdef", 40_000) // of some pieces
		shot, log := w.upload(bob, `C:\Users\bob\shot.png`, png), w.upload(bob, "../../big.log", large)
		if _, err := w.Create(t.Context(), bob, issue.Fields{Title: "With files"}, shot.ID, log.ID, "none"); err != nil {
			t.Fatal(err)
		}
		if got := w.names(1); got != "big.log  640000 bob|shot.png image/png 12 bob" {
			t.Errorf("%q", got)
		}
		var out bytes.Buffer
		found, err := w.Attachment(t.Context(), w.bob.Grant(access.ReadIssues, app), w.get(1), "big.log")
		if err == nil {
			err = w.WriteAttachment(t.Context(), w.bob.Grant(access.ReadIssues, app), found, &out)
		}
		if err != nil || out.String() != large {
			t.Errorf("%d bytes of %d: %v", out.Len(), len(large), err)
		}

		// With a comment, or alone; a name that is taken gets a number, or gives way.
		again := w.upload(ada, "shot.png", "no picture")
		if id, err := w.AddComment(t.Context(), ada, 1, issue.Reply{Files: []string{again.ID}}); err != nil || id != 0 {
			t.Fatalf("%d %v", id, err)
		}
		if got := w.names(1); got != "big.log  640000 bob|shot-2.png  10 ada|shot.png image/png 12 bob" {
			t.Errorf("%q", got)
		}
		if err := w.Attach(t.Context(), bob, 1, []string{w.upload(bob, "big.log", "").ID}, true); err != nil {
			t.Fatal(err)
		}
		if got := w.names(1); got != "big.log  0 bob|shot-2.png  10 ada|shot.png image/png 12 bob" {
			t.Errorf("%q", got)
		}
		if err := w.Detach(t.Context(), bob, 1, "shot-2.png"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("another's: %v", err)
		}
		if err := errors.Join(w.Detach(t.Context(), bob, 1, "shot.png"), w.Detach(t.Context(), ada, 1, "big.log")); err != nil {
			t.Error(err)
		}
		changes, err := w.Changes(t.Context(), ada, w.get(1))
		told := ""
		for _, c := range changes {
			told += fmt.Sprintf("%s %s>%s;", c.Field, c.Was, c.Became)
		}
		if err != nil || told != "attachment >shot-2.png;attachment >big.log;attachment shot.png>;attachment big.log>;" {
			t.Errorf("%q %v", told, err)
		}
		if now := w.get(1); now.Revision != 1 {
			t.Errorf("whoever edits the issue is told of a conflict with a file: revision %d", now.Revision)
		}

		// What goes takes its bytes with it.
		if err := w.Delete(t.Context(), w.ada.Grant(access.AdminIssues, app), 1); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT COUNT(*) FROM issue_attachment_part`); n != 0 {
			t.Errorf("%d pieces are left", n)
		}
	})
}

func TestAttachmentsThatAreRefused(t *testing.T) {
	each(t, func(w *world) {
		w.raise(w.bob, "x")
		ada, bob := w.ada.Grant(access.WriteIssues, app), w.bob.Grant(access.RaiseIssues, app)
		if _, err := w.Upload(t.Context(), bob, "a", io.LimitReader(zeros{}, issue.MaxAttachment+1)); errs.Fields(err)["attachment"] == "" {
			t.Errorf("too large: %v", err)
		}
		broken := io.MultiReader(io.LimitReader(zeros{}, 1<<20), iotest.ErrReader(io.ErrUnexpectedEOF)) // as multipart says it
		if _, err := w.Upload(t.Context(), bob, "a", broken); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("broken off: %v", err)
		}
		if n := w.count(`SELECT COUNT(*) FROM issue_attachment`) + w.count(`SELECT COUNT(*) FROM issue_attachment_part`); n != 0 {
			t.Errorf("%d rows of what was refused are left", n)
		}
		for name, want := range map[string]string{
			"": "file", "..": "file", "/": "file", "a/..": "file", "a\x00b\n.txt": "ab.txt", "\xff.txt": "_.txt", "gnp.\u202etxt": "gnp.txt",
			strings.Repeat("x", 300) + ".png": strings.Repeat("x", 196) + ".png",
		} {
			if made := w.upload(bob, name, "x"); made.Name != want {
				t.Errorf("%.20q is %q", name, made.Name)
			}
		}
		for _, data := range []string{"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "<html><script>alert(1)</script>", "GIF", ""} {
			if made := w.upload(bob, "picture.png", data); made.Kind != "" {
				t.Errorf("%q is %s", data, made.Kind)
			}
		}

		// Nobody else's upload can be taken, nor one of another repository.
		mine := w.upload(bob, "mine.txt", "x")
		if err := w.Attach(t.Context(), ada, 1, []string{mine.ID}, false); err != nil || w.names(1) != "" {
			t.Errorf("another's upload: %v %q", err, w.names(1))
		}
		if list, err := w.Uploads(t.Context(), ada, []string{mine.ID}); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		if list, err := w.Uploads(t.Context(), bob, []string{mine.ID, mine.ID[1:]}); err != nil || len(list) != 1 {
			t.Errorf("%v %v", list, err)
		}

		// Counts: of what no form took, and of an issue.
		taken := []string{}
		for n := w.count(`SELECT COUNT(*) FROM issue_attachment`); n < 50; n++ {
			taken = append(taken, w.upload(bob, fmt.Sprint(n), "x").ID)
		}
		if _, err := w.Upload(t.Context(), bob, "a", strings.NewReader("x")); errs.Fields(err)["attachment"] == "" {
			t.Errorf("too many uploads: %v", err)
		}
		w.sql(`INSERT INTO issue_attachment (id, repository, issue, name, kind, size, author_name, created)
			SELECT 'a' || number, repository, id, 'a', '', 1, '', 0 FROM issue`)
		for n := range issue.MaxAttached - 1 {
			w.sql(`INSERT INTO issue_attachment (id, repository, issue, name, kind, size, author_name, created) SELECT $1, repository, id, $1, '', 1, '', 0 FROM issue`, fmt.Sprint("b", n))
		}
		if err := w.Attach(t.Context(), bob, 1, taken[:1], false); errs.Fields(err)["attachment"] == "" {
			t.Errorf("too many files: %v", err)
		}
		w.sql(`UPDATE issue_attachment SET size = $1 WHERE id = 'a1'`, 1<<30)
		if _, err := w.Upload(t.Context(), ada, "a", strings.NewReader("x")); errs.Fields(err)["attachment"] == "" {
			t.Errorf("too much together: %v", err)
		}

		// What no form took is removed after a day, what an issue has stays.
		w.code.Now.Advance(25 * time.Hour)
		for _, j := range w.Jobs() {
			if err := j.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if left := w.count(`SELECT COUNT(*) FROM issue_attachment`); left != issue.MaxAttached {
			t.Errorf("%d files", left)
		}
		w.sql(`DELETE FROM repository`)
		if n := w.count(`SELECT COUNT(*) FROM issue_attachment`) + w.count(`SELECT COUNT(*) FROM issue_text`); n != 0 {
			t.Errorf("%d rows outlast their repository", n)
		}
		read := w.bob
		for _, g := range []access.Grant{{}, read.Grant(access.ReadSelf, access.Target{})} {
			_, uploaded := w.Upload(t.Context(), g, "x", strings.NewReader("x"))
			_, listed := w.Attachments(t.Context(), g, issue.Issue{})
			_, found := w.Attachment(t.Context(), g, issue.Issue{}, "x")
			_, pending := w.Uploads(t.Context(), g, nil)
			for name, err := range map[string]error{
				"upload": uploaded, "list": listed, "get": found, "uploads": pending, "attach": w.Attach(t.Context(), g, 1, nil, false),
				"detach": w.Detach(t.Context(), g, 1, "x"), "read": w.WriteAttachment(t.Context(), g, issue.Attachment{}, io.Discard),
			} {
				if !errors.Is(err, access.ErrNoGrant) {
					t.Errorf("%s with a grant for %v: %v", name, g.Action(), err)
				}
			}
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
