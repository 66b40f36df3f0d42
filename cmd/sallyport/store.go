package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	accountadmin "sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/config"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// store is the data and the rooms that work on it: what `serve` and `admin`
// have in common.
type store struct {
	folder     string // absolute
	db         *db.DB
	box        *secret.Box
	audit      *audit.Log
	outbox     *mail.Outbox
	limiter    *throttle.Limiter
	people     *person.Service
	policy     *policy.Service
	signIn     *signin.Service
	admin      *accountadmin.Service
	users      *user.Service
	tokens     *token.Service
	workspaces *workspace.Service
	events     *activity.Log

	repositories *repo.Service // where it serves
	issues       *issue.Service
	wikis        *wiki.Service
	snippets     *snippet.Service
}

// open opens the data, making what isn't there, and brings its schema up to
// this program's.
func open(ctx context.Context, c *config.Store) (*store, error) {
	folder, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w; give a folder that this program may write to", err)
	}
	box, err := secret.Load(c.KeyFile())
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, c.Database, folder)
	if err != nil {
		return nil, fmt.Errorf("--database: %w; check that it runs and that its address is right", err)
	}
	if err := d.Migrate(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return furnish(folder, d, box), nil
}

// furnish makes the rooms. Addresses are filled in once they are known.
func furnish(folder string, d *db.DB, box *secret.Box) *store {
	now := clock.Clock(clock.System)
	s := &store{
		folder: folder, db: d, box: box,
		audit:   &audit.Log{DB: d, Clock: now},
		limiter: &throttle.Limiter{DB: d, Clock: now},
		outbox:  &mail.Outbox{DB: d, Box: box, Clock: now, Log: slog.Default()},
	}
	s.people = &person.Service{
		DB: d, Clock: now, Audit: s.audit, Outbox: s.outbox, Throttle: s.limiter, Hasher: person.NewHasher(0),
	}
	s.policy = &policy.Service{DB: d, Clock: now, Audit: s.audit}
	s.signIn = &signin.Service{
		DB: d, Box: box, Clock: now, Audit: s.audit, Throttle: s.limiter, People: s.people, Policy: s.policy,
		Factors: &factor.Service{DB: d, Box: box, Clock: now, Realm: factor.Account, Issuer: "Sallyport Account"},
	}
	s.admin = &accountadmin.Service{DB: d, Clock: now, Audit: s.audit, People: s.people, SignIn: s.signIn}
	s.users = &user.Service{
		DB: d, Clock: now, Audit: s.audit, Throttle: s.limiter, Outbox: s.outbox,
		Factors: &factor.Service{DB: d, Box: box, Clock: now, Realm: factor.Code, Issuer: "Sallyport Code"},
	}
	s.tokens = &token.Service{DB: d, Clock: now, Audit: s.audit, Outbox: s.outbox}
	s.workspaces = &workspace.Service{DB: d, Clock: now, Audit: s.audit, Outbox: s.outbox}
	s.events = &activity.Log{DB: d, Clock: now, Outbox: s.outbox, Box: box}
	return s
}

// atAddresses tells the rooms where the sites are: their mails link there.
func (s *store) atAddresses(code, account string) {
	s.people.URL = account
	s.signIn.Factors.URL = account
	s.users.Factors.URL = code
	s.users.URL = code
	s.tokens.URL = code
	s.workspaces.URL = code
	s.events.URL = code
}

func (s *store) close() error { return s.db.Close() }
