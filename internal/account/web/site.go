// Package web is the Account site: its pages, its cookies, and the provider's
// endpoints beside them.
//
// It owns addresses, pages and their words. What signing in takes is package
// signin's, what an app may learn package provider's, and people are package
// person's. It has no tables.
//
// Invariants: every route is in routes.go; nothing changes on GET; where a
// person goes on after signing in is this site or the request of an app that
// waits under a flow's id, never an address from the outside; a password that
// was typed is never shown again.
package web

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

//go:embed pages/*.html
var pagesFS embed.FS

// Mode is who may make an account.
type Mode string

const (
	Open   Mode = "open"   // anybody
	Invite Mode = "invite" // whom an app or an administrator invited
	Closed Mode = "closed" // whom an administrator makes
)

// Config is what the site stands on.
type Config struct {
	URL     string // of this site, as browsers see it, without a slash at the end
	CodeURL string // of Code: where a person goes on who came for nothing else
	SignUp  Mode

	DB     *db.DB
	Box    *secret.Box
	Clock  clock.Clock
	People *person.Service
	SignIn *signin.Service
	Admin  *admin.Service
	Audit  *audit.Log
	Via    http.RoundTripper // how apps are reached that are told something; nil: the network
}

// Site is the Account site. It is safe for concurrent use.
type Site struct {
	Config
	Provider *provider.Provider

	cookies request.Cookies
	pages   *ui.Set
	mux     *chi.Mux
	routes  []Route
}

// New makes the site, and the provider in it.
func New(ctx context.Context, config Config) (*Site, error) {
	address, err := url.Parse(config.URL)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("the account site's address %q isn't a URL", config.URL)
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	s := &Site{Config: config, cookies: request.Cookies{Secure: address.Scheme == "https"}, pages: pages, mux: chi.NewRouter()}
	s.Provider, err = provider.New(ctx, provider.Config{
		Issuer: config.URL, DB: config.DB, Box: config.Box, Clock: config.Clock, People: config.People,
		Audit: config.Audit, Throttle: config.SignIn.Throttle, Via: config.Via,
		Session: func(r *http.Request) (signin.Session, bool) { return s.session(r) },
		Fail:    s.fail,
	})
	if err != nil {
		return nil, err
	}
	config.SignIn.Ended, config.SignIn.Suspended = s.Provider.SessionsEnded, s.Provider.PersonSuspended
	config.SignIn.Policy.Shortened = s.Provider.SessionsShortened
	s.addRoutes()
	return s, nil
}

func parsePages() (*ui.Set, error) {
	own, err := fs.Sub(pagesFS, "pages")
	if err != nil {
		return nil, err
	}
	return ui.Templates(own, nil)
}

// Handler is the site as a whole.
func (s *Site) Handler() http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(s.refuseCrossOrigin))
	for _, endpoint := range []string{
		"POST /oauth/token", "POST /userinfo", "POST /introspect", "POST /revoke", "POST /device_authorization",
		"POST /authorize", "POST /end_session",
	} {
		crossOrigin.AddInsecureBypassPattern(endpoint) // apps call these; no cookie counts but for the last two, which lead to a GET
	}
	// After the sign-in form the browser is led on to the app that asked: any
	// registered one, so the form may end anywhere. The addresses are exact.
	headers := ui.Headers{HTTPS: s.cookies.Secure, FormsTo: []string{"*"}}
	return ui.WithStatic(headers.Wrap(crossOrigin.Handler(s.prepare(s.mux))))
}

// Sweep deletes what is over: links, sessions, requests of apps.
func (s *Site) Sweep(ctx context.Context) error {
	for _, sweep := range []func(context.Context) error{s.People.Sweep, s.SignIn.Sweep, s.Admin.Sweep, s.Provider.Sweep} {
		if err := sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}
