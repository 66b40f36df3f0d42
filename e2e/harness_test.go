package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const faulty = `<!doctype html><html><head><title></title><link rel="icon" href="data:,"></head><body>
<h1>One</h1><h1>Two</h1><h3>Skipped</h3>
<input name="a"><input type="password" aria-label="Password"><label for="nowhere">x</label>
<button></button><a href="/x"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></a>
<svg width="9" height="9"></svg><table><tr><td>1</td></tr></table>
<p style="color:red">inline</p><p class="pale">pale</p><pre class="wide">wide</pre>
<b id="x"></b><b id="x"></b><p role="nothing">axe</p><script src="/gone.js"></script><script src="/noise.js"></script>
<link rel="stylesheet" href="/s.css">
</body></html>`

// The checks must be able to fail: each fault of a page that has them all is seen.
func TestTheChecksSeeFaults(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:")
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, faulty)
		case "/s.css":
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, `.pale { color: #aaa; background: #fff } .wide { width: 2000px } button { width: 5px; height: 5px; padding: 0 }`)
		case "/noise.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.log("noise"); document.body.style.paddingTop = "300px"; throw new Error("thrown")`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(site.Close)

	p := (&server{t: t, code: site.URL}).comes(t, "tester")
	p.do(p.loads(site.URL + "/"))
	found := strings.Join(slices.Concat(p.seen.take(), ask[[]string](p, checkScript), p.findings()), "\n")
	for _, each := range []string{
		"doesn't say its language", "has no title", "0 main parts", "2 h1", "heading level 3 after 1",
		`a field without a label: <input name="a"`, "managers can't tell", "for points nowhere", "nameless: <button",
		"nameless: <a", "a picture without words", "a drawing without words", "a table without headings",
		"px wide in a window of 1280", `"pale" in`, "two things have the id x", "too small to tap",
		"gone.js: status 404", "console log", "exception", "security error", "ContentSecurityPolicyIssue",
		"axe aria-roles: p[role=\"nothing\"]", "axe label: input[name=\"a\"]", "moved by itself",
	} {
		if !strings.Contains(found, each) {
			t.Errorf("not seen: %s", each)
		}
	}
	if t.Failed() {
		t.Log(found)
	}
}
