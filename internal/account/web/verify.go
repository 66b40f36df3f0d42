package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// What is proven after the first step: the second step of a sign-in, and the
// proof that somebody who is signed in gives once more before something
// sensitive. Both are a flow that waits under a cookie; whose it is, that alone
// says. Query and form only say where to go on, and what is wanted there is
// judged there again.

// The ways to take the second step.
const (
	byKey      = "key"
	byApp      = "app"
	byRecovery = "recovery"
)

type verifyPage struct {
	Verify   ui.Verify
	Email    string // whose step it is
	Password bool   // the password is what is asked for
	Form     ui.Form
	Hidden   []ui.Hidden
	Other    string // the address at which somebody else signs in
	Lost     string // where to say that the second step is lost; empty where it isn't what is asked for
}

// need is what a request, or a page of this site, asks of the sign-in.
func (s *Site) need(r *http.Request, flow string) (signin.Need, error) {
	if r.Form.Get("fresh") != "" {
		return signin.Fresh(s.Clock()), nil
	}
	if flow == "" {
		return signin.Need{}, nil
	}
	waits, err := s.Provider.Pending(r.Context(), flow)
	if errs.Is(err, errs.KindNotFound) {
		return signin.Need{}, nil // it is over; where it leads says so
	}
	return waits.Need, err
}

// carried are the parameters of a sign-in under way that go from page to page.
func carried(form url.Values, more ...string) url.Values {
	values := url.Values{}
	for _, name := range append([]string{"flow", "return", "fresh"}, more...) {
		if value := form.Get(name); value != "" {
			values.Set(name, value)
		}
	}
	return values
}

