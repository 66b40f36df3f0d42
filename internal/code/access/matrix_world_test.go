package access_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/api"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/githttp"
	"sallyport.dev/internal/code/gitssh"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/request"
)

// here is where the requests of the matrix come from.
var here = netip.MustParseAddr("127.0.0.1")

// state is what a person is to workspace acme and has proven, in the words of
// the issue. What it says of the evidence is both put into the store and told
// the oracle; neither is read from the other.
type state struct {
	name      string
	role      access.Role
	totp      string // "", "half", "on"
	key       bool   // a security key is on
	step      access.Method
	stepAge   time.Duration // and of the sign-in at the account
	acr       string
	suspended bool
}

func states() []state {
	return []state{
		{name: "outsider"},
		{name: "outsider, verified", totp: "on", step: access.TOTP},
		{name: "member not enrolled", role: access.Member},
		{name: "half-enrolled", role: access.Member, totp: "half"},
		{name: "enrolled unverified", role: access.Member, totp: "on"},
		{name: "verified", role: access.Member, totp: "on", step: access.TOTP},
		{name: "verified, not just now", role: access.Member, totp: "on", step: access.TOTP, stepAge: 20 * time.Minute},
		{name: "expired", role: access.Member, totp: "on", step: access.TOTP, stepAge: 31 * 24 * time.Hour},
		{name: "verified by a security key", role: access.Member, totp: "on", key: true, step: access.WebAuthn},
		{name: "recovery code", role: access.Member, totp: "on", step: access.RecoveryCode},
		{name: "account MFA only", role: access.Member, acr: "aal2"},
		{name: "account MFA and enrolled", role: access.Member, totp: "on", acr: "aal2"},
		{name: "account's passkey only", role: access.Member, acr: "phr"},
		{name: "suspended", role: access.Member, totp: "on", step: access.TOTP, suspended: true},
		{name: "owner", role: access.Owner, totp: "on", step: access.TOTP},
		{name: "owner not enrolled", role: access.Owner},
		{name: "owner, account MFA only", role: access.Owner, acr: "aal2"},
		{name: "owner, account MFA not just now", role: access.Owner, acr: "aal2", stepAge: 20 * time.Minute},
	}
}

