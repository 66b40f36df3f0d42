package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// tokensPage is the page of a person's API tokens, and of the access tokens of
// a workspace or a repository.
type tokensPage struct {
	Title       string
	Intro       string
	Path        string // where its form is sent
	Below       string // where the forms of one token are sent
	Machines    bool   // they belong to nobody
	Refused     bool   // the workspace refuses them
	Form        ui.Form
	Feeds       []ui.Copy // addresses that a feed token opens
	Scopes      []ui.Field
	ScopesError string
	Expiry      []ui.Option
	Tokens      []tokenLine
	Made        *madeToken
}

type tokenLine struct {
	token.Token
	Over bool
}

// Rename is the field for another name.
func (t tokenLine) Rename() ui.Field {
	return ui.Field{Type: "text", Name: "name", Key: t.ID, Label: "New name", Value: t.Name, Required: true, Autocomplete: "off"}
}

// madeToken is a new secret, shown this once.
type madeToken struct {
	Name, Done, Plain, Username string
	Feed                        string // the address of a feed with it; empty: it is for something else
}

// ScopeWords says what each scope lets a token do; empty: nothing yet.
func ScopeWords(scope access.Scope) string {
	switch scope {
	case access.ScopeReadUser:
		return "See who you are"
	case access.ScopeReadWorkspace:
		return "See workspaces and their members"
	case access.ScopeAdminWorkspace:
		return "See and change the access controls of workspaces, and see these and their members"
	case access.ScopeReadRepository:
		return "Clone and fetch repositories"
	case access.ScopeWriteRepository:
		return "Push to repositories, and read them"
	case access.ScopeReadIssue:
		return "Read issues"
	case access.ScopeWriteIssue:
		return "Raise issues, change them and comment on them, and read them"
	case access.ScopeReadSnippet:
		return "Read and clone snippets"
	case access.ScopeWriteSnippet:
		return "Write snippets and comment on them, and read them"
	case access.ScopeDeleteSnippet:
		return "Delete snippets"
	case access.ScopeReadWiki:
		return "Read and clone wikis"
	case access.ScopeWriteWiki:
		return "Write wikis, and read them"
	case access.ScopeAdminRepository:
		return "Create repositories, change them and who may do what with them, push to them and read them"
	case access.ScopeDeleteRepository:
		return "Delete repositories"
	default:
		return ""
	}
}

func tokenForm() ui.Form {
	return ui.Filled("scopes", string(access.ScopeReadRepository), "expires", "90")
}

// tokenPages adds the page of one kind of token and its forms.
func (s *Site) tokenPages(path string, read, manage access.Action) {
	below := belowTokens(path)
	s.page(path, read, s.showTokens)
	s.form(path, manage, s.createToken, s.tokensAgain)
	s.form(below+"rotate", manage, s.rotateToken, nil)
	s.form(below+"rename", manage, s.renameToken, s.tokensProblem)
	s.form(below+"revoke", manage, s.revokeToken, nil)
}

// belowTokens begins the addresses of the forms of one token.
func belowTokens(path string) string { return strings.TrimSuffix(path, "/") + "/" }

func tokensPathOf(g access.Grant) string {
	if ofFeeds(g) {
		return feedTokensPath
	}
	switch g.Action().Content() {
	case access.Workspace:
		return settingsPath(g) + "access-tokens"
	case access.Repository:
		return repositoryPath(g) + "/admin/access-tokens"
	default:
		return tokensPath
	}
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

// tokensProblem says above an untouched form what was wrong with another one.
func (s *Site) tokensProblem(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	again := tokenForm()
	for _, problem := range form.Errors {
		again.Errors = map[string]string{"": problem}
	}
	return s.tokensAgain(w, r, g, again, status)
}

func (s *Site) tokensPage(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, made *madeToken, status int) error {
	tokens, err := s.Tokens.List(r.Context(), g)
	if err != nil {
		return err
	}
	page, shell, kind := s.tokensFrame(r, g)
	page.Form, page.ScopesError, page.Made = form, form.Errors["scopes"], made
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, tokenLine{Token: t, Over: t.Expired(s.Clock())})
	}
	for _, scope := range access.ScopesFor(kind) {
		if kind == access.FeedToken {
			break // it has none
		}
		words := ScopeWords(scope)
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
	return s.render(w, r, status, "tokens.html", shell, page)
}

