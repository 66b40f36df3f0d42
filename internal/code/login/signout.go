package login

import (
	"context"
	"net/url"
	"strings"
)

// SignOut gives the address at the issuer where a person signs out of their
// account, and comes back from to Code (OpenID Connect RP-Initiated Logout §2);
// empty where the issuer has none, or can't be asked. No hint goes along, so the
// issuer asks the person first.
func (c *Client) SignOut(ctx context.Context) string {
	provider, err := c.discover(ctx)
	if err != nil {
		return ""
	}
	var document struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if provider.Claims(&document) != nil || document.EndSession == "" {
		return ""
	}
	address, err := url.Parse(document.EndSession)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" {
		return ""
	}
	query := address.Query()
	query.Set("client_id", c.config.ClientID)
	query.Set("post_logout_redirect_uri", strings.TrimSuffix(c.config.API, "/")+"/")
	address.RawQuery = query.Encode()
	return address.String()
}
