package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

// rosterShown is how many members a page lists.
const rosterShown = 50

// memberLine is a member as a page lists them; for owners with their standing.
type memberLine struct {
	workspace.Standing
	Kinds string // of the factors that are on
	Badge ui.Badge
}

func memberLines(list []workspace.Standing, g access.Grant, now time.Time) []memberLine {
	lines := make([]memberLine, len(list))
	for i, each := range list {
		lines[i] = memberLine{Standing: each}
		if each.Standing != "" {
			lines[i].Kinds, lines[i].Badge = kindWords(each.Factors), standingBadge(each.Standing, g.Workspace().Policy, now)
		}
	}
	return lines
}

// kindWords names the kinds of second step that are on.
func kindWords(f access.Factors) string {
	switch {
	case f.TOTP && f.WebAuthn:
		return "authenticator app, security key or passkey"
	case f.WebAuthn:
		return "security key or passkey"
	case f.TOTP:
		return "authenticator app"
	default:
		return "no second step"
	}
}

// standingBadge says where a member stands under the policy in force.
func standingBadge(standing access.Outcome, p access.Policy, now time.Time) ui.Badge {
	what := map[access.Outcome][3]string{
		access.Enrol:      {"Not set up", "Must set up by ", "Blocked until set up"},
		access.Strengthen: {"Has no security key", "Must add a key by ", "Blocked until a key is added"},
	}[standing]
	switch {
	case standing == access.Allow:
		return ui.Badge{Kind: "good", Icon: "proven", Text: "Ready"}
	case !p.RequireTwoStep:
		return ui.Badge{Icon: "info", Text: what[0]}
	case p.RequireFrom.After(now):
		return ui.Badge{Icon: "clock", Text: what[1] + p.RequireFrom.UTC().Format("2 January 2006")}
	default:
		return ui.Badge{Kind: "bad", Icon: "lock", Text: what[2]}
	}
}

// filterOf reads which members are asked for.
func filterOf(query url.Values) workspace.Filter {
	f := workspace.Filter{Query: query.Get("q"), After: query.Get("after"), Limit: rosterShown}
	switch standing := query.Get("standing"); standing {
	case "waiting":
		f.Waiting = true
	case "ready":
		f.Only = access.Allow
	case "enrol", "strengthen":
		f.Only = access.Outcome(standing)
	}
	return f
}

func standingOptions() []ui.Option {
	return []ui.Option{
		{Value: "", Label: "Everyone"},
		{Value: "waiting", Label: "Who isn't ready"},
		{Value: "enrol", Label: "Who must set up two-step verification"},
		{Value: "strengthen", Label: "Who must add a security key or passkey"},
		{Value: "ready", Label: "Who is ready"},
	}
}

// writeRoster gives the chosen members as a table for other programs; the
// columns of evidence are for owners.
func (s *Site) writeRoster(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	filter := filterOf(r.URL.Query())
	filter.After, filter.Limit = "", 1<<30
	list, _, err := s.Workspaces.Roster(r.Context(), g, filter)
	if err != nil {
		return err
	}
	owner := g.Workspace().Role == access.Owner
	head := []string{"username", "name", "role", "since"}
	if owner {
		head = append(head, "email", "standing", "factors", "last_used", "required_from")
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-members.csv"`, g.Workspace().Slug))
	w.Header().Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	_ = out.Write(head) // the reader went away: Error tells at the end
	for _, each := range list {
		line := []string{each.Username, each.Name, string(each.Role), stamp(each.Since)}
		if owner {
			line = append(line, each.Email, standingWord(each.Standing), strings.Join(factorNames(each.Factors), " "),
				stamp(each.LastUse), stamp(g.Workspace().Policy.RequireFrom))
		}
		for i := range line {
			line[i] = plainCell(line[i])
		}
		_ = out.Write(line)
	}
	out.Flush()
	return nil
}

// plainCell keeps a spreadsheet from taking what somebody called themselves for
// a formula (OWASP, CSV Injection).
func plainCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func standingWord(standing access.Outcome) string {
	switch standing {
	case access.Allow:
		return "ready"
	case access.Strengthen:
		return "must_strengthen"
	default:
		return "must_enrol"
	}
}

func factorNames(f access.Factors) []string {
	var names []string
	if f.TOTP {
		names = append(names, "totp")
	}
	if f.WebAuthn {
		names = append(names, "webauthn")
	}
	return names
}

// remind mails those who aren't ready.
func (s *Site) remind(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	n, err := s.Workspaces.Remind(r.Context(), g)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.done(w, r, membersPath(g), "allready")
	}
	return s.done(w, r, membersPath(g), "reminded")
}

// chart is how coverage went, as a line in a box of 300 by 60.
type chart struct {
	Points string // of an SVG polyline; empty: there is too little to draw
	Label  string // the same in words
}

func chartOf(days []workspace.CoverageDay) chart {
	if len(days) < 2 {
		return chart{}
	}
	first, last := days[0], days[len(days)-1]
	share := func(d workspace.CoverageDay) float64 { return float64(d.Ready) / float64(max(d.Total, 1)) }
	var points strings.Builder
	for _, d := range days {
		x := 300 * float64(d.Day-first.Day) / float64(max(last.Day-first.Day, 1))
		fmt.Fprintf(&points, "%.1f,%.1f ", x, 58-56*share(d))
	}
	return chart{
		Points: strings.TrimSpace(points.String()),
		Label:  fmt.Sprintf("From %.0f %% ready on %s to %.0f %% on %s.", 100*share(first), dayWords(first.Day), 100*share(last), dayWords(last.Day)),
	}
}

func dayWords(day int64) string { return time.Unix(day*86400, 0).UTC().Format("2 January") }
