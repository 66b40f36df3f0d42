package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db/dbtest"
)

// texts are the names of fields that are typed into.
var texts = []string{"name", "email", "username", "label", "title", "key", "confirm", "description", "networks", "text"}

// Every form that is sensitive: with an old step it leads to the second step,
// and from there back to its page, with what was typed.
func TestEverySensitiveFormAsksForAFreshStepAndIsKept(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	owner := w.signedIn("owner")
	owner.founds()
	group := owner.leadsTo(owner.post("/acme/workspace/settings/groups", "name", "Devs"))
	owner.is(owner.get(group), 200, "Scripts call it devs")
	snippet := owner.leadsTo(owner.post("/acme/snippets/new", "title", "Notes", "name-0", "a.txt", "text-0", "a", "files", "1"))
	owner.enrols(twoStepPath)
	const typed = "Größe <x>"
	typing := regexp.MustCompile(`(<input type="(text|email)" [^>]*|<textarea [^>]*)name="(` + strings.Join(texts, "|") + `)"`)
	tried := 0
	for _, route := range w.Routes().List() {
		if route.Method != http.MethodPost || !route.Action.Sensitive() {
			continue
		}
		switch strings.TrimPrefix(route.Pattern, twoStepPath) {
		case "app", "key", "key/options", "factor":
			continue // of a set-up or a factor that the form names: they have tests of their own
		}
		path := strings.NewReplacer("/acme/workspace/settings/groups/x", group, "/snippets/acme/x", snippet).Replace(address(route.Pattern))
		w.now.Advance(access.FreshFor + time.Minute)
		fields := []string{"code", "123456"}
		for _, name := range texts {
			fields = append(fields, name, typed)
		}
		verify := owner.leads(owner.post(path, fields...), "/login/verify")
		p := owner.is(owner.get(verify), 200, "from the last 15 minutes")
		answered := owner.post("/login/verify", "return", p.find(t, `name="return" value="([^"]*)"`), "code", owner.code())
		back := answered.Header().Get("Location")
		if answered.Code != http.StatusSeeOther || !strings.Contains(back, "?kept=") {
			t.Errorf("%s leads back to %q", route.Pattern, back)
			continue
		}
		page := owner.get(back)
		said := strings.Contains(page.text, "once more")
		if page.Code != http.StatusOK || strings.Contains(page.text, "123456") {
			t.Errorf("%s comes back to %s, %d", route.Pattern, back, page.Code)
		}
		for _, form := range regexp.MustCompile(`(?s)<form method="post" action="`+regexp.QuoteMeta(path)+`">.*?</form>`).FindAllString(page.text, -1) {
			said = true
			if typing.MatchString(form) && !strings.Contains(form, typed) {
				t.Errorf("%s comes back without what was typed: %s", route.Pattern, form)
			}
		}
		if !said {
			t.Errorf("%s comes back to %s without a word, and without the form", route.Pattern, back)
		}
		tried++
	}
	if tried < 15 {
		t.Errorf("only %d forms were tried", tried)
	}
}
