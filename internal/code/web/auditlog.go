package web

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/ui"
)

const (
	auditShown  = 50 // entries on one page
	turnedShown = 20
)

type auditPage struct {
	Who, What, From, To ui.Field
	Filtered            bool
	Path, Export        string
	Entries             []auditLine
	Older               string // address of the entries before these; empty: that's all
	Turned              []turnedLine
}

// auditLine is an entry as it is told.
type auditLine struct {
	workspace.AuditEntry
	Words   string   // what was done
	Who     string   // who did it, where no user did
	By      string   // by which credential
	Changes []string // from what to what
}

type turnedLine struct {
	workspace.Turned
	Words, Door string
}

func (s *Site) showAudit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	query := r.URL.Query()
	form := ui.Form{Values: query, Errors: map[string]string{}}
	filter, status := auditFilter(query, form.Errors), http.StatusOK
	if len(form.Errors) > 0 {
		status = http.StatusBadRequest
	}
	entries, err := s.Workspaces.AuditLog(r.Context(), g, filter, auditShown+1)
	if err != nil {
		return err
	}
	path := settingsPath(g) + "audit-log"
	page := auditPage{
		Who: form.Text("who", "Who"), What: form.Select("what", "What", auditKinds()), From: day(form, "from", "From"), To: day(form, "to", "To"),
		Filtered: filter != workspace.AuditFilter{}, Path: path, Export: path + "/export",
	}
	if len(entries) > auditShown {
		entries = entries[:auditShown]
		query.Set("before", strconv.FormatInt(entries[auditShown-1].Seq, 10))
		page.Older = "?" + query.Encode()
	}
	for _, entry := range entries {
		page.Entries = append(page.Entries, auditLineOf(entry))
	}
	if !page.Filtered {
		if page.Turned, err = s.turnedAway(r, g); err != nil {
			return err
		}
	}
	return s.render(w, r, status, "auditlog.html", s.settingsOf(r, g, "Audit log", "audit-log"), page)
}

func (s *Site) turnedAway(r *http.Request, g access.Grant) ([]turnedLine, error) {
	turned, err := s.Workspaces.TurnedAway(r.Context(), g, turnedShown)
	lines := make([]turnedLine, len(turned))
	for i, t := range turned {
		lines[i] = turnedLine{t, turnedWords(t), doorWords(string(t.Door))}
	}
	return lines, err
}

// turnedWords says why somebody wasn't let through, to whoever reads of it later.
func turnedWords(t workspace.Turned) string {
	switch t.Reason {
	case access.ReasonSignedOut:
		return "Nobody was signed in."
	case access.ReasonNotFound:
		return "What was asked for isn't there, or isn't theirs to see."
	case access.ReasonPermission:
		return "Their permission isn't enough."
	case access.ReasonStepNeeded, access.ReasonStepExpired, access.ReasonFreshStep:
		return "Their second step was asked for."
	default:
		return (&access.Refusal{Verdict: access.Verdict{Outcome: t.Outcome, Reason: t.Reason}}).Sentence()
	}
}

// exportAudit sends the workspace's whole part as JSON Lines.
func (s *Site) exportAudit(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+g.Workspace().Slug+`-audit.jsonl"`)
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriter(w)
	if err := s.Workspaces.ExportAudit(r.Context(), g, out); err != nil {
		return err
	}
	return out.Flush()
}

func day(form ui.Form, name, label string) ui.Field {
	field := form.Text(name, label)
	field.Type = "date"
	if field.Error != "" {
		field.Value = "" // no browser takes it
	}
	return field
}

// auditFilter reads what is asked for; what can't be read is said of its field.
func auditFilter(query url.Values, wrong map[string]string) workspace.AuditFilter {
	f := workspace.AuditFilter{Who: query.Get("who"), What: query.Get("what")}
	date := func(name string) time.Time {
		text := query.Get(name)
		if text == "" {
			return time.Time{}
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			wrong[name] = "Give a day such as 2026-07-01."
		}
		return at
	}
	f.From, f.To = date("from"), date("to")
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1) // the whole of the day
	}
	if before := query.Get("before"); before != "" {
		at, err := strconv.ParseInt(before, 10, 64)
		if err != nil || at < 1 {
			at = 1
		}
		f.Before = at
	}
	return f
}

func auditKinds() []ui.Option {
	return []ui.Option{
		{Value: "", Label: "Everything"},
		{Value: "workspace.policy", Label: "Access controls"},
		{Value: "member", Label: "Members"},
		{Value: "invitation", Label: "Invitations"},
		{Value: "group", Label: "Groups"},
		{Value: "repository", Label: "Repositories"},
		{Value: "issue", Label: "Issues"},
		{Value: "wiki", Label: "Wikis"},
		{Value: "snippet", Label: "Snippets"},
		{Value: "token", Label: "Tokens"},
		{Value: "deploy_key", Label: "Deploy keys"},
		{Value: "workspace", Label: "The workspace itself"},
		{Value: "user", Label: "Suspensions"},
		{Value: "access", Label: "Challenges and refusals"},
	}
}

