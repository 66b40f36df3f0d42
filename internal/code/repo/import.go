package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

const (
	importFor                     = time.Hour       // that bringing one in may take
	importSilence                 = 2 * time.Minute // without a sign of life, and it was broken off
	importsWaiting, importsAtOnce = 16, 2
)

// Source is where a repository is brought in from: an address that the operator
// allows, or a git bundle.
type Source struct {
	Address string
	Bundle  io.Reader
}

// Importing is a repository that is being brought in.
type Importing struct {
	ID, Name, Source string
	State            string // running, failed or done
	Message          string // why it failed
	Bytes            int64  // that have come
	Repository       string // its slug, once it is done
	Began, Seen      time.Time
}

// Over reports whether nothing more will come of it.
func (i Importing) Over() bool { return i.State != importRunning }

const (
	importRunning = "running"
	importFailed  = "failed"
	importDone    = "done"
)

// task is an import that waits for its turn.
type task struct {
	grant  access.Grant
	made   Repository
	source git.Source
	origin string // id of the repository that it is a fork of
}

// Import begins to bring in a repository with its branches and tags, in the
// background, and gives the id under which Importing tells of it. It is there
// once all of it is, or not at all. It wants a grant for CreateRepository.
func (s *Service) Import(ctx context.Context, g access.Grant, in Input, from Source) (string, error) {
	made, err := s.prepare(g, in)
	if err != nil {
		return "", err
	}
	t := task{grant: g, made: made}
	words := "a bundle"
	if from.Bundle == nil {
		if t.source.Address, err = importAddress(from.Address, s.ImportFrom); err != nil {
			return "", err
		}
		t.source.SSH = s.ImportSSH
		words = strings.TrimSpace(from.Address)
	} else if t.source.Bundle, err = s.keepBundle(made.ID, from.Bundle); err != nil {
		return "", err
	}
	return made.ID, s.begin(ctx, t, words)
}

// Fork begins to make a copy of the repository of one grant, for reading, in the
// workspace of the other, for CreateRepository. It is private, and otherwise as
// Import.
func (s *Service) Fork(ctx context.Context, from, into access.Grant, name string) (string, error) {
	if err := from.Require(access.ReadRepository); err != nil {
		return "", err
	}
	origin, err := s.Get(ctx, from)
	if err != nil {
		return "", err
	}
	made, err := s.prepare(into, Input{Name: name, Description: origin.Description})
	if err != nil {
		return "", err
	}
	t := task{grant: into, made: made, source: git.Source{Origin: s.git(from)}, origin: origin.ID}
	return made.ID, s.begin(ctx, t, from.Workspace().Slug+"/"+origin.Slug)
}

