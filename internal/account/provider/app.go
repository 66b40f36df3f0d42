package provider

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// App is a registered client.
type App struct {
	ID        string
	Name      string
	Public    bool // has no secret: runs on people's own devices
	MayInvite bool // its word on an invited address is taken
	Redirects []string
	Created   time.Time
}

type appRow struct {
	ID, Name          string
	Secret            []byte
	Redirects         string // one a line
	Public, MayInvite bool
	Created           time.Time
}

func (r appRow) app() App {
	return App{
		ID: r.ID, Name: r.Name, Public: r.Public, MayInvite: r.MayInvite,
		Redirects: strings.Fields(r.Redirects), Created: r.Created,
	}
}

const selectApp = `SELECT id, name, secret, redirects, public, may_invite, created FROM app `

// RegisterBuiltin makes Code's own app what it has to be: it is called at each
// start, since its address may have changed.
func (p *Provider) RegisterBuiltin(ctx context.Context, id, name string, key secret.String, redirects ...string) error {
	_, err := db.Exec(ctx, p.config.DB, `
		INSERT INTO app (id, name, secret, redirects, public, may_invite, created) VALUES ($1, $2, $3, $4, FALSE, TRUE, $5)
		ON CONFLICT (id) DO UPDATE SET name = $2, secret = $3, redirects = $4, public = FALSE, may_invite = TRUE`,
		id, name, p.sealSecret(id, key), strings.Join(redirects, "\n"), p.config.Clock())
	if err != nil {
		return fmt.Errorf("registering the app %s: %w", id, err)
	}
	return nil
}

// CreateApp registers an app. The secret, empty for a public app, is shown to
// the operator once.
func (p *Provider) CreateApp(ctx context.Context, name string, public bool, redirects []string) (App, secret.String, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, unicode.IsControl) {
		return App{}, secret.String{}, errs.Invalid("name", "Give the app a name of at most 100 characters.")
	}
	if len(redirects) == 0 {
		return App{}, secret.String{}, errs.Invalid("redirect", "Give at least one redirect address.")
	}
	for _, each := range redirects {
		if err := checkRedirect(each); err != nil {
			return App{}, secret.String{}, err
		}
	}
	app := App{ID: db.NewID(), Name: name, Public: public, Redirects: redirects, Created: p.config.Clock()}
	var key secret.String
	if !public {
		key, _ = secret.Token("sps_")
	}
	_, err := db.Exec(ctx, p.config.DB, `
		INSERT INTO app (id, name, secret, redirects, public, may_invite, created) VALUES ($1, $2, $3, $4, $5, FALSE, $6)`,
		app.ID, app.Name, p.sealSecret(app.ID, key), strings.Join(redirects, "\n"), public, app.Created)
	if err != nil {
		return App{}, secret.String{}, fmt.Errorf("registering an app: %w", err)
	}
	return app, key, nil
}

// checkRedirect refuses an address that a code could leak through: RFC 9700 §2.1,
// RFC 8252 §7.
func checkRedirect(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || !u.IsAbs() || u.Fragment != "" || u.User != nil || strings.ContainsFunc(address, unicode.IsSpace):
		return errs.Invalid("redirect", "%q is no absolute address without a fragment.", address)
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Host != "":
		return nil
	case strings.Contains(u.Scheme, "."): // an app's own scheme, as com.example.app
		return nil
	default:
		return errs.Invalid("redirect", "%q must begin with https://, with http://, or with a scheme in reverse domain form.", address)
	}
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

// RotateSecret gives an app a new secret; the old one is void at once.
func (p *Provider) RotateSecret(ctx context.Context, id string) (secret.String, error) {
	key, _ := secret.Token("sps_")
	changed, err := db.Exec(ctx, p.config.DB, `UPDATE app SET secret = $1 WHERE id = $2 AND NOT public AND NOT may_invite`,
		p.sealSecret(id, key), id)
	if err != nil {
		return secret.String{}, fmt.Errorf("rotating an app's secret: %w", err)
	}
	if changed == 0 {
		return secret.String{}, errs.NotFound("There is no app %s whose secret could be rotated.", id)
	}
	return key, nil
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

// takes reports whether a code may go to the address: it is registered letter
// by letter. A public app's registered loopback address takes any port, since
// the app picks a free one when it starts (RFC 8252 §7.3).
func (a App) takes(address string) bool {
	if slices.Contains(a.Redirects, address) {
		return true
	}
	given, ok := withoutPort(address)
	return ok && a.Public && slices.ContainsFunc(a.Redirects, func(registered string) bool {
		known, ok := withoutPort(registered)
		return ok && known == given
	})
}

// withoutPort gives a loopback address without its port.
func withoutPort(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return "", false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || !ip.IsLoopback() {
		return "", false
	}
	u.Host = u.Hostname()
	return u.String(), true
}

// client is an App as the library wants it.
type client struct{ App }

func (c client) GetID() string                    { return c.ID }
func (c client) RedirectURIs() []string           { return c.Redirects }
func (c client) PostLogoutRedirectURIs() []string { return nil }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (c client) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(string) string               { return "" }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c client) IDTokenLifetime() time.Duration       { return tokenLife }
func (c client) DevMode() bool                        { return true } // http redirects: checkRedirect and takes judge them
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) ClockSkew() time.Duration             { return 0 }

func (c client) ApplicationType() op.ApplicationType {
	if c.Public {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

func (c client) AuthMethod() oidc.AuthMethod {
	if c.Public {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string { return all }

func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return all }

func all(scopes []string) []string { return scopes }
