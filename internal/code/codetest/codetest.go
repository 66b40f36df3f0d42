// Package codetest sets the scene for the tests of Code's rooms and doors: the
// real gate and rooms on a database of the test's own, on a clock that the test
// moves, and people in it. It knows no door.
package codetest

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// Here is where people come from.
var Here = netip.MustParseAddr("192.0.2.7")

// Code is Code without its doors.
type Code struct {
	testing.TB
	DB         *db.DB
	Box        *secret.Box
	Now        *clock.Manual
	Audit      *audit.Log
	Events     *activity.Log
	Gate       *access.Gate
	Users      *user.Service
	Tokens     *token.Service
	Workspaces *workspace.Service
}

// New makes Code at an address.
func New(t testing.TB, d *db.DB, url string) *Code {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	log := &audit.Log{DB: d, Clock: now.Now}
	outbox := &mail.Outbox{DB: d, Box: box, Clock: now.Now}
	gate := access.New(d, now.Now, access.NewRecords(d))
	return &Code{
		TB: t, DB: d, Box: box, Now: now, Audit: log, Gate: gate,
		Events: &activity.Log{DB: d, Clock: now.Now, Outbox: outbox, Box: box, Gate: gate, URL: url},
		Users: &user.Service{
			DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: url,
			Factors:  &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Code, Issuer: "Sallyport Code"},
			Throttle: &throttle.Limiter{DB: d, Clock: now.Now},
		},
		Tokens:     &token.Service{DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: url},
		Workspaces: &workspace.Service{DB: d, Clock: now.Now, Audit: log, Outbox: outbox, URL: url},
	}
}

// Repositories makes the room of repositories, whose pushes are bounded.
func (c *Code) Repositories(maxPush int64) *repo.Service {
	c.Helper()
	program, err := git.Find(c.Context(), "")
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(program.Close)
	repositories := &repo.Service{DB: c.DB, Dir: c.TempDir(), Git: program, Clock: c.Now.Now, Audit: c.Audit, Events: c.Events, MaxPush: maxPush}
	repositories.Leaving = []func(context.Context, *db.Tx, string, string) error{c.Tokens.Leave, c.Users.Leave, c.Events.Leave, c.Issues().Transferred}
	c.Workspaces.Contents = append(c.Workspaces.Contents, repositories.RemoveOf)
	return repositories
}

// Wikis makes the room of wikis, beside the repositories.
func (c *Code) Wikis(beside *repo.Service) *wiki.Service {
	return &wiki.Service{DB: c.DB, Dir: beside.Dir, Git: beside.Git, Clock: c.Now.Now, Events: c.Events, MaxPush: beside.MaxPush}
}

// Issues makes the room of issue trackers.
func (c *Code) Issues() *issue.Service {
	return &issue.Service{
		DB: c.DB, Clock: c.Now.Now, Audit: c.Audit, Events: c.Events, Outbox: c.Users.Outbox, Box: c.Box, Gate: c.Gate, URL: c.Users.URL,
	}
}

// Snippets makes the room of snippets, with the same git.
func (c *Code) Snippets(beside *repo.Service) *snippet.Service {
	c.Helper()
	snippets := &snippet.Service{DB: c.DB, Dir: c.TempDir(), Git: beside.Git, Clock: c.Now.Now, Audit: c.Audit, Events: c.Events, MaxPush: beside.MaxPush}
	c.Workspaces.Contents = append(c.Workspaces.Contents, snippets.RemoveOf)
	return snippets
}

// Person is a user of Code with a session and a token of every scope.
type Person struct {
	*Code
	user.User
	Session secret.String
	Token   string
	At      netip.Addr // where their browser is
	app     string     // the secret of their authenticator app
	Codes   []string   // their recovery codes
}

// Person makes somebody with a profile.
func (c *Code) Person(name string) *Person {
	c.Helper()
	id := user.Identity{
		Issuer: "https://id.test", Subject: name, Email: name + "@example.com", EmailVerified: true,
		Name: strings.ToUpper(name[:1]) + name[1:],
	}
	u, err := c.Users.Create(c.Context(), id, name)
	if err != nil {
		c.Fatal(err)
	}
	session, err := c.Users.OpenSession(c.Context(), id, user.SessionInfo{Address: Here})
	if err != nil {
		c.Fatal(err)
	}
	p := &Person{Code: c, User: u, Session: session.Token, At: Here}
	p.Token = p.TokenWith(access.Scopes()...)
	return p
}

// TokenWith makes an API token with some scopes.
func (p *Person) TokenWith(scopes ...access.Scope) string {
	p.Helper()
	_, plain, err := p.Tokens.CreateFor(p.Context(), p.Username, token.Input{Name: "test", Scopes: scopes})
	if err != nil {
		p.Fatal(err)
	}
	return plain.Reveal()
}

// Grant asks the gate as the person's browser does.
func (p *Person) Grant(action access.Action, target access.Target) access.Grant {
	p.Helper()
	actor, _, err := p.Users.FromSession(p.Context(), p.Session, p.At)
	if err != nil {
		p.Fatal(err)
	}
	actor.Door = access.Web
	g, err := p.Gate.Check(p.Context(), actor, target, action)
	if err != nil {
		p.Fatal(err)
	}
	return g
}

// Enrol turns the person's two-step verification on, in their session.
func (p *Person) Enrol() {
	p.Helper()
	g := p.Grant(access.ManageFactors, access.Target{})
	pending, err := p.Users.BeginTOTP(p.Context(), g)
	if err != nil {
		p.Fatal(err)
	}
	p.app = strings.ReplaceAll(pending.Secret.Reveal(), " ", "")
	done, err := p.Users.ConfirmTOTP(p.Context(), g, pending.ID, p.AppCode(), "phone")
	if err != nil {
		p.Fatal(err)
	}
	p.Session, p.Codes = done.Session.Token, nil
	for _, code := range done.RecoveryCodes {
		p.Codes = append(p.Codes, code.Reveal())
	}
}

// AppCode is what the person's authenticator app shows now.
func (p *Person) AppCode() string {
	p.Helper()
	code, err := totp.GenerateCode(p.app, p.Now.Now())
	if err != nil {
		p.Fatal(err)
	}
	return code
}

// TakeStep takes the second step again, in the person's session.
func (p *Person) TakeStep() {
	p.Helper()
	session, err := p.Users.VerifyStep(p.Context(), p.Session, factor.Answer{Code: p.AppCode()}, user.Visit{Address: p.At})
	if err != nil {
		p.Fatal(err)
	}
	p.Session = session.Token
}
