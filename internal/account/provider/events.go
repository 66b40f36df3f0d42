package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/internal/db"
)

// What apps are told by themselves: that somebody signed out (OpenID Connect
// Back-Channel Logout), and that an account was shut or opened (OpenID RISC,
// by RFC 8417 and RFC 8935). It is put down in the transaction in which it
// happens, sent at once, and again until the app has taken it.
const (
	eventLogout   = "logout"
	eventDisabled = "account-disabled"
	eventEnabled  = "account-enabled"

	logoutType = "http://schemas.openid.net/event/backchannel-logout"
	riscType   = "https://schemas.openid.net/secevent/risc/event-type/" // and the kind

	sendLimit = 10 * time.Second // for one attempt
	lease     = time.Minute      // an event taken and not finished is due again after this
	firstWait = 2 * time.Second  // between the first attempt and the second; it doubles
	longWait  = 10 * time.Minute
	giveUp    = 3 * day
	lookEvery = time.Second // for events of other processes, and for those due again
)

// event is a row of app_event.
type event struct {
	ID, App, Kind, Person, Session string
	Created                        time.Time
	Attempts                       int
	Due                            time.Time
}

// SessionsEnded tells the apps that were signed in to with sessions of a
// person's that these are over, within the transaction that ends them. What
// the sessions gave ends too, but for offline_access.
func (p *Provider) SessionsEnded(ctx context.Context, tx *db.Tx, person string, sessions []string) error {
	now := p.config.Clock()
	for _, session := range sessions {
		apps, err := db.All[string](ctx, tx, `
			SELECT DISTINCT g.app FROM app_grant g JOIN app a ON a.id = g.app WHERE g.session = $1 AND a.logout_address <> ''`, session)
		if err != nil {
			return fmt.Errorf("finding the apps of a session: %w", err)
		}
		if _, err := db.Exec(ctx, tx, `
			UPDATE app_grant SET ended = $1 WHERE session = $2 AND ended = 0 AND ' ' || scopes || ' ' NOT LIKE '% offline_access %'`,
			now, session); err != nil {
			return fmt.Errorf("ending what a session gave: %w", err)
		}
		for _, app := range apps {
			if err := p.tell(ctx, tx, event{App: app, Kind: eventLogout, Person: person, Session: session}); err != nil {
				return err
			}
		}
	}
	return nil
}

// SessionsShortened has the apps sign everybody out, within the transaction in
// which the site's policy has sessions end sooner: theirs were opened to last
// as it was before. Whoever is signed in here gets back in without being asked.
func (p *Provider) SessionsShortened(ctx context.Context, tx *db.Tx) error {
	open, err := db.All[struct{ Person, Session string }](ctx, tx, `
		SELECT DISTINCT g.person, g.session FROM app_grant g JOIN app a ON a.id = g.app
		WHERE g.ended = 0 AND g.expires > $1 AND a.logout_address <> ''`, p.config.Clock())
	if err != nil {
		return fmt.Errorf("finding the sessions of apps: %w", err)
	}
	for _, each := range open {
		if err := p.SessionsEnded(ctx, tx, each.Person, []string{each.Session}); err != nil {
			return err
		}
	}
	return nil
}

