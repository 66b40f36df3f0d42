package web

import (
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/ui"
)

// wikiHead is what every page of a wiki shows above.
type wikiHead struct {
	Base     string // address of the wiki
	Name     string // of the page; empty where it is about none
	CanWrite bool
	Query    string // what was searched for
}

// At gives the address of something done with the page.
func (h wikiHead) At(what string) string { return wikiPath(h.Base, what, h.Name) }

// wikiPath is the address of a page, or of something done with it.
func wikiPath(base, what, name string) string {
	return base + escapePath(join(join("", what), name))
}

func (s *Site) wikiHead(g access.Grant, name string) wikiHead {
	return wikiHead{Base: repositoryPath(g) + "/wiki/", Name: name, CanWrite: g.Repository().Permission >= access.Write}
}

func (s *Site) inWiki(r *http.Request, g access.Grant, title string) ui.Shell {
	return s.inRepository(r, g, g.Repository().Slug, title+" · Wiki of "+g.Repository().Slug, "/wiki")
}

// wikiPage is one page of a wiki, as it is or as it was.
type wikiPage struct {
	wikiHead
	Text     template.HTML
	Contents []markup.Heading
	Why      string     // why it isn't shown
	Last     git.Commit // that changed it
	Old      bool       // it isn't the page as it is now
}

// wikiStart is what a wiki without a first page shows.
type wikiStart struct {
	wikiHead
	Clone cloneBox
	Pages bool // there are others
}

func rendered(base string, page wiki.Page) template.HTML {
	dir := path.Dir(page.File)
	if dir == "." {
		dir = ""
	}
	base = strings.TrimSuffix(base, "/")
	return markup.Markdown(page.Text, markup.Links{File: base, Raw: base + "/_raw", Dir: dir, Wiki: true})
}

func (s *Site) showWiki(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return err
	}
	name := strings.Trim(chi.URLParam(r, "*"), "/")
	if name == "" {
		name = wiki.Home
	}
	page, err := opened.Page(r.Context(), name)
	switch {
	case err != nil:
		return err
	case page.Blob != "" && page.Name != name:
		return redirect(w, r, wikiPath(repositoryPath(g)+"/wiki/", "", page.Name))
	case page.Blob == "" && name == wiki.Home:
		start := wikiStart{wikiHead: s.wikiHead(g, name), Clone: s.cloneBox(g, repositoryPath(g)+".git/wiki"), Pages: len(opened.Pages()) > 0}
		return s.render(w, r, http.StatusOK, "wikistart.html", s.inWiki(r, g, "Home"), start)
	case page.Blob == "":
		return s.render(w, r, http.StatusNotFound, "wikimissing.html", s.inWiki(r, g, name), s.wikiHead(g, name))
	}
	shown := wikiPage{wikiHead: s.wikiHead(g, page.Name)}
	versions, err := opened.History(r.Context(), page, "", 1)
	if err != nil {
		return err
	}
	if len(versions) > 0 {
		shown.Last = versions[0].Commit
	}
	return s.showWikiPage(w, r, g, page, shown)
}

func (s *Site) showWikiPage(w http.ResponseWriter, r *http.Request, g access.Grant, page wiki.Page, shown wikiPage) error {
	if shown.Why = page.Why; page.Why == "" {
		shown.Text = rendered(shown.Base, page)
		if headings := markup.Headings(shown.Text); len(headings) > 2 {
			shown.Contents = headings
		}
	}
	return s.render(w, r, http.StatusOK, "wikipage.html", s.inWiki(r, g, page.Name), shown)
}

type wikiPages struct {
	wikiHead
	Clone string
	Pages []ui.Link
	More  bool
	Hits  []wikiHit
}

type wikiHit struct {
	ui.Link
	Lines []git.Match
}

func (s *Site) showWikiPages(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return err
	}
	list := wikiPages{wikiHead: s.wikiHead(g, ""), Clone: "git clone " + s.URL + repositoryPath(g) + ".git/wiki", More: opened.More}
	for _, name := range opened.Pages() {
		list.Pages = append(list.Pages, ui.Link{Text: name, Href: wikiPath(list.Base, "", name)})
	}
	return s.render(w, r, http.StatusOK, "wikipages.html", s.inWiki(r, g, "Pages"), list)
}

func (s *Site) searchWiki(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return err
	}
	list := wikiPages{wikiHead: s.wikiHead(g, "")}
	list.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	hits, more, err := opened.Search(r.Context(), list.Query)
	if err != nil {
		return err
	}
	list.More = more
	for _, hit := range hits {
		list.Hits = append(list.Hits, wikiHit{ui.Link{Text: hit.Name, Href: wikiPath(list.Base, "", hit.Name)}, hit.Lines})
	}
	return s.render(w, r, http.StatusOK, "wikisearch.html", s.inWiki(r, g, "Search"), list)
}

