package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// authRequest is a row of auth_request: what was asked, and once somebody has
// signed in, who.
type authRequest struct {
	ID, App  string
	Asked    string // JSON of asked
	Invited  string
	Agreed   string // the person who said yes to it, where they were asked
	Person   string
	Session  string
	AuthTime time.Time
	ACR, AMR string
	Made     time.Time // when the code was made
	Used     time.Time // when it was spent
	Created  time.Time
}

const selectRequest = `
	SELECT id, app, request, invited, agreed, person, session, auth_time, acr, amr, code_made, code_used, created FROM auth_request `

func (r authRequest) ask() (asked, error) {
	var ask asked
	if err := json.Unmarshal([]byte(r.Asked), &ask); err != nil {
		return asked{}, fmt.Errorf("reading an app's request: %w", err)
	}
	return ask, nil
}

// grant is what the answered request gives.
func (r authRequest) grant(ask asked) grant {
	return grant{
		App: r.App, Person: r.Person, Session: r.Session, Scopes: strings.Join(ask.Scopes, " "),
		AuthTime: r.AuthTime, ACR: signin.Class(r.ACR), AMR: r.AMR,
	}
}

// Pending is what the pages may know of the request that waits for them.
type Pending struct {
	AppName   string
	LoginHint string
	Invited   string // an address that the app vouches for; it may sign up
	SignUp    bool   // the app asks for a new account (prompt=create)
	Need      signin.Need
	Anew      bool     // the person signs in from the start, whoever is signed in
	Subject   string   // only this person will do; empty: anybody
	Allows    []string // what the app may do afterwards, in plain words
	First     bool     // it is one of our own products
}

// authorize begins an app's request (OpenID Connect Core §3.1.2.1): it is
// judged, kept, and goes on under an id. A request that was posted by another
// site comes without cookies; what follows is a GET, which has them.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	app, err := p.addressed(r)
	if err != nil {
		p.config.Fail(w, r, err)
		return
	}
	ask, err := p.read(r.Context(), app, r.Form)
	var flow string
	if err == nil {
		flow, err = p.keep(r.Context(), app, ask, r.Form.Get("invitation"))
	}
	if err != nil {
		p.answerError(w, r, r.Form.Get("redirect_uri"), r.Form.Get("state"), err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, BackTo(flow), http.StatusSeeOther)
}

// addressed finds the app of a request. It refuses, to the person's face,
// whatever must not lead back to the address that the request names: until then
// that address isn't known to be the app's.
func (p *Provider) addressed(r *http.Request) (App, error) {
	if err := r.ParseForm(); err != nil {
		return App{}, errs.Invalid("", "This sign-in request can't be read.")
	}
	for name, values := range r.Form {
		if len(values) > 1 { // RFC 6749 §3.1
			return App{}, errs.Invalid("", "This sign-in request gives %q twice.", name)
		}
	}
	app, err := p.app(r.Context(), r.Form.Get("client_id"))
	if errs.Is(err, errs.KindNotFound) {
		return App{}, errs.Invalid("", "This sign-in request comes from an app that isn't registered here.")
	}
	if err != nil {
		return App{}, fmt.Errorf("finding the app of a request: %w", err)
	}
	if !app.takes(r.Form.Get("redirect_uri")) {
		return App{}, errs.Invalid("", "%s asks to send you to an address that isn't registered for it, so the sign-in was stopped.", app.Name)
	}
	return app, nil
}

// keep keeps a judged request and gives its id.
func (p *Provider) keep(ctx context.Context, app App, ask asked, invitation string) (string, error) {
	invited := ""
	if invitation != "" {
		var err error
		if invited, err = p.invited(ctx, app, invitation); err != nil {
			return "", refuse("invalid_request", "the invitation can't be verified")
		}
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return "", err
	}
	// The id stands for the request wherever the browser goes: it can't be guessed.
	id, _ := secret.Token("")
	_, err = db.Exec(ctx, p.config.DB, `INSERT INTO auth_request (id, app, request, invited, created) VALUES ($1, $2, $3, $4, $5)`,
		id.Reveal(), app.ID, string(text), invited, p.config.Clock())
	if err != nil {
		return "", fmt.Errorf("keeping an app's request: %w", err)
	}
	return id.Reveal(), nil
}

// Pending tells the pages about the request that waits for them; NotFound
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
	allows, err := p.Allows(ctx, ask.Scopes)
	return Pending{
		AppName: app.Name, LoginHint: ask.LoginHint, Invited: row.Invited, SignUp: ask.SignUp,
		Allows: allows, First: !app.ThirdParty, Need: ask.need(app), Anew: ask.Anew, Subject: ask.Subject,
	}, err
}

var errOver = errs.NotFound("This sign-in took too long or is finished already. Go back to the app and start again.")

func (p *Provider) waiting(ctx context.Context, flow string) (authRequest, asked, error) {
	row, err := db.One[authRequest](ctx, p.config.DB, selectRequest+`WHERE id = $1 AND code = '' AND created > $2`,
		flow, p.config.Clock().Add(-requestLife))
	if errs.Is(err, errs.KindNotFound) {
		return authRequest{}, asked{}, errOver
	}
	if err != nil {
		return authRequest{}, asked{}, fmt.Errorf("reading an app's request: %w", err)
	}
	ask, err := row.ask()
	return row, ask, err
}

