// Package provider makes Account an OpenID Connect provider: apps, of which
// Code is the first, send people here to sign in and learn who came.
//
// It owns the tables app, auth_request, access_token and signing_key. Who is
// signed in is package signin's; this package decides whether that is enough
// for what an app asks, and never signs anybody in.
//
// Tokens are made by zitadel's pkg/op, behind our own decisions. What it would
// only parse (prompt, max_age, acr_values, PKCE's method), or redirect where it
// shouldn't, is judged in ask.go and authorize.go; the client is authenticated
// and the code claimed in tokens.go; userinfo and the discovery document are
// our own.
//
// Invariants:
//   - Authorization code with PKCE S256 only (RFC 9700 §2.1.1), for every app.
//   - A code is spent by one conditional UPDATE, lives 60 seconds, and used
//     twice revokes what it gave (RFC 6749 §4.1.2).
//   - A code goes to the browser that holds the account session it speaks for,
//     and to a registered address alone.
//   - What an app asks and can't get is an error, never a weaker token.
package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/secret"
)

const (
	requestLife = time.Hour // a sign-in may take so long
	codeLife    = time.Minute
	tokenLife   = 10 * time.Minute
	pathBack    = "/authorize/continue" // where a finished sign-in goes on
)

// scopes are those that mean something here; others are ignored.
var scopes = []string{"openid", "profile", "email"}

// Config is what a provider is made of.
type Config struct {
	Issuer string // the Account site's URL, without a slash at the end
	DB     *db.DB
	Box    *secret.Box
	Clock  clock.Clock
	People *person.Service
	// Session tells who is signed in with the browser of a request.
	Session func(*http.Request) (signin.Session, bool)
	// Fail shows an error to the person, where it can't go back to an app.
	Fail func(http.ResponseWriter, *http.Request, error)
}

// Provider is Account's OpenID Connect provider.
type Provider struct {
	config Config
	keys   *keys
	op     *op.Provider
}

// New makes a provider, and its first signing key where there is none.
func New(ctx context.Context, config Config) (*Provider, error) {
	p := &Provider{config: config}
	var err error
	if p.keys, err = loadKeys(ctx, config); err != nil {
		return nil, fmt.Errorf("loading the signing keys: %w", err)
	}
	settings := &op.Config{AuthMethodPost: true, CodeMethodS256: true}
	copy(settings.CryptoKey[:], config.Box.Derive("access tokens"))
	at := func(path string) *op.Endpoint { return op.NewEndpoint(path) }
	p.op, err = op.NewProvider(settings, &storage{p}, op.StaticIssuer(config.Issuer),
		op.WithAllowInsecure(), // whether it is https is the operator's, by the URL
		op.WithCORSOptions(nil),
		op.WithCrypto(op.NewAES256GCMCrypto(settings.CryptoKey, "")), // without the older, malleable one beside it
		op.WithCustomEndpoints(at("authorize"), at("oauth/token"), at("userinfo"), at("revoke"), at("end_session"), at("keys")),
	)
	if err != nil {
		return nil, fmt.Errorf("making the OpenID Connect provider: %w", err)
	}
	return p, nil
}

// Routes gives the addresses of the provider and their handlers. Only the way
// back looks at a cookie, and it is a GET that goes on with what was begun.
func (p *Provider) Routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": p.discovery,
		"GET /authorize":                        p.authorize,
		"POST /authorize":                       p.authorize,
		"GET " + pathBack:                       p.back,
		"POST /oauth/token":                     p.token,
		"GET /userinfo":                         p.userinfo,
		"POST /userinfo":                        p.userinfo,
		"GET /keys":                             p.keySet,
	}
}

// BackTo is the address at which the sign-in for an app's request goes on,
// once the person is signed in.
func BackTo(flow string) string { return pathBack + "?id=" + url.QueryEscape(flow) }

// Sweep deletes requests and tokens that can't be of use any more.
func (p *Provider) Sweep(ctx context.Context) error {
	old := p.config.Clock().Add(-24 * time.Hour)
	if _, err := db.Exec(ctx, p.config.DB, `DELETE FROM access_token WHERE expires < $1`, old); err != nil {
		return err
	}
	_, err := db.Exec(ctx, p.config.DB, `DELETE FROM auth_request WHERE created < $1`, old)
	return err
}
