package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/internal/db"
)

// The scopes of OpenID Connect Core §5.4 and §11.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email"
	scopeOffline = "offline_access" // the grant outlives the browser's session
)

// ownOffers are the provider's own scopes, and in plain words what they allow.
func ownOffers() []Offer {
	return []Offer{
		{scopeOpenID, "Know that it is you"},
		{scopeProfile, "See your name"},
		{scopeEmail, "See your email address"},
		{scopeOffline, "Keep this access while you are signed out"},
	}
}

// Scopes lists every scope that an app can be allowed: the provider's own, and
// those that apps offer as their API.
func (p *Provider) Scopes(ctx context.Context) ([]Offer, error) {
	offered, err := p.offered(ctx)
	if err != nil {
		return nil, err
	}
	all := ownOffers()
	for _, each := range offered {
		all = append(all, each.Offer)
	}
	return all, nil
}

func (p *Provider) scopes(ctx context.Context) (map[string]Offer, error) {
	all, err := p.Scopes(ctx)
	known := map[string]Offer{}
	for _, offer := range all {
		known[offer.Scope] = offer
	}
	return known, err
}

// Allows says in plain words what scopes allow, in the order of Scopes.
func (p *Provider) Allows(ctx context.Context, scopes []string) ([]string, error) {
	all, err := p.Scopes(ctx)
	var words []string
	for _, offer := range all {
		if slices.Contains(scopes, offer.Scope) {
			words = append(words, offer.Allows)
		}
	}
	return words, err
}

type offered struct {
	App string
	Offer
}

func (p *Provider) offered(ctx context.Context) ([]offered, error) {
	rows, err := db.All[appRow](ctx, p.config.DB, selectApp+`WHERE offers <> '' ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("reading which scopes there are: %w", err)
	}
	var all []offered
	for _, row := range rows {
		for _, offer := range row.app().Offers {
			all = append(all, offered{row.ID, offer})
		}
	}
	return all, nil
}

// audience names the apps whose API the scopes are for.
func (p *Provider) audience(ctx context.Context, scopes string) ([]string, error) {
	all, err := p.offered(ctx)
	var apps []string
	for _, each := range all {
		if slices.Contains(strings.Fields(scopes), each.Scope) && !slices.Contains(apps, each.App) {
			apps = append(apps, each.App)
		}
	}
	return apps, err
}
