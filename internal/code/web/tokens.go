package web

import (
	"net/http"
	"strconv"
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
	Tokens      []tokenLine
	Made        *madeToken
}

type tokenLine struct {
	user.Token
	Over bool
}

// madeToken is a new token, shown this once.
type madeToken struct{ Name, Plain, Username string }

// scopeWords says what each scope lets a token do; empty: nothing yet.
func scopeWords(scope access.Scope) string {
	switch scope {
	case access.ScopeReadUser:
		return "See who you are"
	case access.ScopeReadWorkspace:
		return "See your workspaces and their members"
	case access.ScopeReadRepository:
		return "Clone and fetch repositories"
	case access.ScopeWriteRepository:
		return "Push to repositories, and read them"
	case access.ScopeAdminRepository:
		return "Create repositories, push to them and read them"
	default:
		return ""
	}
}

func tokenForm() ui.Form {
	return ui.Filled("scopes", string(access.ScopeWriteRepository), "expires", "90")
}

func (s *Site) showTokens(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, tokenForm())
	if err != nil {
		return err
	}
	return s.tokensAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) tokensAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	return s.tokensPage(w, r, g, form, nil, status)
}

func (s *Site) tokensPage(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, made *madeToken, status int) error {
	tokens, err := s.Users.Tokens(r.Context(), g)
	if err != nil {
		return err
	}
	page := tokensPage{Form: form, ScopesError: form.Errors["scopes"], Made: made}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, tokenLine{Token: t, Over: t.Expired(s.Clock())})
	}
	for _, scope := range access.Scopes() {
		words := scopeWords(scope)
		if words == "" {
			continue // of what no page or endpoint shows yet
		}
		box := form.Checkbox("scopes", string(scope), words)
		box.Key, box.Hint, box.Error = string(scope), string(scope), ""
		page.Scopes = append(page.Scopes, box)
	}
	for _, days := range []int{7, 30, 90, 365} {
		page.Expiry = append(page.Expiry, ui.Option{Value: strconv.Itoa(days), Label: "In " + strconv.Itoa(days) + " days"})
	}
	return s.render(w, r, status, "tokens.html", s.personal(r, "API tokens", tokensPath), page)
}

func (s *Site) createToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	days, err := strconv.Atoi(r.PostFormValue("expires"))
	if err != nil || days < 1 || days > 365 {
		return errs.Invalid("expires", "Choose one of the times.")
	}
	in := user.TokenInput{Name: r.PostFormValue("name"), Expires: s.Clock().Add(time.Duration(days) * 24 * time.Hour)}
	for _, scope := range r.PostForm["scopes"] {
		in.Scopes = append(in.Scopes, access.Scope(scope))
	}
	token, plain, err := s.Users.CreateToken(r.Context(), g, in)
	if err != nil {
		return err
	}
	made := &madeToken{Name: token.Name, Plain: plain.Reveal(), Username: visitorOf(r).user.Username}
	return s.tokensPage(w, r, g, tokenForm(), made, http.StatusCreated)
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.RevokeToken(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, tokensPath, "revoked")
}
