package web

import (
	"net/http"
	"time"

	"sallyport.dev/internal/ui"
)

// shell is the frame of a page for whoever asks.
func (s *Site) shell(r *http.Request, title string) ui.Shell {
	shell := ui.Shell{Site: "Account", Title: title, SignIn: "/signin", SignOut: "/signout"}
	session, ok := s.session(r)
	if !ok {
		return shell
	}
	shell.Person = session.Person.Name
	shell.Menu = []ui.Link{
		{Text: "Profile", Href: "/manage-profile", Icon: "person"},
		{Text: "Security", Href: "/manage-profile/security", Icon: "shield"},
	}
	if session.Person.Administrator {
		shell.Menu = append(shell.Menu, ui.Link{Text: "Administration", Href: peoplePath, Icon: "people"})
	}
	shell.Nav = []ui.Link{{Text: "Products", Href: "/apps"}, {Text: "Go to Code", Href: s.CodeURL + "/"}}
	return shell
}

// narrow is the frame of a page that holds one form.
func (s *Site) narrow(r *http.Request, title string) ui.Shell {
	shell := s.shell(r, title)
	shell.Narrow = true
	return shell
}

// personal is the frame of a page of a person's own.
func (s *Site) personal(r *http.Request, title, current string) ui.Shell {
	shell := s.shell(r, title)
	shell.Crumbs = []ui.Link{{Text: "Your account", Href: "/manage-profile"}, {Text: title}}
	shell.Side = []ui.Link{
		{Text: "Profile", Href: "/manage-profile", Icon: "person"},
		{Text: "Security", Href: "/manage-profile/security", Icon: "shield"},
		{Text: "Sessions", Href: sessionsPath, Icon: "key"},
		{Text: "Apps", Href: "/manage-profile/apps", Icon: "module"},
		{Text: "Activity", Href: activityPath, Icon: "clock"},
	}
	mark(shell.Side, current)
	return shell
}

func mark(links []ui.Link, current string) {
	for i := range links {
		links[i].Current = links[i].Href == current
	}
}

// notices are said once, on the page after the one where something was done.
// The cookie names one; it can't bring words of its own.
func notice(key string) ui.Notice {
	text := map[string]string{
		"saved":      "Saved.",
		"mailed":     "A link is on its way to that address. Open it within 24 hours, while you are signed in here.",
		"added":      "The address is confirmed and yours.",
		"removed":    "The address is removed.",
		"password":   "Your password is changed. Every other browser is signed out.",
		"out":        "You are signed out.",
		"reset":      "Your second steps are removed. Sign in, and set up a new one.",
		"stopped":    "It is stopped: your second steps stay as they are. If you didn't ask for it, change your password now.",
		"policy":     "The rules are saved. They hold from the next request on.",
		"invited":    "The invitation is on its way by mail.",
		"asked":      "That takes two: the other administrators are asked by mail, and see it here.",
		"approved":   "Done, with your approval.",
		"refused":    "It won't be done.",
		"ended":      "That browser is signed out.",
		"others":     "Every other browser is signed out.",
		"factor":     "The second step is added. Every other browser is signed out.",
		"unfactored": "The second step is removed. Every other browser is signed out.",
		"mfaoff":     "MFA is off. Every other browser is signed out.",
		"distrusted": "The second step is asked for there again.",
		"revoked":    "The app has nothing of yours any more.",
		"device":     "The device is signed in.",
		"nodevice":   "The device was refused.",
		"appdeleted": "The app is taken off; its tokens have ended.",
	}[key]
	if text == "" {
		return ui.Notice{}
	}
	return ui.Notice{Kind: "good", Text: text}
}

// done goes on to a path and says there once what was done.
func (s *Site) done(w http.ResponseWriter, r *http.Request, path, key string) error {
	s.cookies.Set(w, noticeCookie, key, time.Minute)
	return redirect(w, r, path)
}

// render answers with a page and the notice that waits, if any.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, shell ui.Shell, page any) error {
	if key := s.cookie(r, noticeCookie).Reveal(); key != "" {
		shell.Notice = notice(key)
		s.cookies.Drop(w, noticeCookie)
	}
	return s.pages.Render(w, status, name, shell, page)
}
