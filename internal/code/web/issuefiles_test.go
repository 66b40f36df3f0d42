package web

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

const onePixel = "\x89PNG\r\n\x1a\n0000"

func TestIssueAttachments(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other, eve := w.signedIn("ada"), w.signedIn("other"), w.signedIn("eve")
	b.founds()
	other.joins(b, "other@example.com")
	const at = "/acme/vault/issues"

	// A form that is refused keeps the file that came with it, and nobody else sees it.
	p := b.is(b.attaches(at+"/new", "attachment", "shot.png", []byte(onePixel), "title", "", "text", "kept text ![](shot.png)"), 400, "Say in one line", "kept text", "shot.png", "12 bytes, sent already")
	id := p.find(t, `name="attached" value="([^"]+)" checked`)
	b.is(b.post(at+"/new", "title", "Look", "text", "![](shot.png)", "attached", id, "preview", "1"), 200, `src="/acme/vault/issues/new/attachments/shot.png"`, `value="`+id+`" checked`)
	b.is(b.get(at+"/new/attachments/shot.png"), 200)
	other.is(other.get(at+"/new/attachments/shot.png"), 404)
	b.leads(b.post(at+"/new", "title", "Look", "text", "![](shot.png)", "attached", id, "kind", "bug", "priority", "major"), at+"/1")
	b.is(b.get(at+"/1"), 200, "Attachments", `src="/acme/vault/issues/1/attachments/shot.png"`)
	b.is(b.get(at+"/new/attachments/shot.png"), 404)

	// Nothing of a file runs: an image shows, all else is saved.
	files := map[string]string{"shot.png": onePixel, "x.svg": "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "x.html": "<script>alert(1)</script>", "fake.png": "<html>", "a b\"c%.txt": "plain"}
	for name, data := range files {
		if name != "shot.png" {
			other.leads(other.attaches(at+"/1", "attachment", name, []byte(data), "text", ""), at+"/1")
		}
		path := other.get(at+"/1").find(t, `href="(/acme/vault/issues/1/attachments/`+strings.NewReplacer(".", `\.`, `a b"c%`, "a%20b%22c%25").Replace(name)+`)"`)
		p := other.is(other.get(path), 200)
		header := p.Header()
		if p.Body.String() != data || header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %v", name, header)
		}
		kind, saved := header.Get("Content-Type"), strings.HasPrefix(header.Get("Content-Disposition"), "attachment")
		if name == "shot.png" && (kind != "image/png" || saved) || name != "shot.png" && (kind != "application/octet-stream" || !saved) {
			t.Errorf("%s: %v", name, header)
		}
	}

	// Too large, too many at once: the text stays, the others too.
	b.is(b.attaches(at+"/1", "attachment", "big.bin", make([]byte, issue.MaxAttachment+1), "text", "my words"), 400, "big.bin is too large", "my words")
	p = b.is(b.attaches(at+"/1", "attachment", "later.txt", []byte("x"), "text", "*mine*", "preview", "1"), 200, "Preview: not saved yet", "<em>mine</em>", "later.txt")
	if strings.Contains(b.get(at+"/1").text, "later.txt") {
		t.Error("a file is there before its comment")
	}
	b.leads(b.post(at+"/1", "text", "*mine*", "attached", p.find(t, `name="attached" value="([^"]+)"`)), at+"/1")
	b.is(b.get(at+"/1"), 200, "attachment: none → later.txt")

	// Deleted by whom it is, or who may write.
	other.leads(other.post(at+"/1/detach", "file", "x.svg"), at+"/1")
	b.is(b.get(at+"/1"), 200, "attachment: x.svg → none")
	b.is(b.get(at+"/1/attachments/x.svg"), 404)
	b.is(b.post(at+"/1/detach", "file", "x.svg"), 404)

	// Who may not read the tracker reads no file of it.
	nobody := w.browser()
	nobody.leads(nobody.get(at+"/1/attachments/shot.png"), "/login")
	eve.is(eve.get(at+"/1/attachments/shot.png"), 404)
	eve.is(eve.attaches(at+"/1", "attachment", "x", []byte("x"), "text", "x"), 404)
	b.leads(b.post("/acme/vault/admin/issues", "issues", "on", "visibility", "public"), "/acme/vault/admin/issues")
	nobody.is(nobody.get(at+"/1/attachments/shot.png"), 200)
	eve.leads(eve.attaches(at+"/1", "attachment", "hers.txt", []byte("x"), "text", "me too"), at+"/1")
	eve.is(eve.post(at+"/1/detach", "file", "shot.png"), 404)
	if _, err := db.Exec(t.Context(), w.DB, `UPDATE workspace SET require_two_step = TRUE`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), w.DB, `UPDATE repository SET issues_public = FALSE`); err != nil {
		t.Fatal(err)
	}
	if p := other.is(other.get(at+"/1/attachments/shot.png"), 403); strings.Contains(p.text, "PNG") || strings.Contains(p.text, "Look") {
		t.Error("a blocked member sees a file")
	}
}

