package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/oauth2"

	"sallyport.dev/internal/errs"
)

// profile is what an ID token or userinfo says about the person.
type profile struct {
	Email             string  `json:"email"`
	EmailVerified     lenient `json:"email_verified"`
	Name              string  `json:"name"`
	PreferredUsername string  `json:"preferred_username"`
}

// lenient is a boolean that some issuers write as a string.
type lenient bool

// UnmarshalJSON takes true and "true"; anything else is false.
func (b *lenient) UnmarshalJSON(text []byte) error {
	*b = string(text) == "true" || string(text) == `"true"`
	return nil
}

// refused is the issuer's error response (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6),
// for the person to read. The issuer's own text isn't shown: it came by way of
// the browser, and anybody may have written it.
func refused(code string) error {
	switch code {
	case "access_denied":
		return errs.Denied("The sign-in was not finished. You can start it again.")
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return errs.Unauthenticated("Your account asks you to sign in. Start the sign-in again.")
	case "unmet_authentication_requirements":
		return errs.Denied("Your account can't give the proof that was asked for.")
	case "temporarily_unavailable", "server_error":
		return errs.Unavailable(errors.New("issuer: "+code), "The account service can't sign you in just now. Try again in a moment.")
	default:
		return errs.Unavailable(errors.New("issuer refused the request"), "The account service refused the sign-in. Tell whoever runs this site.")
	}
}

func exchangeFailed(err error) error {
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refusal.ErrorCode == "invalid_grant" {
		return errs.Invalid("", "This sign-in was used already or took too long. Start it again.")
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return errs.Unavailable(err, "The account service does not answer as it should. Try again in a moment.")
}

// invitation vouches for an address to the built-in issuer: an HS256 JWT under
// the client secret (OIDC Core §10.1). Other issuers ignore the parameter.
func (c *Client) invitation(email string) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // maps of strings and numbers
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := c.config.Clock()
	signed := part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": c.config.ClientID, "aud": c.config.Issuer, "email": email,
		"iat": now.Unix(), "exp": now.Add(15 * time.Minute).Unix(),
	})
	mac := hmac.New(sha256.New, []byte(c.config.Secret.Reveal()))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
