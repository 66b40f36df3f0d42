package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/internal/account/provider"
	accountweb "sallyport.dev/internal/account/web"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/api"
	"sallyport.dev/internal/code/githttp"
	"sallyport.dev/internal/code/gitssh"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/login"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	codeweb "sallyport.dev/internal/code/web"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/config"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

type serveCommand struct {
	config.Serve `embed:""`
}

// Run serves until ctx ends, and then stops gracefully.
func (c *serveCommand) Run(ctx context.Context) (err error) {
	slog.SetDefault(c.Logger())
	s, err := open(ctx, &c.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.outbox.Sender, err = mail.NewSender(c.Mail, c.MailFrom, filepath.Join(s.folder, "mail"), slog.Default()); err != nil {
		return fmt.Errorf("--mail, --mail-from: %w", err)
	}
	system, err := git.Find(ctx, "")
	if err != nil {
		return err
	}
	defer system.Close()
	code, account, err := listen(ctx, &c.Serve)
	if err != nil {
		return err
	}
	shell, err := listenSSH(ctx, &c.Serve, s.folder)
	if err != nil {
		return err
	}
	s.atAddresses(code.URL, account.URL)
	s.workspaces.DefaultPlan = workspace.Plan(c.DefaultPlan)

	toCode := &inProcess{host: code.host()}
	accountSite, accountHandler, err := buildAccount(ctx, &c.Serve, s, code, account, toCode)
	if err != nil {
		return err
	}
	records := access.NewRecords(s.db)
	codeHandler, err := buildCode(&c.Serve, s, system, records, code, account, shell, accountHandler)
	if err != nil {
		return err
	}
	toCode.handler = codeHandler
	jobs := &job.Runner{DB: s.db, Clock: clock.System, Jobs: slices.Concat(
		records.Jobs(s.audit, clock.System), s.workspaces.Jobs(), s.repositories.Jobs(), s.events.Jobs(), s.wikis.Jobs(), s.snippets.Jobs(), s.issues.Jobs(), s.users.Jobs(), s.signIn.Jobs())}
	finish := inBackground(ctx, jobs.Run, s.repositories.Run, s.outbox.Run, records.Run, s.users.Run, s.workspaces.Run, s.tokens.Run, accountSite.Provider.Run, giveBack, func(ctx context.Context) { sweep(ctx, s, accountSite) })
	defer finish()
	if err := announce(ctx, s, code, account, shell); err != nil {
		return err
	}
	return serveUntil(ctx, handlers(s.db, code, account, codeHandler, accountHandler), shell)
}

// giveBack gives back to the system what the start took and nothing needs any
// more: twice what the program then holds. What is pooled goes at the second
// collection.
func giveBack(context.Context) {
	runtime.GC()
	debug.FreeOSMemory()
}

// clientSecret is Code's at the built-in issuer; both ends derive it.
func clientSecret(box *secret.Box, clientID string) secret.String {
	return secret.New(hex.EncodeToString(box.Derive("client-secret " + clientID)))
}

// redirect is where the issuer sends people back to.
func (s *site) redirect() string { return s.URL + "/login/callback" }

// codeApp is Code as Account's app.
func codeApp(c *config.Serve, code *site) provider.App {
	app := provider.App{
		ID: c.ClientID, Name: "Code", Redirects: []string{code.redirect()}, LogoutRedirects: []string{code.URL + "/"},
		LaunchAddress: code.URL + "/", LogoutAddress: code.URL + "/login/backchannel-logout", EventsAddress: code.URL + "/login/events",
	}
	for _, scope := range access.Scopes() {
		if words := codeweb.ScopeWords(scope); words != "" {
			app.Offers = append(app.Offers, provider.Offer{Scope: string(scope), Allows: words})
		}
	}
	return app
}

func buildAccount(ctx context.Context, c *config.Serve, s *store, code, account *site, toCode http.RoundTripper) (*accountweb.Site, http.Handler, error) {
	pages, err := accountweb.New(ctx, accountweb.Config{
		URL: account.URL, CodeURL: code.URL, SignUp: accountweb.Mode(c.Signup),
		DB: s.db, Box: s.box, Clock: clock.System, People: s.people, SignIn: s.signIn, Admin: s.admin, Audit: s.audit, Via: toCode,
	})
	if err != nil {
		return nil, nil, err
	}
	if c.Issuer == "" {
		if err := pages.Provider.RegisterBuiltin(ctx, codeApp(c, code), clientSecret(s.box, c.ClientID)); err != nil {
			return nil, nil, err
		}
	}
	return pages, request.Wrap("account", c.Proxies(), pages.Handler()), nil
}

func buildCode(c *config.Serve, s *store, system *git.Git, records *access.Records, code, account *site, shell *sshSite, accountHandler http.Handler) (http.Handler, error) {
	settings, err := loginSettings(c, s, code, account, accountHandler)
	if err != nil {
		return nil, err
	}
	gate := access.New(s.db, clock.System, records)
	repositories := &repo.Service{
		DB: s.db, Dir: filepath.Join(s.folder, "repositories"), Git: system, Clock: clock.System,
		Audit: s.audit, Events: s.events, MaxPush: int64(c.MaxPush), MaxSize: int64(c.MaxRepository), MaxRefs: c.MaxRefs, ImportFrom: c.ImportFrom, ImportSSH: git.SSH{Key: c.ImportKey, KnownHosts: c.ImportKnownHosts},
	}
	wikis := &wiki.Service{DB: s.db, Dir: repositories.Dir, Git: system, Clock: clock.System, Events: s.events, MaxPush: repositories.MaxPush, MaxSize: repositories.MaxSize, MaxRefs: repositories.MaxRefs}
	snippets := &snippet.Service{
		DB: s.db, Dir: filepath.Join(s.folder, "snippets"), Git: system, Clock: clock.System, Audit: s.audit, Events: s.events, MaxPush: repositories.MaxPush, MaxSize: repositories.MaxSize, MaxRefs: repositories.MaxRefs,
	}
	issues := &issue.Service{DB: s.db, Clock: clock.System, Audit: s.audit, Events: s.events, Outbox: s.outbox, Box: s.box, Gate: gate, URL: code.URL}
	repositories.Leaving = []func(context.Context, *db.Tx, string, string) error{s.tokens.Leave, s.users.Leave, s.events.Leave, issues.Transferred}
	s.wikis, s.snippets = wikis, snippets
	s.repositories, s.workspaces.Contents = repositories, []workspace.Content{repositories.RemoveOf, snippets.RemoveOf}
	s.issues, s.events.Gate, repositories.OnDefault, s.outbox.May = issues, gate, issues.Fixed, s.mayMail
	rest, err := api.New(api.Config{URL: code.URL, Gate: gate, Users: s.users, Tokens: s.tokens, Workspaces: s.workspaces, Repositories: repositories, Issues: issues, Snippets: snippets})
	if err != nil {
		return nil, err
	}
	client := login.New(settings)
	s.tokens.Introspect = func(ctx context.Context, text string) (token.OAuth, error) {
		says, err := client.Introspect(ctx, text)
		return token.OAuth(says), err
	}
	config := codeweb.Config{
		URL: code.URL, DB: s.db, Box: s.box, Clock: clock.System, Gate: gate, Login: client,
		Users: s.users, Tokens: s.tokens, Workspaces: s.workspaces, Repositories: repositories, Wikis: wikis, Issues: issues, Snippets: snippets, Events: s.events,
	}
	if c.Issuer == "" {
		config.AccountURL = account.URL
	}
	if shell != nil {
		config.SSH = codeweb.SSH{URL: shell.URL, Fingerprints: shell.fingerprints()}
		shell.door = gitssh.New(gitssh.Config{
			URL: code.URL, HostKeys: shell.keys, Clock: clock.System, Gate: gate, Users: s.users, Repositories: repositories, Wikis: wikis, Snippets: snippets,
		})
	}
	pages, err := codeweb.New(config)
	if err != nil {
		return nil, err
	}
	clients := githttp.New(githttp.Config{URL: code.URL, Gate: gate, Tokens: s.tokens, Repositories: repositories, Wikis: wikis, Snippets: snippets})
	return request.Wrap("code", c.Proxies(), doors(rest.Handler(), clients, pages.Handler())), nil
}

// doors leads each request to its door, by its address alone.
func doors(rest, clients, browsers http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/2.0" || strings.HasPrefix(r.URL.Path, "/2.0/"):
			rest.ServeHTTP(w, r)
		case githttp.Matches(r.URL.Path):
			clients.ServeHTTP(w, r)
		default:
			browsers.ServeHTTP(w, r)
		}
	})
}

