package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

// commitsShown is how many commits one page lists.
const commitsShown = 30

type commitsPage struct {
	Ref      string
	Trail    []ui.Link // to the file or folder whose history it is; empty: to none
	Branches switcher
	Author   string
	Feed     string // its address; empty: of a file's history there is none
	Here     string // address of the list without a filter
	From     string // where a list began that lacks others: with Without
	Without  string // id of a commit: it and those before it aren't listed; empty: all are
	Commits  []commitLine
	Newest   string // address of the first page; empty: this is it
	Older    string // address of the next page; empty: these are the oldest
}

type commitLine struct {
	git.Commit
	Href    string // address of the commit
	Message message
	Browse  string // address of the files, or of the file, at that commit
	Was     string // what the file was called before, where the commit renamed it
}

// showCommits is the history of a branch, a tag, a file or a folder; the
// address of one commit alone is that commit.
func (s *Site) showCommits(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	shell := s.inRepository(r, g, o.Name, "Commits · "+o.Name, "/commits")
	place, err := o.content.Locate(r.Context(), chi.URLParam(r, "*"))
	if errors.Is(err, repo.ErrEmpty) {
		return s.render(w, r, http.StatusOK, "commits.html", shell, commitsPage{})
	}
	if err != nil {
		return err
	}
	if _, ok := git.ParseOID(place.Ref); ok && place.Path == "" && !r.URL.Query().Has("from") {
		return s.showCommit(w, r, g, o, place)
	}
	page, err := s.history(r, g, o, place)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "commits.html", shell, page)
}

// history lists one page. The pages after the first go on in the list that began
// at one commit, behind the last one shown, so that a push in between doesn't
// shift them.
func (s *Site) history(r *http.Request, g access.Grant, o opened, place repo.Place) (commitsPage, error) {
	branches, err := o.switcher(r, place)
	if err != nil {
		return commitsPage{}, err
	}
	for i, link := range branches.Links {
		branches.Links[i].Href = o.commits(join(link.Text, place.Path))
	}
	query := r.URL.Query()
	page := commitsPage{
		Ref: shown(place.Ref), Branches: branches, Here: o.commits(join(place.Ref, place.Path)),
		Author: strings.TrimSpace(query.Get("author")),
	}
	page.Feed = repositoryPath(visitorOf(r).grant) + "/feeds/commits.atom?" + url.Values{"branch": {place.Ref}}.Encode()
	if place.Path != "" {
		page.Trail, page.Feed = o.trail(place), ""
	}
	if utf8.RuneCountInString(page.Author) > 100 {
		return page, errs.Invalid("author", "Use at most 100 characters.")
	}
	from, options, err := o.asked(r, place, &page)
	if err != nil {
		return page, err
	}
	commits, err := o.listed(r, from, options)
	if err != nil {
		return page, err
	}
	if len(commits) > commitsShown {
		commits = commits[:commitsShown]
		page.Older = page.address(from, commits[commitsShown-1].OID)
	}
	for _, c := range commits {
		line := s.commitLine(r, g, o, c.Commit)
		line.Browse, line.Was = o.source(string(c.OID), c.Path), strings.ToValidUTF8(c.Was, "\uFFFD")
		page.Commits = append(page.Commits, line)
	}
	return page, nil
}

// asked reads where the list begins, behind which commit it goes on, and which
// commit it lacks.
func (o opened) asked(r *http.Request, place repo.Place, page *commitsPage) (git.OID, git.LogOptions, error) {
	query := r.URL.Query()
	from, options := place.Commit, git.LogOptions{Path: place.Path, Author: page.Author, Limit: commitsShown + 1}
	if oid, ok := git.ParseOID(query.Get("from")); ok {
		began, err := o.content.Locate(r.Context(), string(oid))
		if err != nil {
			return "", options, err
		}
		from = began.Commit
	}
	if oid, ok := git.ParseOID(query.Get("without")); ok && place.Path == "" {
		lacking, err := o.content.Locate(r.Context(), string(oid))
		if err != nil {
			return "", options, err
		}
		options.Without = lacking.Commit
		page.From, page.Without, page.Feed = string(from), string(lacking.Commit), ""
	}
	if after, ok := git.ParseOID(query.Get("after")); ok && query.Has("from") {
		options.After, page.Newest = after, page.address("", "")
	}
	return from, options, nil
}

