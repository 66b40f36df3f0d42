package workspace_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// told runs the job on several nodes at once, and gives who was mailed.
func (w *world) told() []string {
	w.Helper()
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			if err := w.TellGraces(w.Context()); err != nil {
				w.Error(err)
			}
		})
	}
	nodes.Wait()
	var to []string
	for _, m := range w.mails() {
		name, _, _ := strings.Cut(m.To, "@")
		to = append(to, name)
		if !strings.Contains(m.Text, "http://code.test/account/settings/two-step-verification/") || !strings.Contains(m.Subject, "Acme will require two-step verification from 11 July 2026 on") {
			w.Errorf("%s: %s", m.Subject, m.Text)
		}
	}
	return to
}

// team is alice, the owner, who is enrolled, and the members bob and carol.
func (w *world) team() (alice, bob, carol *person) {
	w.Helper()
	alice, bob, carol = w.signUp("alice"), w.signUp("bob"), w.signUp("carol")
	alice.enrol()
	alice.found()
	bob.join(alice, access.Member)
	carol.join(alice, access.Member)
	w.mails()
	return alice, bob, carol
}

// has gives somebody a confirmed factor of Code, wherever their browser is.
func (p *person) has(kind string) {
	p.Helper()
	if _, err := db.Exec(p.Context(), p.DB, `INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed)
		VALUES ($1, 'code', $2, $3, '', $4, 0, 1)`, db.NewID(), p.user.ID, kind, []byte{}); err != nil {
		p.Fatal(err)
	}
}

// isMember puts somebody into acme.
func (p *person) isMember() {
	p.Helper()
	if _, err := db.Exec(p.Context(), p.DB, `INSERT INTO member (workspace, user_id, role, created)
		SELECT id, $1, 'member', 1 FROM workspace WHERE slug = 'acme'`, p.user.ID); err != nil {
		p.Fatal(err)
	}
}

// Members who aren't ready are told at switching, half-way and on the last
// day, once each, however many nodes there are; who joins meanwhile, then.
func TestAGraceIsToldThreeTimes(t *testing.T) {
	each(t, func(w *world) {
		alice, _, carol := w.team()
		const day = 24 * time.Hour
		if err := alice.setPolicy(access.Policy{RequireTwoStep: true, RequireFrom: w.now.Now().Add(10 * day)}); err != nil {
			w.Fatal(err)
		}
		dave := w.signUp("dave")
		for _, step := range []struct {
			after time.Duration
			first func()
			told  string
		}{
			{0, nil, "bob carol"},
			{time.Minute, nil, ""},
			{4 * day, nil, ""},
			{day, func() { carol.has("totp") }, "bob"},
			{day, dave.isMember, "dave"},
			{3 * day, nil, "bob dave"},
			{12 * time.Hour, nil, ""},
			{day, nil, ""}, // it is over
		} {
			w.now.Advance(step.after)
			if step.first != nil {
				step.first()
			}
			if got := strings.Join(w.told(), " "); got != step.told {
				w.Errorf("after %v: %q, want %q", step.after, got, step.told)
			}
		}
	})
}

// A grace of a day has its first notice and its last at once, and one half-way;
// one that is taken back is told no more.
func TestAGraceThatIsTakenBackIsToldNoMore(t *testing.T) {
	each(t, func(w *world) {
		alice, _, _ := w.team()
		w.now.Advance(9 * 24 * time.Hour) // so that the mails name the same day
		alice.session = w.again(alice)
		w.stepped(alice)
		policy := access.Policy{RequireTwoStep: true, RequireFrom: w.now.Now().Add(24 * time.Hour)}
		if err := alice.setPolicy(policy); err != nil {
			w.Fatal(err)
		}
		if got := w.told(); len(got) != 2 {
			w.Errorf("at switching: %v", got)
		}
		if err := alice.setPolicy(access.Policy{}); err != nil {
			w.Fatal(err)
		}
		w.now.Advance(13 * time.Hour)
		if got := w.told(); len(got) != 0 {
			w.Errorf("taken back: %v", got)
		}
	})
}

