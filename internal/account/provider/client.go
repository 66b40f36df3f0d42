package provider

import (
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// refusal is an error that is told the app (RFC 6749 §4.1.2.1, §5.2).
type refusal struct{ code, description string }

func (r *refusal) Error() string { return r.code + ": " + r.description }

func refuse(code, description string) error { return &refusal{code, description} }

// failure is a refusal as an endpoint of apps writes it.
type failure struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// endpoint is an endpoint that apps call themselves: they show who they are,
// with a form in the body, and are answered in JSON; nil is an empty answer.
func (p *Provider) endpoint(answer func(r *http.Request, app App) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		app, err := p.caller(r)
		var body any
		if err == nil {
			body, err = answer(r, app)
		}
		if err != nil {
			p.refuse(w, r, err)
			return
		}
		if body == nil {
			w.WriteHeader(http.StatusOK)
			return
		}
		writeJSON(w, http.StatusOK, body)
	}
}

func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		slog.ErrorContext(r.Context(), "an app's request", "path", r.URL.Path, "err", err)
		refused = &refusal{"server_error", "try again in a moment"}
	}
	status := http.StatusBadRequest
	switch refused.code {
	case "invalid_client":
		w.Header().Set("WWW-Authenticate", `Basic realm="account"`)
		status = http.StatusUnauthorized
	case "server_error":
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, failure{refused.code, refused.description})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the app went away: nothing to be done
}

// caller reads the form of an app's request and tells which app sent it.
func (p *Provider) caller(r *http.Request) (App, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return App{}, refuse("invalid_request", "parameters belong into a form in the body")
	}
	if err := r.ParseForm(); err != nil {
		return App{}, refuse("invalid_request", "the form can't be read")
	}
	for _, values := range r.PostForm {
		if len(values) > 1 { // RFC 6749 §3.2
			return App{}, refuse("invalid_request", "a parameter is given twice")
		}
	}
	return p.authenticate(r)
}

// authenticate has the app show who it is, by its secret in one place
// (RFC 6749 §2.3), or by its id where it is a public one.
func (p *Provider) authenticate(r *http.Request) (App, error) {
	wrong := refuse("invalid_client", "the app isn't known or its secret is wrong")
	id, given := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		if given != "" {
			return App{}, refuse("invalid_request", "the secret is given in two places")
		}
		named, nameErr := url.QueryUnescape(user)
		plain, err := url.QueryUnescape(password)
		if nameErr != nil || err != nil || id != "" && id != named {
			return App{}, wrong
		}
		id, given = named, plain
	}
	if r.PostForm.Has("client_assertion") || r.PostForm.Has("client_assertion_type") {
		return App{}, wrong
	}
	app, err := p.app(r.Context(), id)
	if errs.Is(err, errs.KindNotFound) || errs.Is(err, errs.KindInvalid) {
		return App{}, wrong
	}
	if err != nil || app.Public {
		return app, err
	}
	key, err := p.appSecret(r.Context(), id)
	if err != nil {
		return App{}, err
	}
	if !matches(key, given) {
		return App{}, wrong
	}
	return app, nil
}

func matches(key secret.String, given string) bool {
	return key.Reveal() != "" && secret.Equal(secret.Hash(given), secret.Hash(key.Reveal()))
}
