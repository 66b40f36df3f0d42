package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/markup"
)

// maxReferences is how many different words of one page are looked up.
const maxReferences = 60

// references finds what words in the texts of one page refer to. What the
// visitor may not know of is no reference, nor is what can't be read just now.
type references struct {
	site    *Site
	r       *http.Request
	g       access.Grant
	known   map[string]string
	content *repo.Content
	closed  bool          // the code isn't the visitor's to read
	tracker *access.Grant // the zero one: the tracker isn't the visitor's to read; nil: not asked yet
}

// message is a commit's message, or a part of it, as a page shows it.
type message struct {
	Href   string // of the commit; empty: the text leads nowhere
	Pieces []markup.Piece
}

// message parts a text at the issues and commits that it names, of which the
// visitor may know.
func (s *Site) message(r *http.Request, g access.Grant, text, href string) message {
	refs := s.references(r, g)
	pieces := markup.Pieces(text, func(word string) string {
		if word[0] == '@' {
			return ""
		}
		return refs.find(word)
	})
	if href != "" && !slices.ContainsFunc(pieces, func(p markup.Piece) bool { return p.Href == "" && strings.TrimSpace(p.Text) != "" }) {
		pieces = []markup.Piece{{Text: text}} // or no word were left to lead to the commit
	}
	return message{href, pieces}
}

func (s *Site) references(r *http.Request, g access.Grant) *references {
	v := visitorOf(r)
	if v.refs == nil {
		v.refs = &references{site: s, r: r, g: g, known: map[string]string{}}
	}
	return v.refs
}

func (f *references) find(word string) string {
	if to, known := f.known[word]; known {
		return to
	}
	if len(f.known) >= maxReferences {
		return ""
	}
	to := ""
	switch word[0] {
	case '#':
		number, _ := strconv.ParseInt(word[1:], 10, 64) // its digits are few
		if tracker, open := f.issues(); open {
			if there, err := f.site.Issues.Has(f.r.Context(), tracker, number); err == nil && there {
				to = issuePath(f.g, number)
			}
		}
	case '@':
		name := strings.ToLower(word[1:])
		if there, err := f.site.Issues.Member(f.r.Context(), f.g, name); err == nil && there {
			to = issuesPath(f.g) + "?" + url.Values{"assignee": {name}, "state": {"all"}}.Encode()
		}
	default:
		to = f.commit(word)
	}
	f.known[word] = to
	return to
}

// issues asks the gate for the tracker, where it didn't open the page: who reads
// the code needn't be allowed to know of the issues.
func (f *references) issues() (access.Grant, bool) {
	if f.g.Action().Content() == access.IssueTracker {
		return f.g, true
	}
	if f.tracker == nil {
		f.tracker = &access.Grant{}
		if f.g.Sees(access.IssueTracker) {
			target := access.Target{Workspace: f.g.Workspace().Slug, Repository: f.g.Repository().Slug}
			if read, err := f.site.Gate.Check(f.r.Context(), f.g.Actor(), target, access.ReadIssues); err == nil {
				f.tracker = &read
			}
		}
	}
	return *f.tracker, f.tracker.Action() != 0
}

// commit asks the gate for the code first: a public tracker tells nothing of a
// private repository.
func (f *references) commit(id string) string {
	if f.content == nil && !f.closed {
		f.closed = true
		if !f.g.Sees(access.Repository) {
			return ""
		}
		target := access.Target{Workspace: f.g.Workspace().Slug, Repository: f.g.Repository().Slug}
		read, err := f.site.Gate.Check(f.r.Context(), f.g.Actor(), target, access.ReadRepository)
		if err != nil {
			return ""
		}
		if f.content, err = f.site.Repositories.Open(f.r.Context(), read); err != nil {
			f.content = nil
			return ""
		}
	}
	if f.content == nil {
		return ""
	}
	oid, err := f.content.Abbreviated(f.r.Context(), id)
	if err != nil {
		return ""
	}
	return repositoryPath(f.g) + "/commits/" + string(oid)
}
