package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
)

// RepositoryInput is what a request says of a repository. What was made for
// Bitbucket may say more, which is passed over.
type RepositoryInput struct {
	_           struct{}   `json:"-" additionalProperties:"true"`
	SCM         *string    `json:"scm,omitempty" enum:"git"`
	Name        *string    `json:"name,omitempty" doc:"Its address is the name in small letters"`
	Description *string    `json:"description,omitempty"`
	IsPrivate   *bool      `json:"is_private,omitempty"`
	MainBranch  *BranchRef `json:"mainbranch,omitempty" doc:"Passed over where the repository is made"`
}

// BranchRef names a branch in what is sent.
type BranchRef struct {
	_    struct{} `json:"-" additionalProperties:"true"`
	Name string   `json:"name"`
}

type createRepositoryInput struct {
	NamedRepository
	Body *RepositoryInput
}

type updateRepositoryInput struct {
	NamedRepository
	Body RepositoryInput
}

type located[T any] struct {
	Location string `header:"Location"`
	Body     T
}

const repositoryAt = "/2.0/repositories/{workspace}/{repo}"

func (a *API) repositoryOperations(to huma.API) {
	add(a, to, access.ListRepositories, a.listRepositories, huma.Operation{
		Path: "/2.0/repositories/{workspace}", OperationID: "listRepositories", Summary: "The repositories of a workspace, by name",
	})
	add(a, to, access.ReadRepository, a.getRepository, huma.Operation{
		Path: repositoryAt, OperationID: "getRepository", Summary: "A repository",
	})
	add(a, to, access.CreateRepository, a.createRepository, huma.Operation{
		Method: http.MethodPost, Path: repositoryAt, OperationID: "createRepository", DefaultStatus: http.StatusCreated,
		Summary: "Make a repository. It is private unless is_private is false", Metadata: part{described: "repo", routed: "made"}.as(),
	})
	add(a, to, access.EditRepository, a.updateRepository, huma.Operation{
		Method: http.MethodPut, Path: repositoryAt, OperationID: "updateRepository",
		Summary: "Change a repository; what is left out stays. Another name is another address, to which the former leads on. Another is_private asks for a second step of the last 15 minutes",
	})
	add(a, to, access.DeleteRepository, a.deleteRepository, huma.Operation{
		Method: http.MethodDelete, Path: repositoryAt, OperationID: "deleteRepository",
		Summary: "Delete a repository with all that belongs to it. " + asksFresh,
	})
}

func (a *API) createRepository(ctx context.Context, g access.Grant, in *createRepositoryInput) (*located[Repository], error) {
	said := RepositoryInput{}
	if in.Body != nil {
		said = *in.Body
	}
	wanted := repo.Input{Name: in.Repository, Public: said.IsPrivate != nil && !*said.IsPrivate}
	if said.Name != nil {
		wanted.Name = *said.Name
	}
	if !strings.EqualFold(wanted.Name, in.Repository) {
		return nil, errs.Invalid("name", "A repository of that name has another address. Ask for the name in small letters.")
	}
	if said.Description != nil {
		wanted.Description = *said.Description
	}
	made, err := a.Repositories.Create(ctx, g, wanted)
	if err != nil {
		return nil, err
	}
	out := a.repositoryOf(g.Workspace(), made)
	return &located[Repository]{Location: out.Links.Self.Href, Body: out}, nil
}

// updateRepository does the thing that may be refused first, and last the one
// that changes the address.
func (a *API) updateRepository(ctx context.Context, g access.Grant, in *updateRepositoryInput) (*located[Repository], error) {
	said, at := in.Body, access.Target{Workspace: g.Workspace().Slug, Repository: g.Repository().Slug}
	if said.IsPrivate != nil && *said.IsPrivate == g.Repository().Public {
		visible, err := a.Gate.Check(ctx, g.Actor(), at, access.SetVisibility)
		if err != nil {
			return nil, err
		}
		if err := a.Repositories.SetVisibility(ctx, visible, !*said.IsPrivate); err != nil {
			return nil, err
		}
	}
	if said.Description != nil {
		if err := a.Repositories.Describe(ctx, g, *said.Description); err != nil {
			return nil, err
		}
	}
	if said.MainBranch != nil {
		if err := a.Repositories.SetDefaultBranch(ctx, g, said.MainBranch.Name); err != nil {
			return nil, err
		}
	}
	if said.Name != nil {
		var err error
		if at.Repository, err = a.Repositories.Rename(ctx, g, *said.Name); err != nil {
			return nil, err
		}
	}
	reading, err := a.Gate.Check(ctx, g.Actor(), at, access.ReadRepository)
	if err != nil {
		return nil, err
	}
	out, err := a.getRepository(ctx, reading, nil)
	if err != nil {
		return nil, err
	}
	return &located[Repository]{Location: out.Body.Links.Self.Href, Body: out.Body}, nil
}

// deleteRepository takes the address for the name that a person would type.
func (a *API) deleteRepository(ctx context.Context, g access.Grant, _ *NamedRepository) (*struct{}, error) {
	return nil, a.Repositories.Delete(ctx, g, g.Repository().Slug)
}
