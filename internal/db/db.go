// Package db is the store on either engine, SQLite or PostgreSQL, behind one
// way of asking.
//
// SQL is written for PostgreSQL ($1, RETURNING, ON CONFLICT) and runs on both.
// Columns are TEXT, BIGINT, BOOLEAN and BYTEA only; a time is a BIGINT of
// microseconds UTC, and the zero time is 0. The package owns the schema
// (migrations/) and no table's meaning: SQL lives beside its rule.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sallyport.dev/internal/errs"
)

// Engine is which database is behind it.
type Engine string

const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	Engine Engine
	file   string // SQLite's file
	read   *pool
	write  *pool   // the same as read on PostgreSQL; on SQLite for migrations alone
	writer *writer // SQLite's
}

// pool is a set of connections with the statements that were prepared on it.
type pool struct {
	*sql.DB
	statements sync.Map // query → *sql.Stmt
}

// Tx is a transaction in which statements may be run. See DB.InTx.
type Tx struct {
	db *DB
	on interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}
	after []func()
}

// AfterCommit has f called once the transaction is committed; never where it
// is undone.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Q is what a statement can be run on: a *DB or a *Tx.
type Q interface {
	rows(ctx context.Context, query string, args []any, read func(*sql.Rows) error) error
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
}

// Open opens the database at address: "sqlite:" for sallyport.db in the data
// folder, "sqlite:PATH", or a postgres:// URL. It doesn't migrate.
func Open(ctx context.Context, address, dataDir string) (*DB, error) {
	var db *DB
	var err error
	switch {
	case strings.HasPrefix(address, "sqlite:"):
		path := strings.TrimPrefix(address, "sqlite:")
		if path == "" {
			path = filepath.Join(dataDir, "sallyport.db")
		}
		db, err = openSQLite(path)
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		db, err = openPostgres(address)
	default:
		return nil, errors.New("the database's address must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	if err := db.wake(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// wake makes the first connection. SQLite's switches a new file to its log,
// for which it waits for no other process: they do it one after the other.
func (db *DB) wake(ctx context.Context) error {
	if db.Engine == SQLite {
		unlock, err := lockFile(db.file + ".migrate")
		if err != nil {
			return fmt.Errorf("locking the database to open it: %w", err)
		}
		defer unlock()
	}
	if err := db.write.PingContext(ctx); err != nil {
		return errs.Unavailable(err, "The database doesn't answer.")
	}
	return nil
}

func openPostgres(address string) (*DB, error) {
	conn, err := sql.Open("pgx", address)
	if err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", err)
	}
	conn.SetMaxOpenConns(32)
	conn.SetMaxIdleConns(16)
	p := &pool{DB: conn}
	return &DB{Engine: Postgres, read: p, write: p}, nil
}

func openSQLite(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	// The file is made here so that it never exists with a wider mode.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	file.Close()
	dsn := func(extra string) string {
		pragmas := "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
		return "file:" + (&url.URL{Path: path}).EscapedPath() + pragmas + extra
	}
	writer, err := sql.Open("sqlite", dsn("&_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	writer.SetMaxIdleConns(0) // the one that writes is never given back
	reader, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(16)
	reader.SetMaxIdleConns(16)
	return &DB{Engine: SQLite, file: path, read: &pool{DB: reader}, write: &pool{DB: writer}, writer: newWriter(writer)}, nil
}

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.read.PingContext(ctx); err != nil {
		return errs.Unavailable(err, "The database doesn't answer.")
	}
	return nil
}

// Close closes every connection.
func (db *DB) Close() error {
	if db.writer == nil {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.writer.close())
}

// prepared gives the statement for query, preparing it once per pool.
func (p *pool) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if known, ok := p.statements.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	made, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if known, raced := p.statements.LoadOrStore(query, made); raced {
		made.Close()
		return known.(*sql.Stmt), nil
	}
	return made, nil
}

// reads reports whether a query only reads, so that any connection will do.
func reads(query string) bool { return strings.HasPrefix(strings.TrimSpace(query), "SELECT") }

func (db *DB) rows(ctx context.Context, query string, args []any, read func(*sql.Rows) error) error {
	if db.writer != nil && !reads(query) {
		return db.InTx(ctx, func(tx *Tx) error { return tx.rows(ctx, query, args, read) })
	}
	statement, err := db.read.prepared(ctx, query)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(ctx, args...)
	return readAll(rows, err, read)
}

func (db *DB) exec(ctx context.Context, query string, args []any) (result sql.Result, err error) {
	if db.writer != nil {
		err = db.InTx(ctx, func(tx *Tx) error {
			result, err = tx.exec(ctx, query, args)
			return err
		})
		return result, err
	}
	statement, err := db.write.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

func (tx *Tx) rows(ctx context.Context, query string, args []any, read func(*sql.Rows) error) error {
	rows, err := tx.on.QueryContext(ctx, query, args...)
	return readAll(rows, err, read)
}

func (tx *Tx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return tx.on.ExecContext(ctx, query, args...)
}

// readAll hands each row to read, where the query didn't fail.
func readAll(rows *sql.Rows, err error, read func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// InTx runs f in one transaction: committed where f returns nil, else undone.
// On SQLite it waits for the one writer first, so f must only use tx for
// everything it writes, and never wait for another transaction.
func (db *DB) InTx(ctx context.Context, f func(tx *Tx) error) error {
	tx := &Tx{db: db}
	if err := db.inTx(ctx, tx, f); err != nil {
		return err
	}
	for _, then := range tx.after {
		then()
	}
	return nil
}

func (db *DB) inTx(ctx context.Context, tx *Tx, f func(tx *Tx) error) error {
	if db.writer != nil {
		return db.writer.run(ctx, tx, f)
	}
	begun, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer begun.Rollback() // after a commit it does nothing
	tx.on = begun
	if err := f(tx); err != nil {
		return err
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// Lock holds a name until the transaction ends: those that hold the same name
// run one after another, and each statement after it sees what the one before
// committed. Whoever needs several names takes them in sorted order.
// On SQLite every transaction waits for the one before it anyway.
func Lock(ctx context.Context, tx *Tx, name string) error {
	if tx.db.Engine == SQLite {
		return nil
	}
	_, err := Exec(ctx, tx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, name)
	return err
}

// NewID makes an id: UUID version 7, so ids sort by the time they were made.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// IsDuplicate reports whether err is a refused second row of a unique column.
func IsDuplicate(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}
