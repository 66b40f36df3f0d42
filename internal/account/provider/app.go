package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// App is a registered client.
type App struct {
	ID              string
	Name            string
	Public          bool // has no secret: runs on people's own devices
	ThirdParty      bool // people are asked before it learns of them
	MayInvite       bool // Code's own, made at the start: its word on an invited address is taken
	Redirects       []string
	LogoutRedirects []string     // where it may have people sent after signing out
	LogoutAddress   string       // where it is told of sign-outs (back-channel logout); may be empty
	EventsAddress   string       // where it is told of accounts that were shut (RFC 8935); may be empty
	LaunchAddress   string       // where the launcher leads; empty: it isn't there
	Scopes          []string     // those that it may ask for
	Grants          []GrantType  // how it may get tokens
	ACR             signin.Class // the sign-in that it needs at least; empty: any
	Offers          []Offer      // scopes that it offers other apps, as their API
	Created         time.Time
}

// Offer is a scope of an app's API, and in plain words what it allows.
type Offer struct{ Scope, Allows string }

// GrantType is a way of getting tokens (RFC 6749 §1.3).
type GrantType string

const (
	GrantCode    GrantType = "authorization_code"
	GrantRefresh GrantType = "refresh_token"
	GrantClient  GrantType = "client_credentials"
	GrantDevice  GrantType = "urn:ietf:params:oauth:grant-type:device_code" // RFC 8628
)

// GrantTypes lists those that there are.
func GrantTypes() []GrantType { return []GrantType{GrantCode, GrantRefresh, GrantDevice, GrantClient} }

func (a App) may(grant GrantType) bool { return slices.Contains(a.Grants, grant) }

// allowed gives those of the scopes that the app may ask for, each once.
func (a App) allowed(scopes []string) []string {
	var out []string
	for _, scope := range scopes {
		if slices.Contains(a.Scopes, scope) && !slices.Contains(out, scope) {
			out = append(out, scope)
		}
	}
	return out
}

type appRow struct {
	ID, Name                                    string
	Public, ThirdParty, MayInvite               bool
	Redirects, LogoutRedirects                  string // one a line
	LogoutAddress, EventsAddress, LaunchAddress string
	Scopes, Grants                              string
	ACR                                         signin.Class
	Offers                                      string // "scope what it allows", one a line
	Created                                     time.Time
}

func (r appRow) app() App {
	a := App{
		ID: r.ID, Name: r.Name, Public: r.Public, ThirdParty: r.ThirdParty, MayInvite: r.MayInvite,
		Redirects: strings.Fields(r.Redirects), LogoutRedirects: strings.Fields(r.LogoutRedirects),
		LogoutAddress: r.LogoutAddress, EventsAddress: r.EventsAddress, LaunchAddress: r.LaunchAddress,
		Scopes: strings.Fields(r.Scopes), ACR: r.ACR, Created: r.Created,
	}
	for _, grant := range strings.Fields(r.Grants) {
		a.Grants = append(a.Grants, GrantType(grant))
	}
	for line := range strings.Lines(r.Offers) {
		scope, allows, _ := strings.Cut(strings.TrimSpace(line), " ")
		a.Offers = append(a.Offers, Offer{scope, allows})
	}
	return a
}

func (a App) grants() string {
	words := make([]string, len(a.Grants))
	for i, grant := range a.Grants {
		words[i] = string(grant)
	}
	return strings.Join(words, " ")
}

func (a App) offers() string {
	var lines strings.Builder
	for _, offer := range a.Offers {
		lines.WriteString(offer.Scope + " " + offer.Allows + "\n")
	}
	return lines.String()
}

const selectApp = `
	SELECT id, name, public, third_party, may_invite, redirects, logout_redirects, logout_address, events_address, launch_address,
	       scopes, grants, acr, offers, created FROM app `

// write puts an app in the place of the one with its id, if any. Its secret is
// kept where key is nil.
func (p *Provider) write(ctx context.Context, q db.Q, a App, key *secret.String) error {
	sealed := []byte{}
	if key != nil {
		sealed = p.sealSecret(a.ID, *key)
	}
	_, err := db.Exec(ctx, q, `
		INSERT INTO app (id, name, public, third_party, may_invite, redirects, logout_redirects, logout_address, events_address,
		  launch_address, scopes, grants, acr, offers, created, secret)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (id) DO UPDATE SET name = $2, public = $3, third_party = $4, may_invite = $5, redirects = $6,
		  logout_redirects = $7, logout_address = $8, events_address = $9, launch_address = $10, scopes = $11, grants = $12,
		  acr = $13, offers = $14, secret = CASE WHEN $17 THEN $16 ELSE app.secret END`,
		a.ID, a.Name, a.Public, a.ThirdParty, a.MayInvite, strings.Join(a.Redirects, "\n"), strings.Join(a.LogoutRedirects, "\n"),
		a.LogoutAddress, a.EventsAddress, a.LaunchAddress, strings.Join(a.Scopes, " "), a.grants(), a.ACR, a.offers(), a.Created,
		sealed, key != nil)
	return err
}

// RegisterBuiltin makes Code's own app what it has to be: it is called at each
// start, since its addresses may have changed.
func (p *Provider) RegisterBuiltin(ctx context.Context, a App, key secret.String) error {
	a.MayInvite, a.Created = true, p.config.Clock()
	a.Scopes = []string{scopeOpenID, scopeProfile, scopeEmail}
	a.Grants = []GrantType{GrantCode}
	if err := p.write(ctx, p.config.DB, a, &key); err != nil {
		return fmt.Errorf("registering the app %s: %w", a.ID, err)
	}
	return nil
}

