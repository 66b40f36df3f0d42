package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

// TestMatrix asks about every registered route and git command, by everybody
// with every credential, under every variant of the rules, of public and of
// private content. What must be answered comes from the oracle, which was
// written from the design: through Check for all of it, and through the real
// doors for the rules that tell people apart most.
func TestMatrix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		m := newMatrix(t, d)
		m.declared()
		if d.Engine == db.Postgres { // the same rule for each route of an action: one of each is enough
			m.onePerAction()
		}
		variants := rules(m.Now.Now())
		judged, asked := 0, 0
		for _, name := range slices.Sorted(maps.Keys(variants)) {
			for _, public := range []bool{false, true} {
				m.set(variants[name], public)
				judged += m.judge(name, variants[name], public)
			}
		}
		for _, name := range []string{"off", "on", "on, strong only", "on, account counts"} {
			m.set(variants[name], false)
			asked += m.ask(name, variants[name])
		}
		t.Logf("%d routes, %d callers, %d rules: %d cases through Check, %d through the doors", len(m.routes), len(m.callers), len(variants), judged, asked)
		if judged < 50_000 || asked < 1000 {
			t.Error("too few cases: something fell out of the matrix")
		}
	})
}

// declared fails on a route whose action the gate doesn't know.
func (m *matrix) declared() {
	doors := map[access.Door]int{}
	for _, r := range m.routes {
		doors[r.door]++
		if !slices.Contains(access.Actions(), r.Action) {
			m.Errorf("%s %s declares no action", r.Method, r.Pattern)
		}
	}
	for _, door := range []access.Door{access.Web, access.API, access.GitHTTP, access.GitSSH} {
		if doors[door] == 0 {
			m.Errorf("no route of the door %s", door)
		}
	}
}

// onePerAction leaves one route of each action and door.
func (m *matrix) onePerAction() {
	type kind struct {
		door   access.Door
		action access.Action
		method string
	}
	seen := map[kind]bool{}
	m.routes = slices.DeleteFunc(m.routes, func(r route) bool {
		k := kind{r.door, r.Action, r.Method}
		known := seen[k]
		seen[k] = true
		return known
	})
}

// set makes the rules acme's, and its content public or private.
func (m *matrix) set(p access.Policy, public bool) {
	from := int64(0)
	if !p.RequireFrom.IsZero() {
		from = p.RequireFrom.UnixMicro()
	}
	m.sql(`UPDATE workspace SET require_two_step = $1, require_from = $2, accept_account = $3, phishing_resistant = $4,
		ask_again = $5, ask_over_ssh = $6, refuse_machines = $7, networks = $8, no_public = $9`,
		p.RequireTwoStep, from, p.AcceptAccountMFA, p.PhishingResistant, p.AskAgain.Microseconds(), p.AskOverSSH,
		p.RefuseMachines, access.FormatNetworks(p.Networks), p.NoPublic)
	m.sql(`UPDATE repository SET public = $1, wiki_public = $1, issues_public = $1`, public)
	m.sql(`UPDATE snippet SET public = $1`, public)
}

// target gives what of acme's an action is done to.
func (m *matrix) target(action access.Action) access.Target {
	switch action.Content() {
	case access.Self:
		return access.Target{}
	case access.Workspace:
		return access.Target{Workspace: "acme"}
	case access.Snippet:
		return access.Target{Workspace: "acme", Snippet: m.snippet}
	default:
		return access.Target{Workspace: "acme", Repository: "vault"}
	}
}

// want is what the design says.
func (m *matrix) want(c caller, p access.Policy, action access.Action, public bool) access.Verdict {
	content := action.Content()
	resource := access.Resource{Exists: true, Permission: c.permission(content)}
	resource.Public = public && content != access.Self && content != access.Workspace
	return access.Oracle(c.told(m.Now.Now()), p, resource, action, m.Now.Now())
}

// judge asks the gate itself about every route for every caller.
func (m *matrix) judge(name string, p access.Policy, public bool) (cases int) {
	for _, c := range m.callers {
		actor, err := c.actor()
		if err != nil && !errs.Is(err, errs.KindUnauthenticated) {
			m.Fatal(err)
		}
		actor.Door = c.door
		for _, r := range m.routes {
			cases++
			want, got := m.want(c, p, r.Action, public), m.verdict(actor, r.Action)
			if got.Outcome != want.Outcome || got.Reason != want.Reason && want.Outcome != access.Allow {
				m.Errorf("%s, public %v: %s with %q at %s: %s %s (%v): %s (%s), want %s (%s)",
					name, public, c.name, c.kind, c.door, r.Method, r.Pattern, r.Action, got.Outcome, got.Reason, want.Outcome, want.Reason)
			}
		}
	}
	return cases
}

func (m *matrix) verdict(actor access.Actor, action access.Action) access.Verdict {
	_, err := m.Gate.Check(m.Context(), actor, m.target(action), action)
	if err == nil {
		return access.Verdict{Outcome: access.Allow}
	}
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		m.Fatal(err)
	}
	return refusal.Verdict
}

// ask asks the real doors: whoever is refused must be told so in the door's way,
// and whoever is allowed must not. What an allowed change would do isn't done.
func (m *matrix) ask(name string, p access.Policy) (cases int) {
	for _, c := range m.callers {
		for _, r := range m.routes {
			want := m.want(c, p, r.Action, false)
			if r.door != c.door || c.apply == nil && c.private == nil || want.Outcome == access.Allow && !strings.Contains("GET git-upload-pack", r.Method) {
				continue
			}
			cases++
			problem := ""
			if c.door == access.GitSSH {
				problem = m.overSSH(c, r, want)
			} else {
				problem = m.overHTTP(c, r, want)
			}
			if problem != "" {
				m.Errorf("%s: %s with %q: %s %s, which is %s (%s): %s", name, c.name, c.kind, r.Method, r.Pattern, want.Outcome, want.Reason, problem)
			}
		}
	}
	return cases
}

