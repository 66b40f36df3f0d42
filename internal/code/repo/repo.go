// Package repo is the room of repositories: their rows and their git data.
//
// It owns the tables repository, repository_user and repository_group (who has
// which permission), repository_fork, repository_import, repository_gone and the folder below Dir. Every function takes
// a Grant and checks that it fits; who may have one is the gate's. It knows
// nothing of pages or of the wire, beyond handing streams to package git.
//
// Invariants:
//   - The files lie under the repository's id, so a name never reaches the
//     file system.
//   - A repository exists when its row does: the files are made first, under
//     their final name, and removed again where the row can't be written. They
//     are removed after it.
package repo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Repository is a repository as it is described.
type Repository struct {
	ID, Slug, Name, Description string
	Public, Archived            bool
	Created, Updated            time.Time
}

// Service is everything that can be done with repositories.
type Service struct {
	DB      *db.DB
	Dir     string // absolute: where the git data lies
	Git     *git.Git
	Clock   clock.Clock
	Audit   *audit.Log
	Events  *activity.Log
	MaxPush int64 // bytes of a push's pack
	MaxSize int64 // bytes of git data that a repository may hold; 0: any number
	MaxRefs int   // branches and tags that it may have; 0: any number

	ImportFrom []string // addresses below which repositories may be imported from
	ImportSSH  git.SSH  // for those of ssh://

	// Leaving is what other rooms do, in the transaction of a transfer, with what
	// they keep of a repository that goes into another workspace.
	Leaving []func(ctx context.Context, tx *db.Tx, repository, into string) error

	once    sync.Once
	waiting chan task // see imports

	// OnDefault is told of the commits that came to the default branch, the
	// newest first, by whom the grant says. nil: nobody is.
	OnDefault func(ctx context.Context, g access.Grant, commits []git.Commit) error
}

const (
	maxName        = 62  // characters, as an address takes them
	maxDescription = 500 // characters
)

// Input is a repository to be made.
type Input struct {
	Name        string
	Description string
	Public      bool
}

var slugText = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// slug makes the address of a name, or says what is wrong with it.
func slug(name string) (string, error) {
	s := strings.ToLower(name)
	switch {
	case s == "":
		return "", errs.Invalid("name", "Give the repository a name.")
	case len(s) > maxName:
		return "", errs.Invalid("name", "Use at most %d characters.", maxName)
	case !slugText.MatchString(s), strings.Contains(s, ".."):
		return "", errs.Invalid("name", "Use letters, digits, dots, dashes and underscores, and begin with a letter or digit.")
	case strings.HasSuffix(s, ".git"), strings.HasSuffix(s, ".lock"), strings.HasSuffix(s, "."):
		return "", errs.Invalid("name", "A name can't end with .git, .lock or a dot.")
	case s == "workspace", s == "snippets":
		return "", errs.Invalid("name", "That name is kept for pages of the workspace.")
	}
	return s, nil
}

func cleanDescription(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		return "", errs.Invalid("description", "Use one line of text.")
	case utf8.RuneCountInString(text) > maxDescription:
		return "", errs.Invalid("description", "Use at most %d characters.", maxDescription)
	}
	return text, nil
}

// Create makes an empty repository. It wants a grant for CreateRepository.
func (s *Service) Create(ctx context.Context, g access.Grant, in Input) (Repository, error) {
	made, err := s.prepare(g, in)
	if err != nil {
		return Repository{}, err
	}
	if err := s.store().Create(made.ID); err != nil {
		return Repository{}, fmt.Errorf("making a repository: %w", err)
	}
	if err := s.insert(ctx, g, made, nil); err != nil {
		return Repository{}, fmt.Errorf("making a repository: %w", errors.Join(err, s.store().Remove(made.ID)))
	}
	return made, nil
}

// prepare describes a repository that is to be made, and requires a grant for
// CreateRepository.
func (s *Service) prepare(g access.Grant, in Input) (Repository, error) {
	if err := g.Require(access.CreateRepository); err != nil {
		return Repository{}, err
	}
	name := strings.TrimSpace(in.Name)
	address, err := slug(name)
	if err != nil {
		return Repository{}, err
	}
	description, err := cleanDescription(in.Description)
	if err != nil {
		return Repository{}, err
	}
	now := s.Clock()
	return Repository{
		ID: db.NewID(), Slug: address, Name: name, Description: description, Public: in.Public, Created: now, Updated: now,
	}, nil
}

func (s *Service) store() git.Store { return git.Store{Git: s.Git, Dir: s.Dir, Suffix: ".git"} }

// git gives the git data of the grant's repository, to whoever has required an
// action of the grant.
func (s *Service) git(g access.Grant) *git.Repository {
	return s.store().Open(g.Repository().ID)
}
