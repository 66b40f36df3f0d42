package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Store is a folder of bare repositories, each under an id: a name never
// reaches the file system.
type Store struct {
	Git    *Git
	Dir    string // absolute
	Suffix string // of each repository's folder: ".git"
}

// path is where a repository lies. Ids end in random characters, which spread
// them over the folders evenly.
func (s Store) path(id string) string {
	return filepath.Join(s.Dir, id[len(id)-2:], id+s.Suffix)
}

// Open gives the repository with the id. It is not touched before it is read.
func (s Store) Open(id string) *Repository { return s.Git.Repository(s.path(id)) }

// Create makes an empty repository that must not exist. Where it fails,
// nothing of it stays.
func (s Store) Create(id string) error {
	dir := s.path(id)
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return fmt.Errorf("making a repository's folder: %w", err)
	}
	if err := Init(dir); err != nil {
		if errors.Is(err, os.ErrExist) {
			return err
		}
		return errors.Join(err, s.Remove(id))
	}
	return nil
}

// Ensure makes an empty repository where there is none yet. Of several at
// once, one makes it, and none sees it half made.
func (s Store) Ensure(id string) error {
	dir := s.path(id)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return fmt.Errorf("making a repository's folder: %w", err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "new-*")
	if err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	defer os.RemoveAll(aside)
	made := filepath.Join(aside, "new")
	if err := Init(made); err != nil {
		return err
	}
	if err := os.Rename(made, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return nil // another was first
		}
		return fmt.Errorf("making a repository: %w", err)
	}
	return nil
}

// Remove deletes the repository with all that is in it.
func (s Store) Remove(id string) error {
	if err := os.RemoveAll(s.path(id)); err != nil {
		return fmt.Errorf("removing a repository's files: %w", err)
	}
	return nil
}
