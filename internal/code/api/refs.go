package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
)

// Ref is a branch or a tag as Bitbucket shows one.
type Ref struct {
	Type   string          `json:"type" enum:"branch,tag"`
	Name   string          `json:"name"`
	Target Commit          `json:"target"`
	Links  map[string]Link `json:"links"`
}

// RefInput is a branch or a tag to be made.
type RefInput struct {
	_      struct{} `json:"-" additionalProperties:"true"`
	Name   string   `json:"name"`
	Target struct {
		_    struct{} `json:"-" additionalProperties:"true"`
		Hash string   `json:"hash" doc:"A commit's hash, or the first 8 digits of it, a branch or a tag"`
	} `json:"target"`
}

type refsInput struct {
	NamedRepository
	Paged
}

// NamedRef names a branch or a tag.
type NamedRef struct {
	NamedRepository
	Name string `path:"name" maxLength:"255"`
}

type createRefInput struct {
	NamedRepository
	Body RefInput
}

func (a *API) refOperations(to huma.API) {
	for _, kind := range []struct {
		tag                bool
		below, one, plural string
	}{{false, "/refs/branches", "Branch", "branches"}, {true, "/refs/tags", "Tag", "tags"}} {
		refs := refKind{a, kind.tag}
		whole := part{described: "name", routed: "*"}.as
		add(a, to, access.ReadRepository, refs.list, huma.Operation{
			Path: repositoryAt + kind.below, OperationID: "list" + kind.one + "s", Summary: "The " + kind.plural + " of a repository, by name",
		})
		add(a, to, access.ReadRepository, refs.get, huma.Operation{
			Path: repositoryAt + kind.below + "/{name}", OperationID: "get" + kind.one, Summary: "One of the " + kind.plural, Metadata: whole(),
		})
		add(a, to, access.WriteRepository, refs.create, huma.Operation{
			Method: http.MethodPost, Path: repositoryAt + kind.below, OperationID: "create" + kind.one,
			Summary: "Make one of the " + kind.plural, DefaultStatus: http.StatusCreated,
		})
		add(a, to, access.WriteRepository, refs.remove, huma.Operation{
			Method: http.MethodDelete, Path: repositoryAt + kind.below + "/{name}", OperationID: "delete" + kind.one,
			Summary: "Delete one of the " + kind.plural, Metadata: whole(),
		})
	}
}

// refKind is branches, or tags.
type refKind struct {
	*API
	tag bool
}

func (k refKind) word() string {
	if k.tag {
		return "tag"
	}
	return "branch"
}

func (k refKind) below() string {
	if k.tag {
		return "/refs/tags"
	}
	return "/refs/branches"
}

func (k refKind) list(ctx context.Context, g access.Grant, in *refsInput) (*output[Page[Ref]], error) {
	after, err := in.key()
	if err != nil {
		return nil, err
	}
	content, err := k.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	found, err := content.Refs(ctx, k.tag, after, in.limit())
	if err != nil {
		return nil, err
	}
	return pageOf(in.Paged, k.repositoryURL(g)+k.below(), found,
		func(b repo.Branch) string { return b.Name },
		func(b repo.Branch) Ref { return k.refOf(g, b) }), nil
}

func (k refKind) get(ctx context.Context, g access.Grant, in *NamedRef) (*output[Ref], error) {
	content, err := k.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	found, err := content.Ref(ctx, k.tag, in.Name)
	if err != nil {
		return nil, err
	}
	return &output[Ref]{k.refOf(g, found)}, nil
}

func (k refKind) create(ctx context.Context, g access.Grant, in *createRefInput) (*output[Ref], error) {
	content, err := k.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	at, err := revision(ctx, content, in.Body.Target.Hash)
	if errs.Is(err, errs.KindNotFound) || in.Body.Target.Hash == "" {
		return nil, errs.Invalid("target", "There is no such commit, branch or tag to begin at.")
	}
	if err != nil {
		return nil, err
	}
	if err := k.Repositories.CreateRef(ctx, g, k.tag, in.Body.Name, at); err != nil {
		return nil, err
	}
	commit, err := content.Commit(ctx, at.Commit)
	if err != nil {
		return nil, err
	}
	return &output[Ref]{k.refOf(g, repo.Branch{Name: in.Body.Name, Commit: commit})}, nil
}

func (k refKind) remove(ctx context.Context, g access.Grant, in *NamedRef) (*struct{}, error) {
	return nil, k.Repositories.DeleteRef(ctx, g, k.tag, in.Name, "")
}

func (k refKind) refOf(g access.Grant, b repo.Branch) Ref {
	name, at := escapePath(b.Name), k.repositoryURL(g)
	return Ref{
		Type: k.word(), Name: b.Name, Target: k.commitOf(g, b.Commit),
		Links: map[string]Link{
			"self": {Href: at + k.below() + "/" + name}, "commits": {Href: at + "/commits/" + name},
			"html": {Href: k.repositoryPage(g) + "/src/" + name},
		},
	}
}

// revision finds a commit by a branch, a tag, its id, or the first digits of it.
func revision(ctx context.Context, content *repo.Content, name string) (repo.Place, error) {
	place, err := content.Locate(ctx, name)
	if errs.Is(err, errs.KindNotFound) {
		if oid, short := content.Abbreviated(ctx, name); short == nil {
			return content.Locate(ctx, string(oid))
		}
	}
	if err == nil && place.Path != "" {
		return place, errs.NotFound("There is no such branch, tag or commit.")
	}
	return place, err
}

// repositoryURL and repositoryPage are the addresses of the grant's repository
// for programs and for people.
func (a *API) repositoryURL(g access.Grant) string {
	return a.URL + "/2.0/repositories/" + g.Workspace().Slug + "/" + g.Repository().Slug
}

func (a *API) repositoryPage(g access.Grant) string {
	return a.URL + "/" + g.Workspace().Slug + "/" + g.Repository().Slug
}

func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }
