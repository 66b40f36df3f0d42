package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// asked is one app's request, as it is kept while the person signs in.
type asked struct {
	Scopes      []string  `json:"scopes"`
	Redirect    string    `json:"redirect"`
	State       string    `json:"state,omitempty"`
	Nonce       string    `json:"nonce,omitempty"`
	Challenge   string    `json:"challenge"`
	LoginHint   string    `json:"login_hint,omitempty"`
	SignedAfter time.Time `json:"signed_after"` // the sign-in must not be older; zero: any will do
	SignUp      bool      `json:"sign_up,omitempty"`
}

// request is a row of auth_request: what was asked, and once somebody has
// signed in, who.
type request struct {
	ID, App  string
	Asked    string // JSON of asked
	Invited  string
	Person   string
	Session  string
	AuthTime time.Time
	ACR, AMR string
	Used     time.Time // when the code was spent
	Created  time.Time
}

const selectRequest = `
	SELECT id, app, request, invited, person, session, auth_time, acr, amr, code_used, created FROM auth_request `

// Pending is what the sign-in page may know of the request that waits for it.
type Pending struct {
	AppName   string
	LoginHint string
	Invited   string // an address that the app vouches for; it may sign up
	SignUp    bool   // the app asks for a new account (prompt=create)
}

type requestContext struct{}

// extra is what of a request the library doesn't hand on.
type extra struct {
	session    signin.Session
	signedIn   bool
	claims     string
	invitation string
}

// authorize begins an app's request (OpenID Connect Core §3.1.2.1).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if err := p.beforeAuthorize(r); err != nil {
		p.config.Fail(w, r, err)
		return
	}
	var x extra
	x.session, x.signedIn = p.config.Session(r)
	x.claims, x.invitation = r.Form.Get("claims"), r.Form.Get("invitation")
	ctx := context.WithValue(r.Context(), requestContext{}, x)
	p.op.ServeHTTP(issWriter{w, p.config.Issuer}, r.WithContext(ctx))
}

// beforeAuthorize refuses, to the person's face, whatever must not lead back
// to the address that the request names: that address isn't known to be the app's.
func (p *Provider) beforeAuthorize(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errs.Invalid("", "This sign-in request can't be read.")
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			return errs.Invalid("", "This sign-in request gives %q twice.", name) // RFC 6749 §3.1
		}
	}
	app, err := p.app(r.Context(), r.Form.Get("client_id"))
	if errs.Is(err, errs.KindNotFound) {
		return errs.Invalid("", "This sign-in request comes from an app that isn't registered here.")
	}
	if err != nil {
		return fmt.Errorf("finding the app of a request: %w", err)
	}
	if !app.takes(r.Form.Get("redirect_uri")) {
		return errs.Invalid("", "%s asks to send you to an address that isn't registered for it, so the sign-in was stopped.", app.Name)
	}
	return nil
}

var challengeText = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // a SHA-256 in base64url, RFC 7636 §4.2

// begin judges a request whose client and address are known to be right, and
// keeps it. Its errors go back to the app.
func (p *Provider) begin(ctx context.Context, in *oidc.AuthRequest) (*request, error) {
	x, _ := ctx.Value(requestContext{}).(extra)
	switch {
	case in.ResponseMode != "" && in.ResponseMode != oidc.ResponseModeQuery:
		return nil, oidc.ErrInvalidRequest().WithDescription("response_mode must be query")
	case !slices.Contains(in.Scopes, oidc.ScopeOpenID):
		return nil, oidc.ErrInvalidScope().WithDescription("scope must contain openid")
	case in.CodeChallengeMethod != oidc.CodeChallengeMethodS256 || !challengeText.MatchString(in.CodeChallenge):
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with code_challenge_method S256 is required")
	}
	classes, err := wantedClasses(in.ACRValues, x.claims)
	if err != nil {
		return nil, err
	}
	if len(classes) > 0 && !slices.ContainsFunc(signin.Classes(), func(c signin.Class) bool { return slices.Contains(classes, string(c)) }) {
		return nil, unmet()
	}
	now := p.config.Clock()
	ask := asked{
		Scopes: in.Scopes, Redirect: in.RedirectURI, State: in.State, Nonce: in.Nonce, Challenge: in.CodeChallenge,
		LoginHint: in.LoginHint, SignedAfter: signedAfter(in, now), SignUp: slices.Contains(in.Prompt, "create"),
	}
	row := &request{ID: db.NewID(), App: in.ClientID, Created: now}
	if x.invitation != "" {
		if row.Invited, err = p.invited(ctx, in.ClientID, x.invitation); err != nil {
			return nil, oidc.ErrInvalidRequest().WithDescription("the invitation can't be verified").WithParent(err)
		}
	}
	if x.signedIn && enough(x.session, ask, now) {
		row.answer(x.session)
	} else if slices.Contains(in.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired()
	}
	return row, p.keep(ctx, row, ask)
}

