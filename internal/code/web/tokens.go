package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

type tokensPage struct {
	Form        ui.Form
	Scopes      []ui.Field
	ScopesError string
	Expiry      []ui.Option
	Tokens      []tokenRow
	Made        *madeToken // shown once, right after it was made
}

type tokenRow struct {
	ID, Name, Scopes, LastFrom string
	Expired                    bool
	Created, Expires, LastUsed time.Time
}

type madeToken struct{ Name, Plain, Username string }

// expiries are the lives of a token that the page offers, in days.
func expiries() []ui.Option {
	return []ui.Option{
		{Value: "30", Label: "In 30 days"}, {Value: "90", Label: "In 90 days"},
		{Value: "180", Label: "In 180 days"}, {Value: "365", Label: "In a year"},
	}
}

// scopeWords says what a scope allows.
func scopeWords(scope access.Scope) string {
	switch scope {
	case access.ScopeReadUser:
		return "read your profile"
	case access.ScopeReadWorkspace:
		return "read workspaces and their members"
	case access.ScopeReadRepository:
		return "clone, fetch and read repositories"
	case access.ScopeWriteRepository:
		return "push too"
	case access.ScopeAdminRepository:
		return "create repositories too"
	default:
		return ""
	}
}

func (s *Site) showTokens(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Form{Values: map[string][]string{
		"scopes":  {string(access.ScopeReadRepository), string(access.ScopeWriteRepository)},
		"expires": {"90"},
	}})
	if err != nil {
		return err
	}
	return s.tokensForm(w, r, g, form, nil, http.StatusOK)
}

func (s *Site) tokensAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.tokensForm(w, r, g, form, nil, status)
}

func (s *Site) tokensForm(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, made *madeToken, status int) error {
	tokens, err := s.Users.Tokens(r.Context(), g)
	if err != nil {
		return err
	}
	page := tokensPage{Form: form, ScopesError: form.Errors["scopes"], Expiry: expiries(), Made: made}
	for _, scope := range access.Scopes() {
		box := form.Checkbox("scopes", string(scope), string(scope)+": "+scopeWords(scope))
		box.Error = ""
		box.Key = string(scope)
		page.Scopes = append(page.Scopes, box)
	}
	now := s.Clock()
	for _, token := range tokens {
		page.Tokens = append(page.Tokens, tokenRow{
			ID: token.ID, Name: token.Name, Scopes: joinScopes(token.Scopes), LastFrom: token.LastFrom,
			Expired: token.Expired(now), Created: token.Created, Expires: token.Expires, LastUsed: token.LastUsed,
		})
	}
	return s.render(w, r, status, "tokens.html", s.personal(r, "API tokens", tokensPath), page)
}

func joinScopes(scopes []access.Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, ", ")
}

func (s *Site) createToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	in := user.TokenInput{Name: r.PostFormValue("name")}
	for _, scope := range r.PostForm["scopes"] {
		in.Scopes = append(in.Scopes, access.Scope(scope))
	}
	if text := r.PostFormValue("expires"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > 365 {
			return errs.Invalid("expires", "Choose when it expires: within a year.")
		}
		in.Expires = s.Clock().AddDate(0, 0, days)
	}
	token, plain, err := s.Users.CreateToken(r.Context(), g, in)
	if err != nil {
		return err
	}
	made := &madeToken{Name: token.Name, Plain: plain.Reveal(), Username: visitorOf(r).user.Username}
	form := ui.Form{Values: map[string][]string{"scopes": {string(access.ScopeReadRepository)}, "expires": {"90"}}}
	return s.tokensForm(w, r, g, form, made, http.StatusOK)
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.RevokeToken(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, tokensPath, "revoked")
}