// tokensFrame is what differs between the kinds of token.
func (s *Site) tokensFrame(r *http.Request, g access.Grant) (tokensPage, ui.Shell, access.Credential) {
	page := tokensPage{Title: "Access tokens", Path: tokensPathOf(g), Below: belowTokens(tokensPathOf(g)), Machines: true, Refused: g.Workspace().Policy.RefuseMachines}
	if ofFeeds(g) {
		page.Title, page.Machines = "Feed tokens", false
		page.Intro = "A feed token lets a feed reader, which can't sign in, read the feeds that you may read, and nothing else. It ends within a year, and it stops at once where you lose access or two-step verification is asked for and yours is off."
		page.Feeds = s.feedAddresses()
		return page, s.personal(r, page.Title, feedTokensPath), access.FeedToken
	}
	switch g.Action().Content() {
	case access.Workspace:
		page.Intro = "A workspace access token belongs to nobody: it opens this workspace's repositories to a program, within its scopes, whoever comes and goes. It needs no second step, so give it no more than it needs."
		return page, s.settingsOf(r, g, page.Title, "access-tokens"), access.WorkspaceToken
	case access.Repository:
		page.Intro = "A repository access token belongs to nobody: it opens this repository alone to a program, within its scopes, whoever comes and goes. It needs no second step, so give it no more than it needs."
		return page, s.adminOf(r, g, page.Title, "/access-tokens"), access.RepositoryToken
	default:
		page.Title, page.Machines = "API tokens", false
		page.Intro = "A token stands in for you in git over HTTPS and the API. Give each program one of its own."
		return page, s.personal(r, page.Title, tokensPath), access.APIToken
	}
}

func (s *Site) createToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	days, err := strconv.Atoi(r.PostFormValue("expires"))
	if err != nil || days < 1 || days > 365 {
		return errs.Invalid("expires", "Choose one of the times.")
	}
	in := token.Input{Name: r.PostFormValue("name"), Expires: s.Clock().Add(time.Duration(days) * 24 * time.Hour)}
	for _, scope := range r.PostForm["scopes"] {
		in.Scopes = append(in.Scopes, access.Scope(scope))
	}
	made, plain, err := s.Tokens.Create(r.Context(), g, in)
	if err != nil {
		return err
	}
	return s.tokensPage(w, r, g, tokenForm(), s.madeToken(r, g, made.Name, "is made", plain.Reveal()), http.StatusCreated)
}

func (s *Site) rotateToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	rotated, plain, err := s.Tokens.Rotate(r.Context(), g, r.PostFormValue("id"))
	if err != nil {
		return err
	}
	made := s.madeToken(r, g, rotated.Name, "has a new secret, and the old one has stopped", plain.Reveal())
	return s.tokensPage(w, r, g, tokenForm(), made, http.StatusOK)
}

// madeToken is how a new secret is shown, with the user name that git is to be given.
func (s *Site) madeToken(r *http.Request, g access.Grant, name, done, plain string) *madeToken {
	made := &madeToken{Name: name, Done: done, Plain: plain, Username: "x-token-auth"}
	if ofFeeds(g) {
		made.Feed = s.URL + activityFeedPath + "?token=" + plain
	} else if g.Action().Content() == access.Self {
		made.Username = visitorOf(r).user.Username
	}
	return made
}

func (s *Site) renameToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Tokens.Rename(r.Context(), g, r.PostFormValue("id"), r.PostFormValue("name")); err != nil {
		return err
	}
	return s.done(w, r, tokensPathOf(g), "saved")
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Tokens.Revoke(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, tokensPathOf(g), "revoked")
}