// signedAfter is how recent the sign-in must be: max_age seconds, or now where
// a prompt asks the person to act (OpenID Connect Core §3.1.2.1). Consent too:
// an app's asking for it again is answered by signing in again.
func signedAfter(in *oidc.AuthRequest, now time.Time) time.Time {
	for _, prompt := range in.Prompt {
		if prompt != oidc.PromptNone {
			return now
		}
	}
	if in.MaxAge != nil {
		return now.Add(-time.Duration(min(*in.MaxAge, 1<<30)) * time.Second)
	}
	return time.Time{}
}

func enough(s signin.Session, ask asked, now time.Time) bool {
	return ask.SignedAfter.IsZero() || s.AuthTime.After(ask.SignedAfter) && !s.AuthTime.After(now)
}

// wantedClasses reads which kinds of sign-in are asked for, by acr_values or by
// the claims parameter (OpenID Connect Core §5.5.1.1).
func wantedClasses(values []string, claims string) ([]string, error) {
	if claims == "" {
		return values, nil
	}
	var parsed struct {
		IDToken struct {
			ACR *struct {
				Value  string   `json:"value"`
				Values []string `json:"values"`
			} `json:"acr"`
		} `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(claims), &parsed); err != nil {
		return nil, oidc.ErrInvalidRequest().WithDescription("claims is not the JSON that it should be")
	}
	if acr := parsed.IDToken.ACR; acr != nil {
		values = append(slices.Clone(values), acr.Values...)
		if acr.Value != "" {
			values = append(values, acr.Value)
		}
	}
	return values, nil
}

// unmet says that no sign-in here is of the kind that was asked for.
func unmet() error {
	e := oidc.ErrInvalidRequest()
	e.ErrorType = "unmet_authentication_requirements"
	return e.WithDescription("none of the acr values can be met")
}

func (r *request) answer(s signin.Session) {
	methods := make([]string, len(s.Methods))
	for i, m := range s.Methods {
		methods[i] = string(m)
	}
	r.Person, r.Session, r.AuthTime, r.ACR, r.AMR = s.Person.ID, s.ID, s.AuthTime, string(s.Class), strings.Join(methods, " ")
}

func (p *Provider) keep(ctx context.Context, row *request, ask asked) error {
	text, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	row.Asked = string(text)
	_, err = db.Exec(ctx, p.config.DB, `
		INSERT INTO auth_request (id, app, request, invited, person, session, auth_time, acr, amr, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		row.ID, row.App, row.Asked, row.Invited, row.Person, row.Session, row.AuthTime, row.ACR, row.AMR, row.Created)
	if err != nil {
		return fmt.Errorf("keeping an app's request: %w", err)
	}
	return nil
}

// Pending tells the sign-in page about the request that waits for it; NotFound
// where there is none or it is over.
func (p *Provider) Pending(ctx context.Context, flow string) (Pending, error) {
	row, ask, err := p.waiting(ctx, flow)
	if err != nil {
		return Pending{}, err
	}
	app, err := p.app(ctx, row.App)
	if err != nil {
		return Pending{}, fmt.Errorf("finding the app of a request: %w", err)
	}
	return Pending{AppName: app.Name, LoginHint: ask.LoginHint, Invited: row.Invited, SignUp: ask.SignUp}, nil
}

var errOver = errs.NotFound("This sign-in took too long or is finished already. Go back to the app and start again.")

func (p *Provider) waiting(ctx context.Context, flow string) (request, asked, error) {
	row, err := db.One[request](ctx, p.config.DB, selectRequest+`WHERE id = $1 AND code = '' AND created > $2`,
		flow, p.config.Clock().Add(-requestLife))
	if errs.Is(err, errs.KindNotFound) {
		return request{}, asked{}, errOver
	}
	if err != nil {
		return request{}, asked{}, fmt.Errorf("reading an app's request: %w", err)
	}
	var ask asked
	if err := json.Unmarshal([]byte(row.Asked), &ask); err != nil {
		return request{}, asked{}, fmt.Errorf("reading an app's request: %w", err)
	}
	return row, ask, nil
}

// back goes on with a request: to the app with a code where the session of
// this browser is what was asked for, else to the sign-in page. It asks the
// session anew, so that a request begun in one browser and signed in to in
// another gives its code to neither but the one that is signed in.
func (p *Provider) back(w http.ResponseWriter, r *http.Request) {
	flow := r.URL.Query().Get("id")
	row, ask, err := p.waiting(r.Context(), flow)
	if err != nil {
		p.config.Fail(w, r, err)
		return
	}
	session, signedIn := p.config.Session(r)
	if !signedIn || !enough(session, ask, p.config.Clock()) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, SignInAt(flow), http.StatusFound)
		return
	}
	row.answer(session)
	changed, err := db.Exec(r.Context(), p.config.DB, `
		UPDATE auth_request SET person = $1, session = $2, auth_time = $3, acr = $4, amr = $5 WHERE id = $6 AND code = ''`,
		row.Person, row.Session, row.AuthTime, row.ACR, row.AMR, row.ID)
	if err == nil && changed == 0 {
		err = errOver
	}
	if err != nil {
		p.config.Fail(w, r, fmt.Errorf("answering an app's request: %w", err))
		return
	}
	p.op.ServeHTTP(issWriter{w, p.config.Issuer}, r)
}

var errNobody = errors.New("nobody has signed in to this request")
