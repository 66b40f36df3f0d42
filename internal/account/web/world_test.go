package web_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const (
	ada      = "ada@example.com"
	adasPass = "green lamps over wet cobbles"
	codeURL  = "http://code.test"
)

// world is the Account site on a real port, with its mail and its log in hand.
type world struct {
	t      testing.TB
	db     *db.DB
	clock  *clock.Manual
	site   *web.Site
	people *person.Service
	signin *signin.Service
	outbox *mail.Outbox
	url    string

	mu    sync.Mutex
	mails []mail.Mail
	log   bytes.Buffer
}

// Send keeps a mail: the world is its own post.
func (w *world) Send(_ context.Context, m mail.Mail) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mails = append(w.mails, m)
	return nil
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func newWorld(t testing.TB, d *db.DB, mode web.Mode) *world {
	t.Helper()
	w := &world{t: t, db: d, clock: clock.NewManual(time.Now())}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })

	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	w.outbox = &mail.Outbox{DB: d, Box: box, Clock: w.clock.Now, Sender: w}
	log := &audit.Log{DB: d, Clock: w.clock.Now}
	limiter := &throttle.Limiter{DB: d, Clock: w.clock.Now}
	w.people = &person.Service{
		DB: d, Clock: w.clock.Now, Audit: log, Outbox: w.outbox, Throttle: limiter, Hasher: person.NewHasher(0), URL: w.url,
	}
	rules := &policy.Service{DB: d, Clock: w.clock.Now, Audit: log}
	w.signin = &signin.Service{
		DB: d, Box: box, Clock: w.clock.Now, Audit: log, Throttle: limiter, People: w.people, Policy: rules,
		Factors: &factor.Service{DB: d, Box: box, Clock: w.clock.Now, Realm: factor.Account, Issuer: "Sallyport Account", URL: w.url},
	}
	w.site, err = web.New(t.Context(), web.Config{
		URL: w.url, CodeURL: codeURL, SignUp: mode, DB: d, Box: box, Clock: w.clock.Now, People: w.people, SignIn: w.signin, Audit: log,
		Admin: &admin.Service{DB: d, Clock: w.clock.Now, Audit: log, People: w.people, SignIn: w.signin},
	})
	must(t, err)
	server.Config.Handler = request.Wrap("account", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, w.site.Handler())
	server.Start()
	t.Cleanup(server.Close)
	return w
}

// newPerson makes a person who may sign in.
func (w *world) newPerson(email, password string) person.Person {
	w.t.Helper()
	p, err := w.people.Create(w.t.Context(), person.Input{Name: "Ada Lovelace", Email: email, Password: secret.New(password)})
	must(w.t, err)
	return p
}

var linkText = regexp.MustCompile(`https?://\S+`)

// mailTo delivers what is due and gives the last mail to an address.
func (w *world) mailTo(address string) mail.Mail {
	w.t.Helper()
	must(w.t, w.outbox.SendDue(w.t.Context()))
	w.mu.Lock()
	defer w.mu.Unlock()
	var last mail.Mail // they are sent side by side: the one that was written last
	for _, m := range w.mails {
		if m.To == address && m.ID > last.ID {
			last = m
		}
	}
	if last.ID != "" {
		return last
	}
	w.t.Fatalf("no mail went to %s", address)
	return mail.Mail{}
}

func (w *world) linkTo(address string) string {
	w.t.Helper()
	return linkText.FindString(w.mailTo(address).Text)
}

// actions lists what the audit log says was done, in order.
func (w *world) actions() string {
	w.t.Helper()
	all, err := db.All[string](w.t.Context(), w.db, `SELECT action FROM audit ORDER BY seq`)
	must(w.t, err)
	return strings.Join(all, " ")
}

// browser is a person's browser. It stops where it would leave the site.
type browser struct {
	t      testing.TB
	world  *world
	client *http.Client
	from   string // network address; empty: the test's own
	agent  string // what it says of itself
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	b := &browser{t: w.t, world: w}
	b.client = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), w.url+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// page is an answer as it arrived.
type page struct {
	status int
	at     *url.URL // where the browser is
	to     *url.URL // where it would go on, off the site
	header http.Header
	body   string
}

