package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

// shell is the frame of a page for whoever asks.
func (s *Site) shell(r *http.Request, title string) ui.Shell {
	shell := ui.Shell{Site: "Code", Title: title, SignIn: "/login"}
	v := visitorOf(r)
	if _, err := s.authenticate(r); err != nil || v.user.ID == "" {
		return shell
	}
	shell.Person = v.user.Name
	if shell.Person == "" {
		shell.Person = v.user.Username
	}
	shell.Banner = s.graceBanner(r, v.grant)
	shell.Nav = []ui.Link{{Text: "Home", Href: "/", Current: r.URL.Path == "/"}, s.bell(r)}
	shell.Menu = []ui.Link{
		{Text: "Personal settings", Href: "/account/settings/", Icon: "gear"},
		{Text: "Two-step verification", Href: twoStepPath, Icon: "shield"},
		{Text: "SSH keys", Href: keysPath, Icon: "key"},
		{Text: "API tokens", Href: tokensPath, Icon: "key"},
	}
	if s.AccountURL != "" {
		shell.Menu = append(shell.Menu, ui.Link{Text: "Your account", Href: s.AccountURL + "/manage-profile", Icon: "person"})
	}
	return shell
}

// graceBanner tells members of a workspace who aren't ready from when on it
// will require two-step verification.
func (s *Site) graceBanner(r *http.Request, g access.Grant) ui.Notice {
	ws, evidence := g.Workspace(), g.Actor().Evidence
	if ws.Role == access.Outsider || !ws.Policy.RequireFrom.After(s.Clock()) || ws.Policy.MetBy(evidence) {
		return ui.Notice{}
	}
	back := "/" + ws.Slug
	if r.Method == http.MethodGet {
		back = r.URL.RequestURI()
	}
	out := ui.Notice{
		Kind: "warn", Text: ws.Name + " will require two-step verification from " + dateWords(ws.Policy.RequireFrom) + " on, and yours isn't set up yet.",
		Link: ui.Link{Text: "Set up two-step verification", Href: s.returns.carry(twoStepPath, back)},
	}
	if evidence.Factors.Enrolled() {
		out.Text = ws.Name + " will require a security key or passkey from " + dateWords(ws.Policy.RequireFrom) + " on, and you have none yet."
		out.Link.Text = "Add a security key or passkey"
	}
	return out
}

const (
	profilePath  = "/account/settings/"
	twoStepPath  = "/account/settings/two-step-verification/"
	tokensPath   = "/account/settings/api-tokens/"
	securityPath = "/account/settings/security/"
	sessionsPath = "/account/settings/sessions/"
)

// personal is the frame of a page of a person's own settings.
func (s *Site) personal(r *http.Request, title, current string) ui.Shell {
	shell := s.shell(r, title)
	shell.Crumbs = []ui.Link{{Text: "Personal settings", Href: profilePath}, {Text: title}}
	shell.Side = []ui.Link{
		{Text: "Profile", Href: profilePath, Icon: "person"},
		{Text: "Two-step verification", Href: twoStepPath, Icon: "shield"},
		{Text: "SSH keys", Href: keysPath, Icon: "key"},
		{Text: "API tokens", Href: tokensPath, Icon: "key"},
		{Text: "Feed tokens", Href: feedTokensPath, Icon: "key"},
		{Text: "Security", Href: securityPath, Icon: "proven"},
		{Text: "Sessions", Href: sessionsPath, Icon: "clock"},
		{Text: "Notifications", Href: noticeSettings, Icon: "bell"},
	}
	mark(shell.Side, current)
	return shell
}

// inWorkspace is the frame of a page of a workspace.
func (s *Site) inWorkspace(r *http.Request, g access.Grant, title string) ui.Shell {
	shell := s.shell(r, title)
	ws := g.Workspace()
	shell.Crumbs = []ui.Link{{Text: ws.Name, Href: "/" + ws.Slug}, {Text: title}}
	return shell
}

// settingsOf is the frame of a page of a workspace's settings.
func (s *Site) settingsOf(r *http.Request, g access.Grant, title, current string) ui.Shell {
	shell := s.inWorkspace(r, g, title)
	base := settingsPath(g)
	shell.Crumbs = []ui.Link{
		{Text: g.Workspace().Name, Href: "/" + g.Workspace().Slug}, {Text: "Settings", Href: base}, {Text: title},
	}
	shell.Side = []ui.Link{
		{Text: "Workspace", Href: base, Icon: "gear"},
		{Text: "Members", Href: base + "members", Icon: "people"},
	}
	if g.Workspace().Role == access.Owner {
		shell.Side = append(shell.Side,
			ui.Link{Text: "Groups", Href: base + "groups", Icon: "people"},
			ui.Link{Text: "Access controls", Href: base + "access-controls", Icon: "shield"},
			ui.Link{Text: "Access tokens", Href: base + "access-tokens", Icon: "key"},
			ui.Link{Text: "Audit log", Href: base + "audit-log", Icon: "clock"})
	}
	shell.Side = append(shell.Side, ui.Link{Text: "Plan", Href: base + "plan", Icon: "info"})
	mark(shell.Side, base+current)
	return shell
}

