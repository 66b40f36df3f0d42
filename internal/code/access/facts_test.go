package access

import (
	"net/netip"
	"slices"
	"time"
)

// asked is what the text says of an action: what it is done to, what it takes.
type asked struct {
	on    Content
	needs Permission
	scope Scope // "" : no token can
	facts fact  // of reads, sensitive, own, leaving, lifting
}

// askedOf lists the actions. "Sensitive: access controls, members, tokens, keys,
// factors, visibility, deletion." Turning two-step verification off carries
// its fresh code itself.
var askedOf = map[Action]asked{
	ReadSelf:         {Self, Read, ScopeReadUser, own | reads | fed},
	ListWorkspaces:   {Self, Read, ScopeReadWorkspace, own | reads},
	ManageFactors:    {Self, Admin, "", own | sensitive},
	TurnOffTwoStep:   {Self, Admin, "", own},
	ManageTokens:     {Self, Admin, "", own | sensitive},
	ReadFeedTokens:   {Self, Admin, "", own},
	ManageFeedTokens: {Self, Admin, "", own | sensitive},
	ManageKeys:       {Self, Admin, "", own | sensitive},
	SetNotices:       {Self, Admin, "", own},
	EndSessions:      {Self, Admin, "", own},
	CreateWorkspace:  {Self, Admin, "", own},
	AcceptInvitation: {Self, Admin, "", own},

	ReadWorkspace:    {Workspace, Read, ScopeReadWorkspace, reads},
	ReadActivity:     {Workspace, Read, "", reads | fed},
	ListRepositories: {Workspace, Read, ScopeReadRepository, reads},
	CreateRepository: {Workspace, Write, ScopeAdminRepository, 0},
	LeaveWorkspace:   {Workspace, Read, "", leaving},
	ReadMembers:      {Workspace, Read, ScopeReadWorkspace, reads},
	ManageMembers:    {Workspace, Admin, "", sensitive},
	ReadAccess:       {Workspace, Admin, ScopeAdminWorkspace, reads},
	ManageAccess:     {Workspace, Admin, ScopeAdminWorkspace, sensitive},
	LiftNetworks:     {Workspace, Admin, "", sensitive | lifting},
	ReadPlan:         {Workspace, Read, "", reads},

	ReadWorkspaceTokens:   {Workspace, Admin, "", reads},
	ManageWorkspaceTokens: {Workspace, Admin, "", sensitive},

	ReadRepositoryTokens:   {Repository, Admin, "", 0},
	ManageRepositoryTokens: {Repository, Admin, "", sensitive},

	ReadRepository:  {Repository, Read, ScopeReadRepository, reads | fed},
	WatchRepository: {Repository, Read, "", 0},
	WriteRepository: {Repository, Write, ScopeWriteRepository, changes},

	ManageDeployKeys: {Repository, Admin, "", sensitive},

	ReadIssues:   {IssueTracker, Read, ScopeReadIssue, reads | fed},
	SaveSearches: {IssueTracker, Read, "", 0},
	RaiseIssues:  {IssueTracker, Read, ScopeWriteIssue, changes},
	WriteIssues:  {IssueTracker, Write, ScopeWriteIssue, changes},
	AdminIssues:  {IssueTracker, Admin, ScopeAdminRepository, changes},
	ExportIssues: {IssueTracker, Admin, ScopeAdminRepository, 0},

	ReadWiki:  {Wiki, Read, ScopeReadWiki, reads},
	WriteWiki: {Wiki, Write, ScopeWriteWiki, changes},

	ListSnippets:   {Workspace, Read, ScopeReadSnippet, reads},
	CreateSnippet:  {Workspace, Write, ScopeWriteSnippet, 0},
	ReadSnippet:    {Snippet, Read, ScopeReadSnippet, reads},
	CommentSnippet: {Snippet, Read, ScopeWriteSnippet, 0},
	WriteSnippet:   {Snippet, Write, ScopeWriteSnippet, 0},
	ManageSnippet:  {Snippet, Admin, ScopeWriteSnippet, sensitive},
	DeleteSnippet:  {Snippet, Admin, ScopeDeleteSnippet, sensitive},

	ManageWorkspace: {Workspace, Admin, "", 0},
	DeleteWorkspace: {Workspace, Admin, "", sensitive},
	ReadGroups:      {Workspace, Admin, "", reads},
	ManageGroups:    {Workspace, Admin, "", sensitive},
	ReadAudit:       {Workspace, Admin, "", reads},

	ReadRepositoryAdmin: {Repository, Admin, ScopeAdminRepository, 0},
	EditRepository:      {Repository, Admin, ScopeAdminRepository, 0},
	SetVisibility:       {Repository, Admin, ScopeAdminRepository, sensitive},
	ManagePermissions:   {Repository, Admin, ScopeAdminRepository, sensitive},
	DeleteRepository:    {Repository, Admin, ScopeDeleteRepository, sensitive},
	TransferRepository:  {Repository, Admin, "", sensitive},
}

