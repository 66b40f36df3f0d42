package access

import (
	"fmt"

	"sallyport.dev/internal/errs"
)

// Permission is how much an actor may do with a resource; each includes the
// ones before it.
type Permission uint8

const (
	None Permission = iota
	Read
	Write
	Admin
)

// String names it as addresses, forms and the audit log do.
func (p Permission) String() string {
	switch p {
	case None:
		return "none"
	case Read:
		return "read"
	case Write:
		return "write"
	case Admin:
		return "admin"
	default:
		return fmt.Sprintf("Permission(%d)", uint8(p))
	}
}

// ParsePermission reads a permission's name, for the field "permission".
func ParsePermission(name string) (Permission, error) {
	for p := None; p <= Admin; p++ {
		if p.String() == name {
			return p, nil
		}
	}
	return None, errs.Invalid("permission", "Choose none, read, write or admin.")
}

// Role is what a person is in a workspace.
type Role string

const (
	Outsider Role = ""
	Member   Role = "member"
	Owner    Role = "owner"
)

// onWorkspace gives what the role may do with the workspace itself.
func (r Role) onWorkspace() Permission {
	switch r {
	case Owner:
		return Admin
	case Member:
		return Write
	default:
		return None
	}
}

// Content is the kind of thing an action is done to.
type Content uint8

const (
	Self         Content = iota + 1 // the actor's own profile and settings
	Workspace                       // a workspace: its settings, members, lists
	Repository                      // a repository: code, branches, transport
	IssueTracker                    // a repository's, with a visibility of its own
	Wiki                            // a repository's, with a visibility of its own
	Snippet                         // of a workspace
)

// publishable reports whether content of the kind can be public at all.
func (c Content) publishable() bool {
	return c == Repository || c == IssueTracker || c == Wiki || c == Snippet
}

// Action is one thing that may be asked of the gate. Every route declares one.
// The zero Action is none, and is refused.
type Action uint8

const (
	_ Action = iota

	// Open is declared by routes that show no private content and so aren't
	// judged: signing in and out, static files, health.
	Open

	ReadSelf
	ListWorkspaces // one's own
	ManageFactors  // enrol, replace recovery codes
	TurnOffTwoStep // its form carries the fresh code itself
	SetNotices     // what one is told of, and what is read
	EndSessions    // sign out one's own browsers
	ManageTokens
	ReadFeedTokens
	ManageFeedTokens
	ManageKeys // a person's SSH keys
	CreateWorkspace
	AcceptInvitation

	ReadWorkspace
	ReadActivity // what happened lately, of what the actor may read
	ListRepositories
	CreateRepository
	LeaveWorkspace // stays possible for a member who is blocked
	ReadMembers
	ManageMembers
	ReadAccess
	ManageAccess
	LiftNetworks // an owner's way out of networks that shut them out
	ReadPlan
	ReadWorkspaceTokens
	ManageWorkspaceTokens
	ManageWorkspace // its name
	DeleteWorkspace
	ReadGroups
	ManageGroups // and what every member may do
	ReadAudit

	ReadRepository
	WatchRepository // be told of what happens in it
	WriteRepository
	ReadRepositoryTokens
	ManageRepositoryTokens

	ReadIssues
	SaveSearches // one's own, which nobody else sees
	RaiseIssues  // and comment: open to whoever may read, as on every tracker
	WriteIssues
	AdminIssues
	ExportIssues

	ReadWiki
	WriteWiki

	ListSnippets
	CreateSnippet
	ReadSnippet
	CommentSnippet // open to whoever may read
	WriteSnippet
	ManageSnippet // its visibility
	DeleteSnippet
	ReadRepositoryAdmin // see the pages of its administration
	EditRepository      // its description
	SetVisibility
	ManagePermissions
	ManageDeployKeys
	DeleteRepository
	TransferRepository // to another workspace

	actionEnd
)

// rule is what the gate knows of an action.
type rule struct {
	name      string
	content   Content
	needs     Permission
	scope     Scope // what a token needs for it; empty: no token can
	reads     bool  // only reads, so public content is open to it
	sensitive bool  // asks for a second step within the last 15 minutes
	remote    bool  // not held back by the allowed networks; and so never without a second step
	exempt    bool  // not held back by the workspace's rules
	feed      bool  // a feed shows it, so a feed token opens it
	changes   bool  // changes what a repository holds, so an archived one refuses it
}

