// Package snippet is the room of snippets: a few files with a title, in a git
// repository of their own, and what people say about them.
//
// It owns the tables snippet and snippet_comment, and the folder below Dir.
// Every function takes a Grant and checks that it fits.
//
// Invariants: a snippet exists when its row does; its files lie under its id,
// so no name reaches the file system; a change that somebody made in between
// is never overwritten unseen; a comment is changed by its author alone, and
// deleted by its author and by whoever administers the snippet.
package snippet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Service is everything that can be done with snippets.
type Service struct {
	DB      *db.DB
	Dir     string // absolute: where the git data lies
	Git     *git.Git
	Clock   clock.Clock
	Audit   *audit.Log
	Events  *activity.Log
	MaxPush int64 // bytes of a push's pack
	MaxSize int64 // bytes of git data that a snippet may hold; 0: any number
	MaxRefs int   // branches and tags that it may have; 0: any number
}

// Snippet is a snippet as it is described.
type Snippet struct {
	ID, Title        string
	Public           bool
	Created, Updated time.Time
	Author
}

// Author is the user whom something is of.
type Author struct{ AuthorID, Username, Name string }

// Shown is the author's name as people read it.
func (a Author) Shown() string {
	if a.Name == "" {
		return a.Username
	}
	return a.Name
}

const columns = `s.id, s.title, s.public, s.created, s.updated, u.id, u.username, u.name`

const maxTitle = 200 // characters

// errNoPerson says that something needs a person behind it.
var errNoPerson = errs.Denied("This needs a person, and this credential belongs to none. Use an API token of your own.")

// Transport is snippets as git clients see them.
func (s *Service) Transport() transport.Transport {
	return transport.Transport{
		Read: access.ReadSnippet, Write: access.WriteSnippet, MaxPush: s.MaxPush, MaxSize: s.MaxSize, MaxRefs: s.MaxRefs,
		Open:   func(g access.Grant) (*git.Repository, error) { return s.git(g), nil },
		Pushed: func(ctx context.Context, g access.Grant, _ []git.Update) error { return s.touch(ctx, g) },
	}
}

func (s *Service) store() git.Store { return git.Store{Git: s.Git, Dir: s.Dir, Suffix: ".git"} }

// git gives the git data of the grant's snippet, to whoever has required an
// action of the grant.
func (s *Service) git(g access.Grant) *git.Repository { return s.store().Open(g.Snippet().ID) }

// newID is short enough to be read aloud: 50 random bits. It keeps no secret.
func newID() string { return strings.ToLower(rand.Text()[:10]) }

func cleanTitle(title string) (string, error) {
	title = strings.TrimSpace(title)
	switch {
	case title == "":
		return "", errs.Invalid("title", "Give it a title.")
	case !utf8.ValidString(title), strings.ContainsFunc(title, unicode.IsControl):
		return "", errs.Invalid("title", "Use one line of text.")
	case utf8.RuneCountInString(title) > maxTitle:
		return "", errs.Invalid("title", "Use at most %d characters.", maxTitle)
	}
	return title, nil
}

// Input is a snippet to be made.
type Input struct {
	Title  string
	Public bool
	Files  []File
}

// Create makes a snippet. It wants a grant for CreateSnippet.
func (s *Service) Create(ctx context.Context, g access.Grant, in Input) (Snippet, error) {
	if err := g.Require(access.CreateSnippet); err != nil {
		return Snippet{}, err
	}
	title, err := cleanTitle(in.Title)
	if err == nil && in.Public && g.Workspace().Policy.NoPublic {
		err = errs.Invalid("visibility", "This workspace allows no public content.")
	}
	edits, wrong := newFiles(in.Files)
	if err = errors.Join(err, wrong); err != nil {
		return Snippet{}, err
	}
	author, signature, err := s.author(ctx, g)
	if err != nil {
		return Snippet{}, err
	}
	now := s.Clock()
	made := Snippet{ID: newID(), Title: title, Public: in.Public, Created: now, Updated: now, Author: author}
	if err := s.store().Create(made.ID); err != nil {
		return Snippet{}, fmt.Errorf("making a snippet: %w", err)
	}
	_, err = s.store().Open(made.ID).CommitChange(ctx, git.Change{
		Branch: "refs/heads/main", Author: signature, Message: "Create: " + title, Edits: edits,
	})
	if err == nil {
		err = s.insert(ctx, g, made)
	}
	if err != nil {
		return Snippet{}, fmt.Errorf("making a snippet: %w", errors.Join(err, s.store().Remove(made.ID)))
	}
	return made, nil
}

