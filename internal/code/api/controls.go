package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
)

// Controls are the access controls of a workspace.
type Controls struct {
	Type              string   `json:"type" enum:"access_controls"`
	RequireTwoStep    bool     `json:"require_two_step"`
	RequireFrom       string   `json:"require_from,omitempty" format:"date-time" doc:"From when on it is required; left out: at once"`
	AcceptAccountMFA  bool     `json:"accept_account_mfa"`
	PhishingResistant bool     `json:"phishing_resistant"`
	AskAgain          int      `json:"ask_again" doc:"After how many seconds the second step is asked for again; 0: never"`
	AskOverSSH        bool     `json:"ask_over_ssh"`
	Machines          bool     `json:"machine_credentials" doc:"Whether tokens and keys that belong to nobody are let in"`
	Networks          []string `json:"allowed_networks" doc:"CIDRs; none: any"`
	NoPublic          bool     `json:"no_public_content"`
}

// ControlsChange is what shall change of them. What is left out stays.
type ControlsChange struct {
	RequireTwoStep    *bool     `json:"require_two_step,omitempty"`
	GraceDays         *int      `json:"grace_days,omitempty" minimum:"0" maximum:"30" doc:"Where it is switched on by this: in how many days it begins. 0 ends a grace that runs; nothing lengthens one"`
	AcceptAccountMFA  *bool     `json:"accept_account_mfa,omitempty"`
	PhishingResistant *bool     `json:"phishing_resistant,omitempty"`
	AskAgain          *int      `json:"ask_again,omitempty" enum:"0,3600,86400,604800,2592000"`
	AskOverSSH        *bool     `json:"ask_over_ssh,omitempty"`
	Machines          *bool     `json:"machine_credentials,omitempty"`
	Networks          *[]string `json:"allowed_networks,omitempty" maxItems:"100"`
	NoPublic          *bool     `json:"no_public_content,omitempty"`
}

// ControlsPreview is what a change would do. Nothing is changed by it.
type ControlsPreview struct {
	Type        string           `json:"type" enum:"access_controls_preview"`
	Controls    Controls         `json:"controls" doc:"As they would be"`
	Obstacle    string           `json:"obstacle,omitempty" doc:"Why you couldn't save it"`
	You         string           `json:"you" doc:"What the gate would say to you: allow, or what would be asked"`
	Members     PreviewList      `json:"members"`
	Credentials PreviewList      `json:"credentials"`
	Replay      ControlsReplayed `json:"replay"`
}

// PreviewList counts those who would be asked or stopped, and names the first.
type PreviewList struct {
	Total   int           `json:"total"`
	Already int           `json:"already" doc:"Of them, those for whom it is so now"`
	Values  []PreviewLine `json:"values"`
	Next    string        `json:"next,omitempty" doc:"Give it as after to list on"`
}

// PreviewLine is a member, or a credential, and what would happen.
type PreviewLine struct {
	Username string `json:"username,omitempty" doc:"The member's; of a credential, its owner's"`
	Kind     string `json:"kind,omitempty"`
	Name     string `json:"name"`
	LastUsed string `json:"last_used,omitempty" format:"date-time"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason"`
}

// ControlsReplayed is what would have become of the accesses of the last 30 days.
type ControlsReplayed struct {
	Accesses int64          `json:"accesses"`
	Stopped  int64          `json:"stopped" doc:"Of them, those that would have been asked or refused"`
	Doors    []ReplayedPart `json:"doors"`
}

// ReplayedPart is the part of one door.
type ReplayedPart struct {
	Door     string `json:"door"`
	Accesses int64  `json:"accesses"`
	Stopped  int64  `json:"stopped"`
}

type controlsInput struct {
	Named
	Body ControlsChange
}

type previewInput struct {
	Named
	Body  ControlsChange
	After string `query:"after" maxLength:"100" doc:"The members from after this username on"`
}

const controlsAt = "/2.0/workspaces/{workspace}/access-controls"

func (a *API) controlsOperations(to huma.API) {
	add(a, to, access.ReadAccess, a.getControls, huma.Operation{
		Path: controlsAt, OperationID: "getAccessControls", Summary: "The access controls of a workspace",
	})
	add(a, to, access.ManageAccess, a.putControls, huma.Operation{
		Method: http.MethodPut, Path: controlsAt, OperationID: "changeAccessControls",
		Summary: "Change access controls; what is left out stays. It asks for a second step of the last 15 minutes",
	})
	add(a, to, access.ReadAccess, a.previewControls, huma.Operation{
		Method: http.MethodPost, Path: controlsAt + "/preview", OperationID: "previewAccessControls",
		Summary: "What a change of access controls would do; nothing is changed", DefaultStatus: http.StatusOK,
	})
}

func (a *API) getControls(ctx context.Context, g access.Grant, _ *Named) (*output[Controls], error) {
	ws, err := a.Workspaces.Get(ctx, g)
	if err != nil {
		return nil, err
	}
	return &output[Controls]{controlsOf(ws.Policy)}, nil
}