// canBePublic is the table "What is private": all but a workspace has two columns.
var canBePublic = []Content{Repository, IssueTracker, Wiki, Snippet}

// enough lists the scopes that will do for one: writing includes reading,
// administering includes writing.
var enough = map[Scope][]Scope{
	ScopeReadUser:         {ScopeReadUser},
	ScopeReadWorkspace:    {ScopeReadWorkspace, ScopeAdminWorkspace},
	ScopeAdminWorkspace:   {ScopeAdminWorkspace},
	ScopeReadRepository:   {ScopeReadRepository, ScopeWriteRepository, ScopeAdminRepository},
	ScopeWriteRepository:  {ScopeWriteRepository, ScopeAdminRepository},
	ScopeAdminRepository:  {ScopeAdminRepository},
	ScopeReadIssue:        {ScopeReadIssue, ScopeWriteIssue},
	ScopeWriteIssue:       {ScopeWriteIssue},
	ScopeReadWiki:         {ScopeReadWiki, ScopeWriteWiki},
	ScopeWriteWiki:        {ScopeWriteWiki},
	ScopeReadSnippet:      {ScopeReadSnippet, ScopeWriteSnippet},
	ScopeWriteSnippet:     {ScopeWriteSnippet},
	ScopeDeleteSnippet:    {ScopeDeleteSnippet},
	ScopeDeleteRepository: {ScopeDeleteRepository},
}

// factsOf gathers what is true of a case.
func factsOf(a *Actor, p *Policy, r *Resource, action Action, now time.Time) fact {
	what := askedOf[action]
	if what.on == Self {
		p = &Policy{} // "A blocked member can still open their own settings."
	}
	return what.facts | factsOfActor(a, now) | factsOfPolicy(a, p, now) | factsOfResource(p, r, what) | factsOfScopes(a, what)
}

func factsOfActor(a *Actor, now time.Time) fact {
	var f fact
	carriesAccount := false
	switch a.Credential {
	case Session:
		f, carriesAccount = browser, true
	case OAuthToken: // "acr and auth_time travel in it"
		carriesAccount = true
	case SSHKey:
		f = overSSH
	case APIToken, FeedToken:
	case WorkspaceToken, RepositoryToken, DeployKey: // "exempt (they belong to nobody)"
		if a.User != "" {
			return nobody
		}
		return machine
	default:
		return nobody
	}
	if a.User == "" {
		return nobody
	}
	if a.Factors.TOTP || a.Factors.WebAuthn {
		f |= enrolled
	}
	if stepKnown(a) {
		f |= stepTaken
		if now.Sub(a.Step.At) <= 15*time.Minute {
			f |= stepWithin15
		}
	}
	if carriesAccount && (a.Account.ACR == "aal2" || a.Account.ACR == "phr" || slices.Contains(a.Account.AMR, "mfa")) {
		f |= accountMFA
		if a.AccountOpens {
			f |= opensByAccount
		}
	}
	return f
}

