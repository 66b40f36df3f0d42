package api

import (
	"context"

	"sallyport.dev/internal/code/access"
)

// Access is what the gate would say to the user now, at each door.
type Access struct {
	Type       string       `json:"type" enum:"access"`
	Workspace  string       `json:"workspace"`
	Repository string       `json:"repository,omitempty"`
	Doors      []DoorAccess `json:"doors"`
}

// DoorAccess is a verdict: of the API and of git over HTTPS for the token that
// asks, of the web for the browser session and of git over SSH for the key that
// the user used last, from where the token comes; a key on a security key is
// taken to check its user. Where there is none, it is one without a step. Feeds
// are judged for a feed token of the user's.
type DoorAccess struct {
	Door      access.Door       `json:"door" enum:"web,api,githttp,gitssh,feeds"`
	As        access.Credential `json:"credential" doc:"The kind of credential that was judged"`
	Allowed   bool              `json:"allowed"`
	Reason    access.Reason     `json:"reason" doc:"Why, by a code that pages, git's texts and logs share"`
	Message   string            `json:"message" doc:"Why, in a sentence"`
	Challenge string            `json:"challenge,omitempty" enum:"enrol,strengthen,verify,renew" doc:"What the user can do about it"`
	URL       string            `json:"url,omitempty" doc:"The page on which to do it"`
	ACR       string            `json:"acr_values,omitempty" doc:"The account's sign-in that would do"`
	MaxAge    int               `json:"max_age,omitempty" doc:"How old a step may be, in seconds"`
}

type accessInput struct {
	Workspace  string `query:"workspace" required:"true" minLength:"1" maxLength:"100" doc:"The workspace's slug"`
	Repository string `query:"repository" maxLength:"100" doc:"The slug of a repository in it; empty: the workspace"`
}

func (a *API) getAccess(ctx context.Context, g access.Grant, in *accessInput) (*output[Access], error) {
	session, err := a.Users.Newest(ctx, g)
	if err != nil {
		return nil, err
	}
	out := Access{Type: "access", Workspace: in.Workspace, Repository: in.Repository}
	target := access.Target{Workspace: in.Workspace, Repository: in.Repository}
	for _, door := range access.Doors() {
		actor := g.Actor()
		switch door {
		case access.Web:
			actor = session
		case access.GitSSH:
			key, err := a.Users.LastKey(ctx, g, actor.Address)
			if err != nil {
				return nil, err
			}
			actor = key.Actor
		}
		if door == access.Feeds {
			actor = access.Actor{Credential: access.FeedToken, User: actor.User}
		}
		actor.Door, actor.Address = door, g.Actor().Address
		e, err := a.Gate.Explain(ctx, actor, target, door.Asks(target))
		if err != nil {
			return nil, err
		}
		out.Doors = append(out.Doors, a.doorOf(door, actor, &e))
	}
	return &output[Access]{out}, nil
}

func (a *API) doorOf(door access.Door, actor access.Actor, e *access.Explanation) DoorAccess {
	d := DoorAccess{
		Door: door, As: actor.Credential, Allowed: e.Outcome == access.Allow, Reason: e.Reason, Message: e.Why(),
		ACR: e.ACR, MaxAge: int(e.MaxAge.Seconds()),
	}
	if e.Outcome.Challenge() {
		d.Challenge = string(e.Outcome)
	}
	if path := e.FixPath(); path != "" {
		d.URL = a.URL + path
	}
	return d
}
