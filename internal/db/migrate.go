package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema up to this program's, under a lock, so that
// several processes may start at once. It only goes forward.
//
// A migration has one text for both engines, or, where that can't be (full
// text), twins: NNNN_name.sqlite.sql and NNNN_name.postgres.sql.
func (db *DB) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{
		goose.WithVerbose(false),
		goose.WithAllowOutofOrder(true), // they are numbered as they are begun, and land in any order
	}
	dialect, others := goose.DialectPostgres, "*.sqlite.sql"
	if db.Engine == SQLite {
		others = "*.postgres.sql"
		dialect = goose.DialectSQLite3
		unlock, err := lockFile(db.file + ".migrate")
		if err != nil {
			return fmt.Errorf("locking the database for migration: %w", err)
		}
		defer unlock()
	} else {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	twins, err := fs.Glob(files, others)
	if err != nil {
		return err
	}
	options = append(options, goose.WithExcludeNames(twins))
	provider, err := goose.NewProvider(dialect, db.write.DB, files, options...)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

// lockFile holds an exclusive lock on path until unlock; the system drops it
// too where the process dies.
func lockFile(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}