func (a *API) putControls(ctx context.Context, g access.Grant, in *controlsInput) (*output[Controls], error) {
	ws, err := a.Workspaces.Get(ctx, g)
	if err != nil {
		return nil, err
	}
	policy, err := in.Body.apply(ws.Policy, a.Workspaces.Clock())
	if err != nil {
		return nil, err
	}
	if err := a.Workspaces.SetPolicy(ctx, g, policy); err != nil {
		return nil, err
	}
	return a.getControls(ctx, g, nil)
}

func (a *API) previewControls(ctx context.Context, g access.Grant, in *previewInput) (*output[ControlsPreview], error) {
	ws, err := a.Workspaces.Get(ctx, g)
	if err != nil {
		return nil, err
	}
	policy, err := in.Body.apply(ws.Policy, a.Workspaces.Clock())
	if err != nil {
		return nil, err
	}
	out := ControlsPreview{Type: "access_controls_preview"}
	policy, err = a.Workspaces.Propose(ctx, g, policy)
	switch {
	case errs.Is(err, errs.KindDenied), errs.Is(err, errs.KindConflict):
		out.Obstacle = errs.Message(err)
	case err != nil:
		return nil, err
	}
	// What was used a moment ago isn't "never used".
	if err := errors.Join(a.Tokens.Flush(ctx), a.Users.Flush(ctx)); err != nil {
		return nil, err
	}
	const shown = 100
	found, err := a.Gate.Preview(ctx, g, policy, in.After, shown)
	if err != nil {
		return nil, err
	}
	out.Controls, out.You = controlsOf(policy), string(found.Own.Outcome)
	out.Members = PreviewList{Total: found.Affected.Total, Already: found.Affected.Old, Next: found.Affected.Next, Values: []PreviewLine{}}
	for _, m := range found.Affected.Shown {
		out.Members.Values = append(out.Members.Values, PreviewLine{
			Username: m.Username, Name: m.Name, Outcome: string(m.Verdict.Outcome), Reason: string(m.Verdict.Reason),
		})
	}
	out.Credentials = PreviewList{Total: found.Stopped.Total, Already: found.Stopped.Old, Values: []PreviewLine{}}
	for _, c := range found.Stopped.Shown {
		line := PreviewLine{
			Username: c.Owner, Kind: string(c.Kind), Name: c.Name, Outcome: string(c.Verdict.Outcome), Reason: string(c.Verdict.Reason),
		}
		if !c.LastUsed.IsZero() {
			line.LastUsed = moment(c.LastUsed)
		}
		out.Credentials.Values = append(out.Credentials.Values, line)
	}
	out.Replay = ControlsReplayed{Accesses: found.Replay.Accesses, Stopped: found.Replay.Stopped, Doors: []ReplayedPart{}}
	for _, d := range found.Replay.Doors {
		out.Replay.Doors = append(out.Replay.Doors, ReplayedPart{d.Name, d.Accesses, d.Stopped})
	}
	return &output[ControlsPreview]{out}, nil
}

func controlsOf(p access.Policy) Controls {
	out := Controls{
		Type: "access_controls", RequireTwoStep: p.RequireTwoStep, AcceptAccountMFA: p.AcceptAccountMFA,
		PhishingResistant: p.PhishingResistant, AskAgain: int(p.AskAgain / time.Second), AskOverSSH: p.AskOverSSH,
		Machines: !p.RefuseMachines, Networks: []string{}, NoPublic: p.NoPublic,
	}
	if !p.RequireFrom.IsZero() {
		out.RequireFrom = moment(p.RequireFrom)
	}
	for _, network := range p.Networks {
		out.Networks = append(out.Networks, network.String())
	}
	return out
}

// apply gives the policy with the change.
func (c *ControlsChange) apply(p access.Policy, now time.Time) (access.Policy, error) {
	was := p.RequireTwoStep
	set(&p.RequireTwoStep, c.RequireTwoStep)
	switch {
	case c.GraceDays == nil:
	case !was && p.RequireTwoStep && *c.GraceDays > 0:
		p.RequireFrom = now.AddDate(0, 0, *c.GraceDays)
	case was && *c.GraceDays == 0 && p.RequireFrom.After(now):
		p.RequireFrom = time.Time{}
	}
	set(&p.AcceptAccountMFA, c.AcceptAccountMFA)
	set(&p.PhishingResistant, c.PhishingResistant)
	set(&p.AskOverSSH, c.AskOverSSH)
	set(&p.NoPublic, c.NoPublic)
	if c.AskAgain != nil {
		p.AskAgain = time.Duration(*c.AskAgain) * time.Second
	}
	if c.Machines != nil {
		p.RefuseMachines = !*c.Machines
	}
	if c.Networks != nil {
		p.Networks = nil
		for _, text := range *c.Networks {
			networks, err := access.ParseNetworks(text)
			if err != nil {
				return p, err
			}
			p.Networks = append(p.Networks, networks...)
		}
	}
	return p, nil
}

func set(into, value *bool) {
	if value != nil {
		*into = *value
	}
}

// unmet says that the actor's own evidence doesn't meet what they want to save.
func (a *API) unmet(u *workspace.Unmet) *Failure {
	f := newFailure(http.StatusForbidden, errs.Message(u), "")
	f.Body.Data = &Data{Reason: string(u.Reason)}
	if path := u.FixPath(); path != "" {
		f.Body.Data.URL = a.URL + path
	}
	return f
}