// stepKnown: "SecondStep: a session: when it was verified. SSH: a security-key
// signature, or a code. A token: none of its own."
func stepKnown(a *Actor) bool {
	switch a.Step.Method {
	case TOTP, WebAuthn, RecoveryCode, SecurityKey:
		return a.Credential == Session || a.Credential == SSHKey
	}
	return false
}

func factsOfPolicy(a *Actor, p *Policy, now time.Time) fact {
	var f fact
	if p.RequireTwoStep && p.RequireFrom.Compare(now) <= 0 {
		f |= required
	}
	if p.AskOverSSH {
		f |= asksSSH
	}
	if p.RefuseMachines {
		f |= machinesRefused
	}
	inside := func(n netip.Prefix) bool { return n.Contains(a.Address) }
	if len(p.Networks) > 0 && !slices.ContainsFunc(p.Networks, inside) {
		f |= networkForbidden
	}
	strong := func(m Method) bool { return m == WebAuthn || m == SecurityKey }
	if a.Factors.WebAuthn || a.Factors.TOTP && !p.PhishingResistant {
		f |= enrolledTaken
	}
	inTime := func(at time.Time) bool { return p.AskAgain == 0 || now.Sub(at) <= p.AskAgain }
	if stepKnown(a) && (strong(a.Step.Method) || !p.PhishingResistant) {
		f |= stepCounts
		if f&enrolledTaken != 0 && inTime(a.Step.At) {
			f |= stepInTime
		}
	}
	return f | factsOfAccountUnder(a, p, inTime, now)
}

// factsOfAccountUnder: "The account's MFA doesn't count unless the workspace
// ticks it, and then only by evidence."
func factsOfAccountUnder(a *Actor, p *Policy, inTime func(time.Time) bool, now time.Time) fact {
	if a.User == "" || a.Credential != Session && a.Credential != OAuthToken {
		return 0
	}
	var f fact
	proven := a.Account.ACR == "phr"
	if !p.PhishingResistant {
		proven = proven || a.Account.ACR == "aal2" || slices.Contains(a.Account.AMR, "mfa")
	}
	if p.AcceptAccountMFA {
		f |= accountWould
		if proven {
			f |= accountCounts
			if inTime(a.Account.AuthTime) {
				f |= accountInTime
			}
		}
	}
	mfa := factsOfActor(a, now)
	if mfa&accountMFA != 0 && now.Sub(a.Account.AuthTime) <= 15*time.Minute {
		// It stands for the step where there is no other, and where the person
		// or the workspace lets it.
		if mfa&enrolled == 0 || mfa&opensByAccount != 0 || f&accountCounts != 0 {
			f |= accountWithin15
		}
	}
	return f
}

// factsOfResource: "Public: repository, issue tracker, wiki, snippet. Workspace: –."
func factsOfResource(p *Policy, r *Resource, what asked) fact {
	var f fact
	permission := r.Permission
	if r.Archived {
		f |= archived
	}
	if r.Exists {
		f |= exists
		if r.Public && slices.Contains(canBePublic, what.on) && !p.NoPublic {
			f |= public
			permission = max(permission, Read) // what anyone may read is no secret
		}
	}
	if permission > None {
		f |= somePermission
	}
	if permission >= what.needs {
		f |= enoughPermission
	}
	return f
}

func factsOfScopes(a *Actor, what asked) fact {
	switch a.Credential {
	case FeedToken: // "feed tokens that expire and are scoped to feeds"
		if what.facts&fed == 0 {
			return scopeMissing
		}
	case APIToken, OAuthToken, WorkspaceToken, RepositoryToken, DeployKey:
		if (what.scope == ScopeAdminWorkspace || what.scope == ScopeDeleteRepository) && a.Credential != APIToken && a.Credential != OAuthToken {
			return scopeMissing // the rules are for people to set
		}
		for _, s := range a.Scopes {
			if slices.Contains(enough[what.scope], s) {
				return 0
			}
		}
		return scopeMissing
	}
	return 0
}
