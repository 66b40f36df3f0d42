package web

import (
	"context"
	"net/http"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/ui"
)

// visitor is who sends this request. It is found out at most once a request.
type visitor struct {
	asked bool
	actor access.Actor
	user  user.User
	token secret.String
	err   error
	form  error        // what is wrong with the form as it was sent
	grant access.Grant // what the gate allowed; zero on pages that aren't judged
	refs  *references  // in the texts of an issue tracker and the messages of commits

	feed   bool    // a program that reads a feed, by a token
	upload *upload // the form, where it is one with files
}

type visitorKey struct{}

func visitorOf(r *http.Request) *visitor {
	if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
		return v
	}
	return &visitor{}
}

// prepare gives each request a visitor, reads its form, and refuses what can't
// be right before anything looks at it.
func (s *Site) prepare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visitor{}
		r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, v))
		r.URL.RawPath = "" // route by what the path means, not by how it was written
		if !request.Clean(r.URL.Path) {
			s.fail(w, r, door.ErrNoRoute)
			return
		}
		if r.Method == http.MethodPost {
			body := r.Body
			if err := request.ParseForm(w, r); err != nil {
				s.fail(w, r, err)
				return
			}
			if v.upload, v.form = openUpload(r, body); v.form == nil {
				v.form = request.CleanForm(r.PostForm)
			}
		} else if !request.Clean(r.URL.RawQuery) || request.CleanForm(r.URL.Query()) != nil {
			s.fail(w, r, errs.Invalid("", "The address has a part that isn't text."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authenticate tells who asks. An unknown or expired session is nobody.
func (s *Site) authenticate(r *http.Request) (access.Actor, error) {
	v := visitorOf(r)
	if v.asked {
		return v.actor, v.err
	}
	v.asked = true
	v.actor = access.Actor{Door: access.Web, Address: request.Address(r.Context())}
	if token := s.feedToken(r); token != "" {
		v.feed = true
		v.actor, v.err = s.Tokens.FromFeed(r.Context(), token, request.Address(r.Context()))
		v.actor.Door = access.Feeds
		return v.actor, v.err
	}
	token, ok := s.cookies.Get(r, sessionCookie)
	if !ok {
		return v.actor, nil
	}
	actor, who, err := s.Users.FromSession(r.Context(), secret.New(token), request.Address(r.Context()))
	switch {
	case err == nil:
		actor.Door = access.Web
		v.actor, v.user, v.token = actor, who, secret.New(token)
	case !errs.Is(err, errs.KindUnauthenticated) && !errs.Is(err, errs.KindNotFound):
		v.err = err // can't be told: refused
	}
	return v.actor, v.err
}

// open adds a route that isn't judged.
func (s *Site) open(method, pattern string, h door.Open) { s.routes.Open(method, pattern, h) }

// page adds a page behind the gate.
func (s *Site) page(pattern string, action access.Action, h door.Gated) {
	s.routes.Gated(http.MethodGet, pattern, action, func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		visitorOf(r).grant = g
		return underItsName(h)(w, r, g)
	})
}

// again shows a form once more, as it was typed, with what is wrong with it.
type again func(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error

// form adds what a form is sent to. An error that is about what was typed
// shows the form again; without show, it is a page of its own.
func (s *Site) form(pattern string, action access.Action, do door.Gated, show again) {
	s.routes.Gated(http.MethodPost, pattern, action, func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		visitorOf(r).grant = g
		err := visitorOf(r).form
		if err == nil {
			err = do(w, r, g)
		}
		if err == nil || show == nil || !aboutForm(err) {
			return err
		}
		request.Failed(r.Context(), err)
		request.SetRetryAfter(w.Header(), err)
		visitorOf(r).drain()
		return show(w, r, g, ui.Refused(r.PostForm, err), errs.Status(err))
	})
}

// aboutForm reports whether the person can mend it in the form.
func aboutForm(err error) bool {
	return errs.Is(err, errs.KindInvalid) || errs.Is(err, errs.KindConflict) || errs.Is(err, errs.KindTooMany)
}

// keptOr gives the form as it was typed before a challenge, if there is one
// for this page; else otherwise.
func (s *Site) keptOr(r *http.Request, otherwise ui.Form) (ui.Form, error) {
	fields, err := s.kept.load(r.Context(), visitorOf(r).actor.CredentialID, r.URL.Path, r.URL.Query().Get("kept"))
	if err != nil || fields == nil {
		return otherwise, err
	}
	return ui.Form{Values: fields}, nil
}

// redirect goes on to a path of this site after a form was taken.
func redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}
