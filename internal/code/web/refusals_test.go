package web

import (
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/db/dbtest"
)

// Every reason has its page, or leads to where it is put right; a page says the
// rule in one sentence, why it applies, and has one button at most.
func TestEveryRefusalOnTheWeb(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	w.routes.Open(http.MethodGet, "/testing/{reason}", func(_ http.ResponseWriter, r *http.Request) error {
		for i, c := range codetest.Refusals() {
			if r.URL.Path == pathOf(i, c) {
				return &c.Refusal
			}
		}
		return nil
	})
	b := w.signedIn("ada")
	for i, c := range codetest.Refusals() {
		p := b.get(pathOf(i, c))
		if p.Code != c.Web || !strings.Contains(p.text+p.Header().Get("Location"), c.WebSays) {
			t.Errorf("%s: %d %s %s", c.Reason, p.Code, p.Header().Get("Location"), p.text)
		}
		if blocked := strings.Contains(p.text, "temporarily blocked"); blocked && (!strings.Contains(p.text, c.Sentence()) ||
			strings.Count(p.text, `class="button primary"`) > 1 || !strings.Contains(p.text, "Acme")) {
			t.Errorf("%s: %s", c.Reason, p.text)
		}
		if c.Outcome.Challenge() && c.Web == http.StatusSeeOther && !strings.Contains(p.Header().Get("Location"), "return=") {
			t.Errorf("%s doesn't come back: %s", c.Reason, p.Header().Get("Location"))
		}
		if says := whyVerify(c.Reason); c.Web == http.StatusSeeOther && c.Reason == access.ReasonPhishingResistant && !strings.Contains(says, "security keys and passkeys") {
			t.Errorf("%s: %s", c.Reason, says)
		}
	}
}

func pathOf(i int, c codetest.Refused) string {
	return "/testing/" + string(c.Reason) + string(rune('a'+i))
}
