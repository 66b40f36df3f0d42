package access

import (
	"errors"
	"fmt"
	"strconv"

	"sallyport.dev/internal/errs"
)

// Grant proves that the gate allowed one actor one action on one resource.
// Only the gate makes one (Check, Reach); the zero Grant is refused by Require.
type Grant struct {
	actor      Actor
	action     Action // 0: not made by the gate
	workspace  WorkspaceRef
	repository RepositoryRef
	snippet    SnippetRef
}

// WorkspaceRef is a workspace as the gate resolved it. Zero for actions on Self.
type WorkspaceRef struct {
	ID, Slug, Name string
	Role           Role // the actor's
	Creates        bool // the actor may create repositories
	Policy         Policy
}

// RepositoryRef is a repository as the gate resolved it. Zero for other actions.
type RepositoryRef struct {
	ID, Slug     string
	Public       bool
	Archived     bool       // can be read only
	Permission   Permission // the actor's; None for whoever reads it because it is public
	Wiki, Issues Feature
}

// Feature is what a repository may have beside its code.
type Feature struct{ On, Public bool }

// SnippetRef is a snippet as the gate resolved it. Zero for other actions.
type SnippetRef struct {
	ID         string
	Author     string // id of a user
	Public     bool
	Permission Permission // the actor's; None for whoever reads it because it is public
}

// ErrNoGrant says that a function was called without a grant that fits. It is
// a fault of the program, never of the person.
var ErrNoGrant = errors.New("called without a grant that fits")

// Require is the first thing that a function does with its grant: it refuses
// one that the gate didn't make and one made for another action.
func (g Grant) Require(actions ...Action) error {
	for _, action := range actions {
		if g.action != 0 && g.action == action {
			return nil
		}
	}
	return fmt.Errorf("%w: %v, needs one of %v", ErrNoGrant, g.action, actions)
}

// Actor gives who was allowed, with the facts as Check read them.
func (g Grant) Actor() Actor { return g.actor }

// Action gives what was allowed.
func (g Grant) Action() Action { return g.action }

// Workspace gives the workspace of the resource.
func (g Grant) Workspace() WorkspaceRef { return g.workspace }

// Repository gives the repository, for an action on one or on what belongs to it.
func (g Grant) Repository() RepositoryRef { return g.repository }

// Snippet gives the snippet, for an action on one.
func (g Grant) Snippet() SnippetRef { return g.snippet }

// Sees reports whether the actor, allowed something in a repository, may know
// of its code, its wiki or its issue tracker. It tells a page which ways to
// show, and opens nothing.
func (g Grant) Sees(c Content) bool {
	r := g.repository
	part := map[Content]Feature{Repository: {On: true, Public: r.Public}, Wiki: r.Wiki, IssueTracker: r.Issues}[c]
	return r.ID != "" && part.On && (r.Permission > None || part.Public && !g.workspace.Policy.NoPublic)
}

// Refusal is the error that carries a verdict other than Allow. What it tells
// of the workspace is set only where the actor may know it.
type Refusal struct {
	Verdict
	Action        Action
	Credential    Credential
	WorkspaceSlug string
	WorkspaceName string
	Role          Role // the actor's
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refused: %s (%s)", r.Action, r.Outcome, r.Reason)
}

// Unwrap gives it a kind and a public message.
func (r *Refusal) Unwrap() error {
	switch r.Outcome {
	case Hidden:
		return errs.NotFound("There is nothing here.")
	case Unauthenticated:
		return errs.Unauthenticated("Sign in first.")
	default:
		return errs.Denied("%s", r.Sentence())
	}
}

// Subject names what the rule belongs to, to begin a sentence with.
func (r *Refusal) Subject() string {
	if r.WorkspaceSlug == "" {
		return "This"
	}
	return "Workspace " + r.WorkspaceSlug
}

// Sentence says in one sentence what the rule is.
func (r *Refusal) Sentence() string {
	switch r.Reason {
	case ReasonTwoStepRequired:
		if r.Action == LiftNetworks {
			return "Lifting the allowed networks of " + r.WorkspaceSlug + " from outside of them needs two-step verification."
		}
		return r.Subject() + " requires two-step verification."
	case ReasonStepNeeded:
		return "Your second step is needed first."
	case ReasonStepExpired:
		return r.Subject() + " asks for your second step again."
	case ReasonFreshStep:
		if r.Credential == APIToken {
			return "This needs a second step just now, which an API token can't give: do it in the browser."
		}
		return "This needs your second step once more: the last one is over 15 minutes ago."
	case ReasonPhishingResistant:
		return r.Subject() + " requires a security key or passkey."
	case ReasonAccountMFA:
		return r.Subject() + " requires a second step, in Code or at your account."
	case ReasonNetwork:
		return r.Subject() + " can't be reached from this network."
	case ReasonMachine:
		return r.Subject() + " doesn't accept machine credentials."
	case ReasonScope:
		if r.Credential == DeployKey {
			return "This deploy key is read-only."
		}
		if r.Credential == FeedToken {
			return "A feed token opens feeds alone."
		}
		if scope := r.Action.Scope(); scope != "" {
			return "This token lacks the scope " + string(scope) + "."
		}
		return "A token can't do this."
	case ReasonSignedOut:
		return "Sign in first."
	case ReasonNotFound:
		return "There is nothing here."
	case ReasonArchived:
		return "This repository is archived: it can be read, and nothing in it changed."
	default:
		return "You don't have permission to do this."
	}
}

// Lines says it to a git client: the rule, and the way to fix it, at Code's
// address, where the person can.
func (r *Refusal) Lines(code string) []string {
	next := ""
	switch r.Outcome {
	case Hidden:
		return []string{"There is no such repository, or you don't have access to it."}
	case Enrol:
		next = "Turn it on, then run the command again:"
	case Strengthen:
		next = "Add one, then run the command again:"
	case Verify, Renew:
		next = "Verify in the browser, then run the command again:"
	default:
		if r.FixPath() == "" {
			return []string{r.Sentence()}
		}
		next = "As an owner you can lift that:"
	}
	return []string{r.Sentence(), next, "  " + code + r.FixPath()}
}

// FixPath is the page of Code that fixes it; empty where the person can't.
func (r *Refusal) FixPath() string {
	switch r.Outcome {
	case Enrol:
		return "/account/settings/two-step-verification/"
	case Strengthen:
		return "/account/settings/two-step-verification/key"
	case Verify, Renew:
		switch {
		case r.Credential == SSHKey: // a step in the browser has to be given to the key
			return "/account/settings/ssh-keys/"
		case r.AtAccount:
			return r.accountPath()
		}
		return "/login/verify"
	case Unauthenticated:
		return "/login"
	}
	if r.Reason == ReasonNetwork && r.Role == Owner {
		return "/" + r.WorkspaceSlug + "/workspace/settings/access-controls/networks"
	}
	return ""
}

// accountPath signs the person in at the account anew, as the challenge asks.
func (r *Refusal) accountPath() string {
	path := "/login?again=1"
	if r.ACR != "" {
		path += "&acr=" + r.ACR
	}
	if r.MaxAge > 0 {
		path += "&max_age=" + strconv.Itoa(int(r.MaxAge.Seconds()))
	}
	return path
}
