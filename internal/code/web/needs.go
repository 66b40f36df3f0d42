package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/ui"
)

const (
	tasksAtHome = 10
	expirySoon  = 7 * 24 * time.Hour
)

// needs gathers what a person has to do, the most pressing first: what
// workspaces ask for now, two-step verification before a grace ends, tokens that
// are about to end, members who aren't ready, mentions, and the issues that are
// theirs.
func (s *Site) needs(r *http.Request, g access.Grant, workspaces []standing, reached []access.Grant) ([]need, error) {
	all := append(needsOfRules(workspaces), s.needsOfGrace(g, reached)...)
	for _, more := range []func() ([]need, error){
		func() ([]need, error) { return s.needsOfTokens(r, g, tokensPath, "Your API token") },
		func() ([]need, error) { return s.needsOfOwner(r, g, workspaces) },
		func() ([]need, error) { return s.needsOfMentions(r, g) },
		func() ([]need, error) { return s.needsOfTasks(r, reached) },
	} {
		some, err := more()
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// needsOfRules are the workspaces that are closed to the person until they do
// something.
func needsOfRules(workspaces []standing) []need {
	var all []need
	for _, ws := range workspaces {
		if !ws.Open && ws.Fix.Href != "" && len(all) < gathered {
			fix := ui.Link{Text: ws.Fix.Text + " for " + ws.Name, Href: ws.Fix.Href}
			all = append(all, need{Icon: "lock", Link: fix, Note: "It is closed to you until then: " + ws.Need, Warn: true})
		}
	}
	return all
}

// needsOfGrace are the workspaces that will close to the person.
func (s *Site) needsOfGrace(g access.Grant, reached []access.Grant) []need {
	var all []need
	for _, in := range reached {
		policy := in.Workspace().Policy
		if !policy.RequireFrom.After(s.Clock()) || policy.MetBy(in.Actor().Evidence) {
			continue
		}
		fix := ui.Link{Text: "Set up two-step verification", Href: s.returns.carry(twoStepPath, "/")}
		if g.Actor().Factors.Enrolled() {
			fix = ui.Link{Text: "Add a security key or passkey", Href: s.returns.carry(keyPath, "/")}
		}
		all = append(all, need{Icon: "shield", Link: fix, Note: in.Workspace().Name + " closes to you without it", At: policy.RequireFrom, Warn: true})
	}
	return all
}

// needsOfTokens are the tokens of the grant that end soon.
func (s *Site) needsOfTokens(r *http.Request, g access.Grant, path, what string) ([]need, error) {
	tokens, err := s.Tokens.List(r.Context(), g)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	tokens = slices.DeleteFunc(tokens, func(t token.Token) bool { return t.Expired(now) || t.Expires.After(now.Add(expirySoon)) })
	slices.SortFunc(tokens, func(a, b token.Token) int { return a.Expires.Compare(b.Expires) })
	var all []need
	for _, t := range tokens {
		all = append(all, need{Icon: "key", Link: ui.Link{Text: what + " “" + t.Name + "” ends soon", Href: path}, Note: "Rotate it, or make another", At: t.Expires})
	}
	return all, nil
}

// needsOfOwner are what the owners of workspaces have to look after: members
// who aren't ready while the grace runs, and tokens of the workspace.
func (s *Site) needsOfOwner(r *http.Request, g access.Grant, workspaces []standing) ([]need, error) {
	var owned, inGrace []string
	for _, ws := range workspaces {
		if ws.Owner && ws.Open && len(owned) < gathered {
			owned = append(owned, ws.Slug)
			if !ws.From.IsZero() {
				inGrace = append(inGrace, ws.Slug)
			}
		}
	}
	controls, err := s.Gate.Reach(r.Context(), g.Actor(), access.ReadAccess, inGrace)
	if err != nil {
		return nil, err
	}
	var all []need
	for _, in := range controls {
		coverage, err := s.Workspaces.Coverage(r.Context(), in)
		if err != nil {
			return nil, err
		}
		if n := coverage.Waiting(); n > 0 {
			text := strconv.Itoa(n) + " members of " + in.Workspace().Name + " aren't ready"
			if n == 1 {
				text = "1 member of " + in.Workspace().Name + " isn't ready"
			}
			all = append(all, need{
				Icon: "people", Link: ui.Link{Text: text, Href: settingsPath(in) + "members"},
				Note: "Two-step verification is required", At: in.Workspace().Policy.RequireFrom, Warn: true,
			})
		}
	}
	tokens, err := s.Gate.Reach(r.Context(), g.Actor(), access.ReadWorkspaceTokens, owned)
	if err != nil {
		return nil, err
	}
	for _, in := range tokens {
		some, err := s.needsOfTokens(r, in, settingsPath(in)+"access-tokens", "The access token of "+in.Workspace().Name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// needsOfMentions are the texts that mention the person and weren't read.
func (s *Site) needsOfMentions(r *http.Request, g access.Grant) ([]need, error) {
	n, err := s.unread(r, g.Actor(), activity.Mentioned)
	if err != nil || n == 0 {
		return nil, err
	}
	text := "You are mentioned in " + strconv.Itoa(n) + " places"
	if n == 1 {
		text = "You are mentioned in one place"
	}
	return []need{{Icon: "bell", Link: ui.Link{Text: text, Href: noticesPath}, Note: "Not read yet"}}, nil
}

// needsOfTasks are the unresolved issues that are the person's.
func (s *Site) needsOfTasks(r *http.Request, reached []access.Grant) ([]need, error) {
	var tasks []activity.Task
	for _, in := range reached {
		some, err := s.Events.Tasks(r.Context(), in, tasksAtHome)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, some...)
	}
	slices.SortFunc(tasks, func(a, b activity.Task) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), b.Updated.Compare(a.Updated))
	})
	var all []need
	for _, t := range tasks[:min(len(tasks), tasksAtHome)] {
		path := "/" + t.Workspace + "/" + t.Repository
		all = append(all, need{
			Icon: "check", Link: ui.Link{Text: "#" + strconv.FormatInt(t.Number, 10) + " " + t.Title, Href: path + "/issues/" + strconv.FormatInt(t.Number, 10)},
			Note: "Assigned to you in " + path[1:] + ", last changed", At: t.Updated,
		})
	}
	return all, nil
}