func settingsPath(g access.Grant) string {
	return "/" + g.Workspace().Slug + "/workspace/settings/"
}

// inRepository is the frame of a page of a repository.
func (s *Site) inRepository(r *http.Request, g access.Grant, name, title, tab string) ui.Shell {
	shell := s.shell(r, title)
	base := repositoryPath(g)
	shell.Crumbs = []ui.Link{{Text: g.Workspace().Name, Href: "/" + g.Workspace().Slug}, {Text: name, Href: base}}
	if g.Sees(access.Repository) {
		shell.Tabs = []ui.Link{
			{Text: "Source", Href: base, Icon: "file"},
			{Text: "Commits", Href: base + "/commits", Icon: "commit"},
			{Text: "Branches", Href: base + "/branches", Icon: "branch"},
		}
	}
	if g.Sees(access.IssueTracker) {
		shell.Tabs = append(shell.Tabs, ui.Link{Text: "Issues", Href: base + "/issues", Icon: "check"})
	}
	if g.Sees(access.Wiki) {
		shell.Tabs = append(shell.Tabs, ui.Link{Text: "Wiki", Href: base + "/wiki", Icon: "book"})
	}
	if g.Repository().Permission >= access.Admin {
		shell.Tabs = append(shell.Tabs, ui.Link{Text: "Settings", Href: base + "/admin", Icon: "gear"})
	}
	mark(shell.Tabs, base+tab)
	return shell
}

func repositoryPath(g access.Grant) string {
	return "/" + g.Workspace().Slug + "/" + g.Repository().Slug
}

func mark(links []ui.Link, current string) {
	for i := range links {
		links[i].Current = links[i].Href == current
	}
}

// escapePath writes a path as it stands in an address.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// hasPage reports whether there is a page at the path.
func (s *Site) hasPage(path string) bool {
	return s.routes.Mux().Match(chi.NewRouteContext(), http.MethodGet, path)
}

// notices are said once, on the page after the one where something was done.
// The cookie names one; it can't bring words of its own.
func notice(key string) ui.Notice {
	text := map[string]string{
		"saved":       "Saved.",
		"reset":       "Your second steps are removed. Sign in, and set up a new one.",
		"stopped":     "It is stopped: your second steps stay as they are. If you didn't ask for it, change the password of your account now.",
		"ended":       "That browser is signed out.",
		"others":      "Every other browser is signed out.",
		"keyadded":    "The key is added.",
		"keyremoved":  "The key is removed. It opens nothing any more.",
		"keyverified": "The key has the second step, for connections from where this browser is.",
		"revoked":     "The token is revoked. It stopped working at once.",
		"twostepon":   "Two-step verification is on.",
		"factor":      "The second step is added. Your other browsers have to take the step again.",
		"unfactored":  "The second step is removed. Your other browsers are signed out.",
		"turnedoff":   "Two-step verification is off.",
		"invited":     "The invitation is on its way by mail.",
		"withdrawn":   "The invitation is withdrawn.",
		"removed":     "The member is removed.",
		"role":        "The role is changed.",
		"added":       "They are in the group now.",
		"taken":       "They are no longer in the group.",
		"norepo":      "The repository is deleted.",
		"transferred": "The repository is here now.",
		"nospace":     "The workspace is deleted, with everything in it.",
		"nogroup":     "The group is deleted.",
		"permission":  "The permission is changed. It holds from now on, at every door.",
		"public":      "The repository is public now.",
		"private":     "The repository is private now.",
		"joined":      "Welcome: you are a member now.",
		"watched":     "You watch this repository: you are told of pushes, changes of its wiki and new issues.",
		"unwatched":   "You no longer watch this repository.",
		"declined":    "The invitation is declined.",
		"left":        "You have left the workspace.",
		"signedout":   "You are signed out of Code.",
		"created":     "Created.",
		"imported":    "All of it was imported.",
		"deleted":     "Deleted.",
		"requires":    "Two-step verification is required from now on, at every door.",
		"optional":    "Two-step verification is no longer required.",
		"willrequire": "Two-step verification will be required from the date below on. Members who aren't ready are told by mail.",
		"controls":    "The access controls are saved. They hold from the next request on, at every door.",
		"reminded":    "Reminders are on their way by mail to those who aren't ready.",
		"allready":    "Everyone is ready: there is nobody to remind.",
		"lifted":      "The allowed networks are lifted: the workspace can be reached from any network.",
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
	if key, ok := s.cookies.Get(r, noticeCookie); ok {
		shell.Notice = notice(key)
		if key == "signedout" && s.Login.SignOut(r.Context()) != "" {
			shell.Notice.Link = ui.Link{Text: "Sign out of your account too", Href: "/logout/account"}
		}
		s.cookies.Drop(w, noticeCookie)
	}
	if r.Method == http.MethodGet && r.URL.Query().Has("kept") {
		shell.Notice = ui.Notice{Kind: "info", Text: "Thank you. Here is the form as you left it: look at it, and send it once more."}
	}
	return s.pages.Render(w, status, name, shell, page)
}
