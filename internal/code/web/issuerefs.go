package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
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
	closed  bool // the code isn't the visitor's to read
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
		if there, err := f.site.Issues.Has(f.r.Context(), f.g, number); err == nil && there {
			to = issuePath(f.g, number)
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
