package web_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// listener is where an app hears of sign-outs.
type listener struct {
	*httptest.Server
	came chan string // each token as it comes
	hold chan bool   // where it is set, no answer before something comes from here

	mu     sync.Mutex
	status int // of its answers
	tokens []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{status: http.StatusOK, came: make(chan string, 100)}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("logout_token")
	l.mu.Lock()
	l.tokens = append(l.tokens, token)
	status := l.status
	l.mu.Unlock()
	l.came <- token
	if l.hold != nil {
		<-l.hold
	}
	w.WriteHeader(status)
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens
}

func (l *listener) answers(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

// signedOut signs the browser's person in to the apps, and out of the account.
func (w *world) signedOut(b *browser, apps ...*app) {
	w.t.Helper()
	b.signIn(ada, adasPass)
	for _, a := range apps {
		a.grant(w, b)
	}
	if got := b.post("/signout"); got.at.Path != "/signin" {
		w.t.Fatalf("signing out led to %s", got.at)
	}
}

// waiting is how many things there are that apps haven't taken.
func (w *world) waiting() int {
	w.t.Helper()
	n, err := db.One[int](w.t.Context(), w.db, `SELECT COUNT(*) FROM app_event`)
	must(w.t, err)
	return n
}

// Back-Channel Logout §2.4: what the token says, and that it never passes for
// an ID token.
func TestStandard18ALogoutTokenIsSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		p := w.newPerson(ada, adasPass)
		told := newListener(t)
		a, silent := w.register(provider.App{LogoutAddress: told.URL}), w.newApp(false)
		w.signedOut(w.browser(), a, silent)
		must(t, w.site.Provider.Deliver(t.Context()))
		if len(told.all()) != 1 || w.waiting() != 0 {
			t.Fatalf("told %d times, %d waiting", len(told.all()), w.waiting())
		}
		token := told.all()[0]
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		must(t, err)
		if kind := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; kind != "logout+jwt" {
			t.Errorf("typ %v", kind)
		}
		verified, err := a.verifier.Verify(t.Context(), token) // signature, issuer, audience, expiry
		must(t, err)
		var claims map[string]any
		must(t, verified.Claims(&claims))
		events, _ := claims["events"].(map[string]any)
		if _, nonce := claims["nonce"]; nonce || events["http://schemas.openid.net/event/backchannel-logout"] == nil ||
			claims["sub"] != p.ID || claims["sid"] == "" || claims["jti"] == "" || claims["iat"] == nil {
			t.Errorf("%v", claims)
		}
		if got := w.browser().get(a.ask("prompt", "none", "id_token_hint", token)); got.answer(t, wiki).Get("error") != "login_required" {
			t.Errorf("a logout token passes for a hint: %v", got.to)
		}
	})
}

// An app that is slow holds up neither the person nor the other apps, and is
// told once, whoever else looks meanwhile.
func TestASlowAppHoldsUpNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		slow, quick := newListener(t), newListener(t)
		slow.hold = make(chan bool)
		w.signedOut(w.browser(), w.register(provider.App{LogoutAddress: slow.URL}), w.register(provider.App{LogoutAddress: quick.URL}))
		done := make(chan error)
		go func() { done <- w.site.Provider.Deliver(t.Context()) }()
		<-slow.came
		<-quick.came
		must(t, w.site.Provider.Deliver(t.Context())) // another node looks
		close(slow.hold)
		must(t, <-done)
		if len(slow.all()) != 1 || len(quick.all()) != 1 || w.waiting() != 0 {
			t.Errorf("told %d and %d times, %d waiting", len(slow.all()), len(quick.all()), w.waiting())
		}
	})
}

// An app that fails, or is down, is told again, after waits that get longer;
// one that refuses isn't, and after three days none is.
func TestAnAppThatFailsIsToldAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		failing, refusing, down := newListener(t), newListener(t), newListener(t)
		failing.answers(http.StatusInternalServerError)
		refusing.answers(http.StatusBadRequest)
		down.Close()
		w.signedOut(w.browser(), w.register(provider.App{LogoutAddress: failing.URL}),
			w.register(provider.App{LogoutAddress: refusing.URL}), w.register(provider.App{LogoutAddress: down.URL}))
		deliver := func(after time.Duration, failed, refused, waiting int) {
			t.Helper()
			w.clock.Advance(after)
			must(t, w.site.Provider.Deliver(t.Context()))
			if len(failing.all()) != failed || len(refusing.all()) != refused || w.waiting() != waiting {
				t.Fatalf("after %v: told %d and %d times, %d waiting", after, len(failing.all()), len(refusing.all()), w.waiting())
			}
		}
		deliver(0, 1, 1, 2)
		deliver(time.Second, 1, 1, 2) // not yet
		deliver(time.Second, 2, 1, 2)
		deliver(2*time.Second, 2, 1, 2) // the wait has doubled
		deliver(2*time.Second, 3, 1, 2)
		failing.answers(http.StatusOK)
		deliver(8*time.Second, 4, 1, 1) // it has taken it; the one that is down waits on
		deliver(time.Hour, 4, 1, 1)
		deliver(3*24*time.Hour, 4, 1, 0) // given up
		first, last := failing.all()[0], failing.all()[3]
		if id := func(token string) string {
			parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
			must(t, err)
			var claims jwt.Claims
			must(t, parsed.UnsafeClaimsWithoutVerification(&claims))
			return claims.ID
		}; id(first) != id(last) {
			t.Error("the same event goes by another id, so that an app can't know it")
		}
	})
}
