package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/ui"
)

const appsPath = "/admin/apps"

// appsPage lists the registered apps.
type appsPage struct{ Apps []provider.App }

// registeredPage registers an app or changes one.
type registeredPage struct {
	Form   ui.Form
	App    provider.App // the zero App: a new one
	Made   string       // a secret, shown this once
	Issuer string
	Scopes []ui.Field
	Grants []ui.Field
	ACRs   []ui.Option
	Kinds  []ui.Option
}

// Path is where the form is sent.
func (p registeredPage) Path() string {
	if p.App.ID == "" {
		return appsPath + "/new"
	}
	return appsPath + "/" + p.App.ID
}

func (s *Site) showApps(w http.ResponseWriter, r *http.Request, _ signin.Session) error {
	apps, err := s.Provider.Apps(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "adminapps.html", s.administration(r, "Apps", appsPath), appsPage{apps})
}

func (s *Site) showNewApp(w http.ResponseWriter, r *http.Request, _ signin.Session) error {
	form := ui.Form{Values: url.Values{
		"kind": {"confidential"}, "scopes": {"openid", "profile", "email"},
		"grants": {string(provider.GrantCode), string(provider.GrantRefresh)},
	}}
	return s.appForm(w, r, provider.App{}, typedOr(r, form), "", http.StatusOK)
}

// typedOr is the form with what was typed before a proof was asked for.
func typedOr(r *http.Request, form ui.Form) ui.Form {
	if typed := r.URL.Query(); typed.Has("name") {
		return ui.Form{Values: typed}
	}
	return form
}

func (s *Site) newAppAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.appForm(w, r, provider.App{}, form, "", status)
}

func (s *Site) createApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	in := appOf(r.PostForm)
	in.Public = r.PostForm.Get("kind") == "public"
	app, key, err := s.Provider.CreateApp(r.Context(), author(r, who), in)
	if err != nil {
		return err
	}
	return s.appForm(w, r, app, filledApp(app), key.Reveal(), http.StatusOK)
}

func (s *Site) showRegistered(w http.ResponseWriter, r *http.Request, _ signin.Session) error {
	app, err := s.Provider.App(r.Context(), chi.URLParam(r, "app"))
	if err != nil {
		return err
	}
	return s.appForm(w, r, app, typedOr(r, filledApp(app)), "", http.StatusOK)
}

func (s *Site) registeredAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	app, err := s.Provider.App(r.Context(), chi.URLParam(r, "app"))
	if err != nil {
		return err
	}
	if !form.Values.Has("name") { // another form of the page was sent
		form.Values = filledApp(app).Values
	}
	return s.appForm(w, r, app, form, "", status)
}

func (s *Site) changeApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	in := appOf(r.PostForm)
	in.ID = chi.URLParam(r, "app")
	if err := s.Provider.UpdateApp(r.Context(), author(r, who), in); err != nil {
		return err
	}
	return s.done(w, r, appsPath+"/"+in.ID, "saved")
}

func (s *Site) rotateSecret(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	id := chi.URLParam(r, "app")
	key, err := s.Provider.RotateSecret(r.Context(), author(r, who), id)
	if err != nil {
		return err
	}
	app, err := s.Provider.App(r.Context(), id)
	if err != nil {
		return err
	}
	return s.appForm(w, r, app, filledApp(app), key.Reveal(), http.StatusOK)
}

func (s *Site) deleteApp(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := s.Provider.DeleteApp(r.Context(), author(r, who), chi.URLParam(r, "app")); err != nil {
		return err
	}
	return s.done(w, r, appsPath, "appdeleted")
}

// appOf reads an app from its form.
func appOf(form url.Values) provider.App {
	app := provider.App{
		Name: form.Get("name"), ThirdParty: form.Get("third_party") != "",
		Redirects: strings.Fields(form.Get("redirects")), LogoutRedirects: strings.Fields(form.Get("logout_redirects")),
		LogoutAddress: strings.TrimSpace(form.Get("logout_address")), EventsAddress: strings.TrimSpace(form.Get("events_address")),
		LaunchAddress: strings.TrimSpace(form.Get("launch_address")), Scopes: form["scopes"], ACR: signin.Class(form.Get("acr")),
	}
	for _, grant := range form["grants"] {
		app.Grants = append(app.Grants, provider.GrantType(grant))
	}
	return app
}

// filledApp is the form as the app has it.
func filledApp(app provider.App) ui.Form {
	values := url.Values{
		"name": {app.Name}, "redirects": {strings.Join(app.Redirects, "\n")}, "logout_redirects": {strings.Join(app.LogoutRedirects, "\n")},
		"logout_address": {app.LogoutAddress}, "events_address": {app.EventsAddress}, "launch_address": {app.LaunchAddress},
		"scopes": app.Scopes, "acr": {string(app.ACR)},
	}
	for _, grant := range app.Grants {
		values.Add("grants", string(grant))
	}
	if app.ThirdParty {
		values.Set("third_party", "yes")
	}
	return ui.Form{Values: values}
}

// grantWords says how an app gets its tokens, for whoever registers it.
func grantWords(grant provider.GrantType) string {
	switch grant {
	case provider.GrantCode:
		return "People sign in with a browser"
	case provider.GrantRefresh:
		return "It stays signed in, with refresh tokens"
	case provider.GrantDevice:
		return "People sign it in from another device, with a code"
	case provider.GrantClient:
		return "It acts for itself, without a person"
	default:
		return ""
	}
}

// classWords says what a kind of sign-in is.
func classWords(class signin.Class) string {
	switch class {
	case signin.ClassOne:
		return "Any sign-in"
	case signin.ClassTwo:
		return "With MFA"
	case signin.ClassPhishing:
		return "With a security key or passkey"
	default:
		return string(class)
	}
}

func (s *Site) appForm(w http.ResponseWriter, r *http.Request, app provider.App, form ui.Form, made string, status int) error {
	page := registeredPage{Form: form, App: app, Made: made, Issuer: s.URL}
	scopes, err := s.Provider.Scopes(r.Context())
	if err != nil {
		return err
	}
	for _, offer := range scopes {
		box := form.Checkbox("scopes", offer.Scope, offer.Allows)
		box.Key, box.Hint, box.Error = offer.Scope, offer.Scope, ""
		page.Scopes = append(page.Scopes, box)
	}
	for _, grant := range provider.GrantTypes() {
		box := form.Checkbox("grants", string(grant), grantWords(grant))
		box.Key, box.Error = string(grant), ""
		page.Grants = append(page.Grants, box)
	}
	for _, class := range signin.Classes() {
		option := ui.Option{Value: string(class), Label: classWords(class)}
		if class == signin.ClassOne {
			option.Value = ""
		}
		page.ACRs = append(page.ACRs, option)
	}
	page.Kinds = []ui.Option{
		{Value: "confidential", Label: "It runs on a server and can keep a secret"},
		{Value: "public", Label: "It runs on people's own devices, and can't"},
	}
	title := app.Name
	if app.ID == "" {
		title = "Register an app"
	}
	shell := s.administration(r, title, appsPath)
	shell.Crumbs = slices.Insert(shell.Crumbs, len(shell.Crumbs)-1, ui.Link{Text: "Apps", Href: appsPath})
	return s.render(w, r, status, "adminapp.html", shell, page)
}