func hiddenOf(values url.Values) []ui.Hidden {
	var all []ui.Hidden
	for name := range values {
		all = append(all, ui.Hidden{Name: name, Value: values.Get(name)})
	}
	slices.SortFunc(all, func(a, b ui.Hidden) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func withQuery(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// hold keeps a flow that isn't finished and sends the person on to its next step.
func (s *Site) hold(w http.ResponseWriter, r *http.Request, f signin.Flow, where url.Values) error {
	token, err := s.SignIn.Hold(r.Context(), f, s.visit(r))
	if err != nil {
		return err
	}
	s.cookies.Set(w, flowCookie, token.Reveal(), flowLasts)
	return redirect(w, r, withQuery("/signin/verify", where))
}

// flowLasts is how long the browser keeps the cookie; the flow is over sooner.
const flowLasts = 30 * time.Minute

func (s *Site) showVerify(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	return s.verifyAgain(w, r, ui.Form{}, http.StatusOK)
}

func (s *Site) verifyAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	f, err := s.SignIn.Held(r.Context(), s.cookie(r, flowCookie))
	if errs.Is(err, errs.KindUnauthenticated) {
		return redirect(w, r, withQuery("/signin", carried(r.Form)))
	}
	if err != nil {
		return err
	}
	flow := r.Form.Get("flow")
	need, err := s.need(r, flow)
	if err != nil {
		return err
	}
	page := verifyPage{
		Email: f.Person().Email, Form: form, Hidden: hiddenOf(carried(r.Form)),
		Password: signin.Next(f, need) == signin.StepPassword,
	}
	page.Verify = s.verifyWays(r, f, need, form)
	if r.Form.Get("fresh") == "" {
		page.Other = withQuery("/signin", url.Values{"flow": {flow}, "other": {"1"}, "return": {r.Form.Get("return")}})
	}
	if !page.Password {
		page.Lost = withQuery(lostPath, carried(r.Form))
	}
	return s.render(w, r, status, "verify.html", s.narrow(r, page.Verify.Title), page)
}

// verifyWays offers the strongest way first, and the others one click away.
func (s *Site) verifyWays(r *http.Request, f signin.Flow, need signin.Need, form ui.Form) ui.Verify {
	keys := f.Kinds().WebAuthn
	apps := f.Kinds().TOTP && need.Class != signin.ClassPhishing
	way := r.Form.Get("way")
	if way == "" || way == byKey && !keys || way == byApp && !apps {
		way = map[bool]string{true: byKey, false: byApp}[keys]
		if !keys && !apps {
			way = byRecovery
		}
	}
	link := func(text, way string) ui.Link {
		values := carried(r.Form)
		values.Set("way", way)
		return ui.Link{Text: text, Href: withQuery("/signin/verify", values)}
	}
	var links []ui.Link
	if keys && way != byKey {
		links = append(links, link("Use a security key", byKey))
	}
	if apps && way != byApp {
		links = append(links, link("Use a code from your app", byApp))
	}
	if way != byRecovery && need.Class != signin.ClassPhishing {
		links = append(links, link("Use a recovery code", byRecovery))
	}
	hidden := append(hiddenOf(carried(r.Form)), ui.Hidden{Name: "way", Value: way})
	v := ui.Verify{Title: "Verify it's you", Why: whyVerify(r, need)}
	if way == byKey {
		v.Key = ui.KeyForm{
			Do: "get", Action: "/signin/verify", Options: "/signin/verify/options", Hidden: hidden, Links: links,
			Button: "Use a security key", Error: form.Errors["credential"],
			Without: "Security keys need JavaScript, which is off here. Choose another way.",
		}
		return v
	}
	v.Code = ui.CodeForm{
		Action: "/signin/verify", Hidden: hidden, Links: links, Error: form.Errors["code"],
		Hint: "The six digits that your authenticator app shows now.",
	}
	if days := int(f.RememberFor() / (24 * time.Hour)); days > 0 && r.Form.Get("fresh") == "" {
		v.Code.Tick = ui.Form{Values: form.Values}.Checkbox("remember", "1", "Don't ask on this browser for "+strconv.Itoa(days)+" days")
	}
	if way == byRecovery {
		v.Title = "Use a recovery code"
		v.Code.Text, v.Code.Label = true, "Recovery code"
		v.Code.Hint = "One of the codes that you saved. Each works once."
	}
	return v
}

func whyVerify(r *http.Request, need signin.Need) string {
	switch {
	case r.Form.Get("fresh") != "":
		return "What you are about to do changes how you sign in, so show once more that it is you."
	case need.Class == signin.ClassPhishing:
		return "Where you are going asks for a security key or passkey."
	case !need.After.IsZero():
		return "Where you are going asks you to prove once more that it is you."
	default:
		return "MFA is on for your account. It belongs to your account and holds for every app."
	}
}

// verify takes what was given. Whose it must be comes from the flow alone.
func (s *Site) verify(w http.ResponseWriter, r *http.Request) error {
	token := s.cookie(r, flowCookie)
	var f signin.Flow
	var err error
	if r.PostForm.Has("password") {
		f, err = s.SignIn.Reprove(r.Context(), token, password(r, "password"), s.visit(r))
	} else {
		f, err = s.SignIn.Verify(r.Context(), token, answerOf(r), s.visit(r))
	}
	if err != nil {
		return err
	}
	return s.finish(w, r, f, r.PostForm.Get("flow"))
}

func answerOf(r *http.Request) factor.Answer {
	return factor.Answer{
		Code: r.PostForm.Get("code"), Challenge: r.PostForm.Get("challenge"), Credential: r.PostForm.Get("credential"),
	}
}

func (s *Site) verifyOptions(w http.ResponseWriter, r *http.Request) error {
	return s.options(w, r)(s.SignIn.AskKey(r.Context(), s.cookie(r, flowCookie)))
}

// passkeyOptions asks for anybody's passkey. The answer must come from the
// same browser: the challenge is bound to a cookie of it.
func (s *Site) passkeyOptions(w http.ResponseWriter, r *http.Request) error {
	bound := s.cookie(r, passkeyCookie)
	if bound.Reveal() == "" {
		bound, _ = secret.Token("")
		s.cookies.Set(w, passkeyCookie, bound.Reveal(), flowLasts)
	}
	return s.options(w, r)(s.SignIn.AskPasskey(r.Context(), bound))
}

// passkey signs in by a passkey alone: both steps at once.
func (s *Site) passkey(w http.ResponseWriter, r *http.Request) error {
	flow, _, err := s.pending(r)
	if err != nil {
		return err
	}
	proven, err := s.SignIn.Passkey(r.Context(), s.cookie(r, passkeyCookie), answerOf(r), s.visit(r))
	if err != nil {
		return err
	}
	return s.finish(w, r, proven, flow)
}

// options answers the script with what to ask a key for, or with why not.
func (s *Site) options(w http.ResponseWriter, r *http.Request) func(factor.Options, error) error {
	return func(o factor.Options, err error) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err != nil {
			request.Failed(r.Context(), err)
			message := errs.Message(err)
			if errors.Is(err, signin.ErrStale) {
				message = "Your last proof is over 15 minutes ago. Load this page again."
			}
			w.WriteHeader(http.StatusConflict)
			return json.NewEncoder(w).Encode(map[string]string{"error": message})
		}
		return json.NewEncoder(w).Encode(o)
	}
}

// fresh lets in whoever has just proven who they are, and has everybody else
// do so first.
func (s *Site) fresh(h signedIn) signedIn {
	return func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		if !who.Fresh(s.Clock()) {
			return s.proveAgain(w, r, who)
		}
		return h(w, r, who)
	}
}

// neverKept are the fields that hold secrets, or have had their time.
var neverKept = []string{"code", "password", "current", "challenge", "credential"}

// proveAgain asks somebody who is signed in for the strongest proof that they
// can give, and leads back to the form with what was typed.
func (s *Site) proveAgain(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	f, err := s.SignIn.Resume(r.Context(), who)
	if err != nil {
		return err
	}
	typed := url.Values{}
	for name, values := range r.Form {
		if !slices.Contains(neverKept, name) {
			typed[name] = values
		}
	}
	sealed, err := s.Box.SealValue("return", s.Clock().Add(returnLife), withQuery(r.URL.Path, typed))
	if err != nil {
		return err
	}
	return s.hold(w, r, f, url.Values{"fresh": {"1"}, "return": {sealed}})
}
