package workspace_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
)

// logged are the actions of acme's log that fit, newest first.
func (p *person) logged(f workspace.AuditFilter, limit int) []string {
	p.Helper()
	entries, err := p.AuditLog(p.Context(), p.grant("acme", access.ReadAudit), f, limit)
	if err != nil {
		p.Fatal(err)
	}
	actions := []string{}
	for _, e := range entries {
		actions = append(actions, e.Action)
	}
	return actions
}

func TestTheAuditLogIsFilteredAndPaged(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		w.now.Advance(24 * time.Hour)
		bob.join(alice, access.Owner)
		if err := w.Rename(w.Context(), bob.grant("acme", access.ManageWorkspace), "Acme Two"); err != nil {
			w.Fatal(err)
		}
		if err := w.SetPlan(w.Context(), "acme", workspace.Free); err != nil {
			w.Fatal(err)
		}
		// Another workspace's entries are nobody's here.
		if _, err := w.Create(w.Context(), bob.grant("", access.CreateWorkspace), "beta", "Beta"); err != nil {
			w.Fatal(err)
		}
		day := w.now.Now().Truncate(24 * time.Hour)
		all := []string{"workspace.plan", "workspace.renamed", "invitation.accepted", "invitation.sent", "workspace.created"}
		for name, c := range map[string]struct {
			f    workspace.AuditFilter
			want []string
		}{
			"all":               {workspace.AuditFilter{}, all},
			"bob's":             {workspace.AuditFilter{Who: " Bob "}, []string{"workspace.renamed", "invitation.accepted"}},
			"the operator's":    {workspace.AuditFilter{Who: "operator"}, []string{"workspace.plan"}},
			"a stranger's":      {workspace.AuditFilter{Who: "eve"}, []string{}},
			"of a kind":         {workspace.AuditFilter{What: "invitation"}, []string{"invitation.accepted", "invitation.sent"}},
			"of one action":     {workspace.AuditFilter{What: "workspace.plan"}, []string{"workspace.plan"}},
			"of no kind":        {workspace.AuditFilter{What: "work"}, []string{}},
			"today":             {workspace.AuditFilter{From: day}, all[:4]},
			"before today":      {workspace.AuditFilter{To: day}, all[4:]},
			"by all at once":    {workspace.AuditFilter{Who: "bob", What: "workspace", From: day, To: day.Add(24 * time.Hour)}, []string{"workspace.renamed"}},
			"a pattern of LIKE": {workspace.AuditFilter{What: "%"}, []string{}},
		} {
			if diff := cmp.Diff(c.want, alice.logged(c.f, 50)); diff != "" {
				w.Errorf("%s: %s", name, diff)
			}
		}
		var paged []string
		for before := int64(0); ; {
			page, err := w.AuditLog(w.Context(), alice.grant("acme", access.ReadAudit), workspace.AuditFilter{Before: before}, 2)
			if err != nil || len(page) > 2 {
				w.Fatal(page, err)
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				paged, before = append(paged, e.Action), e.Seq
			}
		}
		if diff := cmp.Diff(all, paged); diff != "" {
			w.Error(diff)
		}
		var out strings.Builder
		if err := w.ExportAudit(w.Context(), alice.grant("acme", access.ReadAudit), &out); err != nil {
			w.Fatal(err)
		}
		var exported []string
		for line := range strings.Lines(out.String()) {
			var r audit.Record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				w.Fatal(err)
			}
			exported = append([]string{r.Action}, exported...)
		}
		if diff := cmp.Diff(all, exported); diff != "" {
			w.Error(diff)
		}
		if got := bob.logged(workspace.AuditFilter{Who: "bob"}, 1); len(got) != 1 {
			w.Errorf("%v", got)
		}
	})
}

// Refusals are counted, not written one by one.
func TestRefusalsAreCounted(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		alice.found()
		bob.join(alice, access.Member)
		before := len(alice.logged(workspace.AuditFilter{}, 50))
		day := w.now.Now().Unix() / 86400
		for i, row := range []string{"'hidden', 'not_found', 3", "'allow', 'allowed', 100", "'enrol', 'two_step_required', 5"} {
			if _, err := db.Exec(w.Context(), w.DB, fmt.Sprintf(`
				INSERT INTO access_record (day, workspace, user_id, credential, door, action, outcome, reason, count, last)
				VALUES (%d, '%s', '%s', 'session', 'web', 'a%d', %s, 0)`, day, alice.grant("acme", access.ReadAudit).Workspace().ID, bob.user.ID, i, row)); err != nil {
				w.Fatal(err)
			}
		}
		turned, err := w.TurnedAway(w.Context(), alice.grant("acme", access.ReadAudit), 10)
		if err != nil || len(turned) != 2 || turned[0].Count != 5 || turned[0].Username != "bob" || turned[0].Reason != access.ReasonTwoStepRequired {
			w.Errorf("%+v, %v", turned, err)
		}
		if after := len(alice.logged(workspace.AuditFilter{}, 50)); after != before {
			w.Errorf("%d entries were written", after-before)
		}
		if got := bob.refused("acme", access.ReadAudit).Outcome; got != access.Forbidden {
			w.Errorf("a member reads the log: %s", got)
		}
	})
}
