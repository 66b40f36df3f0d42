package access

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Gate judges requests on the facts as they are now.
type Gate struct {
	db      *db.DB
	clock   clock.Clock
	records *Records
}

// New makes a gate on a store; it counts its outcomes in records.
func New(d *db.DB, c clock.Clock, records *Records) *Gate {
	return &Gate{db: d, clock: c, records: records}
}

// Target names what is asked for: a repository of a workspace, or what belongs
// to that; a snippet of one; a workspace; or, where all are empty, the actor's
// own settings.
type Target struct {
	Workspace  string // slug
	Repository string // slug
	Snippet    string // id
}

// fits reports whether content of the kind is named in this way.
func (t Target) fits(c Content) bool {
	switch c {
	case Repository, IssueTracker, Wiki:
		return t.Repository != "" && t.Snippet == ""
	case Snippet:
		return t.Snippet != "" && t.Repository == ""
	case Workspace:
		return t.Workspace != "" && t.Repository == "" && t.Snippet == ""
	case Self:
		return t == Target{}
	default:
		return false
	}
}

// Check judges one request. It returns a Grant, or a *Refusal, or, where the
// facts can't be read, an error of kind Unavailable, which refuses as well.
func (g *Gate) Check(ctx context.Context, actor Actor, target Target, action Action) (Grant, error) {
	j, err := g.judge(ctx, actor, target, action)
	if err != nil {
		return Grant{}, err
	}
	f := j.facts
	g.records.count(j.now, f.WorkspaceID, j.actor, action, j.verdict)
	g.records.trail.note(j.now, j.actor, target, action, j.verdict)
	if j.verdict.Outcome != Allow {
		return Grant{}, j.refusal(action)
	}
	return j.grant(action), nil
}

// judgement is a verdict and what it rests on.
type judgement struct {
	facts   facts
	actor   Actor // with the facts as they are now
	now     time.Time
	verdict Verdict
}

// grant is what an allowing verdict gives.
func (j *judgement) grant(action Action) Grant {
	f := &j.facts
	return Grant{
		actor: j.actor, action: action,
		workspace: WorkspaceRef{
			ID: f.WorkspaceID, Slug: f.WorkspaceSlug, Name: f.WorkspaceName, Role: f.Role, Creates: f.Creates, Policy: f.policy,
		},
		repository: RepositoryRef{
			ID: f.RepositoryID, Slug: f.RepositorySlug, Public: f.Public, Archived: f.Archived, Permission: f.Permission, Wiki: f.Wiki(), Issues: f.Issues(),
		},
		snippet: f.snippet(j.actor),
	}
}

// refusal tells of the workspace what the actor may know.
func (j *judgement) refusal(action Action) *Refusal {
	refusal := &Refusal{Verdict: j.verdict, Action: action, Credential: j.actor.Credential}
	if j.facts.knows(j.actor) && j.verdict.Outcome != Unauthenticated {
		refusal.WorkspaceSlug, refusal.WorkspaceName, refusal.Role = j.facts.WorkspaceSlug, j.facts.WorkspaceName, j.facts.Role
	}
	return refusal
}

// judge reads the facts and decides on them.
func (g *Gate) judge(ctx context.Context, actor Actor, target Target, action Action) (judgement, error) {
	if !target.fits(action.Content()) {
		return judgement{}, fmt.Errorf("checking %v: the target %+v is of another kind", action, target)
	}
	f, err := g.facts(ctx, actor, target)
	if err != nil {
		return judgement{}, errs.Unavailable(err, "Access can't be judged right now, so it is refused. Try again in a moment.")
	}
	if actor.User != "" && !f.UserExists {
		actor.Credential = Nobody // deleted or suspended meanwhile
	}
	actor.Factors = Factors{TOTP: f.TOTP, WebAuthn: f.WebAuthn}
	actor.AccountOpens = f.AccountOpens

	now := g.clock()
	return judgement{f, actor, now, Decide(actor, f.policy, f.resource(actor, action), action, now)}, nil
}

// facts is everything that a verdict rests on and that can change meanwhile.
type facts struct {
	row
	policy Policy
}

