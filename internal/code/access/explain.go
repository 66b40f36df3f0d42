package access

import "context"

// Explanation is what the gate would say now, and the facts that it would rest
// on. It opens nothing: no grant comes of it.
//
// Its policy and resource are the workspace's and repository's as they are,
// also where the actor may not know of them; who shows them has to look at
// Known first.
type Explanation struct {
	Refusal         // Outcome Allow too
	Known    bool   // the actor may know of the workspace
	Actor    Actor  // with the facts as they are now
	Role     Role   // in the workspace
	Policy   Policy // of the workspace
	Resource Resource
}

// Explain gives the verdict that Check would give, by the same rules from the
// same facts. It counts nothing.
func (g *Gate) Explain(ctx context.Context, actor Actor, target Target, action Action) (Explanation, error) {
	j, err := g.judge(ctx, actor, target, action)
	if err != nil {
		return Explanation{}, err
	}
	return Explanation{
		Refusal: *j.refusal(action), Known: j.facts.knows(j.actor),
		Actor: j.actor, Role: j.facts.Role, Policy: j.facts.policy, Resource: j.facts.resource(j.actor, action),
	}, nil
}

// Reach gives a grant for each of the workspaces, by slug, in which the gate
// allows the actor the action at this moment, for what is gathered of several.
// The others are left out. It counts nothing.
func (g *Gate) Reach(ctx context.Context, actor Actor, action Action, workspaces []string) ([]Grant, error) {
	var grants []Grant
	for _, slug := range workspaces {
		j, err := g.judge(ctx, actor, Target{Workspace: slug}, action)
		if err != nil {
			return nil, err
		}
		if j.verdict.Outcome == Allow {
			grants = append(grants, j.grant(action))
		}
	}
	return grants, nil
}

// Why says in one sentence why the verdict is as it is.
func (e *Explanation) Why() string { return Why(&e.Refusal) }

// Why says in one sentence why a verdict is as it is, an allowing one too.
func Why(r *Refusal) string {
	switch {
	case r.Outcome == Allow && r.Reason == ReasonPublic:
		return "It is public."
	case r.Outcome == Allow:
		return "Every rule is met."
	default:
		return r.Sentence()
	}
}

// Carried gives the evidence that counts at the gate for this kind of credential.
func (a *Actor) Carried() Evidence { return a.carried() }

// Doors lists the ways in to private content.
func Doors() []Door { return []Door{Web, API, GitHTTP, GitSSH, Feeds} }

// Asks gives the action that stands for coming in by the door: reading the
// repository, or, where none is named, the workspace, which to git is any
// repository of it, and to feeds what happened there.
func (d Door) Asks(t Target) Action {
	switch {
	case t.Repository != "":
		return ReadRepository
	case d == GitHTTP || d == GitSSH:
		return ListRepositories
	case d == Feeds:
		return ReadActivity
	default:
		return ReadWorkspace
	}
}