// entry is an audit entry of what somebody did: an administrator or the operator.
func entry(by person.Author, action, target string, detail map[string]any) audit.Entry {
	e := audit.Entry{Realm: "account", Actor: by.ID, Address: by.From, Action: action, Target: target, Detail: detail}
	if by != person.Operator() {
		e.Credential = "session"
	}
	return e
}

// CreateApp registers an app. The secret, empty for a public app, is shown
// once. It is of kind Invalid for the field that is wrong.
func (p *Provider) CreateApp(ctx context.Context, by person.Author, in App) (App, secret.String, error) {
	in.ID, in.Created, in.MayInvite, in.Offers = db.NewID(), p.config.Clock(), false, nil
	app, err := p.check(ctx, in)
	if err != nil {
		return App{}, secret.String{}, err
	}
	var key secret.String
	if !app.Public {
		key, _ = secret.Token("sps_")
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := p.write(ctx, tx, app, &key); err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, entry(by, "app.create", app.ID, app.detail()))
	})
	if err != nil {
		return App{}, secret.String{}, fmt.Errorf("registering an app: %w", err)
	}
	return app, key, nil
}

// detail is what the audit log keeps of an app.
func (a App) detail() map[string]any {
	return map[string]any{
		"name": a.Name, "public": a.Public, "third_party": a.ThirdParty, "redirects": a.Redirects,
		"scopes": a.Scopes, "grants": a.Grants, "acr": a.ACR,
	}
}

// UpdateApp changes a registered app; its kind, public or not, stays. What it
// may no more do, its tokens can't do from then on either.
func (p *Provider) UpdateApp(ctx context.Context, by person.Author, in App) error {
	before, err := p.own(ctx, in.ID)
	if err != nil {
		return err
	}
	in.Public, in.Created, in.MayInvite, in.Offers = before.Public, before.Created, false, nil
	app, err := p.check(ctx, in)
	if err != nil {
		return err
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := p.write(ctx, tx, app, nil); err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, entry(by, "app.update", app.ID, map[string]any{"from": before.detail(), "to": app.detail()}))
	})
	if err != nil {
		return fmt.Errorf("changing an app: %w", err)
	}
	return nil
}

// RotateSecret gives an app a new secret; the old one is void at once.
func (p *Provider) RotateSecret(ctx context.Context, by person.Author, id string) (secret.String, error) {
	app, err := p.own(ctx, id)
	if err == nil && app.Public {
		err = errs.Conflict("", "%s is a public app and has no secret.", app.Name)
	}
	if err != nil {
		return secret.String{}, err
	}
	key, _ := secret.Token("sps_")
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `UPDATE app SET secret = $1 WHERE id = $2`, p.sealSecret(id, key), id); err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, entry(by, "app.secret", id, nil))
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("rotating an app's secret: %w", err)
	}
	return key, nil
}

// DeleteApp takes an app off, with every token that it has.
func (p *Provider) DeleteApp(ctx context.Context, by person.Author, id string) error {
	app, err := p.own(ctx, id)
	if err != nil {
		return err
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, statement := range []string{
			`DELETE FROM app_refresh WHERE app_grant IN (SELECT id FROM app_grant WHERE app = $1)`,
			`DELETE FROM app_token WHERE app = $1`, `DELETE FROM app_grant WHERE app = $1`, `DELETE FROM app_person WHERE app = $1`,
			`DELETE FROM app_device WHERE app = $1`, `DELETE FROM app_event WHERE app = $1`, `DELETE FROM auth_request WHERE app = $1`,
			`DELETE FROM app WHERE id = $1`,
		} {
			if _, err := db.Exec(ctx, tx, statement, id); err != nil {
				return err
			}
		}
		return p.config.Audit.Append(ctx, tx, entry(by, "app.delete", id, app.detail()))
	})
	if err != nil {
		return fmt.Errorf("deleting an app: %w", err)
	}
	return nil
}

// Apps lists the registered apps, oldest first.
func (p *Provider) Apps(ctx context.Context) ([]App, error) {
	rows, err := db.All[appRow](ctx, p.config.DB, selectApp+`ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("listing apps: %w", err)
	}
	apps := make([]App, len(rows))
	for i, row := range rows {
		apps[i] = row.app()
	}
	return apps, nil
}

// App gives a registered app; NotFound where there is none.
func (p *Provider) App(ctx context.Context, id string) (App, error) {
	app, err := p.app(ctx, id)
	if errs.Is(err, errs.KindNotFound) {
		return App{}, errs.NotFound("There is no app %s.", id)
	}
	return app, err
}

// own is App for those that can be changed: Code's own is made at each start.
func (p *Provider) own(ctx context.Context, id string) (App, error) {
	app, err := p.App(ctx, id)
	if err == nil && app.MayInvite {
		return App{}, errs.Conflict("", "%s is part of this system and can't be changed.", app.Name)
	}
	return app, err
}

func (p *Provider) app(ctx context.Context, id string) (App, error) {
	row, err := db.One[appRow](ctx, p.config.DB, selectApp+`WHERE id = $1`, id)
	if err != nil {
		return App{}, err
	}
	return row.app(), nil
}

// appSecret gives an app's secret; empty for a public app.
func (p *Provider) appSecret(ctx context.Context, id string) (secret.String, error) {
	sealed, err := db.One[[]byte](ctx, p.config.DB, `SELECT secret FROM app WHERE id = $1`, id)
	if err != nil {
		return secret.String{}, err
	}
	plain, err := p.config.Box.Open(secretPlace(id), sealed)
	return secret.New(string(plain)), err
}

// A secret is sealed rather than hashed: an invitation's signature needs it
// (OpenID Connect Core §10.1).
func (p *Provider) sealSecret(id string, key secret.String) []byte {
	return p.config.Box.Seal(secretPlace(id), []byte(key.Reveal()))
}

func secretPlace(id string) string { return "app|secret|" + id }
