package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Repository is one bare repository on disk, with what is remembered of it.
type Repository struct {
	git   *Git
	dir   string
	store *refStore
	busy  chan struct{} // one place for each process that reads objects from it
}

// maxKnown is how many repositories' references are remembered at once.
const maxKnown = 2048

// Repository opens the bare repository in dir, an absolute path. It is not
// touched before it is read.
func (g *Git) Repository(dir string) *Repository {
	g.mu.Lock()
	defer g.mu.Unlock()
	if known := g.known[dir]; known != nil {
		return known
	}
	for old := range g.known {
		if len(g.known) < maxKnown {
			break
		}
		delete(g.known, old) // any one: Go's order of maps is random enough
	}
	made := &Repository{git: g, dir: dir, store: newRefStore(dir), busy: make(chan struct{}, 4)}
	g.known[dir] = made
	return made
}

// Init makes an empty bare repository in dir, which must not exist, whose HEAD
// names the unborn branch main. It needs no process.
func Init(dir string) error {
	const repositoryConfig = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	for _, sub := range []string{"objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o750); err != nil {
			return fmt.Errorf("making a repository: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(repositoryConfig), 0o640); err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o640); err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	return nil
}

// SetHead makes HEAD name a branch, given as refs/heads/….
func (r *Repository) SetHead(branch string) error {
	if !ValidRefName(branch) {
		return fmt.Errorf("%q isn't a branch", branch)
	}
	lock := filepath.Join(r.dir, "HEAD.lock") // git's own lock on HEAD
	file, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("locking HEAD: %w", err)
	}
	_, err = file.WriteString("ref: " + branch + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(lock, filepath.Join(r.dir, "HEAD"))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing HEAD: %w", err), os.Remove(lock))
	}
	return nil
}

// readFull reads until buf is full or the file ends.
func readFull(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

// take waits for a place among places, until ctx ends.
func take(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func leave(places chan struct{}) { <-places }