// A form with files is kept like any other where a challenge comes between.
func TestAFormWithFilesKeepsItsText(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	if _, err := db.Exec(t.Context(), w.DB, `UPDATE workspace SET require_two_step = TRUE`); err != nil {
		t.Fatal(err)
	}
	const at = "/acme/vault/issues/new"
	p := b.is(b.attaches(at, "attachment", "x.bin", bytes.Repeat([]byte("x"), 1<<20), "title", "Typed", "text", "long words"), http.StatusForbidden, "Set up two-step verification")
	back := b.enrols(p.find(t, `href="([^"]*two-step-verification/[^"]*return[^"]*)"`))
	b.is(b.get(back), 200, `value="Typed"`, "long words")
	if n, err := db.One[int](t.Context(), w.DB, `SELECT COUNT(*) FROM issue_attachment`); err != nil || n != 0 {
		t.Errorf("%d files of somebody who was refused are kept: %v", n, err)
	}
	for _, body := range []string{"", "--x", "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nHalf"} {
		r, err := http.NewRequest(http.MethodPost, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path = at
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		b.is(b.send(r), 400)
	}
	b.is(b.attaches(at, "attachment", "x", nil, "title", strings.Repeat("x", 3<<20)), 400, "The form is too large")
}

func TestTrackerThereAndBack(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b, other, eve := w.signedIn("ada"), w.signedIn("other"), w.signedIn("eve")
	b.founds()
	other.joins(b, "other@example.com")
	const settings, at = "/acme/vault/admin/issues", "/acme/vault/issues"
	b.leads(b.attaches(at+"/new", "attachment", "shot.png", []byte(onePixel), "title", "Look", "text", "words"), at+"/1")
	b.is(b.get(settings), 200, "Export issues", "Import issues")
	sent := b.is(b.get(settings+"/export"), 200)
	if got := sent.Header(); got.Get("Content-Type") != "application/zip" || !strings.Contains(got.Get("Content-Disposition"), "acme-vault-issues.zip") {
		t.Error(got)
	}
	data := sent.Body.Bytes()
	b.is(b.attaches(settings+"/import", "archive", "x.zip", []byte("no zip")), 400, "isn't a zip")
	b.is(b.attaches(settings+"/import", "archive", "x.zip", data), 409, "There is an issue #1 already")
	b.is(b.attaches(settings+"/import", "archive", "x.zip", data, "replace", "other"), 400, "Type vault to replace", `value="other"`)
	b.is(b.attaches(settings+"/import", "other", "", nil), 400, "Choose a file")
	b.is(b.post(settings+"/import"), 400, "Choose a file")
	b.leads(b.attaches(settings+"/import", "archive", "x.zip", data, "replace", "vault"), at)
	b.is(b.get(at+"?state=all"), 200, "All of it was imported", "Look")
	b.is(b.get(at+"/1/attachments/shot.png"), 200)
	for _, p := range []page{other.get(settings + "/export"), other.attaches(settings+"/import", "archive", "x.zip", data)} {
		other.is(p, 403)
	}
	eve.is(eve.get(settings+"/export"), 404)
}
