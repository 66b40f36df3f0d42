package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

// counted is an answer of which only the size and the header are kept.
type counted struct {
	*httptest.ResponseRecorder
	bytes int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	if c.bytes == int64(len(p)) { // the first piece sends the header
		c.ResponseRecorder.WriteHeader(http.StatusOK)
	}
	return len(p), nil
}

func (b *browser) counts(method, path string) *counted {
	b.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	c := &counted{ResponseRecorder: httptest.NewRecorder()}
	b.handler.ServeHTTP(c, r)
	return c
}

// memory runs something and gives by how many bytes the memory of this process
// was, at its highest, above what it was before.
func memory(t testing.TB, run func()) int64 {
	t.Helper()
	read := func(what string) int64 {
		status, err := os.ReadFile("/proc/self/status")
		found := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(status)
		if err != nil || found == nil {
			t.Fatalf("%v: %s", err, status)
		}
		kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64)
		return kilobytes << 10
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the highest is now
		t.Fatal(err)
	}
	before := read("VmRSS")
	run()
	return read("VmHWM") - before
}

// A repository with a file of a gigabyte is shown, and the file is sent, while
// neither Sallyport nor git holds it: git's own limit is in TestMemoryOfGit.
func TestAGigabyteFile(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	gittest.HoldsAGigabyte(t, w.repositoryDir())
	const base = "/acme/vault"
	used := memory(t, func() {
		for path, words := range map[string]string{
			"":                    "huge.txt",
			"/src/main/":          "huge.txt",
			"/src/main/huge.txt":  "too large to be shown",
			"/commits/main":       "Huge",
			"/search/main?q=mall": "small",
			"/find/main?q=huge":   "huge.txt",
		} {
			b.is(b.get(base+path), 200, words)
		}
		b.is(b.get(base+"/blame/main/huge.txt"), 200, "This file is too large")
		tip := gittest.Run(t, w.repositoryDir(), nil, "rev-parse", "main")
		b.is(b.get(base+"/commits/"+tip), 200, "huge.txt", "1 file changed", "1 GiB after")
		b.sendsTheGigabyte(base + "/raw/main/huge.txt")
		if c := b.counts(http.MethodGet, base+"/get/main.zip"); c.Code != 200 || c.bytes < 1<<20 {
			t.Errorf("the archive: %d, %d bytes", c.Code, c.bytes)
		}
	})
	if used > 128<<20 {
		t.Errorf("%d MiB were used", used>>20)
	}
}

func (b *browser) sendsTheGigabyte(path string) {
	b.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		c := b.counts(method, path)
		sent := map[string]int64{http.MethodGet: gittest.Gigabyte}[method]
		if c.Code != 200 || c.bytes != sent {
			b.Errorf("%s %s: %d, %d bytes: %s", method, path, c.Code, c.bytes, c.Body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/plain; charset=utf-8", "Content-Length": fmt.Sprint(gittest.Gigabyte), "Accept-Ranges": "none",
			"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
		} {
			if got := c.Header().Get(name); got != want {
				b.Errorf("%s: %s is %q, want %q", method, name, got, want)
			}
		}
	}
}

// A large file that isn't text is saved, one whose beginning is cut in the middle
// of a letter is text all the same, and the bytes are those that were pushed.
func TestLargeRawFiles(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	text := strings.Repeat("x", rawHead-1) + strings.Repeat("é", 2<<20)
	data := string(bytes.Repeat([]byte{0, 1, 0xff}, 1<<20))
	w.pushes(map[string]string{"text": text, "data": data, "image.png": data})
	for name, want := range map[string]string{"text": "text/plain; charset=utf-8", "data": "application/octet-stream", "image.png": "image/png"} {
		p := b.get("/acme/vault/raw/main/" + name)
		if p.Code != 200 || p.Header().Get("Content-Type") != want || p.Body.String() != map[string]string{"text": text}[name]+map[string]string{"data": data, "image.png": data}[name] {
			t.Errorf("%s: %d, %s, %d bytes", name, p.Code, p.Header().Get("Content-Type"), p.Body.Len())
		}
		if saved := p.Header().Get("Content-Disposition") == "attachment"; saved != (name == "data") {
			t.Errorf("%s: saved: %t", name, saved)
		}
	}
}

// A folder of a hundred thousand files is shown page by page, in answers of a
// bounded size, and its files are found.
func TestAFolderOfAHundredThousandFiles(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	gittest.HoldsManyFiles(t, w.repositoryDir(), 100_000)
	const base, most = "/acme/vault", 2 << 20
	for path, words := range map[string]string{
		"":                               "many",
		"/src/main/many":                 "More files",
		"/src/main/many?after=file09000": "file090000",
		"/src/main/many/file099999":      "needle",
		"/find/main?q=file099999":        "many/file099999",
		"/search/main?q=needle":          "many/file000000",
		"/blame/main/many/file050000":    "needle",
		"/commits/main/many/file050000":  "Many",
	} {
		p := b.is(b.get(base+path), 200, words)
		if p.Body.Len() > most {
			t.Errorf("%s has %d bytes", path, p.Body.Len())
		}
	}
	tip := gittest.Run(t, w.repositoryDir(), nil, "rev-parse", "main")
	last := false // what each file changed in last is looked for once, beside the first pages
	for range 200 {
		last = last || strings.Contains(b.get(base+"/src/main/many").text, `<span class="last"><a href="/acme/vault/commits/`+tip+`">Many</a>`)
	}
	if !last {
		t.Error("the last commits of the folder's files aren't shown")
	}
	for _, path := range []string{"/commits/" + tip, "/get/main.zip", "/find/main?q=f"} {
		if p := b.get(base + path); p.Code != 200 && p.Code != 413 || p.Code == 413 && !strings.Contains(p.text, "lone") || p.Body.Len() > 32<<20 {
			t.Errorf("%s: %d, %d bytes: %.500s", path, p.Code, p.Body.Len(), p.text)
		}
	}
}