func (s *Site) commitLine(r *http.Request, g access.Grant, o opened, c git.Commit) commitLine {
	href := o.commits(string(c.OID))
	return commitLine{Commit: c, Href: href, Message: s.message(r, g, cmp.Or(c.Subject(), "(no message)"), href), Browse: o.source(string(c.OID), "")}
}

// listed are the commits of a history; where it is of all files, without paths.
func (o opened) listed(r *http.Request, from git.OID, options git.LogOptions) ([]git.FileCommit, error) {
	if options.Path != "" {
		return o.content.FileHistory(r.Context(), from, options)
	}
	commits, err := o.content.Commits(r.Context(), from, options)
	list := make([]git.FileCommit, len(commits))
	for i, c := range commits {
		list[i].Commit = c
	}
	return list, err
}

// address is that of the list from a commit on, with its filter, behind another.
func (p commitsPage) address(from, after git.OID) string {
	query := url.Values{}
	if p.Author != "" {
		query.Set("author", p.Author)
	}
	if p.Without != "" {
		query.Set("without", p.Without)
		query.Set("from", p.From)
	}
	if from != "" {
		query.Set("from", string(from))
		query.Set("after", string(after))
	}
	if len(query) == 0 {
		return p.Here
	}
	return p.Here + "?" + query.Encode()
}

type commitPage struct {
	Commit  git.Commit
	Subject message
	Body    message
	Parents []ui.Link
	Browse  string
	History string
	Diff    diffView
}

func (s *Site) showCommit(w http.ResponseWriter, r *http.Request, g access.Grant, o opened, place repo.Place) error {
	commit, err := o.content.Commit(r.Context(), place.Commit)
	if err != nil {
		return err
	}
	view, options, err := diffOptions(r)
	if err != nil {
		return err
	}
	diff, err := o.content.Changes(r.Context(), commit, options)
	if err != nil {
		return err
	}
	before := git.OID("")
	if len(commit.Parents) > 0 {
		before = commit.Parents[0]
	}
	err = view.fill(diff, diffSides{r.Context(), o, string(commit.OID), before, commit.OID})
	if err != nil {
		return err
	}
	page := commitPage{
		Commit: commit, Browse: o.source(string(commit.OID), ""), Diff: view,
		Subject: s.message(r, g, cmp.Or(commit.Subject(), "(no message)"), ""), Body: s.message(r, g, commit.Body(), ""),
		History: o.commits(string(commit.OID)) + "?from=" + string(commit.OID),
	}
	for _, parent := range commit.Parents {
		page.Parents = append(page.Parents, ui.Link{Text: parent.Short(), Href: o.commits(string(parent))})
	}
	shell := s.inRepository(r, g, o.Name, commit.Subject()+" · "+o.Name, "/commits")
	shell.Wide = view.Split
	return s.render(w, r, http.StatusOK, "commit.html", shell, page)
}

// blamePage is a file with the commit that each line came with.
type blamePage struct {
	Branches switcher
	Trail    []ui.Link
	File     string // address of the file
	Why      string // why there is nothing to see
	Parts    []blamePart
}

type blamePart struct {
	git.BlamePart
	Href string
}

func (s *Site) showBlame(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	o, place, node, err := s.locate(r, g)
	if err != nil {
		return err
	}
	if !node.Entry.Mode.IsFile() {
		return errs.NotFound("There is no such file.")
	}
	branches, err := o.switcher(r, place)
	if err != nil {
		return err
	}
	for i, link := range branches.Links {
		branches.Links[i].Href = o.address("blame", link.Text, place.Path)
	}
	page := blamePage{Branches: branches, Trail: o.trail(place), File: o.source(place.Ref, place.Path)}
	if node.Blob.Data == nil || binary(node.Blob.Data) {
		page.Why = "This file is too large or isn't text, so nobody can be named for its lines."
	} else {
		parts, more, err := o.content.Blame(r.Context(), place)
		if err != nil {
			return err
		}
		if more {
			page.Why = "This file has too long a history to be shown line by line. Clone the repository and use git blame."
		}
		for _, part := range parts {
			page.Parts = append(page.Parts, blamePart{BlamePart: part, Href: o.commits(string(part.Commit))})
		}
	}
	shell := s.inRepository(r, g, o.Name, "Blame: "+shownPath(o, place), "")
	shell.Wide = true
	return s.render(w, r, http.StatusOK, "blame.html", shell, page)
}