// ruleOf is a function rather than a variable so that nothing can change it.
func ruleOf(a Action) rule {
	switch a {
	case ReadSelf:
		return rule{name: "read_self", content: Self, needs: Read, scope: ScopeReadUser, reads: true, feed: true}
	case ListWorkspaces:
		return rule{name: "list_workspaces", content: Self, needs: Read, scope: ScopeReadWorkspace, reads: true}
	case ManageFactors:
		return rule{name: "manage_factors", content: Self, needs: Admin, sensitive: true}
	case TurnOffTwoStep:
		return rule{name: "turn_off_two_step", content: Self, needs: Admin}
	case SetNotices:
		return rule{name: "set_notices", content: Self, needs: Admin}
	case EndSessions:
		return rule{name: "end_sessions", content: Self, needs: Admin}
	case ManageTokens:
		return rule{name: "manage_tokens", content: Self, needs: Admin, sensitive: true}
	case ReadFeedTokens:
		return rule{name: "read_feed_tokens", content: Self, needs: Admin}
	case ManageFeedTokens:
		return rule{name: "manage_feed_tokens", content: Self, needs: Admin, sensitive: true}
	case ManageKeys:
		return rule{name: "manage_keys", content: Self, needs: Admin, sensitive: true}
	case CreateWorkspace:
		return rule{name: "create_workspace", content: Self, needs: Admin}
	case AcceptInvitation:
		return rule{name: "accept_invitation", content: Self, needs: Admin}
	case ReadWorkspace:
		return rule{name: "read_workspace", content: Workspace, needs: Read, scope: ScopeReadWorkspace, reads: true}
	case ReadActivity:
		return rule{name: "read_activity", content: Workspace, needs: Read, reads: true, feed: true}
	case ListRepositories:
		return rule{name: "list_repositories", content: Workspace, needs: Read, scope: ScopeReadRepository, reads: true}
	case CreateRepository:
		return rule{name: "create_repository", content: Workspace, needs: Write, scope: ScopeAdminRepository}
	case LeaveWorkspace:
		return rule{name: "leave_workspace", content: Workspace, needs: Read, exempt: true}
	case ReadMembers:
		return rule{name: "read_members", content: Workspace, needs: Read, scope: ScopeReadWorkspace, reads: true}
	case ManageMembers:
		return rule{name: "manage_members", content: Workspace, needs: Admin, sensitive: true}
	case ReadAccess:
		return rule{name: "read_access", content: Workspace, needs: Admin, scope: ScopeAdminWorkspace, reads: true}
	case ManageAccess:
		return rule{name: "manage_access", content: Workspace, needs: Admin, scope: ScopeAdminWorkspace, sensitive: true}
	case LiftNetworks:
		return rule{name: "lift_networks", content: Workspace, needs: Admin, sensitive: true, remote: true}
	case ReadPlan:
		return rule{name: "read_plan", content: Workspace, needs: Read, reads: true}
	case ReadWorkspaceTokens:
		return rule{name: "read_workspace_tokens", content: Workspace, needs: Admin, reads: true}
	case ManageWorkspaceTokens:
		return rule{name: "manage_workspace_tokens", content: Workspace, needs: Admin, sensitive: true}
	case ManageWorkspace:
		return rule{name: "manage_workspace", content: Workspace, needs: Admin}
	case DeleteWorkspace:
		return rule{name: "delete_workspace", content: Workspace, needs: Admin, sensitive: true}
	case ReadGroups:
		return rule{name: "read_groups", content: Workspace, needs: Admin, reads: true}
	case ManageGroups:
		return rule{name: "manage_groups", content: Workspace, needs: Admin, sensitive: true}
	case ReadAudit:
		return rule{name: "read_audit", content: Workspace, needs: Admin, reads: true}
	case ReadRepository:
		return rule{name: "read_repository", content: Repository, needs: Read, scope: ScopeReadRepository, reads: true, feed: true}
	case WatchRepository:
		return rule{name: "watch_repository", content: Repository, needs: Read}
	case WriteRepository:
		return rule{name: "write_repository", content: Repository, needs: Write, scope: ScopeWriteRepository, changes: true}
	case ReadRepositoryTokens: // not of what public content shows
		return rule{name: "read_repository_tokens", content: Repository, needs: Admin}
	case ManageRepositoryTokens:
		return rule{name: "manage_repository_tokens", content: Repository, needs: Admin, sensitive: true}
	case ReadIssues:
		return rule{name: "read_issues", content: IssueTracker, needs: Read, scope: ScopeReadIssue, reads: true, feed: true}
	case SaveSearches:
		return rule{name: "save_searches", content: IssueTracker, needs: Read}
	case RaiseIssues:
		return rule{name: "raise_issues", content: IssueTracker, needs: Read, scope: ScopeWriteIssue, changes: true}
	case WriteIssues:
		return rule{name: "write_issues", content: IssueTracker, needs: Write, scope: ScopeWriteIssue, changes: true}
	case AdminIssues:
		return rule{name: "admin_issues", content: IssueTracker, needs: Admin, scope: ScopeAdminRepository, changes: true}
	case ExportIssues:
		return rule{name: "export_issues", content: IssueTracker, needs: Admin, scope: ScopeAdminRepository}
	case ReadWiki:
		return rule{name: "read_wiki", content: Wiki, needs: Read, scope: ScopeReadWiki, reads: true}
	case WriteWiki:
		return rule{name: "write_wiki", content: Wiki, needs: Write, scope: ScopeWriteWiki, changes: true}
	case ListSnippets:
		return rule{name: "list_snippets", content: Workspace, needs: Read, scope: ScopeReadSnippet, reads: true}
	case CreateSnippet:
		return rule{name: "create_snippet", content: Workspace, needs: Write, scope: ScopeWriteSnippet}
	case ReadSnippet:
		return rule{name: "read_snippet", content: Snippet, needs: Read, scope: ScopeReadSnippet, reads: true}
	case CommentSnippet:
		return rule{name: "comment_snippet", content: Snippet, needs: Read, scope: ScopeWriteSnippet}
	case WriteSnippet:
		return rule{name: "write_snippet", content: Snippet, needs: Write, scope: ScopeWriteSnippet}
	case ManageSnippet:
		return rule{name: "manage_snippet", content: Snippet, needs: Admin, scope: ScopeWriteSnippet, sensitive: true}
	case DeleteSnippet:
		return rule{name: "delete_snippet", content: Snippet, needs: Admin, scope: ScopeDeleteSnippet, sensitive: true}
	case ReadRepositoryAdmin: // no public content, so it isn't marked as reading
		return rule{name: "read_repository_admin", content: Repository, needs: Admin, scope: ScopeAdminRepository}
	case EditRepository:
		return rule{name: "edit_repository", content: Repository, needs: Admin, scope: ScopeAdminRepository}
	case SetVisibility:
		return rule{name: "set_visibility", content: Repository, needs: Admin, scope: ScopeAdminRepository, sensitive: true}
	case ManagePermissions:
		return rule{name: "manage_permissions", content: Repository, needs: Admin, scope: ScopeAdminRepository, sensitive: true}
	case ManageDeployKeys:
		return rule{name: "manage_deploy_keys", content: Repository, needs: Admin, sensitive: true}
	case DeleteRepository:
		return rule{name: "delete_repository", content: Repository, needs: Admin, scope: ScopeDeleteRepository, sensitive: true}
	case TransferRepository:
		return rule{name: "transfer_repository", content: Repository, needs: Admin, sensitive: true}
	default:
		return rule{}
	}
}

// Actions lists every action that the gate judges.
func Actions() []Action {
	var all []Action
	for a := Open + 1; a < actionEnd; a++ {
		all = append(all, a)
	}
	return all
}

func (a Action) String() string {
	if a == Open {
		return "open"
	}
	if r := ruleOf(a); r.name != "" {
		return r.name
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Content gives the kind of thing that the action is done to; 0 for Open.
func (a Action) Content() Content { return ruleOf(a).content }

// Needs gives the permission that the action needs.
func (a Action) Needs() Permission { return ruleOf(a).needs }

// Sensitive reports whether it asks for a fresh second step.
func (a Action) Sensitive() bool { return ruleOf(a).sensitive }

// Scope gives what a token needs for it; empty where no token can do it.
func (a Action) Scope() Scope { return ruleOf(a).scope }