// PersonSuspended tells the apps that know a person that their account was
// shut, or opened again, within the transaction that does it. A suspension ends
// all that was given, for good.
func (p *Provider) PersonSuspended(ctx context.Context, tx *db.Tx, person string, suspended bool) error {
	if err := lockPerson(ctx, tx, person); err != nil {
		return err
	}
	kind := eventEnabled
	if suspended {
		kind = eventDisabled
		if _, err := db.Exec(ctx, tx, `UPDATE app_grant SET ended = $1 WHERE person = $2 AND ended = 0`, p.config.Clock(), person); err != nil {
			return fmt.Errorf("ending what a person gave: %w", err)
		}
	}
	apps, err := db.All[string](ctx, tx, `
		SELECT id FROM app WHERE events_address <> ''
		AND (may_invite OR EXISTS (SELECT 1 FROM app_person u WHERE u.app = app.id AND u.person = $1))`, person)
	if err != nil {
		return fmt.Errorf("finding the apps of a person: %w", err)
	}
	for _, app := range apps {
		if err := p.tell(ctx, tx, event{App: app, Kind: kind, Person: person}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) tell(ctx context.Context, tx *db.Tx, e event) error {
	_, err := db.Exec(ctx, tx, `INSERT INTO app_event (id, app, kind, person, session, created, due) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		db.NewID(), e.App, e.Kind, e.Person, e.Session, p.config.Clock())
	if err != nil {
		return fmt.Errorf("putting down what an app is to be told: %w", err)
	}
	tx.AfterCommit(func() {
		select {
		case p.wake <- struct{}{}:
		default: // it is about to look anyway
		}
	})
	return nil
}

func eventClient(via http.RoundTripper) *http.Client {
	return &http.Client{Transport: via, Timeout: sendLimit, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // an app's addresses are registered
	}}
}

// Run tells apps what there is to tell until ctx is over. What is left stays
// for the next start.
func (p *Provider) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	d := &delivery{p: p, busy: map[string]bool{}}
	defer d.all.Wait()
	for {
		if err := d.start(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "what apps are to be told can't be read; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-look.C:
		}
	}
}

// Deliver makes one attempt at everything that is due.
func (p *Provider) Deliver(ctx context.Context) error {
	d := &delivery{p: p, busy: map[string]bool{}}
	defer d.all.Wait()
	return d.start(ctx)
}

// delivery tells each app its events one after another, and the apps side by
// side: one that is slow holds up nobody else.
type delivery struct {
	p   *Provider
	all sync.WaitGroup

	mu   sync.Mutex
	busy map[string]bool // apps that are being told
}

func (d *delivery) start(ctx context.Context) error {
	due, err := db.All[event](ctx, d.p.config.DB, `
		SELECT id, app, kind, person, session, created, attempts, due FROM app_event WHERE due <= $1 ORDER BY created, id LIMIT 500`, d.p.config.Clock())
	if err != nil {
		return err
	}
	byApp := map[string][]event{}
	for _, e := range due {
		byApp[e.App] = append(byApp[e.App], e)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for app, events := range byApp {
		if d.busy[app] {
			continue
		}
		d.busy[app] = true
		d.all.Go(func() {
			d.p.tellApp(ctx, app, events)
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.busy, app)
		})
	}
	return nil
}

// tellApp tells one app, up to the first thing that it doesn't take.
func (p *Provider) tellApp(ctx context.Context, id string, events []event) {
	for _, e := range events {
		if ctx.Err() != nil {
			return
		}
		until := p.config.Clock().Add(lease)
		won, err := db.Exec(ctx, p.config.DB, `UPDATE app_event SET due = $1, attempts = attempts + 1 WHERE id = $2 AND due = $3`, until, e.ID, e.Due)
		if err == nil && won == 1 {
			e.Due, e.Attempts = until, e.Attempts+1
			err = p.attempt(context.WithoutCancel(ctx), e)
		}
		if err != nil {
			slog.WarnContext(ctx, "an app couldn't be told; it is tried again", "app", id, "event", e.ID, "kind", e.Kind, "attempts", e.Attempts, "err", err)
			return
		}
	}
}

// errNeverTaken is an app's answer to which another attempt would be no use.
var errNeverTaken = errors.New("the app refuses it")

// attempt sends an event, and then deletes it, gives it up or puts it back.
func (p *Provider) attempt(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, 2*sendLimit)
	defer cancel()
	failure := p.send(ctx, e)
	now := p.config.Clock()
	wait := firstWait << min(e.Attempts-1, 10)
	wait = min(wait, longWait)
	statement, args := `DELETE FROM app_event WHERE id = $1 AND due = $2`, []any{e.ID, e.Due}
	if failure != nil && !errors.Is(failure, errNeverTaken) && now.Add(wait).Sub(e.Created) < giveUp {
		statement, args = `UPDATE app_event SET due = $3 WHERE id = $1 AND due = $2`, append(args, now.Add(wait))
	}
	_, err := db.Exec(ctx, p.config.DB, statement, args...)
	return errors.Join(failure, err)
}

func (p *Provider) send(ctx context.Context, e event) error {
	app, err := p.app(ctx, e.App)
	if err != nil {
		return err
	}
	address, kind, body := app.EventsAddress, "application/secevent+jwt", ""
	if e.Kind == eventLogout {
		address, kind = app.LogoutAddress, "application/x-www-form-urlencoded"
	}
	if address == "" {
		return nil // it doesn't want to hear any more
	}
	if e.Kind == eventLogout {
		token, err := p.sign(ctx, "logout+jwt", p.logoutClaims(e))
		if err != nil {
			return err
		}
		body = url.Values{"logout_token": {token}}.Encode()
	} else if body, err = p.sign(ctx, "secevent+jwt", p.riscClaims(e)); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "application/json")
	response, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	switch {
	case response.StatusCode < 300:
		return nil
	case slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}, response.StatusCode):
		return fmt.Errorf("%w: %s", errNeverTaken, response.Status)
	default:
		return fmt.Errorf("the app answered %s", response.Status)
	}
}

// logoutClaims are a logout token's (Back-Channel Logout §2.4): no nonce, so
// that it never passes for an ID token.
func (p *Provider) logoutClaims(e event) map[string]any {
	now := p.config.Clock()
	return map[string]any{
		"iss": p.config.Issuer, "aud": e.App, "sub": e.Person, "sid": e.Session, "jti": e.ID,
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{logoutType: struct{}{}},
	}
}

// riscClaims are a security event token's (RFC 8417 §2.2): neither sub nor exp,
// so that it never passes for another token.
func (p *Provider) riscClaims(e event) map[string]any {
	return map[string]any{
		"iss": p.config.Issuer, "aud": e.App, "jti": e.ID, "iat": p.config.Clock().Unix(),
		"toe":    float64(e.Created.UnixMicro()) / 1e6, // when it happened: of two, the later counts
		"sub_id": map[string]string{"format": "iss_sub", "iss": p.config.Issuer, "sub": e.Person},
		"events": map[string]any{riscType + e.Kind: struct{}{}},
	}
}
