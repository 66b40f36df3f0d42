package api

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git"
)

// Commit is a commit as Bitbucket shows one.
type Commit struct {
	Type      string          `json:"type" enum:"commit"`
	Hash      string          `json:"hash"`
	Date      string          `json:"date" format:"date-time" doc:"The committer's"`
	Author    Author          `json:"author"`
	Committer Author          `json:"committer"`
	Message   string          `json:"message"`
	Parents   []CommitRef     `json:"parents"`
	Links     map[string]Link `json:"links"`
}

// Author is who a commit says that it is by. Nobody has proven it.
type Author struct {
	Type string `json:"type" enum:"author"`
	Raw  string `json:"raw"`
	Date string `json:"date" format:"date-time"`
}

// CommitRef names a commit.
type CommitRef struct {
	Type  string          `json:"type" enum:"commit"`
	Hash  string          `json:"hash"`
	Links map[string]Link `json:"links"`
}

// CommitsAsked says which commits are listed.
type CommitsAsked struct {
	NamedRepository
	Paged
	Path    string `query:"path" maxLength:"4000" doc:"Only those that changed this file or folder"`
	Exclude string `query:"exclude" maxLength:"255" doc:"None that this branch, tag or commit has"`
}

type commitsFromInput struct {
	CommitsAsked
	Revision string `path:"revision" maxLength:"255" doc:"A branch, a tag or a commit"`
}

type commitInput struct {
	NamedRepository
	Commit string `path:"commit" maxLength:"255" doc:"The commit's hash or the first 8 digits of it, a branch or a tag"`
}

func (a *API) commitOperations(to huma.API) {
	add(a, to, access.ReadRepository, a.listCommits, huma.Operation{
		Path: repositoryAt + "/commits", OperationID: "listCommits", Summary: "The commits of the main branch, the newest first",
	})
	add(a, to, access.ReadRepository, a.listCommitsFrom, huma.Operation{
		Path: repositoryAt + "/commits/{revision}", OperationID: "listCommitsFrom",
		Summary: "The commits of a branch, a tag or a commit, the newest first", Metadata: part{described: "revision", routed: "*"}.as(),
	})
	add(a, to, access.ReadRepository, a.getCommit, huma.Operation{
		Path: repositoryAt + "/commit/{commit}", OperationID: "getCommit", Summary: "A commit",
	})
}

func (a *API) listCommits(ctx context.Context, g access.Grant, in *CommitsAsked) (*output[Page[Commit]], error) {
	out, err := a.commitsFrom(ctx, g, in, "")
	if errors.Is(err, repo.ErrEmpty) {
		return pageOf(in.Paged, "", nil, nil, func(c Commit) Commit { return c }), nil
	}
	return out, err
}

func (a *API) listCommitsFrom(ctx context.Context, g access.Grant, in *commitsFromInput) (*output[Page[Commit]], error) {
	return a.commitsFrom(ctx, g, &in.CommitsAsked, in.Revision)
}

// commitsFrom lists one page. The pages after the first go on in the list that
// began at one commit, so that a push in between doesn't shift them.
func (a *API) commitsFrom(ctx context.Context, g access.Grant, in *CommitsAsked, name string) (*output[Page[Commit]], error) {
	content, err := a.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	start, err := revision(ctx, content, name)
	if err != nil {
		return nil, err
	}
	options, query := git.LogOptions{Path: strings.Trim(in.Path, "/"), Limit: in.limit()}, url.Values{}
	if in.Path != "" {
		query.Set("path", in.Path)
	}
	if in.Exclude != "" {
		without, err := revision(ctx, content, in.Exclude)
		if err != nil {
			return nil, err
		}
		options.Without = without.Commit
		query.Set("exclude", in.Exclude)
	}
	from := start.Commit
	if after, err := in.key(); err != nil {
		return nil, err
	} else if began, last, ok := strings.Cut(after, " "); ok || after != "" {
		var valid [2]bool
		from, valid[0] = git.ParseOID(began)
		options.After, valid[1] = git.ParseOID(last)
		if valid != [2]bool{true, true} {
			return nil, errNoPage()
		}
	}
	found, err := content.Commits(ctx, from, options)
	if err != nil {
		return nil, err
	}
	at := a.repositoryURL(g) + "/commits"
	if name != "" {
		at += "/" + escapePath(name)
	}
	return pageWith(in.Paged, at, query, found,
		func(c git.Commit) string { return string(from) + " " + string(c.OID) },
		func(c git.Commit) Commit { return a.commitOf(g, c) }), nil
}

func (a *API) getCommit(ctx context.Context, g access.Grant, in *commitInput) (*output[Commit], error) {
	content, err := a.Repositories.Open(ctx, g)
	if err != nil {
		return nil, err
	}
	at, err := revision(ctx, content, in.Commit)
	if err != nil {
		return nil, err
	}
	found, err := content.Commit(ctx, at.Commit)
	if err != nil {
		return nil, err
	}
	return &output[Commit]{a.commitOf(g, found)}, nil
}

func (a *API) commitOf(g access.Grant, c git.Commit) Commit {
	made := Commit{
		Type: "commit", Hash: string(c.OID), Date: dated(c.Committer.When), Author: authorOf(c.Author), Committer: authorOf(c.Committer),
		Message: c.Message, Parents: []CommitRef{}, Links: a.commitLinks(g, c.OID),
	}
	for _, parent := range c.Parents {
		made.Parents = append(made.Parents, a.commitRef(g, parent))
	}
	return made
}

func (a *API) commitRef(g access.Grant, oid git.OID) CommitRef {
	return CommitRef{Type: "commit", Hash: string(oid), Links: a.commitLinks(g, oid)}
}

func (a *API) commitLinks(g access.Grant, oid git.OID) map[string]Link {
	at, id := a.repositoryURL(g), string(oid)
	return map[string]Link{
		"self": {Href: at + "/commit/" + id}, "html": {Href: a.repositoryPage(g) + "/commits/" + id},
		"diff": {Href: at + "/diff/" + id}, "diffstat": {Href: at + "/diffstat/" + id},
	}
}

func authorOf(s git.Signature) Author {
	return Author{Type: "author", Raw: s.Name + " <" + s.Email + ">", Date: dated(s.When)}
}

// dated is how Bitbucket writes the time of a commit, by its author's own clock.
func dated(t time.Time) string { return t.Format("2006-01-02T15:04:05-07:00") }
