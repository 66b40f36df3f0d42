package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
)

// decisionLine is what the gate said to the person, in words.
type decisionLine struct {
	Last    time.Time
	Count   int64
	Door    string
	What    string // the name that was asked for; empty: their own settings
	Doing   string
	By      string
	Verdict string
	Good    bool
	Why     string
	Reason  string // the code, as logs and programs have it
	Held    string
}

func (s *Site) decisionLines(r *http.Request, g access.Grant) ([]decisionLine, error) {
	decisions, err := s.Gate.Decisions(r.Context(), g)
	if err != nil {
		return nil, err
	}
	tokens, err := s.Tokens.List(r.Context(), g)
	if err != nil {
		return nil, err
	}
	names := map[string]string{g.Actor().CredentialID: "this browser"}
	for _, t := range tokens {
		names[t.ID] = "the API token “" + t.Name + "”"
	}
	lines := make([]decisionLine, len(decisions))
	for i, d := range decisions {
		by := names[d.CredentialID]
		if by == "" {
			by = "another " + credentialWords(d.Credential)
		}
		lines[i] = decisionLine{
			Last: d.Last, Count: d.Count, Door: doorWords(string(d.Door)), What: targetWords(d.Target),
			Doing: strings.ReplaceAll(d.Action, "_", " "), By: by, Verdict: outcomeWords(d.Outcome),
			Good: d.Outcome == access.Allow, Why: d.Why(), Reason: string(d.Reason), Held: heldWords(d.Held, d.Last),
		}
	}
	return lines, nil
}

func targetWords(t access.Target) string {
	switch {
	case t.Snippet != "":
		return t.Workspace + ", snippet " + t.Snippet
	case t.Repository != "":
		return t.Workspace + "/" + t.Repository
	default:
		return t.Workspace
	}
}

func outcomeWords(o access.Outcome) string {
	switch o {
	case access.Allow:
		return "Let through"
	case access.Hidden:
		return "Nothing found"
	case access.Enrol:
		return "Asked to turn two-step verification on"
	case access.Strengthen:
		return "Asked for a security key"
	case access.Verify:
		return "Asked for the second step"
	case access.Renew:
		return "Asked for the second step again"
	default:
		return "Refused"
	}
}

// heldWords says what was proven then.
func heldWords(e access.Evidence, then time.Time) string {
	words := []string{"Two-step verification off"}
	if e.Factors.Enrolled() {
		words[0] = "Two-step verification on"
		if method := stepWords(e.Step.Method); method != "" {
			words = append(words, "second step by "+method+" "+before(then.Sub(e.Step.At)))
		} else {
			words = append(words, "no second step by this credential")
		}
	}
	if e.Account.MFA() {
		words = append(words, "MFA at the account "+before(then.Sub(e.Account.AuthTime)))
	}
	return strings.Join(words, "; ")
}

// before says how long before something else a thing was.
func before(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just before"
	case d < time.Hour:
		return fmt.Sprintf("%d min before", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h before", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days before", int(d.Hours()/24))
	}
}