// rules are the variants of acme's policy. "Weak method" is whoever has an app
// only, under the one that wants security keys.
func rules(now time.Time) map[string]access.Policy {
	on := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
	with := func(change func(*access.Policy)) access.Policy {
		p := on
		change(&p)
		return p
	}
	return map[string]access.Policy{
		"off":                {AskAgain: access.DefaultAskAgain},
		"on":                 on,
		"on, in grace":       with(func(p *access.Policy) { p.RequireFrom = now.Add(24 * time.Hour) }),
		"on, grace over":     with(func(p *access.Policy) { p.RequireFrom = now.Add(-time.Hour) }),
		"on, account counts": with(func(p *access.Policy) { p.AcceptAccountMFA = true }),
		"on, strong only":    with(func(p *access.Policy) { p.PhishingResistant = true }),
		"on, hourly":         with(func(p *access.Policy) { p.AskAgain = time.Hour }),
		"on, over SSH too":   with(func(p *access.Policy) { p.AskOverSSH = true }),
		"on, no machines":    with(func(p *access.Policy) { p.RefuseMachines = true }),
		"other networks":     {AskAgain: access.DefaultAskAgain, Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
		"no public content":  {AskAgain: access.DefaultAskAgain, NoPublic: true},
	}
}

// caller is somebody with one credential, at the door that it is for.
type caller struct {
	state
	kind    access.Credential
	door    access.Door
	apply   func(*http.Request)              // puts the credential into a request; nil for SSH
	actor   func() (access.Actor, error)     // as the door finds it
	told    func(now time.Time) access.Actor // as the scene was set, for the oracle
	private ed25519.PrivateKey               // of an SSH key
}

// matrix is acme behind all doors.
type matrix struct {
	*codetest.Code
	owner        *codetest.Person
	repositories *repo.Service
	snippets     *snippet.Service
	web          *httptest.Server
	ssh          string // address
	routes       []route
	snippet      string
	callers      []caller
	issued       map[string]introspection // what the issuer says of its tokens
	onlyWho      string                   // a token that says who, and nothing more
}

// route is one registered with a door, or a command over SSH.
type route struct {
	door.Route
	door access.Door
}

const (
	site    = "http://code.test"
	issuer  = "https://id.test"
	maxPush = 1 << 20
)

func newMatrix(t *testing.T, d *db.DB) *matrix {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m := &matrix{Code: codetest.New(t, d, site), issued: map[string]introspection{}}
	m.owner = m.Person("olga")
	if _, err := m.Workspaces.Create(t.Context(), m.owner.Grant(access.CreateWorkspace, access.Target{}), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	m.sql(`UPDATE workspace SET plan = 'premium'`)
	m.doors()
	m.content()
	for i, s := range states() {
		m.person(i, s)
	}
	m.machines()
	m.nobody()
	return m
}

// doors are the real ones, as the program puts them together.
func (m *matrix) doors() {
	m.repositories = m.Repositories(maxPush)
	wikis, snippets := m.Wikis(m.repositories), m.Snippets(m.repositories)
	m.snippets = snippets
	account := login.New(login.Config{Issuer: issuer, ClientID: "code", Redirect: site + "/login/callback", Via: m.issuer(), Clock: m.Now.Now})
	m.Tokens.Introspect = func(ctx context.Context, text string) (token.OAuth, error) {
		says, err := account.Introspect(ctx, text)
		return token.OAuth(says), err
	}
	pages, err := web.New(web.Config{
		URL: site, AccountURL: "http://id.test", DB: m.DB, Box: m.Box, Clock: m.Now.Now, Gate: m.Gate,
		Login: account, Users: m.Users, Tokens: m.Tokens, Workspaces: m.Workspaces, Repositories: m.repositories, Wikis: wikis, Issues: m.Issues(), Snippets: snippets, Events: m.Events,
	})
	if err != nil {
		m.Fatal(err)
	}
	rest, err := api.New(api.Config{
		URL: site, Gate: m.Gate, Users: m.Users, Tokens: m.Tokens, Workspaces: m.Workspaces, Repositories: m.repositories, Issues: m.Issues(), Snippets: snippets,
	})
	if err != nil {
		m.Fatal(err)
	}
	clients := githttp.New(githttp.Config{URL: site, Gate: m.Gate, Tokens: m.Tokens, Repositories: m.repositories, Wikis: wikis, Snippets: snippets})
	browsers, programs := pages.Handler(), rest.Handler()
	m.web = httptest.NewServer(request.Wrap("code", nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/2.0/"):
			programs.ServeHTTP(w, r)
		case githttp.Matches(r.URL.Path):
			clients.ServeHTTP(w, r)
		default:
			browsers.ServeHTTP(w, r)
		}
	})))
	m.Cleanup(m.web.Close)
	m.register(access.Web, pages.Routes())
	for _, r := range pages.Feeds() {
		m.routes = append(m.routes, route{r, access.Feeds})
	}
	m.register(access.API, rest.Routes())
	m.register(access.GitHTTP, clients.Routes())
	m.serveSSH(gitssh.Config{URL: site, Clock: m.Now.Now, Gate: m.Gate, Users: m.Users, Repositories: m.repositories, Wikis: wikis, Snippets: snippets})
}

