package web

import (
	"errors"
	"html/template"
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// previewShown is how many members and credentials a preview lists at a time.
const previewShown = 50

// previewPart is the part of the access controls page that says what saving
// the form would do.
type previewPart struct {
	access.Preview
	Path    string
	Changes []change
	Starts  string // the date from which it holds; empty: at once
	You     string
	Hidden  []ui.Hidden // the form, to be saved as it was previewed
	Refused string      // why it can't be saved
	Fix     *ui.Link
}

// Most are the people of whom the most would have been stopped.
func (p *previewPart) Most() []access.Replayed {
	return p.Replay.People[:min(len(p.Replay.People), previewShown)]
}

type change struct{ Label, From, To string }

// previewControls says what saving the form would do. Nothing is changed.
func (s *Site) previewControls(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	ws, err := s.Workspaces.Get(r.Context(), g)
	if err != nil {
		return err
	}
	policy, err := policyOf(r.PostForm, ws.Policy, s.Clock())
	if err != nil {
		return err
	}
	policy, err = s.Workspaces.Propose(r.Context(), g, policy)
	unmet, isUnmet := errors.AsType[*workspace.Unmet](err)
	if err != nil && (!isUnmet || unmet.Reason == access.ReasonNetwork) {
		return s.refusedControls(w, r, g, err)
	}
	page, err := s.controls(r, g, ui.Form{Values: r.PostForm})
	if err != nil {
		return err
	}
	// What was used a moment ago isn't "never used".
	if err := errors.Join(s.Tokens.Flush(r.Context()), s.Users.Flush(r.Context())); err != nil {
		return err
	}
	found, err := s.Gate.Preview(r.Context(), g, policy, r.PostFormValue("after"), previewShown)
	if err != nil {
		return err
	}
	page.Preview = previewOf(found, g, ws.Policy, policy)
	page.Preview.Path = controlsPath(g)
	for _, name := range controlFields() {
		for _, value := range r.PostForm[name] {
			page.Preview.Hidden = append(page.Preview.Hidden, ui.Hidden{Name: name, Value: value})
		}
	}
	if isUnmet {
		request.Failed(r.Context(), unmet)
		page.Preview.Refused = errs.Message(unmet)
		if page.Preview.Fix, err = s.wayToMeet(r, unmet); err != nil {
			return err
		}
	}
	return s.renderControls(w, r, g, page, http.StatusOK)
}

// controlFields are the names of the form's fields.
func controlFields() []string {
	return []string{
		"require", "grace", "accept_account", "phishing_resistant", "ask_again", "ask_over_ssh", "machines", "networks", "no_public",
	}
}

func previewOf(p access.Preview, g access.Grant, old, proposed access.Policy) *previewPart {
	part := &previewPart{
		Preview: p, Changes: changes(old, proposed), You: wouldYou(p.Own, g.Actor()),
	}
	if !proposed.RequireFrom.IsZero() && proposed.RequireTwoStep {
		part.Starts = dateWords(proposed.RequireFrom)
	}
	return part
}

// changes lists what differs between two policies.
func changes(old, proposed access.Policy) []change {
	var out []change
	after := workspace.Describe(proposed)
	for i, before := range workspace.Describe(old) {
		if before != after[i] {
			out = append(out, change{before.Label, before.Value, after[i].Value})
		}
	}
	return out
}

// previewWords are the functions with which the page says a preview.
func previewWords() template.FuncMap {
	return template.FuncMap{
		"wouldThey": wouldThey, "wouldStop": wouldStop, "credentialWords": credentialWords, "doorWords": doorWords,
	}
}

// wouldYou says to the owner what a verdict would mean for them.
func wouldYou(v access.Verdict, a access.Actor) string {
	switch {
	case v.Outcome == access.Allow:
		return "Nothing changes for you: you meet it."
	case v.Outcome == access.Enrol:
		return "You would be blocked until you set up two-step verification."
	case v.Outcome == access.Strengthen:
		return "You would be blocked until you add a security key or passkey."
	case v.Reason == access.ReasonAccountMFA:
		return "You would be sent to your account, to sign in with MFA."
	case v.Reason == access.ReasonPhishingResistant:
		return "You would be asked to verify with your security key or passkey."
	case v.Outcome == access.Renew:
		return "You would be asked for your second step again."
	case v.Outcome == access.Verify:
		return "You would be asked for your second step."
	case v.Reason == access.ReasonNetwork:
		return "You would be shut out: you come from " + a.Address.String() + "."
	default:
		return "You would be refused."
	}
}

// wouldThey says what a verdict would mean for a member.
func wouldThey(v access.Verdict) string {
	switch {
	case v.Outcome == access.Enrol:
		return "Must set up two-step verification"
	case v.Outcome == access.Strengthen:
		return "Must add a security key or passkey"
	case v.Reason == access.ReasonAccountMFA:
		return "Must sign in with MFA at the account"
	case v.Reason == access.ReasonPhishingResistant:
		return "Asked for their security key or passkey"
	case v.Outcome == access.Renew:
		return "Asked for their second step again"
	case v.Outcome == access.Verify:
		return "Asked for their second step"
	case v.Reason == access.ReasonNetwork:
		return "Refused: last came from another network"
	default:
		return "Refused"
	}
}

// wouldStop says why a credential would stop.
func wouldStop(v access.Verdict) string {
	switch {
	case v.Outcome == access.Enrol:
		return "Its owner has no two-step verification"
	case v.Outcome == access.Strengthen:
		return "Its owner has no security key or passkey"
	case v.Outcome.Challenge():
		return "It would ask for a second step"
	case v.Reason == access.ReasonMachine:
		return "Machine credentials are refused"
	case v.Reason == access.ReasonNetwork:
		return "It last came from another network"
	default:
		return "Refused"
	}
}

func credentialWords(kind access.Credential) string {
	switch kind {
	case access.Session:
		return "Browser"
	case access.APIToken:
		return "API token"
	case access.OAuthToken:
		return "App"
	case access.FeedToken:
		return "Feed token"
	case access.SSHKey:
		return "SSH key"
	case access.WorkspaceToken:
		return "Workspace access token"
	case access.RepositoryToken:
		return "Repository access token"
	case access.DeployKey:
		return "Deploy key"
	default:
		return "Nobody"
	}
}

func doorWords(door string) string {
	switch access.Door(door) {
	case access.Web:
		return "Browser"
	case access.API:
		return "API"
	case access.GitHTTP:
		return "git over HTTPS"
	case access.GitSSH:
		return "git over SSH"
	case access.Feeds:
		return "Feeds"
	default:
		return door
	}
}