func auditLineOf(entry workspace.AuditEntry) auditLine {
	line := auditLine{AuditEntry: entry, Words: auditWords(entry.Action), Who: entry.Actor}
	if entry.Credential != "" {
		line.By = credentialWords(access.Credential(entry.Credential))
	}
	switch {
	case entry.Actor == "operator":
		line.Who = "The operator"
	case entry.Actor == "":
		line.Who = "Nobody signed in, or a machine"
	case entry.Actor == "issuer":
		line.Who = "The sign-in service"
	case access.Credential(entry.Credential).Machine():
		line.Who, line.By = line.By, ""
	}
	var detail map[string]any
	if err := json.Unmarshal([]byte(entry.Detail), &detail); err != nil {
		line.Changes = []string{entry.Detail}
		return line
	}
	line.Changes = toldChanges(detail)
	return line
}

// toldChanges tells a detail line by line: what was and is, where it says both.
func toldChanges(detail map[string]any) []string {
	from, hasFrom := detail["from"]
	to, hasTo := detail["to"]
	var lines []string
	if hasFrom && hasTo {
		before, wasObject := from.(map[string]any)
		after, isObject := to.(map[string]any)
		if !wasObject || !isObject {
			lines = append(lines, value(from)+" → "+value(to))
		}
		for _, key := range slices.Sorted(maps.Keys(after)) {
			if was, is := value(before[key]), value(after[key]); was != is {
				lines = append(lines, key+": "+was+" → "+is)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(before)) {
			if _, still := after[key]; !still {
				lines = append(lines, key+": "+value(before[key])+" → none")
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(detail)) {
		text, isText := detail[key].(string)
		if hasFrom && hasTo && (key == "from" || key == "to") || isText && uuid.Validate(text) == nil {
			continue // an id tells people nothing; the export has it
		}
		lines = append(lines, key+": "+value(detail[key]))
	}
	return lines
}

func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case string:
		if v == "" {
			return "none"
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		words := make([]string, len(v))
		for i, each := range v {
			words[i] = value(each)
		}
		return strings.Join(words, ", ")
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	}
}

// actionWords says what each action was that a workspace's owners are told of.
var actionWords = map[string]string{
	"workspace.created":         "Created the workspace",
	"workspace.renamed":         "Renamed the workspace",
	"workspace.defaults":        "Changed what every member may do",
	"workspace.policy":          "Changed the access controls",
	"workspace.plan":            "Set the plan",
	"workspace.deleted":         "Deleted the workspace",
	"invitation.sent":           "Invited somebody",
	"invitation.revoked":        "Withdrew an invitation",
	"invitation.accepted":       "Joined by an invitation",
	"invitation.declined":       "Declined an invitation",
	"member.role":               "Changed a member's role",
	"member.removed":            "Removed a member",
	"member.left":               "Left the workspace",
	"members.reminded":          "Reminded the members who aren't ready",
	"group.created":             "Created a group",
	"group.changed":             "Changed a group",
	"group.deleted":             "Deleted a group",
	"group.member_added":        "Added to a group",
	"group.member_removed":      "Removed from a group",
	"repository.created":        "Created a repository",
	"repository.description":    "Described a repository",
	"repository.name":           "Renamed a repository",
	"repository.archived":       "Archived a repository, or opened it again",
	"repository.branch_rule":    "Changed who may push to which branches",
	"repository.default_branch": "Chose a repository's default branch",
	"repository.visibility":     "Changed a repository's visibility",
	"repository.permission":     "Changed a permission on a repository",
	"repository.deleted":        "Deleted a repository",
	"repository.transferred":    "Transferred a repository to another workspace",
	"repository.received":       "Received a repository from another workspace",
	"issues.changed":            "Changed who reads an issue tracker, or whether there is one",
	"issues.imported":           "Imported an issue tracker",
	"issue.created":             "Raised an issue",
	"issue.changed":             "Changed an issue",
	"issue.deleted":             "Deleted an issue",
	"issue.commented":           "Commented on an issue",
	"issue.comment_edited":      "Edited a comment on an issue",
	"issue.comment_deleted":     "Deleted a comment on an issue",
	"issue.choice_added":        "Added a component, milestone or version",
	"issue.choice_changed":      "Changed or deleted a component, milestone or version",
	"issue.attachment_changed":  "Attached a file to an issue, or took it away",
	"wiki.changed":              "Changed who reads a wiki, or whether there is one",
	"snippet.created":           "Created a snippet",
	"snippet.changed":           "Changed a snippet",
	"snippet.visibility":        "Changed a snippet's visibility",
	"snippet.deleted":           "Deleted a snippet",
	"snippet.commented":         "Commented on a snippet",
	"snippet.comment_edited":    "Edited a comment on a snippet",
	"snippet.comment_deleted":   "Deleted a comment on a snippet",
	"token.created":             "Made a token",
	"token.renamed":             "Renamed a token",
	"token.rotated":             "Replaced a token",
	"token.revoked":             "Revoked a token",
	"deploy_key.added":          "Added a deploy key",
	"deploy_key.removed":        "Removed a deploy key",
	"access.turned_away":        "Was asked for something, or refused, on one day",
	"user.suspended":            "Suspended a user",
	"user.resumed":              "Let a user in again",
}

// auditWords says what an action was; one without words of its own stands as it is.
func auditWords(action string) string { return cmp.Or(actionWords[action], action) }
