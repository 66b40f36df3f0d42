// Package wiki is the room of wikis: pages in Markdown, in a git repository
// beside the repository that they belong to.
//
// It owns the table wiki_upkeep; whether there is a wiki, and who may read it,
// stands with the repository. Its git data lies beside the repository's and is made at the
// first need. Every function takes a Grant and checks that it fits.
//
// Invariants: a page is a Markdown file, and its name never leads out of the
// tree; nothing in it is followed or run, links least of all; a change that
// somebody made in between is never overwritten unseen (Conflict); each page
// that is read in one request comes from one and the same commit.
package wiki

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
)

// Service is everything that can be done with wikis.
type Service struct {
	DB      *db.DB
	Dir     string // absolute: where the git data of repositories lies
	Git     *git.Git
	Clock   clock.Clock
	Events  *activity.Log
	MaxPush int64 // bytes of a push's pack
	MaxSize int64 // bytes of git data that a wiki may hold; 0: any number
	MaxRefs int   // branches and tags that it may have; 0: any number
}

// Transport is wikis as git clients see them.
func (s *Service) Transport() transport.Transport {
	return transport.Transport{
		Read: access.ReadWiki, Write: access.WriteWiki, MaxPush: s.MaxPush, MaxSize: s.MaxSize, MaxRefs: s.MaxRefs, Open: s.open,
		Pushed: func(ctx context.Context, g access.Grant, _ []git.Update) error {
			return s.note(ctx, g, activity.Happening{Kind: activity.WikiPushed})
		},
	}
}

func (s *Service) store() git.Store { return git.Store{Git: s.Git, Dir: s.Dir, Suffix: ".wiki.git"} }

// open gives the git data of the grant's wiki, to whoever has required an
// action of the grant.
func (s *Service) open(g access.Grant) (*git.Repository, error) {
	store := s.store()
	if err := store.Ensure(g.Repository().ID); err != nil {
		return nil, fmt.Errorf("opening a wiki: %w", err)
	}
	return store.Open(g.Repository().ID), nil
}

const (
	// MaxText bounds a page that is written here, in bytes; longer ones can be
	// pushed, and are shown as they are.
	MaxText = markup.MaxSource

	maxFile  = 2 << 20 // bytes of a file that are read for a page
	maxFiles = 1 << 20 // bytes of the list of files
)

// Wiki is a wiki as it was at one commit.
type Wiki struct {
	git    *git.Repository
	Head   git.OID // empty: nothing was written yet
	branch string  // refs/heads/…
	files  []string
	More   bool // there are more files than are listed
}

// Open opens a wiki for reading. It wants a grant for ReadWiki or WriteWiki.
func (s *Service) Open(ctx context.Context, g access.Grant) (*Wiki, error) {
	if err := g.Require(access.ReadWiki, access.WriteWiki); err != nil {
		return nil, err
	}
	r, err := s.open(g)
	if err != nil {
		return nil, err
	}
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening a wiki: %w", err)
	}
	w := &Wiki{git: r, Head: refs.Head.OID, branch: refs.Head.Target}
	if w.branch == "" { // HEAD is detached or broken: somebody's hand did that
		return nil, fmt.Errorf("opening a wiki: its HEAD names no branch")
	}
	if w.Head == "" {
		return w, nil
	}
	if w.files, w.More, err = r.Files(ctx, w.Head, maxFiles); err != nil {
		return nil, fmt.Errorf("opening a wiki: %w", err)
	}
	return w, nil
}

// Pages lists the names of all pages, the first page first, then by name.
func (w *Wiki) Pages() []string {
	var names []string
	for _, file := range w.files {
		if name, ok := pageOf(file); ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == Home) != (b == Home) {
			if a == Home {
				return -1
			}
			return 1
		}
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
	return slices.Compact(names)
}

// Page is one page, at one commit.
type Page struct {
	Name string
	File string  // where it lies in the tree
	Blob git.OID // what it holds; empty: there is no such page
	Text []byte
	Why  string // why it isn't shown; empty: it is
}

// errNoPage says that there is no such page. Names are no secret here: whoever
// sees this reads the wiki.
var errNoPage = errs.NotFound("There is no such page in this wiki.")

// find gives the file of a page at the wiki's head: of exactly that name, or
// else of the one name that is meant by it.
func (w *Wiki) find(name string) (file string, found bool) {
	if slices.Contains(w.files, name) {
		if _, ok := pageOf(name); ok {
			return name, true // named by its file
		}
	}
	var alike []string
	for _, f := range w.files {
		page, ok := pageOf(f)
		switch {
		case !ok:
		case page == name:
			return f, true
		case folded(page) == folded(name) || folded(f) == folded(name):
			alike = append(alike, f)
		}
	}
	if len(alike) == 0 {
		return "", false
	}
	return alike[0], true
}

