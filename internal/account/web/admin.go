package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

const (
	peoplePath    = "/admin/people"
	approvalsPath = "/admin/approvals"
	policyPath    = "/admin/policy"
	peopleEach    = 50 // people on a page
)

// admins lets in administrators, and tells everybody else that there is
// nothing here.
func (s *Site) admins(h signedIn) handler {
	return s.own(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		if !who.Person.Administrator {
			return errNoRoute
		}
		return h(w, r, who)
	})
}

// administration is the frame of a page for administrators.
func (s *Site) administration(r *http.Request, title, current string) ui.Shell {
	shell := s.shell(r, title)
	shell.Crumbs = []ui.Link{{Text: "Administration", Href: peoplePath}, {Text: title}}
	shell.Side = []ui.Link{
		{Text: "People", Href: peoplePath, Icon: "people"},
		{Text: "Approvals", Href: approvalsPath, Icon: "check"},
		{Text: "Apps", Href: appsPath, Icon: "module"},
		{Text: "Policy", Href: policyPath, Icon: "shield"},
	}
	mark(shell.Side, current)
	return shell
}

func author(r *http.Request, who signin.Session) person.Author {
	return person.Author{ID: who.Person.ID, From: address(r)}
}

// peoplePage lists people.
type peoplePage struct {
	Search  string
	People  []admin.Row
	Next    string // address of the rest; empty: that was all
	Waiting int    // how much waits for this administrator's approval
	Form    ui.Form
}

// approvalsPage lists what waits for a second administrator.
type approvalsPage struct {
	Approvals []approvalLine
	Problem   string
}

type approvalLine struct {
	admin.Approval
	May  bool // this administrator may say yes
	Mine bool // and this one asked
}

func (s *Site) showPeople(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	return s.people(w, r, who, ui.Form{}, http.StatusOK)
}

func (s *Site) peopleAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.admins(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.people(w, r, who, form, status)
	})(w, r)
}

func (s *Site) people(w http.ResponseWriter, r *http.Request, who signin.Session, form ui.Form, status int) error {
	query := r.URL.Query()
	page := peoplePage{Search: strings.TrimSpace(query.Get("search")), Form: form}
	var err error
	if page.People, err = s.Admin.List(r.Context(), page.Search, query.Get("after"), peopleEach+1); err != nil {
		return err
	}
	if len(page.People) > peopleEach {
		page.People = page.People[:peopleEach]
		rest := url.Values{"after": {page.People[peopleEach-1].Email}}
		if page.Search != "" {
			rest.Set("search", page.Search)
		}
		page.Next = peoplePath + "?" + rest.Encode()
	}
	lines, err := s.approvals(r, who)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if line.May {
			page.Waiting++
		}
	}
	return s.render(w, r, status, "people.html", s.administration(r, "People", peoplePath), page)
}

func (s *Site) approvals(r *http.Request, who signin.Session) ([]approvalLine, error) {
	pending, err := s.Admin.Pending(r.Context())
	if err != nil {
		return nil, err
	}
	lines := make([]approvalLine, len(pending))
	for i, a := range pending {
		lines[i] = approvalLine{Approval: a, May: a.For(who.Person.ID), Mine: a.AskedBy == who.Person.ID}
	}
	return lines, nil
}

// invitePerson makes a person who chooses their password by a mailed link.
func (s *Site) invitePerson(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	_, err := s.People.Create(r.Context(), person.Input{
		Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), By: author(r, who),
	})
	if errs.Is(err, errs.KindConflict) {
		return errs.Conflict("email", "This address has an account already. Look for it in the list.")
	}
	if err != nil {
		return err
	}
	return s.done(w, r, peoplePath, "invited")
}

// personPage is one person, to an administrator.
type personPage struct {
	Row      admin.Row
	Emails   []person.Email
	Own      bool // it is the administrator themselves
	Acts     []actButton
	Problem  string
	Activity []activityLine
}

type actButton struct {
	Act    admin.Act
	Text   string
	Note   string
	Danger bool
	Two    bool // it takes a second administrator
}

func (s *Site) showPerson(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	return s.person(w, r, who, "", http.StatusOK)
}

func (s *Site) person(w http.ResponseWriter, r *http.Request, who signin.Session, problem string, status int) error {
	row, err := s.Admin.Get(r.Context(), chi.URLParam(r, "id"))
	if errs.Is(err, errs.KindNotFound) {
		return errs.NotFound("There is no such person.")
	}
	if err != nil {
		return err
	}
	page := personPage{Row: row, Problem: problem, Own: row.ID == who.Person.ID}
	if page.Emails, err = s.People.Emails(r.Context(), row.ID); err != nil {
		return err
	}
	if !page.Own {
		page.Acts = actsFor(row)
	}
	records, err := s.Audit.Of(r.Context(), "account", row.ID, 0, 10)
	if err != nil {
		return err
	}
	names, err := s.namesIn(r, records)
	if err != nil {
		return err
	}
	for _, record := range records {
		page.Activity = append(page.Activity, lineOf(record, row.ID, names))
	}
	return s.render(w, r, status, "person.html", s.administration(r, row.Name, peoplePath), page)
}

// actsFor lists what can be done to a person as they are.
func actsFor(row admin.Row) []actButton {
	var all []actButton
	for _, act := range admin.Acts() {
		if !admin.Fits(act, row) {
			continue
		}
		all = append(all, actButton{
			Act: act, Text: act.Words(), Note: act.Meaning(), Danger: act == admin.Suspend, Two: admin.NeedsTwo(act, row.Person),
		})
	}
	return all
}

func (s *Site) act(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	id := chi.URLParam(r, "id")
	done, err := s.Admin.Do(r.Context(), admin.Act(r.PostForm.Get("act")), id, author(r, who))
	if err != nil {
		return err
	}
	if !done {
		return s.done(w, r, approvalsPath, "asked")
	}
	return s.done(w, r, peoplePath+"/"+id, "saved")
}

func (s *Site) actAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.admins(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.person(w, r, who, form.Message(), status)
	})(w, r)
}

func (s *Site) showApprovals(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	return s.approvalsForm(w, r, who, "", http.StatusOK)
}

func (s *Site) approvalsForm(w http.ResponseWriter, r *http.Request, who signin.Session, problem string, status int) error {
	lines, err := s.approvals(r, who)
	if err != nil {
		return err
	}
	page := approvalsPage{Approvals: lines, Problem: problem}
	return s.render(w, r, status, "approvals.html", s.administration(r, "Approvals", approvalsPath), page)
}

func (s *Site) approvalsAgain(w http.ResponseWriter, r *http.Request, form ui.Form, status int) error {
	return s.admins(func(w http.ResponseWriter, r *http.Request, who signin.Session) error {
		return s.approvalsForm(w, r, who, form.Message(), status)
	})(w, r)
}

// decide is a second administrator's yes or no, or the first one's second thought.
func (s *Site) decide(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	yes := r.PostForm.Get("answer") == "yes"
	if err := s.Admin.Decide(r.Context(), r.PostForm.Get("id"), yes, author(r, who)); err != nil {
		return err
	}
	if yes {
		return s.done(w, r, approvalsPath, "approved")
	}
	return s.done(w, r, approvalsPath, "refused")
}
