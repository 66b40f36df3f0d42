package user_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// found makes a workspace that the person owns and that requires the step.
func (p *person) found(slug string, policy access.Policy) {
	p.Helper()
	if _, err := p.workspaces.Create(p.Context(), p.grant(access.CreateWorkspace), slug, strings.ToUpper(slug)); err != nil {
		p.Fatal(err)
	}
	policy.RequireTwoStep, policy.AskAgain = true, access.DefaultAskAgain
	if err := p.workspaces.SetPolicy(p.Context(), p.grantOn(slug, access.ManageAccess), policy); err != nil {
		p.Fatal(err)
	}
}

// join makes another person a member.
func (p *person) join(slug string, role access.Role) {
	p.Helper()
	if _, err := db.Exec(p.Context(), p.DB, `
		INSERT INTO member (workspace, user_id, role, created) SELECT w.id, $2, $3, 1 FROM workspace w WHERE w.slug = $1`,
		slug, p.actorOf(p.session).User, role); err != nil {
		p.Fatal(err)
	}
}

func (p *person) closings() []user.Closing {
	p.Helper()
	list, err := p.ClosedByTurningOff(p.Context(), p.grant(access.ReadSelf))
	if err != nil {
		p.Fatal(err)
	}
	return list
}

// Ruling 4.
func TestTheLastReadyOwnerCantTurnItOff(t *testing.T) {
	each(t, func(w *world) {
		alice, bob, carol := w.signUp("alice"), w.signUp("bob"), w.signUp("carol")
		alice.enrol()
		alice.found("acme", access.Policy{})
		bob.join("acme", access.Owner)    // not enrolled
		carol.join("acme", access.Member) // enrolled, but no owner
		carol.enrol()

		list := alice.closings()
		if len(list) != 1 || list[0] != (user.Closing{Slug: "acme", Name: "ACME", LastReady: true}) {
			w.Errorf("%+v", list)
		}
		g, code := alice.grant(access.TurnOffTwoStep), alice.code()
		err := w.TurnOffTwoStep(w.Context(), g, typed(code))
		w.is(err, errs.KindConflict, "the last ready owner")
		if !strings.Contains(errs.Message(err), "ACME") {
			w.Errorf("it doesn't name the workspace: %s", errs.Message(err))
		}

		if list := carol.closings(); len(list) != 1 || list[0].LastReady {
			w.Errorf("a member: %+v", list)
		}
		if err := w.TurnOffTwoStep(w.Context(), carol.grant(access.TurnOffTwoStep), typed(carol.code())); err != nil {
			w.Errorf("a member: %v", err)
		}

		bob.enrol()
		if list := alice.closings(); len(list) != 1 || list[0].LastReady {
			w.Errorf("with another ready owner: %+v", list)
		}
		if err := w.TurnOffTwoStep(w.Context(), g, typed(alice.code())); err != nil {
			w.Errorf("with another ready owner: %v", err)
		}
		if _, err := alice.check(alice.session, access.Target{Workspace: "acme"}, access.ReadWorkspace); err == nil {
			w.Error("the workspace stays open to her")
		}
	})
}

func TestARefusalUsesNoCode(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.enrol()
		alice.found("acme", access.Policy{})
		code := alice.code()
		w.is(w.TurnOffTwoStep(w.Context(), alice.grant(access.TurnOffTwoStep), typed(code)), errs.KindConflict, "the last ready owner")
		if _, err := w.VerifyStep(w.Context(), alice.signIn(), typed(code), user.Visit{Address: here}); err != nil {
			w.Errorf("the code was used up: %v", err)
		}
	})
}

func TestWhatTurningOffDoesNotClose(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.id.ACR = "aal2"
		alice.session = alice.signIn()
		alice.enrol()
		alice.found("accepts", access.Policy{AcceptAccountMFA: true})
		if list := alice.closings(); len(list) != 0 {
			w.Errorf("her account's MFA opens it: %+v", list)
		}
		if _, err := w.workspaces.Create(w.Context(), alice.grant(access.CreateWorkspace), "open", "Open"); err != nil {
			w.Fatal(err)
		}
		if list := alice.closings(); len(list) != 0 {
			w.Errorf("it requires nothing: %+v", list)
		}
		if err := w.TurnOffTwoStep(w.Context(), alice.grant(access.TurnOffTwoStep), typed(alice.code())); err != nil {
			w.Error(err)
		}
	})
}

func TestReadyOwnersTurningOffAtOnceLeaveOne(t *testing.T) {
	each(t, func(w *world) {
		var owners []*person
		for i, name := range []string{"alice", "bob", "carol", "dave", "erin", "frank"} {
			owners = append(owners, w.signUp(name))
			owners[i].enrol()
			if i == 0 {
				owners[0].found("acme", access.Policy{})
				owners[0].found("beta", access.Policy{})
				continue
			}
			owners[i].join("acme", access.Owner)
			owners[i].join("beta", access.Owner)
		}
		var off atomic.Int64
		var all sync.WaitGroup
		for _, p := range owners {
			g, code := p.grant(access.TurnOffTwoStep), p.code()
			all.Go(func() {
				err := w.TurnOffTwoStep(w.Context(), g, typed(code))
				if err == nil {
					off.Add(1)
				} else if !errs.Is(err, errs.KindConflict) {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if off.Load() != 5 {
			w.Errorf("%d of 6 turned it off", off.Load())
		}
	})
}
