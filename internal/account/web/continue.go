package web

import (
	"net/http"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
)

// continuePage asks a person who is signed in whether to go on to an app as
// who they are, where the app wants that asked.
type continuePage struct {
	Flow   string
	App    string
	First  bool // it is one of our own products
	Person person.Person
	Allows []string // what the app may do afterwards
	Other  string
}

func (s *Site) showContinue(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	flow := r.Form.Get("flow")
	waits, err := s.Provider.Pending(r.Context(), flow)
	if err != nil {
		return err
	}
	page := continuePage{
		Flow: flow, App: waits.AppName, First: waits.First, Person: who.Person, Allows: waits.Allows, Other: withFlow("/signin", flow),
	}
	return s.render(w, r, http.StatusOK, "continue.html", s.narrow(r, "Continue"), page)
}

func (s *Site) answerContinue(w http.ResponseWriter, r *http.Request, who signin.Session) error {
	flow := r.PostForm.Get("flow")
	if r.PostForm.Get("answer") != "yes" {
		to, err := s.Provider.Decline(r.Context(), flow)
		if err != nil {
			return err
		}
		http.Redirect(w, r, to, http.StatusSeeOther) // the app's registered address
		return nil
	}
	if err := s.Provider.Agree(r.Context(), flow, who, address(r)); err != nil {
		return err
	}
	return redirect(w, r, provider.BackTo(flow))
}
