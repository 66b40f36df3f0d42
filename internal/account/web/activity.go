package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/errs"
)

const activityEach = 50 // lines on a page

// activityPage lists what happened on a person's account.
type activityPage struct {
	Lines []activityLine
	Older int64 // the sequence number to go on before; 0: that was all
}

type activityLine struct {
	At   time.Time
	What string
	Who  string // empty: the person
	From string
}

func (s *Site) showActivity(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil && r.URL.Query().Has("before") || before < 0 {
		return errs.Invalid("", "That isn't a place in your activity. Start at its newest.")
	}
	records, err := s.Audit.Of(r.Context(), "account", who.Person.ID, before, activityEach+1)
	if err != nil {
		return err
	}
	var page activityPage
	if len(records) > activityEach {
		records = records[:activityEach]
		page.Older = records[activityEach-1].Seq
	}
	names, err := s.namesIn(r, records)
	if err != nil {
		return err
	}
	for _, record := range records {
		page.Lines = append(page.Lines, lineOf(record, who.Person.ID, names))
	}
	return s.render(w, r, http.StatusOK, "activity.html", s.personal(r, "Activity", activityPath), page)
}

// namesIn gives the names of everybody who acts or is acted on in the records,
// and of the apps.
func (s *Site) namesIn(r *http.Request, records []audit.Record) (map[string]string, error) {
	ids := map[string]bool{}
	for _, record := range records {
		ids[record.Actor], ids[record.Target] = true, true
	}
	names := map[string]string{}
	for id := range ids {
		p, err := s.People.Get(r.Context(), id)
		name := p.Name
		if errs.Is(err, errs.KindNotFound) {
			var app provider.App
			app, err = s.Provider.App(r.Context(), id)
			name = app.Name
		}
		if err != nil && !errs.Is(err, errs.KindNotFound) {
			return nil, err
		}
		if err == nil {
			names[id] = name
		}
	}
	return names, nil
}

func lineOf(record audit.Record, own string, names map[string]string) activityLine {
	line := activityLine{At: record.At, From: record.Address}
	var detail map[string]any
	if json.Unmarshal([]byte(record.Detail), &detail) != nil {
		detail = nil // it is told without
	}
	about := ""
	if record.Target != own {
		about = names[record.Target]
	}
	line.What = happened(record.Action, about, detail)
	switch {
	case record.Actor == own || record.Actor == "":
	case record.Actor == "operator":
		line.Who = "the operator of this site"
	case names[record.Actor] != "":
		line.Who = names[record.Actor]
	default:
		line.Who = "somebody who isn't here any more"
	}
	return line
}