// back goes on with a request, as often as the browser comes back to it: to
// the app with a code, or to the page that must come first. It asks the
// browser's session each time, so that a request begun in one browser and
// signed in to in another gives its code to the one that is signed in.
func (p *Provider) back(w http.ResponseWriter, r *http.Request) {
	flow := r.URL.Query().Get("id")
	row, ask, err := p.waiting(r.Context(), flow)
	if err != nil {
		p.config.Fail(w, r, err)
		return
	}
	now, err := p.scene(r, row)
	if err != nil {
		p.config.Fail(w, r, err)
		return
	}
	comes, err := ask.judge(now)
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case err != nil:
		p.answerError(w, r, ask.Redirect, ask.State, err)
	case comes == signIn:
		http.Redirect(w, r, "/signin?flow="+url.QueryEscape(flow), http.StatusSeeOther)
	case comes == agree:
		http.Redirect(w, r, "/continue?flow="+url.QueryEscape(flow), http.StatusSeeOther)
	default:
		p.answerCode(w, r, row, ask, now)
	}
}

// scene reads what a request is judged by.
func (p *Provider) scene(r *http.Request, row authRequest) (scene, error) {
	now := scene{made: row.Created}
	var err error
	if now.app, err = p.app(r.Context(), row.App); err != nil {
		return scene{}, fmt.Errorf("finding the app of a request: %w", err)
	}
	if now.session, now.signedIn = p.config.Session(r); !now.signedIn {
		return now, nil
	}
	person := now.session.Person.ID
	now.agreed = row.Agreed == person
	if now.before, err = agreed(r.Context(), p.config.DB, row.App, person); err != nil {
		return scene{}, fmt.Errorf("reading what was agreed to: %w", err)
	}
	return now, nil
}

// answerCode gives the app a code that stands for the session. A request gets
// one, and a suspended person's none.
func (p *Provider) answerCode(w http.ResponseWriter, r *http.Request, row authRequest, ask asked, now scene) {
	s := now.session
	class, at := s.Level(ask.SignedAfter)
	code, hash := secret.Token("")
	changed, err := db.Exec(r.Context(), p.config.DB, `
		UPDATE auth_request SET person = $1, session = $2, auth_time = $3, acr = $4, amr = $5, code = $6, code_made = $7
		WHERE id = $8 AND code = '' AND EXISTS (SELECT 1 FROM person p WHERE p.id = $1 AND NOT p.suspended)`,
		s.Person.ID, s.ID, at, said(class, ask.needs(now.app)), strings.Join(s.AMR, " "), hash, p.config.Clock(), row.ID)
	if err == nil && changed == 0 {
		err = errOver
	}
	if err != nil {
		p.config.Fail(w, r, fmt.Errorf("answering an app's request: %w", err))
		return
	}
	p.answer(w, r, ask.Redirect, url.Values{"code": {code.Reveal()}, "state": {ask.State}})
}

// answerError tells the app, at an address that is known to be its own, why it
// gets no code. What is our own fault is told to the person too.
func (p *Provider) answerError(w http.ResponseWriter, r *http.Request, redirect, state string, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		p.config.Fail(w, r, err)
		return
	}
	p.answer(w, r, redirect, url.Values{
		"error": {refused.code}, "error_description": {refused.description}, "state": {state},
	})
}

// answer goes back to the app, and says which issuer answers (RFC 9207).
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, redirect string, values url.Values) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.answerAt(redirect, values), http.StatusSeeOther)
}

func (p *Provider) answerAt(redirect string, values url.Values) string {
	values.Set("iss", p.config.Issuer)
	if values.Get("state") == "" {
		values.Del("state")
	}
	separator := "?"
	if strings.Contains(redirect, "?") {
		separator = "&"
	}
	return redirect + separator + values.Encode()
}

// Agree keeps that the person who is signed in says yes to a request.
func (p *Provider) Agree(ctx context.Context, flow string, s signin.Session, from string) error {
	row, ask, err := p.waiting(ctx, flow)
	if err != nil {
		return err
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `UPDATE auth_request SET agreed = $1 WHERE id = $2 AND code = ''`, s.Person.ID, flow)
		if err == nil && changed == 0 {
			err = errOver
		}
		if err != nil {
			return err
		}
		return p.noteConsent(ctx, tx, s.Person.ID, row.App, strings.Join(ask.Scopes, " "), from)
	})
	if err != nil {
		return fmt.Errorf("agreeing to an app's request: %w", err)
	}
	return nil
}

// noteConsent adds to the audit log what a person let an app have.
func (p *Provider) noteConsent(ctx context.Context, tx *db.Tx, person, app, scopes, from string) error {
	return p.config.Audit.Append(ctx, tx, audit.Entry{
		Realm: "account", Actor: person, Credential: "session", Address: from,
		Action: "app.agree", Target: app, Detail: map[string]any{"scopes": scopes},
	})
}

// Decline ends a request and gives the address at which the app is told.
func (p *Provider) Decline(ctx context.Context, flow string) (string, error) {
	row, ask, err := p.waiting(ctx, flow)
	if err != nil {
		return "", err
	}
	if _, err := db.Exec(ctx, p.config.DB, `DELETE FROM auth_request WHERE id = $1 AND code = ''`, row.ID); err != nil {
		return "", fmt.Errorf("declining an app's request: %w", err)
	}
	return p.answerAt(ask.Redirect, url.Values{
		"error": {"access_denied"}, "error_description": {"the person said no"}, "state": {ask.State},
	}), nil
}
