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

	"sallyport.dev/internal/account/signin"
)

// asked is what an app's request asks for, judged and kept while the person
// signs in.
type asked struct {
	Scopes      []string       `json:"scopes"`
	Redirect    string         `json:"redirect"`
	State       string         `json:"state,omitempty"`
	Nonce       string         `json:"nonce,omitempty"`
	Challenge   string         `json:"challenge"`
	LoginHint   string         `json:"login_hint,omitempty"`
	SignedAfter time.Time      `json:"signed_after"`      // the sign-in must not be older; zero: any will do
	Subject     string         `json:"subject,omitempty"` // only this person will do
	Anew        bool           `json:"anew,omitempty"`    // the person signs in from the start, whoever is signed in
	Classes     []signin.Class `json:"classes,omitempty"` // only a sign-in of one of these kinds will do; none: any
	Quiet       bool           `json:"quiet,omitempty"`   // no page may be shown
	Select      bool           `json:"select,omitempty"`  // the person chooses the account
	Consent     bool           `json:"consent,omitempty"` // the person agrees to what is told
	SignUp      bool           `json:"sign_up,omitempty"` // a new account is asked for
}

var challengeText = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // a SHA-256 in base64url, RFC 7636 §4.2

// read judges a request's parameters. Its errors go back to the app.
func (p *Provider) read(ctx context.Context, app App, form url.Values) (asked, error) {
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
		Scopes: app.allowed(strings.Fields(form.Get("scope"))), // others are left out: RFC 6749 §3.3
	}
	mode := form.Get("response_mode")
	switch {
	case !app.may(GrantCode):
		return asked{}, refuse("unauthorized_client", "the app isn't registered for authorization codes")
	case form.Get("response_type") == "":
		return asked{}, refuse("invalid_request", "response_type is missing")
	case form.Get("response_type") != "code":
		return asked{}, refuse("unsupported_response_type", "response_type must be code")
	case mode != "" && mode != "query":
		return asked{}, refuse("invalid_request", "response_mode must be query")
	case len(ask.Scopes) == 0:
		return asked{}, refuse("invalid_scope", "scope names nothing that the app may ask for")
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
	for _, class := range classes {
		if slices.Contains(signin.Classes(), signin.Class(class)) {
			a.Classes = append(a.Classes, signin.Class(class))
		}
	}
	if len(classes) > 0 && len(a.Classes) == 0 {
		return errUnmet
	}
	return nil
}

var errUnmet = refuse("unmet_authentication_requirements", "the person can't sign in as was asked for")

// needs gives the kinds of sign-in of which one will do, the app's own demand
// included; none: any will.
func (a asked) needs(app App) []signin.Class {
	if app.ACR == "" {
		return a.Classes
	}
	classes := slices.DeleteFunc(slices.Clone(a.Classes), func(c signin.Class) bool { return !c.Reaches(app.ACR) })
	if len(classes) == 0 {
		return []signin.Class{app.ACR}
	}
	return classes
}

// need is what the request asks of the sign-in: the weakest kind that will do.
func (a asked) need(app App) signin.Need {
	need := signin.Need{After: a.SignedAfter}
	for _, class := range a.needs(app) {
		if need.Class == "" || need.Class.Reaches(class) {
			need.Class = class
		}
	}
	return need
}

// said is the kind of sign-in that the app is told of: the strongest of those
// that it asked for, which the person's sign-in is too (OpenID Connect Core
// §5.5.1.1); "" where it is none of them.
func said(has signin.Class, needs []signin.Class) signin.Class {
	if len(needs) == 0 {
		return has
	}
	best := signin.Class("")
	for _, class := range needs {
		if has.Reaches(class) && class.Reaches(best) {
			best = class
		}
	}
	return best
}

// hint reads an ID token of ours, perhaps an old one, that names the person.
func (p *Provider) hint(ctx context.Context, token string, ask *asked) error {
	if token == "" {
		return nil
	}
	hint, err := p.readHint(ctx, token)
	if err != nil || ask.Subject != "" && ask.Subject != hint.Subject {
		return refuse("login_required", "id_token_hint is none of ours")
	}
	ask.Subject = hint.Subject
	return nil
}

// verdict is what a request comes to, for whoever is signed in with the browser.
type verdict int

const (
	tell   verdict = iota // who is signed in is what was asked for: the app gets its code
	signIn                // somebody must sign in first, or anew
	agree                 // the person must say yes first
)

// scene is what a request is judged by, beside what it asks for.
type scene struct {
	app      App
	session  signin.Session
	signedIn bool
	agreed   bool      // they have said yes to this request
	before   []string  // the scopes that they have said yes to earlier
	made     time.Time // when the request came
}

// reaches gives the strongest sign-in that a person has the means for.
func reaches(s signin.Session) signin.Class {
	switch {
	case s.Kinds.WebAuthn:
		return signin.ClassPhishing
	case s.Kinds.Any():
		return signin.ClassTwo
	}
	return signin.ClassOne
}

// judge says what a request comes to.
func (a asked) judge(now scene) (verdict, error) {
	s := now.session
	since, _ := s.Level(now.made)
	anew := now.signedIn && since != "" // they signed in for this request
	other := now.signedIn && a.Subject != "" && a.Subject != s.Person.ID
	need := a.need(now.app)
	switch {
	case other && anew:
		return 0, refuse("login_required", "somebody else signed in")
	case !now.signedIn, other, !s.Meets(need):
		switch {
		case !a.Quiet:
			return signIn, nil // there they prove what is missing, or set it up
		case now.signedIn && !reaches(s).Reaches(need.Class):
			return 0, errUnmet // never a weaker token: RFC 9470 §5
		}
		return 0, refuse("login_required", "nobody is signed in as was asked for")
	case a.Select && !now.agreed && !anew:
		return agree, nil // prompt none stands alone, so a page may be shown
	case !now.agreed && (a.Consent || now.app.ThirdParty && !subset(a.Scopes, now.before)):
		if a.Quiet {
			return 0, refuse("consent_required", "the person hasn't let the app have this")
		}
		return agree, nil
	default:
		return tell, nil
	}
}