func (s *Service) insert(ctx context.Context, g access.Grant, made Snippet) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `INSERT INTO snippet (id, workspace, author, title, public, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			made.ID, g.Workspace().ID, made.AuthorID, made.Title, made.Public, made.Created, made.Updated)
		if err != nil {
			return err
		}
		if _, err := s.Events.Note(ctx, tx, g, activity.Happening{Kind: activity.SnippetMade, Snippet: made.ID}); err != nil {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.created", made.ID, map[string]any{"public": made.Public})
	})
}

func (s *Service) audit(ctx context.Context, tx *db.Tx, g access.Grant, action, id string, detail map[string]any) error {
	actor := g.Actor()
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: g.Workspace().ID, Actor: actor.User, Credential: string(actor.Credential),
		Address: actor.Address.String(), Action: action, Target: id, Detail: detail,
	})
}

// author is the person of the grant, as a row and as a commit names them.
func (s *Service) author(ctx context.Context, g access.Grant) (Author, git.Signature, error) {
	found, err := db.One[struct {
		Author
		Email string
	}](ctx, s.DB, `SELECT id, username, name, email FROM code_user WHERE id = $1`, g.Actor().User)
	if errs.Is(err, errs.KindNotFound) {
		return Author{}, git.Signature{}, errNoPerson
	}
	if err != nil {
		return Author{}, git.Signature{}, fmt.Errorf("reading who writes: %w", err)
	}
	return found.Author, git.Signature{Name: found.Shown(), Email: found.Email, When: s.Clock()}, nil
}

// Get gives the snippet of the grant.
func (s *Service) Get(ctx context.Context, g access.Grant) (Snippet, error) {
	err := g.Require(access.ReadSnippet, access.CommentSnippet, access.WriteSnippet, access.ManageSnippet, access.DeleteSnippet)
	if err != nil {
		return Snippet{}, err
	}
	found, err := db.One[Snippet](ctx, s.DB, `SELECT `+columns+` FROM snippet s JOIN code_user u ON u.id = s.author WHERE s.id = $1`, g.Snippet().ID)
	if err != nil {
		return Snippet{}, fmt.Errorf("reading a snippet: %w", err)
	}
	return found, nil
}

// Key is where a snippet stands in the list.
func (s Snippet) Key() string { return strconv.FormatInt(s.Created.UnixMicro(), 10) + "-" + s.ID }

// List gives a workspace's snippets, the newest first: up to limit of those
// after a key. It wants a grant for ListSnippets.
func (s *Service) List(ctx context.Context, g access.Grant, after string, limit int) ([]Snippet, error) {
	if err := g.Require(access.ListSnippets); err != nil {
		return nil, err
	}
	before, id := int64(1)<<62, ""
	if after != "" {
		micros, rest, _ := strings.Cut(after, "-")
		at, err := strconv.ParseInt(micros, 10, 64)
		if err != nil {
			return nil, errs.Invalid("page", "That page isn't one; follow the link to it.")
		}
		before, id = at, rest
	}
	list, err := db.All[Snippet](ctx, s.DB, `
		SELECT `+columns+` FROM snippet s JOIN code_user u ON u.id = s.author
		WHERE s.workspace = $1 AND (s.created < $2 OR s.created = $2 AND s.id < $3)
		ORDER BY s.created DESC, s.id DESC LIMIT $4`, g.Workspace().ID, before, id, limit)
	if err != nil {
		return nil, fmt.Errorf("listing snippets: %w", err)
	}
	return list, nil
}

// SetVisibility makes a snippet public or private. It wants a grant for ManageSnippet.
func (s *Service) SetVisibility(ctx context.Context, g access.Grant, public bool) error {
	if err := g.Require(access.ManageSnippet); err != nil {
		return err
	}
	if public && g.Workspace().Policy.NoPublic {
		return errs.Invalid("visibility", "This workspace allows no public content.")
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `UPDATE snippet SET public = $1 WHERE id = $2 AND public <> $1`, public, g.Snippet().ID)
		if err != nil || changed == 0 {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.visibility", g.Snippet().ID, map[string]any{"from": !public, "to": public})
	})
}

// Delete removes a snippet, its versions and its comments. It wants a grant
// for DeleteSnippet.
func (s *Service) Delete(ctx context.Context, g access.Grant) error {
	if err := g.Require(access.DeleteSnippet); err != nil {
		return err
	}
	id := g.Snippet().ID
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `DELETE FROM snippet_comment WHERE snippet = $1`, id); err != nil {
			return err
		}
		if gone, err := db.Exec(ctx, tx, `DELETE FROM snippet WHERE id = $1`, id); err != nil || gone == 0 {
			return err
		}
		return s.audit(ctx, tx, g, "snippet.deleted", id, map[string]any{"author": g.Snippet().Author})
	})
	if err != nil {
		return fmt.Errorf("deleting a snippet: %w", err)
	}
	return s.store().Remove(id)
}

// touch notes a push.
func (s *Service) touch(ctx context.Context, g access.Grant) error {
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `UPDATE snippet SET updated = $1 WHERE id = $2`, s.Clock(), g.Snippet().ID); err != nil {
			return err
		}
		return s.changed(ctx, tx, g)
	})
	if err != nil {
		return fmt.Errorf("noting a change of a snippet: %w", err)
	}
	return nil
}

// changed tells that the grant's snippet was changed.
func (s *Service) changed(ctx context.Context, tx *db.Tx, g access.Grant) error {
	if _, err := db.Exec(ctx, tx, `UPDATE snippet SET pushes = pushes + 1 WHERE id = $1`, g.Snippet().ID); err != nil {
		return err
	}
	_, err := s.Events.Note(ctx, tx, g, activity.Happening{Kind: activity.SnippetEdit, Snippet: g.Snippet().ID})
	return err
}
