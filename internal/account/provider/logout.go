package provider

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
)

// SignOut is an app's request to sign a person out (OpenID Connect RP-Initiated
// Logout §2), judged.
type SignOut struct {
	App     string // the name of the app; empty where it isn't known
	Proven  bool   // it is about the session of this browser: nobody need be asked
	Address string // where to go on afterwards; empty: nowhere
}

// ReadSignOut judges a request to sign out, for whoever is signed in with the
// browser. An address that isn't registered for the app is never gone to.
func (p *Provider) ReadSignOut(ctx context.Context, form url.Values, s signin.Session, signedIn bool) (SignOut, error) {
	id := form.Get("client_id")
	var out SignOut
	if token := form.Get("id_token_hint"); token != "" {
		hint, err := p.readHint(ctx, token)
		if err != nil || id != "" && id != hint.Audience[0] {
			return SignOut{}, errs.Invalid("", "This sign-out request carries a hint that isn't ours, so nothing was done.")
		}
		id = hint.Audience[0]
		out.Proven = signedIn && hint.Subject == s.Person.ID && hint.Session == s.ID
	}
	to := form.Get("post_logout_redirect_uri")
	if id == "" {
		if to != "" {
			return SignOut{}, errs.Invalid("", "This sign-out request doesn't say which app it comes from, so nothing was done.")
		}
		return out, nil
	}
	app, err := p.app(ctx, id)
	if errs.Is(err, errs.KindNotFound) || errs.Is(err, errs.KindInvalid) {
		return SignOut{}, errs.Invalid("", "This sign-out request comes from an app that isn't registered here.")
	}
	if err != nil {
		return SignOut{}, err
	}
	out.App = app.Name
	if to == "" {
		return out, nil
	}
	if !slices.Contains(app.LogoutRedirects, to) {
		return SignOut{}, errs.Invalid("", "%s asks to send you to an address that isn't registered for it, so nothing was done.", app.Name)
	}
	out.Address = to
	if state := form.Get("state"); state != "" {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		out.Address += separator + url.Values{"state": {state}}.Encode()
	}
	return out, nil
}

// AppOf gives the id of the app that an ID token of ours was made for.
func (p *Provider) AppOf(ctx context.Context, token string) (string, error) {
	hint, err := p.readHint(ctx, token)
	if err != nil {
		return "", errs.Invalid("", "This sign-out request carries a hint that isn't ours, so nothing was done.")
	}
	return hint.Audience[0], nil
}