// fill puts acme's names into a pattern; known is false where others are left.
func (m *matrix) fill(pattern string, action access.Action) (path string, known bool) {
	path = strings.NewReplacer("{workspace}", "acme", "{repo}", "vault").Replace(pattern)
	if action.Content() == access.Snippet {
		path = strings.ReplaceAll(path, "{id}", m.snippet)
	}
	known = !strings.ContainsAny(path, "{*")
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + "x" + after
	}
	return strings.ReplaceAll(path, "*", "main"), known
}

// send asks a route, as who says in the request. known says that it is for
// something that is there.
func (m *matrix) send(r route, who func(*http.Request)) (response *http.Response, body []byte, known bool) {
	m.Helper()
	path, known := m.fill(r.Pattern, r.Action)
	request, err := http.NewRequestWithContext(m.Context(), r.Method, m.web.URL+path, nil)
	if err != nil {
		m.Fatal(err)
	}
	who(request)
	response, err = http.DefaultTransport.RoundTrip(request)
	if err != nil {
		m.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		m.Fatal(err)
	}
	return response, body, known
}

func (m *matrix) overHTTP(c caller, r route, want access.Verdict) (problem string) {
	response, body, known := m.send(r, c.apply)
	if want.Outcome == access.Allow {
		refused := response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden ||
			strings.HasPrefix(response.Header.Get("Location"), "/login")
		if refused || known && response.StatusCode >= http.StatusInternalServerError {
			return fmt.Sprintf("%d, to %q", response.StatusCode, response.Header.Get("Location"))
		}
		return ""
	}
	if c.suspended && c.door != access.Web {
		if response.StatusCode != http.StatusUnauthorized {
			return fmt.Sprint(response.StatusCode)
		}
		return ""
	}
	if want := refusedStatus(c.door, want); response.StatusCode != want {
		return fmt.Sprintf("%d, want %d: %.200s", response.StatusCode, want, body)
	}
	if c.door == access.API && !bytes.Contains(body, []byte(`"reason":"`+string(want.Reason)+`"`)) && want.Outcome != access.Hidden {
		return fmt.Sprintf("the reason isn't told: %s", body)
	}
	if bytes.Contains(body, []byte("Notes")) || bytes.Contains(body, []byte("a secret line")) {
		return fmt.Sprintf("content is shown: %s", body)
	}
	return ""
}

// refusedStatus is how a door says a verdict, by the design.
func refusedStatus(door access.Door, want access.Verdict) int {
	switch {
	case want.Outcome == access.Hidden:
		return http.StatusNotFound
	case want.Outcome == access.Unauthenticated && door == access.Web:
		return http.StatusSeeOther
	case want.Outcome == access.Unauthenticated:
		return http.StatusUnauthorized
	case (want.Outcome == access.Verify || want.Outcome == access.Renew) && door == access.Web:
		return http.StatusSeeOther
	case (want.Outcome == access.Verify || want.Outcome == access.Renew) && door == access.API:
		return http.StatusUnauthorized
	default:
		return http.StatusForbidden
	}
}

// overSSH runs a command as a client that knows no keyboard-interactive.
func (m *matrix) overSSH(c caller, r route, want access.Verdict) (problem string) {
	signer, err := ssh.NewSignerFromKey(c.private)
	if err != nil {
		m.Fatal(err)
	}
	client, err := ssh.Dial("tcp", m.ssh, &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the server is this process
		Timeout:         time.Minute,
	})
	if want.Outcome == access.Unauthenticated {
		if err == nil {
			client.Close()
			return "the key was taken"
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err.Error()
	}
	defer session.Close()
	var out, said bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader("0000"), &out, &said
	path, _ := m.fill(r.Pattern, r.Action)
	err = session.Run(r.Method + " '" + path + "'")
	exit, failed := errors.AsType[*ssh.ExitError](err)
	switch {
	case want.Outcome == access.Allow && err != nil:
		return fmt.Sprintf("%v: %s", err, said.String())
	case want.Outcome != access.Allow && (!failed || exit.ExitStatus() != 1 || said.Len() == 0 || out.Len() > 0):
		return fmt.Sprintf("%v: %q %q", err, out.String(), said.String())
	}
	return ""
}

// The store goes away in mid-flight: every door refuses everybody, also what is
// public and the owner, and none takes that for "not enrolled" or "nobody".
func TestAttack15TheStoreIsGoneAtEveryDoor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		m := newMatrix(t, d)
		m.set(access.Policy{}, true)
		if err := m.DB.Close(); err != nil {
			t.Fatal(err)
		}
		asked := 0
		for _, c := range m.callers {
			for _, r := range m.routes {
				if r.door != c.door {
					continue
				}
				if c.door == access.GitSSH {
					asked++
					if problem := m.overSSH(c, r, access.Verdict{Outcome: access.Unauthenticated}); problem != "" {
						t.Errorf("%s with %q: %s %s: %s", c.name, c.kind, r.Method, r.Pattern, problem)
					}
				} else if c.apply != nil {
					asked++
					if status := m.statusOf(c, r); status != http.StatusServiceUnavailable && status != http.StatusInternalServerError {
						t.Errorf("%s with %q: %s %s: %d", c.name, c.kind, r.Method, r.Pattern, status)
					}
				}
			}
		}
		t.Logf("%d requests refused", asked)
	})
}

func (m *matrix) statusOf(c caller, r route) int {
	response, _, _ := m.send(r, c.apply)
	return response.StatusCode
}
