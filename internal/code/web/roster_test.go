package web

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
)

const members = "/acme/workspace/settings/members"

// While a grace runs, each page of the workspace says so to members who aren't
// ready, with the way to it and back; and to nobody else.
func TestGraceBanner(t *testing.T) {
	each(t, func(w *world) {
		owner, member, guest := w.signedIn("owner"), w.signedIn("member"), w.signedIn("guest")
		owner.founds()
		member.joins(owner, "member@example.com")
		owner.enrols(twoStepPath)
		owner.post("/acme/workspace/create-repository", "name", "site", "description", "", "visibility", "public")
		owner.saves("require", "from", "grace", "7")
		const says = "Acme Works will require two-step verification from 8 July 2026"
		for _, route := range w.Routes().List() {
			if route.Method != "GET" || !strings.Contains(route.Pattern, "{workspace}") {
				continue
			}
			path := address(route.Pattern)
			if p := owner.get(path); strings.Contains(p.text, says) {
				t.Errorf("%s: the owner, who is ready, is told", path)
			}
			if p := member.get(path); p.Code == 200 && strings.HasPrefix(p.Header().Get("Content-Type"), "text/html") && !strings.Contains(p.text, says) {
				t.Errorf("%s: the member isn't told", path)
			}
		}
		if p := guest.is(guest.get("/acme/site"), 200); strings.Contains(p.text, "will require") {
			t.Error("an outsider is told")
		}
		p := member.is(member.get(members+"?q=member"), 200, says)
		if got := member.enrols(p.find(t, `href="([^"]*)">Set up two-step verification</a></p></div>`)); got != members+"?q=member" {
			t.Errorf("after enrolling: %s", got)
		}
		if p := member.get("/acme"); strings.Contains(p.text, says) {
			t.Error("who is ready is still told")
		}
	})
}

// The roster as a page and as CSV; a name can't be a formula.
func TestRosterPageAndCSV(t *testing.T) {
	each(t, func(w *world) {
		owner, member := w.signedIn("owner"), w.signedIn("member")
		owner.founds()
		member.joins(owner, "member@example.com")
		owner.enrols(twoStepPath)
		if _, err := db.Exec(t.Context(), w.Users.DB, `UPDATE code_user SET name = '=HYPERLINK("http://evil.example")' WHERE username = 'member'`); err != nil {
			t.Fatal(err)
		}
		owner.saves("require", "on")
		owner.is(owner.get(members), 200, "authenticator app", "Ready", "Blocked until set up", "Download as CSV")
		if p := owner.is(owner.get(members+"?standing=waiting"), 200, "member@example.com"); strings.Contains(p.text, ">Ready<") {
			t.Error("the filter lets through who is ready")
		}
		owner.is(owner.get(members+"?q=nobody"), 200, "Nobody here is like that")
		rows := func(b *browser, query string) [][]string {
			p := b.get(members + query + "format=csv")
			if !strings.HasPrefix(p.Header().Get("Content-Type"), "text/csv") || !strings.Contains(p.Header().Get("Content-Disposition"), "acme-members.csv") {
				t.Fatalf("%d %v", p.Code, p.Header())
			}
			rows, err := csv.NewReader(strings.NewReader(p.Body.String())).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		got := rows(owner, "?standing=enrol&")
		want := [][]string{
			{"username", "name", "role", "since", "email", "standing", "factors", "last_used", "required_from"},
			{"member", `'=HYPERLINK("http://evil.example")`, "member", "2026-07-01T12:00:00Z", "member@example.com", "must_enrol", "", "", ""},
		}
		got[1][7] = "" // of the counters that were written so far
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		owner.saves("require", "off")
		for _, row := range rows(member, "?") {
			if len(row) != 4 || strings.Contains(strings.Join(row, ""), "@") {
				t.Errorf("a member is given %q", row)
			}
		}
		if p := member.get(members); strings.Contains(p.text, "@example.com") || strings.Contains(p.text, "authenticator app") || strings.Contains(p.text, "Remind") {
			t.Error("a member sees evidence of others")
		}
		for text, want := range map[string]string{"": "", "a=b": "a=b", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "＝1": "'＝1"} {
			if got := plainCell(text); got != want {
				t.Errorf("%q: %q", text, got)
			}
		}
	})
}

func TestRemindAndSendAgain(t *testing.T) {
	each(t, func(w *world) {
		owner, member := w.signedIn("owner"), w.signedIn("member")
		owner.founds()
		member.joins(owner, "member@example.com")
		owner.enrols(twoStepPath)
		owner.leads(owner.post(members+"/remind"), members)
		owner.is(owner.get(members), 200, "Reminders are on their way")
		p := owner.is(owner.post(members+"/remind"), 429, "was reminded within the last day")
		if p.Header().Get("Retry-After") == "" {
			t.Error("it doesn't say when to try again")
		}
		owner.leads(owner.post(members+"/invite", "email", "new@example.com", "role", "member"), members)
		owner.is(owner.get(members), 200, "Send again to new@example.com")
		owner.is(owner.post(members+"/invite", "email", "new@example.com", "role", "member"), 429, "You can send it again in 1 minute")
		w.now.Advance(time.Minute)
		owner.leads(owner.post(members+"/invite", "email", "new@example.com", "role", "member"), members)
	})
}

// An invitation says what will be required, before anybody signs in.
func TestInvitationSaysWhatIsRequired(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		owner.saves("require", "from", "grace", "7")
		owner.is(owner.get(members), 200, "this workspace requires two-step verification, from 8 July 2026, 12:")
		owner.post(members+"/invite", "email", "new@example.com", "role", "member")
		path := w.invitation("new@example.com")
		w.browser().is(w.browser().get(path), 200, "Two-step verification of Code, ", "8 July 2026")
		if _, err := db.Exec(t.Context(), w.Users.DB, `UPDATE workspace SET require_from = 0, phishing_resistant = TRUE, accept_account = TRUE`); err != nil {
			t.Fatal(err)
		}
		owner.is(owner.get(path), 200, "with a security key or passkey", "MFA of your account will do as well", "After joining you are asked to set it up")
	})
}

func TestChart(t *testing.T) {
	if got := chartOf(nil); got.Points != "" {
		t.Error(got)
	}
	got := chartOf([]workspace.CoverageDay{{Day: 20000, Ready: 1, Total: 4}, {Day: 20001, Ready: 2, Total: 4}, {Day: 20004, Ready: 4, Total: 4}})
	want := chart{"0.0,44.0 75.0,30.0 300.0,2.0", "From 25 % ready on 4 October to 100 % on 8 October."}
	if got != want {
		t.Errorf("%+v", got)
	}
	if b := standingBadge(access.Strengthen, access.Policy{RequireTwoStep: true}, time.Time{}); b.Text != "Blocked until a key is added" {
		t.Error(b)
	}
}
