package access

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Door is a way in.
type Door string

const (
	Web     Door = "web"
	API     Door = "api"
	GitHTTP Door = "githttp"
	GitSSH  Door = "gitssh"
	Feeds   Door = "feeds"
)

// Credential is what kind of thing the actor came with.
type Credential string

const (
	Nobody          Credential = ""
	Session         Credential = "session"          // a browser's
	APIToken        Credential = "api_token"        // a person's
	OAuthToken      Credential = "oauth_token"      // an app's, for a person
	FeedToken       Credential = "feed_token"       // a person's, for feeds alone
	SSHKey          Credential = "ssh_key"          // a person's
	WorkspaceToken  Credential = "workspace_token"  // belongs to no person
	RepositoryToken Credential = "repository_token" // belongs to no person
	DeployKey       Credential = "deploy_key"       // belongs to no person
)

// person reports whether it stands for a person, and so for their second step.
func (c Credential) person() bool {
	return c == Session || c == APIToken || c == OAuthToken || c == FeedToken || c == SSHKey
}

// Machine reports whether it belongs to no person.
func (c Credential) Machine() bool {
	return c == WorkspaceToken || c == RepositoryToken || c == DeployKey
}

// scoped reports whether it can do only what its scopes name.
func (c Credential) scoped() bool {
	return c == APIToken || c == OAuthToken || c.Machine()
}

// steps reports whether it can have taken a second step: no token does.
func (c Credential) steps() bool { return c == Session || c == SSHKey }

// viaAccount reports whether it came through a sign-in at the account, which
// it can tell of and be sent back to.
func (c Credential) viaAccount() bool { return c == Session || c == OAuthToken }

// Scope is one thing that a token may do, named as Bitbucket names it.
// Writing includes reading, administering includes writing.
type Scope string

const (
	ScopeReadUser         Scope = "read:user:bitbucket"
	ScopeReadWorkspace    Scope = "read:workspace:bitbucket"
	ScopeAdminWorkspace   Scope = "admin:workspace:bitbucket" // of people alone
	ScopeReadRepository   Scope = "read:repository:bitbucket"
	ScopeWriteRepository  Scope = "write:repository:bitbucket"
	ScopeAdminRepository  Scope = "admin:repository:bitbucket"
	ScopeDeleteRepository Scope = "delete:repository:bitbucket" // of people alone
	ScopeReadIssue        Scope = "read:issue:bitbucket"
	ScopeWriteIssue       Scope = "write:issue:bitbucket"
	ScopeReadWiki         Scope = "read:wiki:bitbucket"
	ScopeWriteWiki        Scope = "write:wiki:bitbucket"
	ScopeReadSnippet      Scope = "read:snippet:bitbucket"
	ScopeWriteSnippet     Scope = "write:snippet:bitbucket"
	ScopeDeleteSnippet    Scope = "delete:snippet:bitbucket"
)

// Scopes lists every scope there is.
func Scopes() []Scope {
	return []Scope{
		ScopeReadUser, ScopeReadWorkspace, ScopeAdminWorkspace, ScopeReadRepository, ScopeWriteRepository, ScopeAdminRepository,
		ScopeDeleteRepository, ScopeReadIssue, ScopeWriteIssue, ScopeReadWiki, ScopeWriteWiki, ScopeReadSnippet, ScopeWriteSnippet, ScopeDeleteSnippet,
	}
}

// ScopesFor lists the scopes that can be of use to a kind of token. What belongs
// to nobody has no profile, and writes no snippets; what is bound to a repository
// has nothing to do with the workspace around it. Its rules are for people to set,
// and repositories for them to delete (decision 0061).
func ScopesFor(c Credential) []Scope {
	without := map[Credential][]string{WorkspaceToken: {"user", "snippet"}, RepositoryToken: {"user", "snippet", "workspace"}}[c]
	return slices.DeleteFunc(Scopes(), func(s Scope) bool {
		return slices.Contains(without, s.subject()) || (s == ScopeAdminWorkspace || s == ScopeDeleteRepository) && c.Machine()
	})
}

// subject gives what the scope is about, as "repository".
func (s Scope) subject() string {
	_, rest, _ := strings.Cut(string(s), ":")
	subject, _, _ := strings.Cut(rest, ":")
	return subject
}

