package provider

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
)

// check says what is wrong with an app that is to be registered.
func (p *Provider) check(ctx context.Context, a App) (App, error) {
	a.Name = strings.TrimSpace(a.Name)
	known, err := p.scopes(ctx)
	if err != nil {
		return App{}, err
	}
	switch {
	case a.Name == "" || utf8.RuneCountInString(a.Name) > 100 || !utf8.ValidString(a.Name) || strings.ContainsFunc(a.Name, unicode.IsControl):
		return App{}, errs.Invalid("name", "Give the app a name of at most 100 characters.")
	case len(a.Grants) == 0:
		return App{}, errs.Invalid("grants", "Choose at least one way of getting tokens.")
	case a.may(GrantCode) && len(a.Redirects) == 0:
		return App{}, errs.Invalid("redirects", "Give at least one redirect address.")
	case a.Public && a.may(GrantClient):
		return App{}, errs.Invalid("grants", "An app without a secret can't act for itself: anybody could say to be it.")
	case a.may(GrantRefresh) && !a.may(GrantCode) && !a.may(GrantDevice):
		return App{}, errs.Invalid("grants", "Refresh tokens need a sign-in that they come from.")
	case len(a.Scopes) == 0:
		return App{}, errs.Invalid("scopes", "Choose at least one scope.")
	case a.ACR != "" && !slices.Contains(signin.Classes(), a.ACR):
		return App{}, errs.Invalid("acr", "There is no kind of sign-in %q.", string(a.ACR))
	}
	for _, grant := range a.Grants {
		if !slices.Contains(GrantTypes(), grant) {
			return App{}, errs.Invalid("grants", "There is no way %q of getting tokens.", string(grant))
		}
	}
	for _, scope := range a.Scopes {
		if _, there := known[scope]; !there {
			return App{}, errs.Invalid("scopes", "There is no scope %q.", scope)
		}
	}
	return a, a.checkAddresses()
}

func (a App) checkAddresses() error {
	for _, each := range a.Redirects {
		if err := checkRedirect("redirects", each); err != nil {
			return err
		}
	}
	for _, each := range a.LogoutRedirects {
		if err := checkRedirect("logout_redirects", each); err != nil {
			return err
		}
	}
	for field, address := range map[string]string{
		"logout_address": a.LogoutAddress, "events_address": a.EventsAddress, "launch_address": a.LaunchAddress,
	} {
		u, err := url.Parse(address)
		if address != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" || u.User != nil ||
			strings.ContainsFunc(address, unicode.IsSpace)) {
			return errs.Invalid(field, "%q is no address that begins with https:// or http://.", address)
		}
	}
	return nil
}

// checkRedirect refuses an address that a code could leak through: RFC 9700 §2.1,
// RFC 8252 §7.
func checkRedirect(field, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || !u.IsAbs() || strings.Contains(address, "#") || u.User != nil || strings.ContainsFunc(address, unicode.IsSpace):
		return errs.Invalid(field, "%q is no absolute address without a fragment.", address)
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Host != "":
		return nil
	case strings.Contains(u.Scheme, "."): // an app's own scheme, as com.example.app
		return nil
	default:
		return errs.Invalid(field, "%q must begin with https://, with http://, or with a scheme in reverse domain form.", address)
	}
}

// takes reports whether a code may go to the address: it is registered letter
// by letter. A public app's registered loopback address takes any port, since
// the app picks a free one when it starts (RFC 8252 §7.3).
func (a App) takes(address string) bool {
	if slices.Contains(a.Redirects, address) {
		return true
	}
	given, ok := withoutPort(address)
	return ok && a.Public && slices.ContainsFunc(a.Redirects, func(registered string) bool {
		known, ok := withoutPort(registered)
		return ok && known == given
	})
}

// withoutPort gives a loopback address without its port.
func withoutPort(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return "", false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || !ip.IsLoopback() {
		return "", false
	}
	u.Host = u.Hostname()
	return u.String(), true
}
