package workspace_test

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
)

var here = netip.MustParseAddr("192.0.2.7")

// world is Code without its doors, on a clock that the test moves.
type world struct {
	*testing.T
	*workspace.Service
	now   *clock.Manual
	gate  *access.Gate
	users *user.Service
}

func each(t *testing.T, f func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		code := codetest.New(t, d, "http://code.test")
		f(&world{T: t, Service: code.Workspaces, now: code.Now, gate: code.Gate, users: code.Users})
	})
}

// person is someone with a profile and an open session.
type person struct {
	*world
	user    user.User
	session secret.String
}

func (w *world) signUp(name string) *person {
	w.Helper()
	return w.signUpAs(user.Identity{
		Issuer: "https://id.test", Subject: "sub-" + name, Name: strings.ToUpper(name[:1]) + name[1:],
		Email: name + "@example.com", EmailVerified: true, AuthTime: w.now.Now(), PreferredUsername: name,
	})
}

func (w *world) signUpAs(id user.Identity) *person {
	w.Helper()
	u, err := w.users.Create(w.Context(), id, id.PreferredUsername)
	if err != nil {
		w.Fatal(err)
	}
	s, err := w.users.OpenSession(w.Context(), id, user.SessionInfo{Address: here})
	if err != nil {
		w.Fatal(err)
	}
	return &person{world: w, user: u, session: s.Token}
}

// enrol turns the person's two-step verification on, in their session.
func (p *person) enrol() {
	p.Helper()
	app, err := p.users.BeginTOTP(p.Context(), p.grant("", access.ManageFactors))
	if err != nil {
		p.Fatal(err)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(app.Secret.Reveal(), " ", ""), p.now.Now())
	if err != nil {
		p.Fatal(err)
	}
	done, err := p.users.ConfirmTOTP(p.Context(), p.grant("", access.ManageFactors), app.ID, code, "")
	if err != nil {
		p.Fatal(err)
	}
	p.session = done.Session.Token
}

func (p *person) check(slug string, action access.Action) (access.Grant, error) {
	p.Helper()
	actor, _, err := p.users.FromSession(p.Context(), p.session, here)
	if err != nil {
		p.Fatal(err)
	}
	return p.gate.Check(p.Context(), actor, access.Target{Workspace: slug}, action)
}

func (p *person) grant(slug string, action access.Action) access.Grant {
	p.Helper()
	g, err := p.check(slug, action)
	if err != nil {
		p.Fatal(err)
	}
	return g
}

// found makes the workspace acme, which the person owns.
func (p *person) found() workspace.Workspace {
	p.Helper()
	made, err := p.Create(p.Context(), p.grant("", access.CreateWorkspace), "acme", "Acme")
	if err != nil {
		p.Fatal(err)
	}
	return made
}

// join has the owner invite the person into acme, and the person accept.
func (p *person) join(owner *person, role access.Role) {
	p.Helper()
	token := owner.invite(p.user.Email, role)
	if _, err := p.Accept(p.Context(), p.grant("", access.AcceptInvitation), token); err != nil {
		p.Fatal(err)
	}
}

var inviteLink = regexp.MustCompile(`http://code\.test/invitations/([A-Za-z0-9_-]+)\n`)

// invite gives the token that was mailed.
func (p *person) invite(email string, role access.Role) string {
	p.Helper()
	p.mails()
	if _, err := p.Invite(p.Context(), p.grant("acme", access.ManageMembers), email, role); err != nil {
		p.Fatal(err)
	}
	mails := p.mails()
	if len(mails) != 1 || mails[0].To != strings.ToLower(email) {
		p.Fatalf("mails: %+v", mails)
	}
	return inviteLink.FindStringSubmatch(mails[0].Text)[1]
}

func (w *world) mails() []mail.Message {
	w.Helper()
	return mailtest.Take(w, w.Outbox)
}

// refused gives the refusal of the gate.
func (p *person) refused(slug string, action access.Action) *access.Refusal {
	p.Helper()
	_, err := p.check(slug, action)
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		p.Fatalf("%v on %s: %v", action, slug, err)
	}
	return refusal
}

// audited are the actions noted in the workspaces since the last record seen.
func (w *world) audited(after *int64) []string {
	w.Helper()
	records, err := w.Audit.Read(w.Context(), "", *after, 200)
	if err != nil {
		w.Fatal(err)
	}
	var actions []string
	for _, r := range records {
		*after = r.Seq
		if r.Workspace != "" {
			actions = append(actions, r.Action)
		}
	}
	return actions
}

func (w *world) is(err error, kind errs.Kind, what string) {
	w.Helper()
	if !errs.Is(err, kind) {
		w.Errorf("%s: %v", what, err)
	}
}