type row struct {
	WorkspaceID, WorkspaceSlug, WorkspaceName string
	RequireTwoStep                            bool
	RequireFrom                               time.Time
	AcceptAccount, PhishingResistant          bool
	AskAgain                                  time.Duration
	AskOverSSH, RefuseMachines                bool
	Networks                                  string
	NoPublic                                  bool
	Role                                      Role
	RepositoryID, RepositorySlug              string
	Public, Archived                          bool
	Permission                                Permission // on the repository; where it doesn't exist, what they would have
	Creates                                   bool       // may create repositories
	HasWiki, WikiPublic                       bool
	HasIssues, IssuesPublic                   bool
	SnippetID, SnippetAuthor                  string
	SnippetPublic                             bool
	UserExists, AccountOpens, TOTP, WebAuthn  bool
}

// Wiki tells of the repository's wiki.
func (r *row) Wiki() Feature { return Feature{On: r.HasWiki, Public: r.WikiPublic} }

// Issues tells of the repository's issue tracker.
func (r *row) Issues() Feature { return Feature{On: r.HasIssues, Public: r.IssuesPublic} }

// The one query. It gives one row whatever exists, and takes the same path for
// what does and what doesn't. A repository that was transferred is judged by the
// workspace that it is in, whichever name leads to it. A factor that is off after too many wrong codes
// still counts as enrolment: or guessing would turn two-step verification off.
const query = `
SELECT COALESCE(w.id, ''), COALESCE(w.slug, ''), COALESCE(w.name, ''),
  COALESCE(w.require_two_step, FALSE), COALESCE(w.require_from, 0),
  COALESCE(w.accept_account, FALSE), COALESCE(w.phishing_resistant, FALSE), COALESCE(w.ask_again, 0),
  COALESCE(w.ask_over_ssh, FALSE), COALESCE(w.refuse_machines, FALSE), COALESCE(w.networks, ''), COALESCE(w.no_public, FALSE),
  COALESCE(m.role, ''), COALESCE(r.id, ''), COALESCE(r.slug, ''), COALESCE(r.public, FALSE), COALESCE(r.archived, FALSE),
  ` + permissionSQL + `,
  COALESCE(` + createsSQL + `, FALSE),
  COALESCE(r.has_wiki, FALSE), COALESCE(r.wiki_public, FALSE), COALESCE(r.has_issues, FALSE), COALESCE(r.issues_public, FALSE),
  COALESCE(s.id, ''), COALESCE(s.author, ''), COALESCE(s.public, FALSE),
  u.id IS NOT NULL AND NOT u.suspended, COALESCE(u.account_opens, FALSE),
  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $3 AND kind = 'totp' AND confirmed > 0),
  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $3 AND kind = 'webauthn' AND confirmed > 0)
FROM (SELECT 1 AS one) AS anchor
LEFT JOIN workspace named ON named.slug = $1
LEFT JOIN repository r ON r.id = COALESCE(
  (SELECT id FROM repository WHERE workspace = named.id AND slug = $2),
  (SELECT repository FROM repository_name WHERE workspace = named.id AND slug = $2))
LEFT JOIN workspace w ON w.id = COALESCE(r.workspace, named.id)
LEFT JOIN snippet s ON s.workspace = w.id AND s.id = $4
LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $3
LEFT JOIN code_user u ON u.id = $3`

func (g *Gate) facts(ctx context.Context, actor Actor, target Target) (facts, error) {
	r, err := db.One[row](ctx, g.db, query, slug(target.Workspace), slug(target.Repository), actor.User, slug(target.Snippet))
	if err != nil {
		return facts{}, fmt.Errorf("reading the facts: %w", err)
	}
	networks, err := ParseNetworks(r.Networks)
	if err != nil {
		return facts{}, fmt.Errorf("workspace %s: %w", r.WorkspaceID, err)
	}
	if r.AskAgain < 0 {
		return facts{}, fmt.Errorf("workspace %s: a step that lasts %v", r.WorkspaceID, r.AskAgain)
	}
	switch r.Role {
	case Outsider, Member, Owner:
	default:
		return facts{}, fmt.Errorf("workspace %s: a member with the role %q", r.WorkspaceID, r.Role)
	}
	if r.Permission > Admin {
		return facts{}, fmt.Errorf("workspace %s: the permission %d", r.WorkspaceID, r.Permission)
	}
	if actor.Credential.Machine() {
		r.Permission, r.Creates = r.bound(actor, Repository), r.bound(actor, Workspace) == Admin
	}
	return facts{row: r, policy: Policy{
		RequireTwoStep: r.RequireTwoStep, RequireFrom: r.RequireFrom, AcceptAccountMFA: r.AcceptAccount,
		PhishingResistant: r.PhishingResistant, AskAgain: r.AskAgain, AskOverSSH: r.AskOverSSH,
		RefuseMachines: r.RefuseMachines, Networks: networks, NoPublic: r.NoPublic,
	}}, nil
}

