package api

import (
	"cmp"
	"context"
	"errors"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/user"
)

// Link is where something is found.
type Link struct {
	Href string `json:"href" format:"uri"`
	Name string `json:"name,omitempty"`
}

// User is a user as Bitbucket shows one.
type User struct {
	Type        string          `json:"type" enum:"user"`
	UUID        string          `json:"uuid"`
	Username    string          `json:"username"`
	Nickname    string          `json:"nickname"`
	DisplayName string          `json:"display_name"`
	CreatedOn   string          `json:"created_on" format:"date-time"`
	Has2FA      bool            `json:"has_2fa_enabled" doc:"Whether two-step verification is on"`
	Links       map[string]Link `json:"links"`
}

// UserRef names a user, where another resource has to do with one.
type UserRef struct {
	Type        string `json:"type" enum:"user"`
	UUID        string `json:"uuid"`
	Username    string `json:"username"`
	Nickname    string `json:"nickname"`
	DisplayName string `json:"display_name"`
}

func userRef(id, username, name string) UserRef {
	return UserRef{Type: "user", UUID: braced(id), Username: username, Nickname: username, DisplayName: cmp.Or(name, username)}
}

// Workspace is a workspace as Bitbucket shows one. Where another resource names
// it, created_on is left out.
type Workspace struct {
	Type      string          `json:"type" enum:"workspace"`
	UUID      string          `json:"uuid"`
	Slug      string          `json:"slug"`
	Name      string          `json:"name"`
	IsPrivate bool            `json:"is_private"`
	CreatedOn string          `json:"created_on,omitempty" format:"date-time"`
	Links     map[string]Link `json:"links"`
}

// Branch names a branch.
type Branch struct {
	Type string `json:"type" enum:"branch"`
	Name string `json:"name"`
}

// Repository is a repository as Bitbucket shows one.
type Repository struct {
	Type        string          `json:"type" enum:"repository"`
	UUID        string          `json:"uuid"`
	FullName    string          `json:"full_name"`
	Slug        string          `json:"slug"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	SCM         string          `json:"scm" enum:"git"`
	IsPrivate   bool            `json:"is_private"`
	Workspace   Workspace       `json:"workspace"`
	MainBranch  *Branch         `json:"mainbranch" doc:"null in a list, and where nothing was pushed yet"`
	CreatedOn   string          `json:"created_on" format:"date-time"`
	UpdatedOn   string          `json:"updated_on" format:"date-time"`
	Links       RepositoryLinks `json:"links"`
}

// RepositoryLinks is where a repository is found.
type RepositoryLinks struct {
	Self  Link   `json:"self"`
	HTML  Link   `json:"html"`
	Clone []Link `json:"clone"`
}

type output[T any] struct{ Body T }

// Named names a workspace. It is exported for huma, which describes no
// parameter of an embedded struct that isn't.
type Named struct {
	Workspace string `path:"workspace" maxLength:"100" doc:"The workspace's slug"`
}

// NamedRepository names a repository.
type NamedRepository struct {
	Named
	Repository string `path:"repo" maxLength:"100" doc:"The repository's slug"`
}

func (a *API) getUser(ctx context.Context, g access.Grant, _ *struct{}) (*output[User], error) {
	u, err := a.Users.Profile(ctx, g)
	if err != nil {
		return nil, err
	}
	return &output[User]{a.userOf(u, g.Actor())}, nil
}

func (a *API) userOf(u user.User, actor access.Actor) User {
	return User{
		Type: "user", UUID: braced(u.ID), Username: u.Username, Nickname: u.Username, DisplayName: u.Name,
		CreatedOn: moment(u.Created), Has2FA: actor.Factors.Enrolled(),
		Links: map[string]Link{
			"self": {Href: a.URL + "/2.0/user"},
			"html": {Href: a.URL + "/account/settings/"},
		},
	}
}

func (a *API) getWorkspace(ctx context.Context, g access.Grant, _ *Named) (*output[Workspace], error) {
	ws, err := a.Workspaces.Get(ctx, g)
	if err != nil {
		return nil, err
	}
	out := a.workspaceOf(ws.ID, ws.Slug, ws.Name)
	out.CreatedOn = moment(ws.Created)
	return &output[Workspace]{out}, nil
}

func (a *API) workspaceOf(id, slug, name string) Workspace {
	return Workspace{
		Type: "workspace", UUID: braced(id), Slug: slug, Name: name, IsPrivate: true,
		Links: map[string]Link{
			"self":         {Href: a.URL + "/2.0/workspaces/" + slug},
			"html":         {Href: a.URL + "/" + slug},
			"repositories": {Href: a.URL + "/2.0/repositories/" + slug},
		},
	}
}

type listInput struct {
	Named
	Paged
}

func (a *API) listRepositories(ctx context.Context, g access.Grant, in *listInput) (*output[Page[Repository]], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	found, err := a.Repositories.List(ctx, g, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, a.URL+"/2.0/repositories/"+g.Workspace().Slug, found,
		func(r repo.Repository) string { return r.Slug },
		func(r repo.Repository) Repository { return a.repositoryOf(g.Workspace(), r) }), nil
}

func (a *API) getRepository(ctx context.Context, g access.Grant, _ *NamedRepository) (*output[Repository], error) {
	r, err := a.Repositories.Get(ctx, g)
	if err != nil {
		return nil, err
	}
	out := a.repositoryOf(g.Workspace(), r)
	content, err := a.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	switch name, err := content.DefaultBranch(ctx); {
	case err == nil:
		out.MainBranch = &Branch{Type: "branch", Name: name}
	case !errors.Is(err, repo.ErrEmpty):
		return nil, err
	}
	return &output[Repository]{out}, nil
}

func (a *API) repositoryOf(ws access.WorkspaceRef, r repo.Repository) Repository {
	full := ws.Slug + "/" + r.Slug
	return Repository{
		Type: "repository", UUID: braced(r.ID), FullName: full, Slug: r.Slug, Name: r.Name, Description: r.Description,
		SCM: "git", IsPrivate: !r.Public, Workspace: a.workspaceOf(ws.ID, ws.Slug, ws.Name),
		CreatedOn: moment(r.Created), UpdatedOn: moment(r.Updated),
		Links: RepositoryLinks{
			Self:  Link{Href: a.URL + "/2.0/repositories/" + full},
			HTML:  Link{Href: a.URL + "/" + full},
			Clone: []Link{{Name: "https", Href: a.URL + "/" + full + ".git"}},
		},
	}
}

// braced is how Bitbucket writes an id.
func braced(id string) string { return "{" + id + "}" }

// moment is how Bitbucket writes a time.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000+00:00") }
