package web

import (
	"net/http"
	"strings"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

// Route is one line of the table of routes.
type Route struct{ Method, Pattern string }

// handler answers a request, or returns why it can't.
type handler func(w http.ResponseWriter, r *http.Request) error

// signedIn is a handler of a page for whoever is signed in.
type signedIn func(w http.ResponseWriter, r *http.Request, who signin.Session) error

// again shows a form once more, as it was typed, with what is wrong with it.
type again func(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error

// addRoutes is the site's table of contents.
func (s *Site) addRoutes() {
	s.page("/", s.home)
	s.page("/signin", s.showSignIn)
	s.form("/signin", s.signIn, s.signInAgain)
	s.form("/signin/passkey", s.passkey, s.signInAgain)
	s.form("/signin/passkey/options", s.passkeyOptions, nil)
	s.page("/signin/verify", s.showVerify)
	s.form("/signin/verify", s.verify, s.verifyAgain)
	s.form("/signin/verify/options", s.verifyOptions, nil)
	s.page(lostPath, s.showLost)
	s.form(lostPath, s.lost, nil)
	s.page("/reset-mfa", s.showFinishReset)
	s.form("/reset-mfa", s.finishReset, nil)
	s.page("/reset-mfa/stop", s.showStopReset)
	s.form("/reset-mfa/stop", s.stopReset, nil)
	s.form("/signout", s.signOut, nil)
	s.page("/continue", s.own(s.showContinue))
	s.form("/continue", s.own(s.answerContinue), nil)
	s.page("/signup", s.showSignUp)
	s.form("/signup", s.signUp, s.signUpAgain)
	s.page("/confirm", s.showConfirm)
	s.form("/confirm", s.confirm, s.confirmAgain)
	s.page("/setup", s.showSetUp)
	s.form("/setup", s.setUp, s.setUpAgain)

	s.page("/forgotten", s.showForgotten)
	s.form("/forgotten", s.forgotten, s.forgottenAgain)
	s.page("/reset", s.showReset)
	s.form("/reset", s.reset, s.resetAgain)

	s.page("/manage-profile", s.own(s.showProfile))
	s.form("/manage-profile", s.own(s.rename), s.profileAgain)
	s.form("/manage-profile/emails", s.own(s.addEmail), s.profileAgain)
	s.form("/manage-profile/emails/main", s.own(s.setMainEmail), s.profileAgain)
	s.form("/manage-profile/emails/remove", s.own(s.removeEmail), s.profileAgain)
	s.page("/manage-profile/security", s.own(s.showSecurity))
	s.form("/manage-profile/security", s.own(s.changePassword), s.securityAgain)

	s.page("/manage-profile/sessions", s.own(s.showSessions))
	s.form("/manage-profile/sessions/end", s.own(s.endSession), nil)
	s.form("/manage-profile/sessions/end-others", s.own(s.endOtherSessions), nil)
	s.page("/manage-profile/activity", s.own(s.showActivity))

	s.page("/admin/people", s.admins(s.showPeople))
	s.form("/admin/people", s.admins(s.fresh(s.invitePerson)), s.peopleAgain)
	s.page("/admin/people/{id}", s.admins(s.showPerson))
	s.form("/admin/people/{id}", s.admins(s.fresh(s.act)), s.actAgain)
	s.page("/admin/approvals", s.admins(s.showApprovals))
	s.form("/admin/approvals", s.admins(s.fresh(s.decide)), s.approvalsAgain)
	s.page("/admin/policy", s.admins(s.showPolicy))
	s.form("/admin/policy", s.admins(s.fresh(s.savePolicy)), s.policyAgain)

	s.page(mfaPath, s.enrolling(s.showMFA))
	s.form(mfaPath, s.enrolling(s.fresh(s.beginApp)), nil)
	s.page(mfaPath+"/app", s.enrolling(s.fresh(s.showApp)))
	s.form(mfaPath+"/app", s.enrolling(s.fresh(s.confirmApp)), s.appAgain)
	s.page(mfaPath+"/key", s.enrolling(s.fresh(s.showKey)))
	s.form(mfaPath+"/key", s.enrolling(s.fresh(s.confirmKey)), s.keyAgain)
	s.form(mfaPath+"/key/options", s.enrolling(s.keyOptions), nil)
	s.form(mfaPath+"/saved", s.own(s.savedCodes), nil)
	s.page(mfaPath+"/factor", s.own(s.showFactor))
	s.form(mfaPath+"/factor", s.own(s.fresh(s.changeFactor)), s.factorAgain)
	s.page(mfaPath+"/recovery-codes", s.own(s.fresh(s.showRecovery)))
	s.form(mfaPath+"/recovery-codes", s.own(s.fresh(s.replaceRecovery)), nil)
	s.page(mfaPath+"/turn-off", s.own(s.fresh(s.showTurnOff)))
	s.form(mfaPath+"/turn-off", s.own(s.fresh(s.turnOff)), s.turnOffAgain)
	s.form("/manage-profile/security/browsers/forget", s.own(s.distrust), nil)

	s.page("/manage-profile/apps", s.own(s.showUsed))
	s.form("/manage-profile/apps/revoke", s.own(s.revokeApp), nil)
	s.page("/apps", s.own(s.showLauncher))
	s.page("/device", s.own(s.showDevice))
	s.form("/device", s.own(s.answerDevice), s.deviceAgain)
	s.page("/end_session", s.endForApp)
	s.form("/end_session", s.endForApp, nil)
	s.form("/end_session/confirm", s.confirmEnd, nil)

	s.page("/admin/apps", s.admins(s.showApps))
	s.page("/admin/apps/new", s.admins(s.showNewApp))
	s.form("/admin/apps/new", s.admins(s.fresh(s.createApp)), s.newAppAgain)
	s.page("/admin/apps/{app}", s.admins(s.showRegistered))
	s.form("/admin/apps/{app}", s.admins(s.fresh(s.changeApp)), s.registeredAgain)
	s.page("/admin/apps/{app}/secret", s.admins(s.showRegistered)) // come back here to press the button again
	s.page("/admin/apps/{app}/delete", s.admins(s.showRegistered))
	s.form("/admin/apps/{app}/secret", s.admins(s.fresh(s.rotateSecret)), s.registeredAgain)
	s.form("/admin/apps/{app}/delete", s.admins(s.fresh(s.deleteApp)), s.registeredAgain)

	for route, h := range s.Provider.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		s.add(method, pattern, h)
	}
	s.mux.NotFound(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errNoRoute) })
	s.mux.MethodNotAllowed(s.wrongMethod)
}