// Who stands where, by what they have and by the policy; with filters and pages.
func TestRoster(t *testing.T) {
	each(t, func(w *world) {
		alice, bob, carol := w.team()
		carol.has("webauthn")
		roster := func(p *person, f workspace.Filter) string {
			if f.Limit == 0 {
				f.Limit = 10
			}
			list, next, err := w.Roster(w.Context(), p.grant("acme", access.ReadMembers), f)
			if err != nil {
				w.Fatal(err)
			}
			var words []string
			for _, each := range list {
				words = append(words, each.Username+":"+string(each.Standing)+each.Email)
			}
			if next != "" {
				words = append(words, "…"+next)
			}
			return strings.Join(words, " ")
		}
		at := "@example.com"
		for _, c := range []struct {
			who    *person
			filter workspace.Filter
			want   string
		}{
			{alice, workspace.Filter{}, "alice:allowalice" + at + " bob:enrolbob" + at + " carol:allowcarol" + at},
			{alice, workspace.Filter{Waiting: true}, "bob:enrolbob" + at},
			{alice, workspace.Filter{Only: access.Allow, Query: " CAR"}, "carol:allowcarol" + at},
			{alice, workspace.Filter{Limit: 1}, "alice:allowalice" + at + " …alice"},
			{alice, workspace.Filter{Limit: 2, After: "alice"}, "bob:enrolbob" + at + " carol:allowcarol" + at},
			{bob, workspace.Filter{}, "alice: bob: carol:"},
			{bob, workspace.Filter{Waiting: true, Query: "bob@"}, ""}, // of evidence and addresses a member learns nothing
		} {
			if diff := cmp.Diff(c.want, roster(c.who, c.filter)); diff != "" {
				w.Errorf("%+v: %s", c.filter, diff)
			}
		}
		coverage := func() workspace.Coverage {
			if err := w.CountReady(w.Context()); err != nil {
				w.Fatal(err)
			}
			c, err := w.Coverage(w.Context(), alice.grant("acme", access.ReadAccess))
			if err != nil {
				w.Fatal(err)
			}
			return c
		}
		coverage()
		w.now.Advance(24 * time.Hour)
		alice.session = w.again(alice)
		w.stepped(alice)
		bob.has("totp")
		coverage()
		got := coverage() // twice a day gives one day
		if got.Ready != 3 || got.Waiting() != 0 || len(got.Days) != 2 || got.Days[0].Ready != 2 || got.Days[1].Ready != 3 || got.Days[1].Total != 3 {
			w.Errorf("%+v", got)
		}
		if got := got.Days[1].Day - got.Days[0].Day; got != 1 {
			w.Errorf("%d days between", got)
		}
	})
}

// Reminders go to those who aren't ready, once a day, and stand in the log.
func TestRemind(t *testing.T) {
	each(t, func(w *world) {
		alice, _, carol := w.team()
		remind := func() (int, error) {
			return w.Remind(w.Context(), alice.grant("acme", access.ManageMembers))
		}
		var seen int64
		w.audited(&seen)
		if n, err := remind(); n != 2 || err != nil {
			w.Errorf("%d, %v", n, err)
		}
		mails := w.mails()
		if len(mails) != 2 || mails[0].To != "bob@example.com" || !strings.Contains(mails[0].Text, "asks its members for two-step verification") {
			w.Errorf("%+v", mails)
		}
		_, err := remind()
		w.is(err, errs.KindTooMany, "at once again")
		if diff := cmp.Diff([]string{"members.reminded"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		w.now.Advance(24 * time.Hour)
		alice.session = w.again(alice)
		w.stepped(alice)
		carol.has("totp")
		if err := alice.setPolicy(access.Policy{RequireTwoStep: true}); err != nil {
			w.Fatal(err)
		}
		if n, err := remind(); n != 1 || err != nil {
			w.Errorf("%d, %v", n, err)
		}
		if mails := w.mails(); len(mails) != 1 || !strings.Contains(mails[0].Text, "requires two-step verification of Code: until you have it") {
			w.Errorf("%+v", mails)
		}
	})
}

// An invitation can be sent again after a wait that doubles.
func TestSendingAnInvitationAgainIsLimited(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		invite := func() error {
			_, err := w.Invite(w.Context(), alice.grant("acme", access.ManageMembers), "bob@example.com", access.Member)
			return err
		}
		if err := invite(); err != nil {
			w.Fatal(err)
		}
		for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
			w.now.Advance(wait - time.Second)
			w.is(invite(), errs.KindTooMany, wait.String())
			w.now.Advance(time.Second)
			if err := invite(); err != nil {
				w.Errorf("after %v: %v", wait, err)
			}
		}
		if n := len(w.mails()); n != 5 {
			w.Errorf("%d mails", n)
		}
	})
}

// stepped marks somebody's browser as having taken the step just now.
func (w *world) stepped(p *person) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, `UPDATE code_session SET step_method = 'totp', step_at = $2 WHERE user_id = $1`, p.user.ID, w.now.Now()); err != nil {
		w.Fatal(err)
	}
}
