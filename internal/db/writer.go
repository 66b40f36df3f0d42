package db

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"
)

// writer is SQLite's one connection that writes. Transactions run on it one
// after another. Those that wait for one another are committed together: the
// disk is waited for once, and nobody is answered before that (group commit).
// One that fails is undone alone.
type writer struct {
	pool    *sql.DB
	waiting atomic.Int64
	turn    chan struct{} // holds whoever's turn it is

	// Of whoever's turn it is:
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	batch      *batch // that is open; nil: none
}

// batch is transactions that are committed together.
type batch struct {
	begun time.Time
	size  int           // transactions in it
	done  chan struct{} // closed at its end
	err   error         // why it isn't committed
}

const (
	batchMost = 64                   // transactions
	batchLong = 5 * time.Millisecond // after which nobody more is let in
)

func newWriter(pool *sql.DB) *writer {
	return &writer{pool: pool, turn: make(chan struct{}, 1), statements: map[string]*sql.Stmt{}}
}

// run runs f in a transaction and waits for its commit.
func (w *writer) run(ctx context.Context, tx *Tx, f func(*Tx) error) error {
	w.waiting.Add(1)
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		go w.passBy()
		return ctx.Err()
	}
	b, err := w.take(ctx, tx, f)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// passBy is the turn of somebody who has gone: a batch may have waited for them.
func (w *writer) passBy() {
	w.turn <- struct{}{}
	w.waiting.Add(-1)
	w.settle()
	<-w.turn
}

// take is one turn. It gives the batch in which f is.
func (w *writer) take(ctx context.Context, tx *Tx, f func(*Tx) error) (b *batch, err error) {
	w.waiting.Add(-1)
	defer func() { <-w.turn }()
	defer w.settle()
	if err := w.begin(ctx); err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	kept := false
	defer func() {
		if !kept { // also where f panics
			w.undo()
		}
	}()
	tx.on = w
	if err := f(tx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept = true
	w.batch.size++
	return w.batch, nil
}

// begin begins a batch, or a transaction in the one that is open.
func (w *writer) begin(ctx context.Context) error {
	if w.batch != nil {
		return w.do("SAVEPOINT one")
	}
	if w.conn == nil {
		conn, err := w.pool.Conn(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		w.conn = conn
	}
	if err := w.do("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.batch = &batch{begun: time.Now(), done: make(chan struct{})}
	return nil
}

// undo undoes the last transaction. SQLite undoes all of them by itself where
// the disk fails.
func (w *writer) undo() {
	switch {
	case w.batch == nil: // it couldn't begin
	case w.batch.size == 0:
		w.end(w.do("ROLLBACK"))
	default:
		if err := w.do("ROLLBACK TO one"); err != nil {
			_ = w.do("ROLLBACK") // there may be nothing left
			w.end(fmt.Errorf("a transaction beside it failed: %w", err))
			return
		}
	}
}

// settle commits the batch, unless somebody waits whose transaction fits in.
func (w *writer) settle() {
	if w.batch == nil || w.waiting.Load() > 0 && w.batch.size < batchMost && time.Since(w.batch.begun) < batchLong {
		return
	}
	err := w.do("COMMIT")
	if err != nil {
		_ = w.do("ROLLBACK") // there may be nothing left
		err = fmt.Errorf("committing: %w", err)
	}
	w.end(err)
}

func (w *writer) end(err error) {
	w.batch.err = err
	close(w.batch.done)
	w.batch = nil
}

func (w *writer) do(statement string) error {
	_, err := w.ExecContext(context.Background(), statement)
	return err
}

// prepared gives the statement for query, preparing it once, to whoever still
// waits for the answer.
func (w *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if known := w.statements[query]; known != nil {
		return known, nil
	}
	made, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.statements[query] = made
	}
	return made, err
}

// ExecContext runs a statement in the transaction whose turn it is. It isn't
// broken off: SQLite would undo everybody's.
func (w *writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(context.WithoutCancel(ctx), args...)
}

// QueryContext is ExecContext for a query that gives rows.
func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(context.WithoutCancel(ctx), args...)
}

// close waits for whoever's turn it is, and closes the connection.
func (w *writer) close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	if w.conn != nil {
		_ = w.conn.Close()
	}
	return w.pool.Close()
}