// introspection is what an issuer says of a token (RFC 7662, RFC 9470 §6.2).
type introspection struct {
	Active   bool   `json:"active"`
	ID       string `json:"jti,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Client   string `json:"client_id,omitempty"`
	Scope    string `json:"scope,omitempty"`
	ACR      string `json:"acr,omitempty"`
	AuthTime int64  `json:"auth_time,omitempty"`
}

// issuer is the account, as far as Code sees of it: discovery and introspection.
func (m *matrix) issuer() http.RoundTripper {
	answer := func(r *http.Request, body any) (*http.Response, error) {
		out := httptest.NewRecorder()
		out.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(out).Encode(body); err != nil {
			return nil, err
		}
		response := out.Result()
		response.Request = r
		return response, nil
	}
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/introspect" {
			return answer(r, m.issued[r.FormValue("token")])
		}
		return answer(r, map[string]any{
			"issuer": issuer, "introspection_endpoint": issuer + "/introspect", "authorization_endpoint": issuer + "/authorize",
			"token_endpoint": issuer + "/oauth/token", "jwks_uri": issuer + "/keys",
		})
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func scopeNames() string {
	var names []string
	for _, s := range access.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

func (m *matrix) register(at access.Door, routes *door.Routes) {
	for _, r := range routes.List() {
		if r.Action != access.Open {
			m.routes = append(m.routes, route{r, at})
		}
	}
}

func (m *matrix) serveSSH(config gitssh.Config) {
	var err error
	if config.HostKeys, err = gitssh.HostKeys(m.TempDir()); err != nil {
		m.Fatal(err)
	}
	served := gitssh.New(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.Fatal(err)
	}
	m.ssh = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- served.Serve(listener) }()
	m.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = served.Shutdown(ctx)
		<-ended
	})
	for _, content := range []struct {
		path        string
		read, write access.Action
	}{
		{"{workspace}/{repo}.git", access.ReadRepository, access.WriteRepository},
		{"{workspace}/{repo}.git/wiki", access.ReadWiki, access.WriteWiki},
		{"snippets/{workspace}/{id}.git", access.ReadSnippet, access.WriteSnippet},
	} {
		m.routes = append(m.routes,
			route{door.Route{Method: "git-upload-pack", Pattern: content.path, Action: content.read}, access.GitSSH},
			route{door.Route{Method: "git-receive-pack", Pattern: content.path, Action: content.write}, access.GitSSH})
	}
}

// content gives acme the repository "vault" with a commit, its wiki and tracker,
// and a snippet of the owner's.
func (m *matrix) content() {
	in := m.owner.Grant(access.CreateRepository, access.Target{Workspace: "acme"})
	if _, err := m.repositories.Create(m.Context(), in, repo.Input{Name: "vault"}); err != nil {
		m.Fatal(err)
	}
	made, err := m.snippets.Create(m.Context(), m.owner.Grant(access.CreateSnippet, access.Target{Workspace: "acme"}), snippet.Input{
		Title: "Notes", Files: []snippet.File{{Name: "notes.txt", Data: []byte("a secret line")}},
	})
	if err != nil {
		m.Fatal(err)
	}
	m.snippet = made.ID
	m.sql(`UPDATE repository SET has_wiki = TRUE, has_issues = TRUE`)
}

func (m *matrix) sql(statement string, args ...any) {
	m.Helper()
	if _, err := db.Exec(m.Context(), m.DB, statement, args...); err != nil {
		m.Fatalf("%s: %v", statement, err)
	}
}

// person makes somebody in the state, with a session, a token and a key.
func (m *matrix) person(i int, s state) {
	name := fmt.Sprint("person", i)
	p := m.Person(name)
	if s.role != access.Outsider {
		m.sql(`INSERT INTO member (workspace, user_id, role, created) SELECT id, $1, $2, 0 FROM workspace WHERE slug = 'acme'`, p.ID, string(s.role))
	}
	line, private := m.newKey()
	key, err := m.Users.AddKey(m.Context(), p.Grant(access.ManageKeys, access.Target{}), user.KeyInput{Text: line, Label: "laptop"})
	if err != nil {
		m.Fatal(err)
	}
	_, fed, err := m.Tokens.Create(m.Context(), p.Grant(access.ManageFeedTokens, access.Target{}), token.Input{Name: "reader"})
	if err != nil {
		m.Fatal(err)
	}
	m.put(p, key, s)

	told := func(kind access.Credential, door access.Door) func(time.Time) access.Actor {
		return func(now time.Time) access.Actor { return s.told(kind, door, now) }
	}
	session := p.Session.Reveal()
	m.callers = append(m.callers, caller{
		state: s, kind: access.Session, door: access.Web, told: told(access.Session, access.Web),
		apply: func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "sallyport_code", Value: session}) },
		actor: func() (access.Actor, error) {
			a, _, err := m.Users.FromSession(m.Context(), p.Session, here)
			return a, err
		},
	}, caller{
		state: s, kind: access.SSHKey, door: access.GitSSH, told: told(access.SSHKey, access.GitSSH), private: private,
		actor: func() (access.Actor, error) {
			holder, err := m.Users.FromKey(m.Context(), key.Fingerprint, here)
			return holder.Actor, err
		},
	})
	m.callers = append(m.callers, caller{
		state: s, kind: access.FeedToken, door: access.Feeds, told: told(access.FeedToken, access.Feeds),
		apply: func(r *http.Request) { r.SetBasicAuth("feed", fed.Reveal()) },
		actor: func() (access.Actor, error) { return m.Tokens.FromFeed(m.Context(), fed.Reveal(), here) },
	})
	plain := "spo_" + rand.Text()
	m.issued[plain] = introspection{
		Active: true, ID: plain[4:], Issuer: issuer, Subject: p.Username, Audience: "code", Client: "an app",
		Scope: scopeNames(), ACR: s.acr, AuthTime: m.Now.Now().Add(-s.stepAge).Unix(),
	}
	for _, door := range []access.Door{access.API, access.GitHTTP} {
		for kind, text := range map[access.Credential]string{access.APIToken: p.Token, access.OAuthToken: plain} {
			m.callers = append(m.callers, caller{
				state: s, kind: kind, door: door, told: told(kind, door), apply: bearer(text),
				actor: func() (access.Actor, error) { return m.Tokens.FromBearer(m.Context(), text, here) },
			})
		}
	}
}

// put writes what the state says into the store.
func (m *matrix) put(p *codetest.Person, key user.Key, s state) {
	now := m.Now.Now()
	switch s.totp {
	case "on":
		m.sql(`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed) VALUES ($1, 'code', $2, 'totp', '', $3, 0, 1)`, db.NewID(), p.ID, []byte{})
	case "half":
		m.sql(`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed) VALUES ($1, 'code', $2, 'totp', '', $3, 0, 0)`, db.NewID(), p.ID, []byte{})
	}
	if s.key {
		m.sql(`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed) VALUES ($1, 'code', $2, 'webauthn', '', $3, 0, 1)`, db.NewID(), p.ID, []byte{})
	}
	at := now.Add(-s.stepAge).UnixMicro()
	if s.step != "" {
		m.sql(`UPDATE code_session SET step_method = $1, step_at = $2 WHERE user_id = $3`, string(s.step), at, p.ID)
		m.sql(`UPDATE ssh_key SET step_method = $1, step_at = $2, step_from = $3 WHERE id = $4`, string(s.step), at, here.String(), key.ID)
	}
	if s.acr != "" {
		m.sql(`UPDATE code_session SET account_acr = $1, account_time = $2 WHERE user_id = $3`, s.acr, at, p.ID)
	}
	if s.suspended {
		m.sql(`UPDATE code_user SET suspended = TRUE WHERE id = $1`, p.ID)
	}
}

// told is the actor that the scene was set for.
func (s state) told(kind access.Credential, door access.Door, now time.Time) access.Actor {
	if s.suspended {
		return access.Actor{Door: door, Address: here}
	}
	a := access.Actor{Door: door, Credential: kind, User: "them", Address: here}
	a.Factors = access.Factors{TOTP: s.totp == "on", WebAuthn: s.key}
	if s.step != "" && (kind != access.SSHKey || s.stepAge < 30*24*time.Hour) { // decision 0011: a key keeps a step for 30 days at most
		a.Step = access.Step{Method: s.step, At: now.Add(-s.stepAge)}
	}
	if s.acr != "" {
		a.Account = access.Account{ACR: s.acr, AuthTime: now.Add(-s.stepAge)}
	}
	if kind == access.APIToken || kind == access.OAuthToken {
		a.Scopes = access.Scopes()
	}
	return a
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// machines are the credentials of acme and of vault that belong to nobody.
func (m *matrix) machines() {
	vault := access.Target{Workspace: "acme", Repository: "vault"}
	for kind, g := range map[access.Credential]access.Grant{
		access.WorkspaceToken:  m.owner.Grant(access.ManageWorkspaceTokens, access.Target{Workspace: "acme"}),
		access.RepositoryToken: m.owner.Grant(access.ManageRepositoryTokens, vault),
	} {
		scopes := access.ScopesFor(kind)
		_, plain, err := m.Tokens.Create(m.Context(), g, token.Input{Name: "ci", Scopes: scopes, Expires: m.Now.Now().Add(24 * time.Hour)})
		if err != nil {
			m.Fatal(err)
		}
		for _, door := range []access.Door{access.API, access.GitHTTP} {
			m.callers = append(m.callers, caller{
				state: state{name: "machine"}, kind: kind, door: door, apply: bearer(plain.Reveal()),
				actor: func() (access.Actor, error) { return m.Tokens.FromBearer(m.Context(), plain.Reveal(), here) },
				told: func(time.Time) access.Actor {
					return access.Actor{Door: door, Credential: kind, CredentialID: "ci", Address: here, Scopes: scopes}
				},
			})
		}
	}
	for _, writable := range []bool{false, true} {
		line, private := m.newKey()
		key, err := m.Users.AddDeployKey(m.Context(), m.owner.Grant(access.ManageDeployKeys, vault), user.KeyInput{Text: line, Label: "ci", Writable: writable})
		if err != nil {
			m.Fatal(err)
		}
		scopes := []access.Scope{access.ScopeReadRepository, access.ScopeReadWiki}
		if writable {
			scopes = []access.Scope{access.ScopeWriteRepository, access.ScopeWriteWiki}
		}
		m.callers = append(m.callers, caller{
			state: state{name: fmt.Sprint("machine, writable ", writable)}, kind: access.DeployKey, door: access.GitSSH, private: private,
			actor: func() (access.Actor, error) {
				holder, err := m.Users.FromKey(m.Context(), key.Fingerprint, here)
				return holder.Actor, err
			},
			told: func(time.Time) access.Actor {
				return access.Actor{Door: access.GitSSH, Credential: access.DeployKey, CredentialID: "ci", Address: here, Scopes: scopes}
			},
		})
	}
}

// newKey gives a key as it stands in a .pub file, and its private half.
func (m *matrix) newKey() (line string, private ed25519.PrivateKey) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		m.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		m.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(key)), private
}

func (m *matrix) nobody() {
	for _, door := range []access.Door{access.Web, access.API, access.GitHTTP} {
		m.callers = append(m.callers, caller{
			state: state{name: "anonymous"}, door: door, apply: func(*http.Request) {},
			actor: func() (access.Actor, error) { return access.Actor{Address: here}, nil },
			told:  func(time.Time) access.Actor { return access.Actor{Door: door, Address: here} },
		})
	}
}

// permission is what the caller may do with acme's content, by the design:
// owners administer, members write and read each other's snippets, and a machine
// credential has all within what it is bound to.
func (c caller) permission(content access.Content) access.Permission {
	within := content == access.Repository || content == access.Wiki || content == access.IssueTracker
	switch {
	case content == access.Self:
		return access.Admin
	case c.kind == access.WorkspaceToken && (within || content == access.Workspace),
		(c.kind == access.RepositoryToken || c.kind == access.DeployKey) && within, c.role == access.Owner:
		return access.Admin
	case c.role == access.Member && content == access.Snippet:
		return access.Read
	case c.role == access.Member:
		return access.Write
	default:
		return access.None
	}
}