func (b *browser) do(method, address string, form url.Values) page {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.world.url + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	must(b.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", b.agent)
	if b.from != "" {
		r.Header.Set("X-Forwarded-For", b.from)
	}
	response, err := b.client.Do(r)
	must(b.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(b.t, err)
	p := page{status: response.StatusCode, at: response.Request.URL, header: response.Header, body: html.UnescapeString(string(text))}
	if location := response.Header.Get("Location"); location != "" {
		p.to, err = url.Parse(location)
		must(b.t, err)
	}
	return p
}

func (b *browser) get(address string) page { b.t.Helper(); return b.do("GET", address, nil) }

func (b *browser) post(address string, fields ...string) page {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do("POST", address, form)
}

// submit fills in the form of the page that the browser is at, hidden fields too.
func (b *browser) submit(p page, action string, fields ...string) page {
	b.t.Helper()
	form := url.Values{}
	for _, hidden := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(hidden[1], hidden[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do("POST", action, form)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

func (b *browser) signIn(email, password string) page {
	b.t.Helper()
	return b.submit(b.get("/signin"), "/signin", "email", email, "password", password)
}

func (b *browser) cookie(name string) string {
	at, err := url.Parse(b.world.url)
	must(b.t, err)
	for _, cookie := range b.client.Jar.Cookies(at) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// app is an independent client of the provider: go-oidc and x/oauth2.
type app struct {
	provider.App
	oauth    *oauth2.Config
	verifier *oidc.IDTokenVerifier
	issuer   *oidc.Provider
}

func (w *world) newApp(public bool, redirects ...string) *app {
	w.t.Helper()
	return w.register(provider.App{Public: public, Redirects: redirects})
}

// register registers an app; what isn't given is as most have it.
func (w *world) register(in provider.App) *app {
	w.t.Helper()
	if in.Name == "" {
		in.Name = "Wiki"
	}
	if len(in.Redirects) == 0 {
		in.Redirects = []string{"https://wiki.test/callback"}
	}
	if len(in.Scopes) == 0 {
		in.Scopes = []string{"openid", "profile", "email", "offline_access"}
	}
	if len(in.Grants) == 0 {
		in.Grants = []provider.GrantType{provider.GrantCode}
	}
	registered, key, err := w.site.Provider.CreateApp(w.t.Context(), person.Operator(), in)
	must(w.t, err)
	return w.client(registered, key, in.Redirects[0])
}

func (w *world) client(registered provider.App, key secret.String, redirect string) *app {
	w.t.Helper()
	issuer, err := oidc.NewProvider(w.t.Context(), w.url)
	must(w.t, err)
	return &app{
		App: registered, issuer: issuer,
		verifier: issuer.Verifier(&oidc.Config{ClientID: registered.ID}),
		oauth: &oauth2.Config{
			ClientID: registered.ID, ClientSecret: key.Reveal(), Endpoint: issuer.Endpoint(),
			RedirectURL: redirect, Scopes: []string{"openid", "profile", "email"},
		},
	}
}

const challengeVerifier = "a-verifier-that-is-long-enough-to-be-one-0123456789"

// ask gives the address of an authorization request; more parameters replace
// the usual ones, and an empty value takes one away.
func (a *app) ask(parameters ...string) string {
	address, err := url.Parse(a.oauth.AuthCodeURL("the-state", oidc.Nonce("the-nonce"), oauth2.S256ChallengeOption(challengeVerifier)))
	if err != nil {
		panic(err)
	}
	query := address.Query()
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
		if parameters[i+1] == "" {
			query.Del(parameters[i])
		}
	}
	address.RawQuery = query.Encode()
	return address.String()
}

func (a *app) redeem(ctx context.Context, code string) (*oauth2.Token, error) {
	return a.oauth.Exchange(ctx, code, oauth2.VerifierOption(challengeVerifier))
}

// answer is what an app gets, at its registered address.
func (p page) answer(t testing.TB, at string) url.Values {
	t.Helper()
	if p.to == nil || !strings.HasPrefix(p.to.String(), at) {
		t.Fatalf("the browser is at %s (%d) and goes to %v, want %s\n%s", p.at, p.status, p.to, at, p.body)
	}
	return p.to.Query()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func personInput(email, password string) person.Input {
	return person.Input{Name: "Bob", Email: email, Password: secret.New(password)}
}

func operator() person.Author { return person.Operator() }
