// Package login is Code's side of OpenID Connect: it sends a person to the
// issuer to sign in and reads who came back from a verified ID token.
//
// It owns the protocol (state, nonce, PKCE S256, token exchange, verification)
// and nothing of what follows: no sessions, no cookies, no tables. It knows the
// issuer by its URL and client credentials alone, so that any issuer will do.
//
// Invariants: an Identity comes only out of an ID token whose signature,
// issuer, audience, expiry and nonce were verified, in answer to a request that
// this browser began. Discovery happens at the first sign-in, not at the start,
// so the order in which the two sites start doesn't matter.
package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// algorithms are the signatures that an ID token may have. "none" and the
// symmetric ones aren't among them.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA, oidc.RS384, oidc.RS512, oidc.ES384, oidc.ES512}

// maxIdle bounds what an issuer says, in seconds, to what a time.Duration holds.
const maxIdle = 1e9

// Config says who signs people in.
type Config struct {
	Issuer   string // URL, exactly as its discovery document has it
	ClientID string
	Secret   secret.String
	Redirect string            // URL of /login/callback
	API      string            // Code's URL, as apps may name it as an audience
	Via      http.RoundTripper // how the issuer is reached; nil: the network
	Clock    clock.Clock
}

// Client speaks to one issuer. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
}

// New makes a client. It doesn't speak to the issuer yet.
func New(config Config) *Client {
	return &Client{config: config, http: &http.Client{
		Transport: config.Via,
		Timeout:   15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an issuer's endpoints don't move
		},
	}}
}

// Issuer is the issuer's URL.
func (c *Client) Issuer() string { return c.config.Issuer }

// Pending is a sign-in that has begun. The browser keeps it, sealed, until it comes back.
type Pending struct {
	State    string
	Nonce    string
	Verifier string
}

// Wish is what the issuer is asked beside the sign-in itself.
type Wish struct {
	Invited string // the address that was invited; it may sign up with it
	Hint    string // the address to fill in

	// For a proof beyond an ordinary sign-in.
	ACR    string        // the kind of sign-in that is needed
	MaxAge time.Duration // how long ago it may have been; zero: any time
}

// Identity is who signed in, as the verified ID token says.
type Identity struct {
	Issuer, Subject   string
	Email             string
	EmailVerified     bool
	Name              string
	PreferredUsername string
	ACR               string
	AMR               []string
	AuthTime          time.Time     // zero where the issuer doesn't say
	Session           string        // the issuer's name for its session (sid); may be empty
	SessionEnds       time.Time     // when a session that comes of it must be over; zero: the issuer doesn't say
	SessionIdle       time.Duration // how long it may last without use; zero: the issuer doesn't say
}

// Begin gives the address at the issuer to go to, and what must be remembered.
func (c *Client) Begin(ctx context.Context, wish Wish) (string, Pending, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return "", Pending{}, err
	}
	pending := Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier)}
	if wish.Hint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", wish.Hint))
	}
	if wish.Invited != "" {
		options = append(options, oauth2.SetAuthURLParam("invitation", c.invitation(wish.Invited)))
	}
	if wish.ACR != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", wish.ACR))
	}
	if wish.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(wish.MaxAge.Seconds()))))
	}
	return c.oauth(provider).AuthCodeURL(pending.State, options...), pending, nil
}

// Finish reads the issuer's answer, which came as the query of the callback.
func (c *Client) Finish(ctx context.Context, pending Pending, query url.Values) (Identity, error) {
	if pending.State == "" || !secret.Equal(query.Get("state"), pending.State) {
		return Identity{}, errs.Invalid("", "This sign-in was begun elsewhere or is over. Start it again.")
	}
	// RFC 9207: an answer of another issuer isn't taken for ours.
	if iss := query.Get("iss"); iss != "" && iss != c.config.Issuer {
		return Identity{}, errs.Invalid("", "The answer came from another issuer. Start the sign-in again.")
	}
	if code := query.Get("error"); code != "" {
		return Identity{}, refused(code)
	}
	if query.Get("code") == "" {
		return Identity{}, errs.Invalid("", "The answer has no code. Start the sign-in again.")
	}
	provider, err := c.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	token, err := c.oauth(provider).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		return Identity{}, exchangeFailed(err)
	}
	return c.identity(ctx, provider, pending, token)
}

