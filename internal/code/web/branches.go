package web

import (
	"net/http"
	"net/url"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
)

const (
	branchesShown = 100
	tagsShown     = 50
)

type branchesPage struct {
	Base     string
	Form     ui.Form
	Branches []branchLine
	More     string // address of those that follow; empty: none do
	CanWrite bool
	CanAdmin bool
	Compare  string
}

type branchLine struct {
	repo.Branch
	Href    string
	Compare string // with the default branch
	Counts  git.Counts
	Counted bool
}

func (s *Site) showBranches(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.branchesAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) branchesAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	first, _, err := o.content.Branches(r.Context(), "", 1)
	if err != nil {
		return err
	}
	branches, more, err := o.content.Branches(r.Context(), r.URL.Query().Get("after"), branchesShown)
	if err != nil {
		return err
	}
	page := branchesPage{
		Base: o.base, Form: form, Compare: o.base + "/diff",
		CanWrite: canWrite(g), CanAdmin: g.Repository().Permission >= access.Admin,
	}
	if more {
		page.More = o.base + "/branches?after=" + url.QueryEscape(branches[len(branches)-1].Name)
	}
	if len(branches) > 0 {
		if page.Branches, err = o.branchLines(r, first[0], branches); err != nil {
			return err
		}
	}
	return s.render(w, r, status, "branches.html", s.inRepository(r, g, o.Name, "Branches · "+o.Name, "/branches"), page)
}

func (o opened) branchLines(r *http.Request, first repo.Branch, branches []repo.Branch) ([]branchLine, error) {
	counts, err := o.content.Counts(r.Context(), first, branches)
	if err != nil {
		return nil, err
	}
	lines := make([]branchLine, len(branches))
	for i, b := range branches {
		lines[i] = branchLine{Branch: b, Href: o.source(b.Name, "")}
		if !b.Default {
			lines[i].Compare = escapePath(o.base + "/diff/" + first.Name + ".." + b.Name)
			lines[i].Counts, lines[i].Counted = counts[b.Commit.OID]
		}
	}
	return lines, nil
}

func (s *Site) createBranch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.createRef(w, r, g, false)
}

func (s *Site) createTag(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.createRef(w, r, g, true)
}

func (s *Site) createRef(w http.ResponseWriter, r *http.Request, g access.Grant, tag bool) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	place, err := o.content.Locate(r.Context(), r.PostFormValue("from"))
	if err != nil || place.Path != "" {
		return errNoStart(err)
	}
	if err := s.Repositories.CreateRef(r.Context(), g, tag, r.PostFormValue("name"), place); err != nil {
		return err
	}
	return s.done(w, r, o.refsPath(tag), "created")
}

func (s *Site) deleteBranch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.deleteRef(w, r, g, false)
}

func (s *Site) deleteTag(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.deleteRef(w, r, g, true)
}

func (s *Site) deleteRef(w http.ResponseWriter, r *http.Request, g access.Grant, tag bool) error {
	seen, _ := git.ParseOID(r.PostFormValue("seen"))
	if err := s.Repositories.DeleteRef(r.Context(), g, tag, r.PostFormValue("name"), seen); err != nil {
		return err
	}
	return s.done(w, r, opened{base: repositoryPath(g)}.refsPath(tag), "refdeleted")
}

func (s *Site) setDefaultBranch(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Repositories.SetDefaultBranch(r.Context(), g, r.PostFormValue("name")); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/branches", "saved")
}

// canWrite reports whether forms that change the repository are of use.
func canWrite(g access.Grant) bool {
	return g.Repository().Permission >= access.Write && !g.Repository().Archived
}

func (o opened) refsPath(tag bool) string {
	if tag {
		return o.base + "/tags"
	}
	return o.base + "/branches"
}

type tagsPage struct {
	Base     string
	Form     ui.Form
	Tags     []tagLine
	Older    string
	CanWrite bool
}

type tagLine struct {
	repo.Branch
	Href     string
	Archives []ui.Link
}

func (s *Site) showTags(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	return s.tagsAgain(w, r, g, ui.Form{}, http.StatusOK)
}

func (s *Site) tagsAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	o, err := s.openRepository(r, g)
	if err != nil {
		return err
	}
	tags, more, err := o.content.Tags(r.Context(), r.URL.Query().Get("after"), tagsShown)
	if err != nil {
		return err
	}
	page := tagsPage{Base: o.base, Form: form, CanWrite: canWrite(g)}
	for _, tag := range tags {
		page.Tags = append(page.Tags, tagLine{Branch: tag, Href: o.source(tag.Name, ""), Archives: o.archives(tag.Name)})
	}
	if more {
		page.Older = o.base + "/tags?after=" + url.QueryEscape(tags[len(tags)-1].Name)
	}
	return s.render(w, r, status, "tags.html", s.inRepository(r, g, o.Name, "Tags · "+o.Name, "/branches"), page)
}