// slug gives the form in which names are kept. What no database takes as text
// becomes a name that nothing has, so that it is judged like any other.
func slug(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.ToValidUTF8(name, "?"), "\x00", "?"))
}

// resource gives what the action is done to, as the actor may know it.
func (f *facts) resource(actor Actor, action Action) Resource {
	switch action.Content() {
	case Self:
		return Resource{Exists: true, Permission: Admin}
	case Workspace:
		permission := f.Role.onWorkspace()
		if actor.Credential.Machine() {
			permission = f.bound(actor, Workspace)
		}
		if action == CreateRepository && !f.Creates {
			permission = min(permission, Read)
		}
		return Resource{Exists: f.WorkspaceID != "", Permission: permission}
	case Repository:
		return Resource{Exists: f.RepositoryID != "", Public: f.Public, Archived: f.Archived, Permission: f.Permission}
	case IssueTracker:
		return Resource{Exists: f.HasIssues, Public: f.IssuesPublic, Archived: f.Archived, Permission: f.Permission}
	case Wiki:
		return Resource{Exists: f.HasWiki, Public: f.WikiPublic, Archived: f.Archived, Permission: f.Permission}
	case Snippet:
		return Resource{Exists: f.SnippetID != "", Public: f.SnippetPublic, Permission: f.onSnippet(actor)}
	default:
		return Resource{}
	}
}

// snippet gives the snippet that was asked for; zero for none.
func (f *facts) snippet(actor Actor) SnippetRef {
	if f.SnippetID == "" {
		return SnippetRef{}
	}
	return SnippetRef{ID: f.SnippetID, Author: f.SnippetAuthor, Public: f.SnippetPublic, Permission: f.onSnippet(actor)}
}

// onSnippet gives what the actor may do with the snippet: members read, its
// author, while a member, and owners administer.
func (f *facts) onSnippet(actor Actor) Permission {
	switch {
	case f.Role == Owner, f.Role == Member && actor.User != "" && f.SnippetAuthor == actor.User:
		return Admin
	case f.Role == Member:
		return Read
	default:
		return None
	}
}

// knows reports whether the actor may be told the workspace's name: a member,
// or a machine credential of it.
func (r *row) knows(actor Actor) bool {
	if actor.Credential.Machine() {
		return r.WorkspaceID != "" && actor.Workspace == r.WorkspaceID
	}
	return r.Role != Outsider
}

// bound gives what a machine credential may do with the workspace, or with the
// repository: all within what it is bound to, where its scopes say how much, and
// nothing beyond.
func (r *row) bound(actor Actor, content Content) Permission {
	within := actor.Repository == "" || content == Repository && actor.Repository == r.RepositoryID
	if !within || !r.knows(actor) {
		return None
	}
	return Admin
}

// ParseNetworks reads CIDRs divided by spaces.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, field := range strings.Fields(text) {
		network, err := netip.ParsePrefix(field)
		if err != nil || network.Addr().Is4In6() { // an address is compared as the IPv4 that it is
			return nil, errs.Invalid("networks", "%q is not a network such as 192.0.2.0/24.", field)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// FormatNetworks writes CIDRs as ParseNetworks reads them.
func FormatNetworks(networks []netip.Prefix) string {
	words := make([]string, len(networks))
	for i, network := range networks {
		words[i] = network.String()
	}
	return strings.Join(words, " ")
}