// Page gives a page; without a Blob where there is none of that name.
func (w *Wiki) Page(ctx context.Context, name string) (Page, error) {
	file, found := w.find(name)
	if !found {
		return Page{Name: name}, nil
	}
	return w.read(ctx, w.Head, file)
}

// At gives a page as it was at a commit, by its file at that time.
func (w *Wiki) At(ctx context.Context, commit git.OID, file string) (Page, error) {
	if _, ok := pageOf(file); !ok {
		return Page{}, errNoPage
	}
	if _, err := w.git.Resolve(ctx, string(commit)); err != nil {
		return Page{}, missing(err)
	}
	return w.read(ctx, commit, file)
}

func missing(err error) error {
	if errors.Is(err, git.ErrNoObject) {
		return errNoPage
	}
	return err
}

func (w *Wiki) read(ctx context.Context, commit git.OID, file string) (Page, error) {
	name, _ := pageOf(file)
	page := Page{Name: name, File: file}
	entry, err := w.git.At(ctx, commit, file)
	if err != nil {
		return Page{}, missing(err)
	}
	page.Blob = entry.OID
	if !entry.Mode.IsFile() {
		page.Why = "This page isn't a file: it is a link or a submodule that was pushed, and those are never followed."
		return page, nil
	}
	blob, err := w.git.Blob(ctx, entry.OID, maxFile)
	switch {
	case err != nil:
		return Page{}, err
	case blob.Data == nil && blob.Size > 0:
		page.Why = "This page is too large to be shown (" + git.Size(blob.Size) + "). Clone the wiki to read it."
	case slices.Contains(blob.Data, 0):
		page.Why = "This page isn't text, so it isn't shown."
	default:
		page.Text = blob.Data
	}
	return page, nil
}

// File gives the bytes of a file of the wiki, such as an image.
func (w *Wiki) File(ctx context.Context, file string) ([]byte, error) {
	errNoFile := errs.NotFound("There is no such file in this wiki.")
	if w.Head == "" || file == "" {
		return nil, errNoFile
	}
	entry, err := w.git.At(ctx, w.Head, file)
	if errors.Is(err, git.ErrNoObject) || err == nil && !entry.Mode.IsFile() {
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	blob, err := w.git.Blob(ctx, entry.OID, maxFile)
	if err == nil && blob.Data == nil && blob.Size > 0 {
		err = errs.TooLarge("The file is too large to be sent from here. Clone the wiki to read it.")
	}
	return blob.Data, err
}

// History lists the commits that changed a page, newest first, also under the
// names that it had before: at most limit of those after one of them, or from
// the newest on where that is empty.
func (w *Wiki) History(ctx context.Context, page Page, after git.OID, limit int) ([]git.Version, error) {
	if page.Blob == "" {
		return nil, errNoPage
	}
	versions, err := w.git.History(ctx, w.Head, page.File, after, limit)
	if errors.Is(err, git.ErrNoObject) {
		err = errs.NotFound("There is no such version of this page.")
	}
	return versions, err
}

// Commit gives one commit of the wiki.
func (w *Wiki) Commit(ctx context.Context, oid git.OID) (git.Commit, error) {
	commit, err := w.git.Commit(ctx, oid)
	return commit, missing(err)
}

// Diff compares what two versions of a page hold; an empty one stands for none.
func (w *Wiki) Diff(ctx context.Context, before, after git.OID) (diff git.FileDiff, more bool, err error) {
	return w.git.DiffBlobs(ctx, before, after)
}

// Hit is a page in which a text was found.
type Hit struct {
	Name  string
	Lines []git.Match
}

const (
	maxHits       = 50
	linesOfHit    = 3
	maxSearched   = 256 << 10 // bytes of the search's answer
	maxSearchText = 200
)

// Search finds the pages whose name or text holds a text, in either case.
func (w *Wiki) Search(ctx context.Context, text string) (hits []Hit, more bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxSearchText || strings.ContainsAny(text, "\n\r\x00") || w.Head == "" {
		return nil, false, nil
	}
	at := map[string]int{}
	for _, name := range w.Pages() {
		if strings.Contains(strings.ToLower(name), strings.ToLower(text)) && len(hits) < maxHits {
			at[name] = len(hits)
			hits = append(hits, Hit{Name: name})
		}
	}
	matches, more, err := w.git.Grep(ctx, w.Head, text, maxSearched)
	if err != nil {
		return nil, false, err
	}
	for _, match := range matches {
		name, ok := pageOf(match.Path)
		if !ok {
			continue
		}
		i, known := at[name]
		if !known {
			if len(hits) >= maxHits {
				return hits, true, nil
			}
			i = len(hits)
			at[name], hits = i, append(hits, Hit{Name: name})
		}
		if len(hits[i].Lines) < linesOfHit {
			match.Text = cut(match.Text, 300)
			hits[i].Lines = append(hits[i].Lines, match)
		}
	}
	return hits, more, nil
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
