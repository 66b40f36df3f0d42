package web

import (
	"net/http"
	"strconv"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/ui"
)

const (
	noticesPath    = "/account/notifications/"
	noticeSettings = "/account/settings/notifications/"
)

// unread counts what a person hasn't read, for the bell on each page: of the
// workspaces alone that the gate lets them into now. Where that can't be told,
// nothing is.
func (s *Site) unread(r *http.Request, actor access.Actor, reason activity.Reason) (int, error) {
	in, err := s.Events.UnreadIn(r.Context(), actor.User)
	if err != nil || len(in) == 0 {
		return 0, err
	}
	reached, err := s.Gate.Reach(r.Context(), actor, access.ReadActivity, in[:min(len(in), gathered)])
	if err != nil {
		return 0, err
	}
	return s.Events.Unread(r.Context(), reached, reason)
}

// bell is the link to what a person is told of.
func (s *Site) bell(r *http.Request) ui.Link {
	link := ui.Link{Text: "Notifications", Href: noticesPath, Icon: "bell", Current: r.URL.Path == noticesPath}
	switch n, err := s.unread(r, visitorOf(r).actor, ""); {
	case err != nil || n == 0:
	case n >= activity.ManyUnread:
		link.Text = "Notifications (" + strconv.Itoa(activity.ManyUnread) + "+)"
	default:
		link.Text = "Notifications (" + strconv.Itoa(n) + ")"
	}
	return link
}

type noticesPage struct {
	Notices  []noticeLine
	Older    string
	Unread   bool
	Settings string
}

type noticeLine struct {
	activity.Notice
	Why string
}

func (s *Site) showNotices(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	standings, err := s.standings(r, g)
	if err != nil {
		return err
	}
	reached, err := s.reach(r, g, standings)
	if err != nil {
		return err
	}
	list, next, err := s.Events.Notices(r.Context(), reached, r.URL.Query().Get("before"), eventsOnPage)
	if err != nil {
		return err
	}
	page := noticesPage{Settings: noticeSettings}
	for _, n := range list {
		page.Unread = page.Unread || n.Unread
		page.Notices = append(page.Notices, noticeLine{n, reasonWords(n.Reason)})
	}
	if next != "" {
		page.Older = noticesPath + "?before=" + next
	}
	shell := s.shell(r, "Notifications")
	shell.Crumbs = []ui.Link{{Text: "Home", Href: "/"}, {Text: "Notifications"}}
	return s.render(w, r, http.StatusOK, "notifications.html", shell, page)
}

// reasonWords says why somebody is told.
func reasonWords(reason activity.Reason) string {
	switch reason {
	case activity.Mentioned:
		return "You are mentioned"
	case activity.Assigned:
		return "Given to you"
	case activity.Said:
		return "You wrote or commented"
	case activity.Issue:
		return "You watch this issue"
	default:
		return "You watch this repository"
	}
}

func (s *Site) readNotices(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Events.MarkRead(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return redirect(w, r, noticesPath)
}

type noticeSettingsPage struct {
	Path  string
	Kinds []noticeKind
}

// noticeKind is a kind of notification with its two switches.
type noticeKind struct {
	Name       string
	Page, Mail ui.Field
}

func (s *Site) showNoticeSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	choices, err := s.Events.Choices(r.Context(), g)
	if err != nil {
		return err
	}
	names := map[activity.Reason]string{
		activity.Mentioned: "Somebody mentions you by @name", activity.Assigned: "An issue is given to you",
		activity.Issue: "Something happens to an issue that you watch", activity.Said: "A comment on a snippet that you wrote or commented on",
		activity.Wiki: "A change of the wiki of a repository that you watch", activity.Push: "A push to a repository that you watch",
	}
	page := noticeSettingsPage{Path: noticeSettings}
	for _, c := range choices {
		field := func(name, label string, on bool) ui.Field {
			return ui.Field{Type: "checkbox", Name: name, Key: string(c.Reason), Value: string(c.Reason), Label: label, Checked: on}
		}
		page.Kinds = append(page.Kinds, noticeKind{names[c.Reason], field("page", "On the page", c.Page), field("mail", "By mail", c.Mail)})
	}
	return s.render(w, r, http.StatusOK, "noticesettings.html", s.personal(r, "Notifications", noticeSettings), page)
}

func (s *Site) saveNoticeSettings(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	on := map[string]bool{}
	for _, name := range []string{"page", "mail"} {
		for _, reason := range r.PostForm[name] {
			on[name+" "+reason] = true
		}
	}
	var choices []activity.Choice
	for _, reason := range activity.Reasons() {
		choices = append(choices, activity.Choice{Reason: reason, Page: on["page "+string(reason)], Mail: on["mail "+string(reason)]})
	}
	if err := s.Events.Choose(r.Context(), g, choices); err != nil {
		return err
	}
	return s.done(w, r, noticeSettings, "saved")
}

// watchBox is the button with which somebody watches a repository.
type watchBox struct {
	Path string // empty: nobody is signed in
	On   bool
}

func (s *Site) watchBox(r *http.Request, g access.Grant) (watchBox, error) {
	if g.Actor().User == "" {
		return watchBox{}, nil
	}
	on, err := s.Events.Watching(r.Context(), g)
	return watchBox{Path: repositoryPath(g) + "/watch", On: on}, err
}

func (s *Site) watchRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	on := r.PostFormValue("watch") == "on"
	if err := s.Events.Watch(r.Context(), g, on); err != nil {
		return err
	}
	key := "unwatched"
	if on {
		key = "watched"
	}
	return s.done(w, r, repositoryPath(g), key)
}

func (s *Site) showStopNotices(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "unsubscribe.html", s.shell(r, "No more mails"), unsubscribePage{Path: r.URL.RequestURI(), Kind: true})
}

func (s *Site) stopNotices(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if err := s.Events.Stop(r.Context(), query.Get("user"), query.Get("reason"), query.Get("key")); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "unsubscribe.html", s.shell(r, "No more mails"), unsubscribePage{Kind: true, Done: true})
}
