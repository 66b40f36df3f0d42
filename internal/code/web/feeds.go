package web

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/ui"
)

const (
	feedTokensPath   = "/account/settings/feed-tokens/"
	activityFeedPath = "/account/feeds/activity.atom"
	entriesOfFeed    = 50
)

func ofFeeds(g access.Grant) bool {
	return g.Action() == access.ReadFeedTokens || g.Action() == access.ManageFeedTokens
}

// feed adds an address that feed tokens open, beside sessions.
func (s *Site) feed(pattern string, action access.Action, h door.Gated) {
	s.feeds[pattern] = true
	s.page(pattern, action, h)
}

// Feeds gives the table of routes of feeds, for the tests that walk it.
func (s *Site) Feeds() []door.Route {
	var all []door.Route
	for _, r := range s.routes.List() {
		if s.feeds[r.Pattern] {
			all = append(all, r)
		}
	}
	return all
}

// feedToken gives the token that a request for a feed comes with: in its address,
// or as the password of Basic authentication. At any other address it is empty:
// a feed token means nothing there.
func (s *Site) feedToken(r *http.Request) string {
	if route := chi.RouteContext(r.Context()); route == nil || !s.feeds[route.RoutePattern()] {
		return ""
	}
	if token := r.URL.Query().Get("token"); token != "" {
		return token
	}
	_, password, _ := r.BasicAuth()
	return password
}

// failFeed tells a feed reader in plain text why it gets nothing.
func (s *Site) failFeed(w http.ResponseWriter, err error) {
	status, lines := errs.Status(err), []string{errs.Message(err)}
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		status = http.StatusForbidden
		switch refusal.Outcome {
		case access.Hidden:
			status = http.StatusNotFound
		default:
			lines = []string{refusal.Sentence()}
			if path := refusal.FixPath(); path != "" {
				lines = append(lines, s.URL+path)
			}
		}
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Sallyport feeds", charset="UTF-8"`)
		lines = append(lines, "Make a feed token at "+s.URL+feedTokensPath)
	}
	request.SetRetryAfter(w.Header(), err)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n")) // the reader went away: nothing to be done
}

// feedAddresses are those that a feed token opens.
func (s *Site) feedAddresses() []ui.Copy {
	return []ui.Copy{
		{Label: "What happened in your workspaces", Text: s.URL + activityFeedPath},
		{Label: "What happened in a repository", Text: s.URL + "/WORKSPACE/REPOSITORY/feeds/activity.atom"},
		{Label: "The commits of a repository", Text: s.URL + "/WORKSPACE/REPOSITORY/feeds/commits.atom"},
		{Label: "The issues of a repository", Text: s.URL + "/WORKSPACE/REPOSITORY/feeds/issues.atom"},
	}
}

// An atomFeed is a feed as RFC 4287 has it.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Links   []atomLink  `xml:"link"`
	Author  atomPerson  `xml:"author"` // of the feed, so that entries may do without
	Entries []atomEntry `xml:"entry"`

	newest time.Time
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomPerson struct {
	Name string `xml:"name"`
}

type atomEntry struct {
	ID        string      `xml:"id"`
	Title     string      `xml:"title"`
	Published string      `xml:"published,omitempty"`
	Updated   string      `xml:"updated"`
	Author    *atomPerson `xml:"author"`
	Link      atomLink    `xml:"link"`
	Content   string      `xml:"content,omitempty"` // plain text (RFC 4287 §4.1.3.1)
}

// tag makes a name that stays the same wherever the thing is moved (RFC 4151).
func (s *Site) tag(kind, id string) string {
	host := s.URL
	if at, err := url.Parse(s.URL); err == nil {
		host = at.Hostname()
	}
	return "tag:" + host + ",2026:" + kind + "/" + id
}

func (s *Site) newFeed(r *http.Request, id, title, page string) *atomFeed {
	return &atomFeed{
		ID: id, Title: title, Author: atomPerson{"Sallyport Code"},
		Links: []atomLink{
			{"self", "application/atom+xml", s.URL + escapePath(r.URL.Path)},
			{"alternate", "text/html", s.URL + page},
		},
	}
}

func (f *atomFeed) add(e atomEntry, by, page string, at time.Time) {
	e.Author, e.Link, e.Updated = &atomPerson{cmp.Or(by, "Somebody")}, atomLink{"alternate", "text/html", page}, atomTime(at)
	if at.After(f.newest) {
		f.newest = at
	}
	f.Entries = append(f.Entries, e)
}

func atomTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (s *Site) sendFeed(w http.ResponseWriter, f *atomFeed) error {
	if f.newest.IsZero() {
		f.newest = s.Clock()
	}
	f.Updated = atomTime(f.newest)
	text, err := xml.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing a feed: %w", err)
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // its address may hold a token
	_, err = w.Write(append([]byte(xml.Header), text...))
	return err
}

func (s *Site) addEvents(f *atomFeed, events []activity.Event) {
	for i := range events {
		e := &events[i]
		f.add(atomEntry{ID: s.tag("event", e.ID), Title: e.Sentence(), Published: atomTime(e.Created)}, e.By(), s.URL+e.Path(), e.Created)
	}
}

// myFeed is what happened in the workspaces that the gate lets the person into.
func (s *Site) myFeed(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	standings, err := s.standings(r, g)
	if err != nil {
		return err
	}
	slugs := make([]string, 0, len(standings))
	for _, ws := range standings[:min(len(standings), gathered)] {
		slugs = append(slugs, ws.Slug) // a feed token can't read the workspace itself, so Open says nothing
	}
	reached, err := s.Gate.Reach(r.Context(), g.Actor(), access.ReadActivity, slugs)
	if err != nil {
		return err
	}
	events, _, err := s.Events.Recent(r.Context(), reached, "", entriesOfFeed)
	if err != nil {
		return err
	}
	f := s.newFeed(r, s.tag("activity-of", g.Actor().User), "Recent activity", activityPath)
	s.addEvents(f, events)
	return s.sendFeed(w, f)
}

// repositoryFeed is what happened in a repository, of what the actor may read.
func (s *Site) repositoryFeed(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	events, err := s.Events.Of(r.Context(), g, entriesOfFeed)
	if err != nil {
		return err
	}
	f := s.newFeed(r, s.tag("activity-in", g.Repository().ID), "Activity in "+repositoryPath(g)[1:], repositoryPath(g))
	s.addEvents(f, events)
	return s.sendFeed(w, f)
}

// commitsFeed is the newest commits of the default branch, or of ?branch=.
func (s *Site) commitsFeed(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	f := s.newFeed(r, s.tag("commits-of", g.Repository().ID), "Commits of "+repositoryPath(g)[1:], repositoryPath(g)+"/commits")
	if branch := r.URL.Query().Get("branch"); branch != "" {
		f.ID += "/" + url.PathEscape(branch)
		f.Links[0].Href += "?branch=" + url.QueryEscape(branch)
	}
	content, err := s.Repositories.Open(r.Context(), g)
	if err != nil {
		return err
	}
	place, err := content.Locate(r.Context(), r.URL.Query().Get("branch"))
	if errors.Is(err, repo.ErrEmpty) {
		return s.sendFeed(w, f)
	}
	if err != nil {
		return err
	}
	commits, err := content.Commits(r.Context(), place.Commit, git.LogOptions{Limit: entriesOfFeed})
	if err != nil {
		return err
	}
	for _, c := range commits {
		f.add(atomEntry{
			ID: s.tag("commit", g.Repository().ID+"/"+string(c.OID)), Title: cmp.Or(c.Subject(), c.OID.Short()), Content: c.Message, Published: atomTime(c.Author.When),
		}, c.Author.Name, s.URL+repositoryPath(g)+"/commits/"+string(c.OID), c.Committer.When)
	}
	return s.sendFeed(w, f)
}

// issuesFeed is the issues of a repository, the last changed first.
func (s *Site) issuesFeed(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	list, _, err := s.Issues.List(r.Context(), g, issue.Filter{Sort: issue.ByUpdated}, "", entriesOfFeed)
	if err != nil {
		return err
	}
	f := s.newFeed(r, s.tag("issues-of", g.Repository().ID), "Issues of "+repositoryPath(g)[1:], issuesPath(g))
	for _, i := range list {
		f.add(atomEntry{
			ID: s.tag("issue", i.ID), Title: fmt.Sprintf("#%d %s (%s)", i.Number, i.Title, i.State), Content: i.Body, Published: atomTime(i.Created),
		}, i.Reporter.Name, fmt.Sprintf("%s%s/%d", s.URL, issuesPath(g), i.Number), i.Updated)
	}
	return s.sendFeed(w, f)
}
