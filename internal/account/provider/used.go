package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Used is an app that a person uses.
type Used struct {
	App    App
	Allows []string // what it may do, in plain words
	Since  time.Time
	Last   time.Time
}

// UsedBy lists the apps that have something of a person's, last used first.
func (p *Provider) UsedBy(ctx context.Context, person string) ([]Used, error) {
	rows, err := db.All[struct {
		App, Scopes   string
		Created, Used time.Time
	}](ctx, p.config.DB, `SELECT app, scopes, created, used FROM app_person WHERE person = $1 AND scopes <> '' ORDER BY used DESC, app`, person)
	if err != nil {
		return nil, fmt.Errorf("listing a person's apps: %w", err)
	}
	all := make([]Used, len(rows))
	for i, row := range rows {
		app, err := p.app(ctx, row.App)
		if err != nil {
			return nil, fmt.Errorf("listing a person's apps: %w", err)
		}
		allows, err := p.Allows(ctx, strings.Fields(row.Scopes))
		if err != nil {
			return nil, err
		}
		all[i] = Used{app, allows, row.Created, row.Used}
	}
	return all, nil
}

// Revoke takes from an app all that a person gave it, at once: its tokens, its
// sessions, and what they had said yes to. That it was used stays known, so
// that it can be told if the account is shut.
func (p *Provider) Revoke(ctx context.Context, person, app, from string) error {
	err := p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `UPDATE app_person SET scopes = '' WHERE person = $1 AND app = $2 AND scopes <> ''`, person, app)
		if err != nil {
			return err
		}
		if changed == 0 {
			return errs.NotFound("This app has nothing of yours. It may have been revoked already.")
		}
		sessions, err := db.All[string](ctx, tx, `
			SELECT DISTINCT g.session FROM app_grant g JOIN app a ON a.id = g.app
			WHERE g.person = $1 AND g.app = $2 AND a.logout_address <> ''`, person, app)
		if err != nil {
			return err
		}
		for _, session := range sessions {
			if err := p.tell(ctx, tx, event{App: app, Kind: eventLogout, Person: person, Session: session}); err != nil {
				return err
			}
		}
		if _, err := db.Exec(ctx, tx, `UPDATE app_grant SET ended = $1 WHERE person = $2 AND app = $3 AND ended = 0`, p.config.Clock(), person, app); err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: person, Credential: "session", Address: from, Action: "app.revoke", Target: app,
		})
	})
	if err != nil {
		return fmt.Errorf("revoking an app: %w", err)
	}
	return nil
}

// Launch is an entry of the launcher.
type Launch struct{ Name, Address string }

// Launcher lists the products that people can go to.
func (p *Provider) Launcher(ctx context.Context) ([]Launch, error) {
	all, err := db.All[Launch](ctx, p.config.DB, `SELECT name, launch_address FROM app WHERE launch_address <> '' ORDER BY may_invite DESC, name, id`)
	if err != nil {
		return nil, fmt.Errorf("listing the products: %w", err)
	}
	return all, nil
}
