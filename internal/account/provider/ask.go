package provider

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/account/signin"
)

// asked is what an app's request asks for, judged and kept while the person
// signs in.
type asked struct {
	Scopes      []string     `json:"scopes"`
	Redirect    string       `json:"redirect"`
	State       string       `json:"state,omitempty"`
	Nonce       string       `json:"nonce,omitempty"`
	Challenge   string       `json:"challenge"`
	LoginHint   string       `json:"login_hint,omitempty"`
	SignedAfter time.Time    `json:"signed_after"`      // the sign-in must not be older; zero: any will do
	Subject     string       `json:"subject,omitempty"` // only this person will do
	Anew        bool         `json:"anew,omitempty"`    // the person signs in from the start, whoever is signed in
	Class       signin.Class `json:"class,omitempty"`   // the sign-in must be at least so strong
	Quiet       bool         `json:"quiet,omitempty"`   // no page may be shown
	Select      bool         `json:"select,omitempty"`  // the person chooses the account
	Consent     bool         `json:"consent,omitempty"` // the person agrees to what is told
	SignUp      bool         `json:"sign_up,omitempty"` // a new account is asked for
}

// refusal is an error that goes back to the app (RFC 6749 §4.1.2.1).
type refusal struct{ code, description string }

func (r *refusal) Error() string { return r.code + ": " + r.description }

func refuse(code, description string) error { return &refusal{code, description} }

var challengeText = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // a SHA-256 in base64url, RFC 7636 §4.2

// read judges a request's parameters. Its errors go back to the app.
func (p *Provider) read(ctx context.Context, form url.Values) (asked, error) {
	for name, code := range map[string]string{
		"request": "request_not_supported", "request_uri": "request_uri_not_supported", "registration": "registration_not_supported",
	} {
		if form.Has(name) {
			return asked{}, refuse(code, name+" is not supported")
		}
	}
	ask := asked{
		Redirect: form.Get("redirect_uri"), State: form.Get("state"), Nonce: form.Get("nonce"),
		Challenge: form.Get("code_challenge"), LoginHint: form.Get("login_hint"),
		Scopes: slices.DeleteFunc(strings.Fields(form.Get("scope")), func(s string) bool { return !slices.Contains(scopes, s) }),
	}
	mode := form.Get("response_mode")
	switch {
	case form.Get("response_type") == "":
		return asked{}, refuse("invalid_request", "response_type is missing")
	case form.Get("response_type") != "code":
		return asked{}, refuse("unsupported_response_type", "response_type must be code")
	case mode != "" && mode != "query":
		return asked{}, refuse("invalid_request", "response_mode must be query")
	case !slices.Contains(ask.Scopes, oidc.ScopeOpenID):
		return asked{}, refuse("invalid_scope", "scope must contain openid")
	case form.Get("code_challenge_method") != "S256" || !challengeText.MatchString(ask.Challenge):
		return asked{}, refuse("invalid_request", "PKCE with code_challenge_method S256 is required")
	}
	if err := ask.when(form, p.config.Clock()); err != nil {
		return asked{}, err
	}
	if err := ask.claims(strings.Fields(form.Get("acr_values")), form.Get("claims")); err != nil {
		return asked{}, err
	}
	return ask, p.hint(ctx, form.Get("id_token_hint"), &ask)
}

// when reads prompt and max_age: whom to ask, and how recent the sign-in must
// be (OpenID Connect Core §3.1.2.1).
func (a *asked) when(form url.Values, now time.Time) error {
	if text := form.Get("max_age"); form.Has("max_age") {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return refuse("invalid_request", "max_age must be a number of seconds")
		}
		a.SignedAfter = now.Add(-time.Duration(seconds) * time.Second)
	}
	prompts := strings.Fields(form.Get("prompt"))
	for _, prompt := range prompts {
		switch prompt {
		case "none":
			a.Quiet = true
		case "login":
			a.Anew, a.SignedAfter = true, now
		case "select_account":
			a.Select = true
		case "consent":
			a.Consent = true
		case "create":
			a.SignUp, a.Anew, a.SignedAfter = true, true, now
		default:
			return refuse("invalid_request", "prompt has a value that is not supported")
		}
	}
	if a.Quiet && len(prompts) > 1 {
		return refuse("invalid_request", "prompt none must stand alone")
	}
	return nil
}

// claims reads which kinds of sign-in are asked for, by acr_values or by the
// claims parameter, and whose (OpenID Connect Core §5.5.1). Where no kind can
// be reached here, the answer is an error and never a weaker token (RFC 9470 §5).
func (a *asked) claims(classes []string, claims string) error {
	var parsed struct {
		IDToken struct {
			ACR *struct {
				Value  string   `json:"value"`
				Values []string `json:"values"`
			} `json:"acr"`
			Subject *struct {
				Value string `json:"value"`
			} `json:"sub"`
		} `json:"id_token"`
	}
	if claims != "" {
		if err := json.Unmarshal([]byte(claims), &parsed); err != nil {
			return refuse("invalid_request", "claims is not the JSON that it should be")
		}
	}
	if acr := parsed.IDToken.ACR; acr != nil {
		classes = append(classes, acr.Values...)
		if acr.Value != "" {
			classes = append(classes, acr.Value)
		}
	}
	if subject := parsed.IDToken.Subject; subject != nil {
		a.Subject = subject.Value
	}
	if len(classes) == 0 {
		return nil
	}
	for _, c := range signin.Classes() { // any of those asked for will do, so the weakest
		if slices.Contains(classes, string(c)) {
			a.Class = c
			return nil
		}
	}
	return refuse("unmet_authentication_requirements", "none of the acr values can be met")
}

// need is what the request asks of the sign-in.
func (a *asked) need() signin.Need { return signin.Need{Class: a.Class, After: a.SignedAfter} }

// hint reads an ID token of ours, perhaps an old one, that names the person.
func (p *Provider) hint(ctx context.Context, token string, ask *asked) error {
	if token == "" {
		return nil
	}
	ctx = op.ContextWithIssuer(ctx, p.config.Issuer)
	subject, err := op.ValidateAuthReqIDTokenHint(ctx, token, p.op.IDTokenHintVerifier(ctx))
	if err != nil || subject == "" || ask.Subject != "" && ask.Subject != subject {
		return refuse("login_required", "id_token_hint is none of ours")
	}
	ask.Subject = subject
	return nil
}

// verdict is what a request comes to, for whoever is signed in with the browser.
type verdict int

const (
	tell   verdict = iota // who is signed in is what was asked for: the app gets its code
	signIn                // somebody must sign in first, or anew
	agree                 // the person must say yes first
)

// judge says what a request that was made at the time comes to. agreed is who
// has said yes to it.
func (a asked) judge(s signin.Session, signedIn bool, agreed string, made time.Time) (verdict, error) {
	since, _ := s.Level(made)
	anew := signedIn && since != "" // they signed in for this request
	other := signedIn && a.Subject != "" && a.Subject != s.Person.ID
	switch {
	case other && anew:
		return 0, refuse("login_required", "somebody else signed in")
	case !signedIn, other, !s.Meets(a.need()):
		if a.Quiet {
			return 0, refuse("login_required", "nobody is signed in as was asked for")
		}
		return signIn, nil
	case a.Consent && agreed != s.Person.ID, a.Select && agreed != s.Person.ID && !anew:
		return agree, nil // prompt none stands alone, so a page may be shown
	default:
		return tell, nil
	}
}
