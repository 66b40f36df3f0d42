package provider

import (
	"net/http"

	"sallyport.dev/internal/account/signin"
)

// metadata is what an issuer says of itself (OpenID Connect Discovery §3,
// RFC 8414, RFC 8628 §4, RFC 9207, Back-Channel Logout §2.1). It says what is
// so and no more.
type metadata struct {
	Issuer                    string         `json:"issuer"`
	AuthorizationEndpoint     string         `json:"authorization_endpoint"`
	TokenEndpoint             string         `json:"token_endpoint"`
	UserinfoEndpoint          string         `json:"userinfo_endpoint"`
	JWKSURI                   string         `json:"jwks_uri"`
	IntrospectionEndpoint     string         `json:"introspection_endpoint"`
	RevocationEndpoint        string         `json:"revocation_endpoint"`
	DeviceEndpoint            string         `json:"device_authorization_endpoint"`
	EndSessionEndpoint        string         `json:"end_session_endpoint"`
	Scopes                    []string       `json:"scopes_supported"`
	ResponseTypes             []string       `json:"response_types_supported"`
	ResponseModes             []string       `json:"response_modes_supported"`
	GrantTypes                []GrantType    `json:"grant_types_supported"`
	ACRValues                 []signin.Class `json:"acr_values_supported"`
	SubjectTypes              []string       `json:"subject_types_supported"`
	SigningAlgorithms         []string       `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods          []string       `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods     []string       `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods  []string       `json:"introspection_endpoint_auth_methods_supported"`
	Claims                    []string       `json:"claims_supported"`
	ClaimsParameter           bool           `json:"claims_parameter_supported"`
	RequestParameter          bool           `json:"request_parameter_supported"`
	RequestURIParameter       bool           `json:"request_uri_parameter_supported"`
	ChallengeMethods          []string       `json:"code_challenge_methods_supported"`
	PromptValues              []string       `json:"prompt_values_supported"`
	IssuerInResponse          bool           `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout         bool           `json:"backchannel_logout_supported"`
	BackchannelLogoutSessions bool           `json:"backchannel_logout_session_supported"`
}

func describeIssuer(at string) metadata {
	secrets := []string{"client_secret_basic", "client_secret_post"}
	anyApp := append(secrets[:2:2], "none")
	return metadata{
		Issuer:                   at,
		AuthorizationEndpoint:    at + "/authorize",
		TokenEndpoint:            at + "/oauth/token",
		UserinfoEndpoint:         at + "/userinfo",
		JWKSURI:                  at + "/keys",
		IntrospectionEndpoint:    at + "/introspect",
		RevocationEndpoint:       at + "/revoke",
		DeviceEndpoint:           at + pathDevice,
		EndSessionEndpoint:       at + "/end_session",
		Scopes:                   []string{scopeOpenID, scopeProfile, scopeEmail, scopeOffline},
		ResponseTypes:            []string{"code"},
		ResponseModes:            []string{"query"},
		GrantTypes:               GrantTypes(),
		ACRValues:                signin.Classes(),
		SubjectTypes:             []string{"public"},
		SigningAlgorithms:        []string{"RS256"},
		TokenAuthMethods:         anyApp,
		RevocationAuthMethods:    anyApp,
		IntrospectionAuthMethods: secrets,
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "session_expiry", "session_idle",
			"name", "preferred_username", "email", "email_verified",
		},
		ClaimsParameter:           true,
		ChallengeMethods:          []string{"S256"},
		PromptValues:              []string{"none", "login", "select_account", "consent", "create"},
		IssuerInResponse:          true,
		BackchannelLogout:         true,
		BackchannelLogoutSessions: true,
	}
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(p.metadata) // the app went away: nothing to be done
}