// covers reports whether having s is enough where need is needed.
func (s Scope) covers(need Scope) bool {
	switch s {
	case need:
		return true
	case ScopeAdminWorkspace:
		return need == ScopeReadWorkspace
	case ScopeWriteRepository:
		return need == ScopeReadRepository
	case ScopeAdminRepository:
		return need == ScopeWriteRepository || need == ScopeReadRepository
	case ScopeWriteIssue:
		return need == ScopeReadIssue
	case ScopeWriteWiki:
		return need == ScopeReadWiki
	case ScopeWriteSnippet:
		return need == ScopeReadSnippet
	default:
		return false
	}
}

// Method is how a second step was taken.
type Method string

const (
	TOTP         Method = "totp"     // a code of an authenticator app
	WebAuthn     Method = "webauthn" // a security key or passkey
	SecurityKey  Method = "sk"       // an SSH key on a security key, user verified
	RecoveryCode Method = "recovery"
)

// known reports whether it is one of these; no other counts as a step.
func (m Method) known() bool {
	return m == TOTP || m == WebAuthn || m == SecurityKey || m == RecoveryCode
}

// phishingResistant reports whether the method can't be relayed by a false site.
func (m Method) phishingResistant() bool { return m == WebAuthn || m == SecurityKey }

// Factors tells which kinds of second step of Code are on. Recovery codes
// alone are no enrolment, and neither is a set-up that wasn't finished.
type Factors struct {
	TOTP     bool
	WebAuthn bool
}

// Enrolled reports whether any is on.
func (f Factors) Enrolled() bool { return f.TOTP || f.WebAuthn }

// Step is the second step that this session or connection has taken in Code.
type Step struct {
	Method Method // empty: none
	At     time.Time
}

// Account is what the ID token that opened the session, or the OAuth token,
// says of the sign-in at the account. Zero where there was none.
type Account struct {
	ACR      string
	AMR      []string
	AuthTime time.Time
}

// acr names the class of the sign-in in one word.
func (a Account) acr() string {
	if a.ACR == "" && a.MFA() {
		return "aal2"
	}
	return a.ACR
}

// MFA reports whether the sign-in used more than one factor (acr aal2 or phr,
// or "mfa" among the methods, RFC 8176).
func (a Account) MFA() bool {
	return a.ACR == "aal2" || a.ACR == "phr" || slices.Contains(a.AMR, "mfa")
}

// PhishingResistant reports whether it can't have been relayed by a false site.
func (a Account) PhishingResistant() bool { return a.ACR == "phr" }

// Evidence is what an actor has proven.
type Evidence struct {
	Factors      Factors // on now; Check reads them live
	Step         Step
	Account      Account
	AccountOpens bool // chose "My account's MFA also opens Code"; Check reads it live
}

// Actor is who asks: a person by some credential, a machine credential, or nobody.
// The zero Actor is nobody.
type Actor struct {
	Door         Door
	Credential   Credential
	CredentialID string // of the session, token or key
	User         string // id of the person's profile; empty for a machine
	Workspace    string // id of the workspace that a machine credential is bound to
	Repository   string // id of the repository, where it is bound to one
	Address      netip.Addr
	Scopes       []Scope // of all but sessions and people's SSH keys
	Evidence
}

// known reports whether it is somebody: a person's credential names the person,
// a machine's names none.
func (a *Actor) known() bool {
	return a.Credential.person() && a.User != "" || a.Credential.Machine() && a.User == ""
}

// Who gives the id of the person, or of the machine credential, which stands
// for itself.
func (a *Actor) Who() string {
	if a.User == "" && a.Credential.Machine() {
		return a.CredentialID
	}
	return a.User
}

// carried gives the evidence that counts: what this kind of credential can't
// have proven is left out.
func (a *Actor) carried() Evidence {
	e := a.Evidence
	if !a.Credential.steps() || !e.Step.Method.known() {
		e.Step = Step{}
	}
	if !a.Credential.viaAccount() {
		e.Account = Account{}
	}
	return e
}

// holds reports whether one of the actor's scopes is enough for need.
func (a *Actor) holds(need Scope) bool {
	if need == "" || (need == ScopeAdminWorkspace || need == ScopeDeleteRepository) && a.Credential.Machine() {
		return false
	}
	for _, s := range a.Scopes {
		if s.covers(need) {
			return true
		}
	}
	return false
}
