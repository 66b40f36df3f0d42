// Package provider makes Account an OpenID Connect provider: apps, of which
// Code is the first, send people here to sign in and learn who came.
//
// It owns the tables app, auth_request, signing_key, and those that begin with
// app_. Who is signed in is package signin's; this package decides whether that
// is enough for what an app asks, and never signs anybody in.
//
// A request is judged in ask.go and answered in authorize.go with a code; a
// code, a refresh token or a device's approval becomes tokens in token.go and
// grant.go; what a token is worth is asked in introspect.go; what apps are told
// by themselves goes out in events.go.
//
// Invariants:
//   - Authorization code with PKCE S256 only (RFC 9700 §2.1.1), for every app.
//   - A code is spent by one conditional UPDATE, lives 60 seconds, and used
//     twice ends what it gave (RFC 6749 §4.1.2). So does a refresh token.
//   - A code goes to the browser that holds the account session it speaks for,
//     and to a registered address alone.
//   - What an app asks and can't get is an error, never a weaker token.
//   - Wherever a token is made or looked at, its person is asked for anew: not
//     suspended, and with the second step that the operator requires or the app
//     needs still on.
package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const (
	day         = 24 * time.Hour
	requestLife = time.Hour // a sign-in may take so long
	codeLife    = time.Minute
	idTokenLife = 10 * time.Minute
	tokenLife   = time.Hour
	onlineLife  = 30 * day              // of a grant, as of the browser's session that it ends with
	offlineLife = 90 * day              // of a grant with offline_access
	pathBack    = "/authorize/continue" // where a finished sign-in goes on
)

// Config is what a provider is made of.
type Config struct {
	Issuer   string // the Account site's URL, without a slash at the end
	DB       *db.DB
	Box      *secret.Box
	Clock    clock.Clock
	Audit    *audit.Log
	Throttle *throttle.Limiter
	People   *person.Service
	// Session tells who is signed in with the browser of a request.
	Session func(*http.Request) (signin.Session, bool)
	// Fail shows an error to the person, where it can't go back to an app.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Via is how apps are reached that are told something; nil: the network.
	Via http.RoundTripper
}

// Provider is Account's OpenID Connect provider. Run must run while it is used.
type Provider struct {
	config   Config
	keys     *keys
	metadata []byte // the discovery document
	http     *http.Client
	wake     chan struct{}
}

// New makes a provider, and its first signing key where there is none.
func New(ctx context.Context, config Config) (*Provider, error) {
	p := &Provider{config: config, http: eventClient(config.Via), wake: make(chan struct{}, 1)}
	var err error
	if p.keys, err = loadKeys(ctx, config); err != nil {
		return nil, fmt.Errorf("loading the signing keys: %w", err)
	}
	if p.metadata, err = json.Marshal(describeIssuer(config.Issuer)); err != nil {
		return nil, err
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
		"POST /oauth/token":                     p.endpoint(p.token),
		"GET /userinfo":                         p.userinfo,
		"POST /userinfo":                        p.userinfo,
		"POST /introspect":                      p.endpoint(p.introspect),
		"POST /revoke":                          p.endpoint(p.revoke),
		"POST " + pathDevice:                    p.endpoint(p.beginDevice),
		"GET /keys":                             p.keySet,
	}
}

// BackTo is the address at which the sign-in for an app's request goes on,
// once the person is signed in.
func BackTo(flow string) string { return pathBack + "?id=" + url.QueryEscape(flow) }

// FlowOf gives the request that a page's path goes on with, as BackTo made it;
// "" where it is any other page's.
func FlowOf(path string) string {
	if u, err := url.Parse(path); err == nil && u.Path == pathBack {
		return u.Query().Get("id")
	}
	return ""
}