func (c *Client) identity(ctx context.Context, provider *oidc.Provider, pending Pending, token *oauth2.Token) (Identity, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, unavailable(errors.New("the token response has no id_token"))
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID: c.config.ClientID, SupportedSigningAlgs: algorithms, Now: c.config.Clock,
	})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, unavailable(fmt.Errorf("verifying the ID token: %w", err))
	}
	if !secret.Equal(id.Nonce, pending.Nonce) {
		return Identity{}, unavailable(errors.New("the ID token has another nonce"))
	}
	var claims struct {
		profile
		ACR             string   `json:"acr"`
		AMR             []string `json:"amr"`
		AuthTime        float64  `json:"auth_time"`
		AuthorizedParty string   `json:"azp"`
		Session         string   `json:"sid"`
		SessionEnds     float64  `json:"session_expiry"`
		SessionIdle     float64  `json:"session_idle"`
	}
	if err := id.Claims(&claims); err != nil {
		return Identity{}, unavailable(fmt.Errorf("reading the ID token: %w", err))
	}
	if claims.AuthorizedParty != "" && claims.AuthorizedParty != c.config.ClientID {
		return Identity{}, unavailable(errors.New("the ID token was made for another client"))
	}
	person := claims.profile
	if person.Email == "" || person.Name == "" { // many issuers say these only at userinfo
		if err := c.fill(ctx, provider, token, id.Subject, &person); err != nil {
			return Identity{}, err
		}
	}
	identity := Identity{
		Issuer: id.Issuer, Subject: id.Subject,
		Email: person.Email, EmailVerified: bool(person.EmailVerified),
		Name: person.Name, PreferredUsername: person.PreferredUsername,
		ACR: claims.ACR, AMR: claims.AMR, Session: claims.Session,
	}
	if claims.AuthTime > 0 {
		identity.AuthTime = time.Unix(int64(claims.AuthTime), 0).UTC()
	}
	if claims.SessionEnds > 0 {
		identity.SessionEnds = time.Unix(int64(claims.SessionEnds), 0).UTC()
	}
	if claims.SessionIdle > 0 {
		identity.SessionIdle = time.Duration(min(claims.SessionIdle, maxIdle) * float64(time.Second))
	}
	return identity, nil
}

// fill adds what the userinfo endpoint says, if there is one.
func (c *Client) fill(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, subject string, person *profile) error {
	if provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return unavailable(fmt.Errorf("asking for userinfo: %w", err))
	}
	if info.Subject != subject { // OIDC Core §5.3.2
		return unavailable(errors.New("userinfo is about another subject"))
	}
	return info.Claims(person)
}

// Endpoint gives the issuer's endpoints for apps.
func (c *Client) Endpoint(ctx context.Context) (oauth2.Endpoint, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return oauth2.Endpoint{}, err
	}
	return provider.Endpoint(), nil
}

func (c *Client) oauth(provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.config.ClientID, ClientSecret: c.config.Secret.Reveal(),
		Endpoint: provider.Endpoint(), RedirectURL: c.config.Redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// discover reads the issuer's discovery document once; a failure is tried
// again at the next sign-in.
func (c *Client) discover(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.config.Issuer)
	if err != nil {
		return nil, unavailable(fmt.Errorf("discovering %s: %w", c.config.Issuer, err))
	}
	var document struct {
		Methods []string `json:"code_challenge_methods_supported"`
	}
	if err := provider.Claims(&document); err != nil {
		return nil, unavailable(fmt.Errorf("reading discovery: %w", err))
	}
	if len(document.Methods) > 0 && !slices.Contains(document.Methods, "S256") {
		return nil, unavailable(errors.New("the issuer doesn't offer PKCE with S256"))
	}
	c.provider = provider
	return provider, nil
}