// showWikiRaw is a file of the wiki, such as an image.
func (s *Site) showWikiRaw(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return err
	}
	file := chi.URLParam(r, "*")
	data, err := opened.File(r.Context(), file)
	if err != nil {
		return err
	}
	sendRaw(w, file, data)
	return nil
}

// wikiAt opens the page that the address names, which must be there.
func (s *Site) wikiAt(r *http.Request, g access.Grant) (*wiki.Wiki, wiki.Page, error) {
	opened, err := s.Wikis.Open(r.Context(), g)
	if err != nil {
		return nil, wiki.Page{}, err
	}
	page, err := opened.Page(r.Context(), chi.URLParam(r, "*"))
	if err == nil && page.Blob == "" {
		err = errs.NotFound("There is no such page in this wiki.")
	}
	return opened, page, err
}

const (
	versionsShown = 30
	versionsKnown = 500 // among which one is looked for
)

type wikiHistory struct {
	wikiHead
	Versions []wikiVersion
	Older    string
}

type wikiVersion struct {
	git.Version
	View, Changes string // addresses
}

func (s *Site) showWikiHistory(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, page, err := s.wikiAt(r, g)
	if err != nil {
		return err
	}
	after, _ := git.ParseOID(r.URL.Query().Get("after"))
	versions, err := opened.History(r.Context(), page, after, versionsShown+1)
	if err != nil {
		return err
	}
	list := wikiHistory{wikiHead: s.wikiHead(g, page.Name)}
	if len(versions) > versionsShown {
		versions = versions[:versionsShown]
		list.Older = list.At("_history") + "?after=" + string(versions[versionsShown-1].OID)
	}
	for _, v := range versions {
		list.Versions = append(list.Versions, wikiVersion{
			Version: v, View: list.At("_version") + "?of=" + string(v.OID), Changes: list.At("_diff") + "?to=" + string(v.OID),
		})
	}
	return s.render(w, r, http.StatusOK, "wikihistory.html", s.inWiki(r, g, "History of "+page.Name), list)
}

// wikiVersionOf finds one version of a page, and the one before it: without a
// commit where it was the first.
func wikiVersionOf(r *http.Request, opened *wiki.Wiki, page wiki.Page, of string) (it, before git.Version, err error) {
	versions, err := opened.History(r.Context(), page, "", versionsKnown)
	if err != nil {
		return it, before, err
	}
	for i, v := range versions {
		if string(v.OID) != of {
			continue
		}
		if i+1 < len(versions) {
			before = versions[i+1]
		}
		return v, before, nil
	}
	return it, before, errs.NotFound("There is no such version of this page.")
}

func (s *Site) showWikiVersion(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, page, err := s.wikiAt(r, g)
	if err != nil {
		return err
	}
	version, _, err := wikiVersionOf(r, opened, page, r.URL.Query().Get("of"))
	if err != nil {
		return err
	}
	old, err := opened.At(r.Context(), version.OID, version.Path)
	if err != nil {
		return err
	}
	shown := wikiPage{wikiHead: s.wikiHead(g, page.Name), Last: version.Commit, Old: true}
	return s.showWikiPage(w, r, g, old, shown)
}

type wikiDiff struct {
	wikiHead
	From, To git.Commit // From is zero where there was none
	Diff     textDiff
}

// textDiff is how one text differs from another: the fragment "text-diff".
type textDiff struct {
	git.FileDiff
	More bool
	Of   string // the file, where a page compares several
}

func (s *Site) showWikiDiff(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	opened, page, err := s.wikiAt(r, g)
	if err != nil {
		return err
	}
	to, from, err := wikiVersionOf(r, opened, page, r.URL.Query().Get("to"))
	if chosen := r.URL.Query().Get("from"); err == nil && chosen != "" {
		from, _, err = wikiVersionOf(r, opened, page, chosen)
	}
	if err != nil {
		return err
	}
	var blobs [2]git.OID
	for i, v := range []git.Version{from, to} {
		if v.OID == "" {
			continue
		}
		then, err := opened.At(r.Context(), v.OID, v.Path)
		if err != nil && !errs.Is(err, errs.KindNotFound) { // it was deleted then
			return err
		}
		blobs[i] = then.Blob
	}
	shown := wikiDiff{wikiHead: s.wikiHead(g, page.Name), From: from.Commit, To: to.Commit}
	if shown.Diff.FileDiff, shown.Diff.More, err = opened.Diff(r.Context(), blobs[0], blobs[1]); err != nil {
		return err
	}
	shell := s.inWiki(r, g, "Changes of "+page.Name)
	shell.Wide = true
	return s.render(w, r, http.StatusOK, "wikidiff.html", shell, shown)
}