func loginSettings(c *config.Serve, s *store, code, account *site, accountHandler http.Handler) (login.Config, error) {
	settings := login.Config{Issuer: c.Issuer, ClientID: c.ClientID, Redirect: code.redirect(), API: code.URL, Clock: clock.System}
	if c.Issuer == "" {
		settings.Issuer = account.URL
		settings.Secret = clientSecret(s.box, c.ClientID)
		settings.Via = &inProcess{host: account.host(), handler: accountHandler}
		return settings, nil
	}
	given, err := c.ClientSecret()
	settings.Secret = secret.New(given)
	return settings, err
}

// announce says where the sites are, for a person and for a script to read.
func announce(ctx context.Context, s *store, code, account *site, shell *sshSite) error {
	fmt.Printf("Code:    %s\nAccount: %s\n", code.URL, account.URL)
	if shell != nil {
		fmt.Printf("SSH:     %s\n", shell.address())
	}
	setUp, err := s.people.SetupLink(ctx)
	if err != nil {
		return err
	}
	if setUp != "" {
		fmt.Printf("Set up:  %s\n", setUp)
	}
	slog.Info("serving", "version", version(), "code", code.URL, "account", account.URL, "database", s.db.Engine)
	return nil
}

// inBackground runs each until finish is called, which waits for all to end.
func inBackground(ctx context.Context, runs ...func(context.Context)) (finish func()) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	for _, run := range runs {
		all.Go(func() { run(ctx) })
	}
	return func() {
		stop()
		all.Wait()
	}
}

// sweepEvery is how often rows that are over are deleted.
const sweepEvery = time.Hour

func sweep(ctx context.Context, s *store, account *accountweb.Site) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := errors.Join(s.limiter.Sweep(ctx), account.Sweep(ctx), s.repositories.Clear(ctx)); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweeping; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// mayMail asks the room that a mail tells of whether its recipient may have it.
func (s *store) mayMail(ctx context.Context, about string) (bool, error) {
	if activity.Mine(about) {
		return s.events.MayMail(ctx, about)
	}
	return s.issues.MayMail(ctx, about)
}
