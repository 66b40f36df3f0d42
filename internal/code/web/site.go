// Package web is the door that browsers come through: the pages of Code.
//
// It owns the addresses, the pages and their words, the session's cookie,
// return paths and kept forms (table kept_form). It decides nothing: who may do
// what is the gate's, what it means to do it the rooms'. A handler reads the
// request, calls a room with its grant, and renders a page or redirects; it
// returns an error otherwise, and fail.go makes a page of it.
//
// Invariants: every route is in routes.go and declares its action; nothing
// changes on GET; a return path is followed only where we signed it and it
// stays on this site; a form that is refused comes back as it was typed, but
// for secrets.
package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

//go:embed pages/*.html
var pagesFS embed.FS

// Config is what the site stands on.
type Config struct {
	URL        string // of this site, as browsers see it
	AccountURL string // of the built-in account site; empty with another issuer
	SSH        SSH

	DB           *db.DB
	Box          *secret.Box
	Clock        clock.Clock
	Gate         *access.Gate
	Login        *login.Client
	Users        *user.Service
	Tokens       *token.Service
	Workspaces   *workspace.Service
	Repositories *repo.Service
	Wikis        *wiki.Service
	Issues       *issue.Service
	Snippets     *snippet.Service
	Events       *activity.Log
}

// Site is the web door. It is safe for concurrent use.
type Site struct {
	Config
	cookies request.Cookies
	pages   *ui.Set
	routes  *door.Routes
	returns returns
	kept    keptForms
	texts   *markup.Kept
	feeds   map[string]bool // patterns of the addresses of feeds
}

// textsKept is how much rendered Markdown of issues and comments is kept, in bytes.
const textsKept = 16 << 20

// New makes the site.
func New(config Config) (*Site, error) {
	address, err := url.Parse(config.URL)
	if err != nil || address.Host == "" {
		return nil, fmt.Errorf("the site's address %q isn't a URL", config.URL)
	}
	config.URL = strings.TrimSuffix(config.URL, "/")
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	s := &Site{
		Config: config, cookies: request.Cookies{Secure: address.Scheme == "https"}, pages: pages,
		returns: returns{config.Box},
		kept:    keptForms{db: config.DB, box: config.Box, clock: config.Clock},
		texts:   markup.NewKept(textsKept),
	}
	s.feeds = map[string]bool{}
	s.routes = door.New(door.Config{Gate: config.Gate, Authenticate: s.authenticate, Fail: s.fail})
	s.addRoutes()
	return s, nil
}

func parsePages() (*ui.Set, error) {
	own, err := fs.Sub(pagesFS, "pages")
	if err != nil {
		return nil, err
	}
	return ui.Templates(own, previewWords())
}

// Routes gives the table of routes, for the tests that walk it.
func (s *Site) Routes() *door.Routes { return s.routes }

// Handler is the site as a whole.
func (s *Site) Handler() http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	for _, endpoint := range []string{"POST /login/backchannel-logout", "POST /login/events", "POST /site/oauth2/access_token"} {
		crossOrigin.AddInsecureBypassPattern(endpoint) // programs call these, and no cookie counts
	}
	crossOrigin.SetDenyHandler(s.prepare(http.HandlerFunc(s.refuseCrossOrigin)))
	headers := ui.Headers{HTTPS: s.cookies.Secure, FormsTo: s.formTargets()}
	return ui.WithStatic(headers.Wrap(crossOrigin.Handler(s.prepare(s.routes))))
}

// formTargets are the origins that a form may end at by redirects: the issuer,
// where somebody sends a form after being signed out.
func (s *Site) formTargets() []string {
	issuer, err := url.Parse(s.Login.Issuer())
	if err != nil || issuer.Host == "" {
		return nil
	}
	return []string{issuer.Scheme + "://" + issuer.Host}
}