// keepBundle writes an upload to a file beside the repositories.
func (s *Service) keepBundle(id string, from io.Reader) (path string, err error) {
	dir := filepath.Join(s.Dir, id[len(id)-2:])
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("keeping a bundle: %w", err)
	}
	path = filepath.Join(dir, id+".bundle")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("keeping a bundle: %w", err)
	}
	n, err := io.Copy(file, io.LimitReader(from, s.MaxPush+1))
	if err == nil && n > s.MaxPush {
		err = errs.Invalid("bundle", "The file is larger than %s, the limit here.", git.Size(s.MaxPush))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

func (s *Service) begin(ctx context.Context, t task, source string) (err error) {
	g, now := t.grant, s.Clock()
	defer func() {
		if err != nil && t.source.Bundle != "" {
			err = errors.Join(err, os.Remove(t.source.Bundle))
		}
	}()
	taken, err := db.One[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM repository WHERE workspace = $1 AND slug = $2)`, g.Workspace().ID, t.made.Slug)
	if err != nil {
		return fmt.Errorf("beginning an import: %w", err)
	}
	if taken {
		return errs.Conflict("name", "There is a repository of that name already.")
	}
	if _, err := db.Exec(ctx, s.DB, `
		INSERT INTO repository_import (id, workspace, actor, name, source, state, message, bytes, repository, began, seen)
		VALUES ($1, $2, $3, $4, $5, $6, '', 0, '', $7, $7)`,
		t.made.ID, g.Workspace().ID, who(g), t.made.Name, source, importRunning, now); err != nil {
		return fmt.Errorf("beginning an import: %w", err)
	}
	select {
	case s.imports() <- t:
		return nil
	default:
		_, err := db.Exec(ctx, s.DB, `DELETE FROM repository_import WHERE id = $1`, t.made.ID)
		return errors.Join(errs.TooMany(time.Minute, "Too many repositories are being imported. Try again later."), err)
	}
}

func who(g access.Grant) string {
	actor := g.Actor()
	return actor.Who()
}

// imports are those that wait.
func (s *Service) imports() chan task {
	s.once.Do(func() { s.waiting = make(chan task, importsWaiting) })
	return s.waiting
}

// Run brings in repositories, a few at a time, until ctx is over.
func (s *Service) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range importsAtOnce {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case t := <-s.imports():
					s.bringIn(ctx, t)
				}
			}
		})
	}
	all.Wait()
}

// bringIn does an import, and notes what came of it.
func (s *Service) bringIn(ctx context.Context, t task) {
	limited, cancel := context.WithTimeoutCause(ctx, importFor, errs.Invalid("", "It took longer than an hour, the limit here."))
	defer cancel()
	err := s.fill(limited, t)
	if t.source.Bundle != "" {
		err = errors.Join(err, os.Remove(t.source.Bundle))
	}
	if err == nil {
		return
	}
	if !errs.Is(err, errs.KindInvalid) && !errs.Is(err, errs.KindConflict) {
		slog.ErrorContext(ctx, "importing a repository", "import", t.made.ID, "err", err)
	}
	message := errs.Message(err)
	if ctx.Err() != nil {
		message = "The program was stopped meanwhile. Start the import again."
	}
	if err := s.giveUp(context.WithoutCancel(ctx), t.made.ID, message); err != nil {
		slog.ErrorContext(ctx, "noting that an import failed", "import", t.made.ID, "err", err)
	}
}

// fill makes the repository's files and then its row, or neither.
func (s *Service) fill(ctx context.Context, t task) error {
	id := t.made.ID
	n, err := db.Exec(ctx, s.DB, `UPDATE repository_import SET seen = $2 WHERE id = $1 AND state = $3`, id, s.Clock(), importRunning)
	if err != nil || n == 0 {
		return errors.Join(err, ctx.Err())
	}
	if err := s.store().Create(id); err != nil {
		return fmt.Errorf("importing a repository: %w", err)
	}
	err = s.store().Open(id).Import(ctx, t.source, git.ImportLimits{
		Whole: s.MaxSize, Refs: s.MaxRefs,
		Progress: func(bytes int64) {
			if _, err := db.Exec(ctx, s.DB, `UPDATE repository_import SET bytes = $2, seen = $3 WHERE id = $1`, id, bytes, s.Clock()); err != nil {
				slog.WarnContext(ctx, "noting how far an import is", "import", id, "err", err)
			}
		},
	})
	if err != nil {
		return err
	}
	return s.insert(ctx, t.grant, t.made, func(tx *db.Tx) error {
		n, err := db.Exec(ctx, tx, `
			UPDATE repository_import SET state = $2, repository = $3, seen = $4 WHERE id = $1 AND state = $5`,
			id, importDone, t.made.Slug, s.Clock(), importRunning)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.Conflict("", "The import was given up meanwhile.")
		}
		if _, err := db.Exec(ctx, tx, `UPDATE repository SET pushes = 1 WHERE id = $1`, id); err != nil || t.origin == "" {
			return err
		}
		// The origin may be deleted meanwhile; the fork is one of its own then.
		_, err = db.Exec(ctx, tx, `
			INSERT INTO repository_fork (repository, origin) SELECT $1, id FROM repository WHERE id = $2`, id, t.origin)
		return err
	})
}

// giveUp notes that nothing came of an import, and removes what has come of it.
func (s *Service) giveUp(ctx context.Context, id, message string) error {
	n, err := db.Exec(ctx, s.DB, `
		UPDATE repository_import SET state = $2, message = $3, seen = $4 WHERE id = $1 AND state = $5`,
		id, importFailed, message, s.Clock(), importRunning)
	if err != nil || n == 0 {
		return err
	}
	return s.clear(ctx, id)
}

// brokenOff gives up imports whose program is no more.
func (s *Service) brokenOff(ctx context.Context) error {
	ids, err := db.All[string](ctx, s.DB, `
		SELECT id FROM repository_import WHERE state = $1 AND seen < $2`, importRunning, s.Clock().Add(-importFor-importSilence))
	for _, id := range ids {
		err = errors.Join(err, s.giveUp(ctx, id, "The program was stopped meanwhile. Start the import again."))
	}
	return err
}

// Importing tells of an import that the actor began. It wants a grant for
// CreateRepository.
func (s *Service) Importing(ctx context.Context, g access.Grant, id string) (Importing, error) {
	if err := g.Require(access.CreateRepository); err != nil {
		return Importing{}, err
	}
	found, err := db.One[Importing](ctx, s.DB, `
		SELECT id, name, source, state, message, bytes, repository, began, seen FROM repository_import
		WHERE id = $1 AND workspace = $2 AND actor = $3`, id, g.Workspace().ID, who(g))
	if errs.Is(err, errs.KindNotFound) {
		return found, errs.NotFound("There is no such import.")
	}
	return found, err
}