// Routes lists the site's routes, for the tests that walk them.
func (s *Site) Routes() []Route { return s.routes }

func (s *Site) add(method, pattern string, h http.HandlerFunc) {
	s.routes = append(s.routes, Route{method, pattern})
	s.mux.Method(method, pattern, h)
	if method == http.MethodGet {
		s.mux.Method(http.MethodHead, pattern, h)
	}
}

func (s *Site) page(pattern string, h handler) {
	s.add(http.MethodGet, pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// form adds what a form is sent to. An error that is about what was typed
// shows the form again; without show it is a page of its own.
func (s *Site) form(pattern string, do handler, show again) {
	s.add(http.MethodPost, pattern, func(w http.ResponseWriter, r *http.Request) {
		err := visitorOf(r).form
		if err == nil {
			err = do(w, r)
		}
		if err != nil && show != nil && aboutForm(err) {
			request.Failed(r.Context(), err)
			request.SetRetryAfter(w.Header(), err)
			err = show(w, r, ui.Refused(r.PostForm, err), formStatus(err))
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// own lets in whoever is signed in, and sends everybody else to sign in. Whoever
// has to set up a second step does that first.
func (s *Site) own(h signedIn) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, ok := s.session(r)
		if !ok {
			return s.signInFirst(w, r)
		}
		if session.MustEnrol {
			return s.enrolFirst(w, r, "")
		}
		return h(w, r, session)
	}
}

// enrolling is own for the pages on which a second step is set up.
func (s *Site) enrolling(h signedIn) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, ok := s.session(r)
		if !ok {
			return s.signInFirst(w, r)
		}
		return h(w, r, session)
	}
}
