package user_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
)

var here = netip.MustParseAddr("192.0.2.7")

// world is Code without its doors, on a clock that the test moves.
type world struct {
	*testing.T
	*user.Service
	now        *clock.Manual
	gate       *access.Gate
	workspaces *workspace.Service
	tokens     *token.Service
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		f(&world{T: t, Service: code.Users, now: code.Now, gate: code.Gate, workspaces: code.Workspaces, tokens: code.Tokens})
	})
}

// person is someone with a profile and an open session.
type person struct {
	*world
	id      user.Identity
	session secret.String
	app     factor.Pending // their authenticator app, once enrolled
	codes   []secret.String
}

func (w *world) identity(name string) user.Identity {
	return user.Identity{
		Issuer: "https://id.test", Subject: "sub-" + name, Email: name + "@example.com", EmailVerified: true,
		Name: strings.ToUpper(name[:1]) + name[1:], ACR: "aal1", AMR: []string{"pwd"}, AuthTime: w.now.Now(),
	}
}

func (w *world) signUp(name string) *person {
	w.Helper()
	id := w.identity(name)
	if _, err := w.Create(w.Context(), id, name); err != nil {
		w.Fatal(err)
	}
	p := &person{world: w, id: id}
	p.session = p.signIn()
	return p
}

// signIn opens one more session.
func (p *person) signIn() secret.String {
	p.Helper()
	s, err := p.OpenSession(p.Context(), p.id, user.SessionInfo{Address: here, UserAgent: "test"})
	if err != nil {
		p.Fatal(err)
	}
	return s.Token
}

func (p *person) actorOf(session secret.String) access.Actor {
	p.Helper()
	actor, _, err := p.FromSession(p.Context(), session, here)
	if err != nil {
		p.Fatal(err)
	}
	return actor
}

func (p *person) check(session secret.String, target access.Target, action access.Action) (access.Grant, error) {
	p.Helper()
	return p.gate.Check(p.Context(), p.actorOf(session), target, action)
}

// grant is the gate's, for the person's own settings.
func (p *person) grant(action access.Action) access.Grant {
	p.Helper()
	return p.grantOn("", action)
}

func (p *person) grantOn(slug string, action access.Action) access.Grant {
	p.Helper()
	g, err := p.check(p.session, access.Target{Workspace: slug}, action)
	if err != nil {
		p.Fatal(err)
	}
	return g
}

// code is what the app shows now.
func (p *person) code() string {
	p.Helper()
	return p.codeOf(p.app)
}

func (p *person) codeOf(app factor.Pending) string {
	p.Helper()
	code, err := totp.GenerateCode(strings.ReplaceAll(app.Secret.Reveal(), " ", ""), p.now.Now())
	if err != nil {
		p.Fatal(err)
	}
	return code
}

// enrol turns two-step verification on and moves on to the next code.
func (p *person) enrol() {
	p.Helper()
	app, err := p.BeginTOTP(p.Context(), p.grant(access.ManageFactors))
	if err != nil {
		p.Fatal(err)
	}
	done, err := p.ConfirmTOTP(p.Context(), p.grant(access.ManageFactors), app.ID, p.codeOf(app), "Phone")
	if err != nil {
		p.Fatal(err)
	}
	p.app, p.session, p.codes = app, done.Session.Token, done.RecoveryCodes
	p.now.Advance(30 * time.Second)
}

// outcome is what the gate says to the session about the person's own settings.
func (p *person) outcome(session secret.String) access.Outcome {
	p.Helper()
	_, err := p.check(session, access.Target{}, access.ReadSelf)
	if err == nil {
		return access.Allow
	}
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return refusal.Outcome
	}
	p.Fatal(err)
	return ""
}

func (p *person) signedOut(session secret.String) bool {
	p.Helper()
	_, _, err := p.FromSession(p.Context(), session, here)
	if err != nil && !errs.Is(err, errs.KindUnauthenticated) {
		p.Fatal(err)
	}
	return err != nil
}

// subjects are those of the mails sent since the last time, with who got them.
func (w *world) subjects() []string {
	w.Helper()
	var out []string
	for _, m := range mailtest.Take(w, w.Outbox) {
		out = append(out, m.To+": "+m.Subject)
	}
	return out
}

// audited are the actions noted since the last record seen.
func (w *world) audited(after *int64) []string {
	w.Helper()
	records, err := w.Audit.Read(w.Context(), "", *after, 100)
	if err != nil {
		w.Fatal(err)
	}
	var actions []string
	for _, r := range records {
		actions, *after = append(actions, r.Action), r.Seq
	}
	return actions
}

func (w *world) is(err error, kind errs.Kind, what string) {
	w.Helper()
	if !errs.Is(err, kind) {
		w.Errorf("%s: %v", what, err)
	}
}

// typed is a code as an answer.
func typed(code string) factor.Answer { return factor.Answer{Code: code} }
