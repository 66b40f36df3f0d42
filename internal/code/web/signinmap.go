package web

import (
	"net/http"
	"slices"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/ui"
)

// signInMap shows how the person comes to each of their workspaces: which steps
// lie between, what this browser has proven of each and when, what is asked
// next, and the way to what is missing. What it says of a workspace is the
// gate's verdict on reading it, now and at the times that its policy names.
type signInMap struct {
	You, Account, Code mapNode
	Workspaces         []mapNode
	Drawn              int // of the workspaces; the rest are in the list alone
	Height             int
}

// mapNode is one station, with its place in the drawing.
type mapNode struct {
	Name       string
	Href       string
	Good, Bad  bool // proven or open; closed
	Marks      []mapMark
	Fix        ui.Link // empty: nothing to mend
	X, Y, W, H int
}

// mapMark is one thing to know of a station.
type mapMark struct {
	Text string
	Good bool
	At   time.Time // zero: no time belongs to it
}

const (
	mapDrawn = 10 // workspaces
	mapLine  = 18 // from one line to the next
	mapGap   = 12 // between workspaces
	mapName  = 24 // characters of a name in the drawing
)

func (s *Site) signInMap(r *http.Request, g access.Grant) (signInMap, error) {
	memberships, err := s.Workspaces.Of(r.Context(), g)
	if err != nil {
		return signInMap{}, err
	}
	ends, err := s.Users.SessionEnds(r.Context(), g)
	if err != nil {
		return signInMap{}, err
	}
	m := signInMap{You: mapNode{Name: "You"}, Account: s.accountNode(g.Actor()), Code: codeNode(g.Actor(), ends)}
	for _, ws := range memberships {
		e, err := s.Gate.Explain(r.Context(), g.Actor(), access.Target{Workspace: ws.Slug}, access.ReadWorkspace)
		if err != nil {
			return signInMap{}, err
		}
		m.Workspaces = append(m.Workspaces, s.workspaceNode(&e, ws.Name, ws.Slug, s.Clock()))
	}
	m.place()
	return m, nil
}

// accountNode tells of the sign-in at the account that opened this session.
func (s *Site) accountNode(a access.Actor) mapNode {
	n := mapNode{Name: "Account", Good: true, Marks: []mapMark{{Text: "Signed in ✓", Good: true, At: a.Account.AuthTime}}}
	if slices.Contains(a.Account.AMR, "pwd") {
		n.Marks[0].Text = "Password ✓"
	}
	if a.Account.MFA() {
		n.Marks = append(n.Marks, mapMark{Text: "MFA ✓", Good: true, At: a.Account.AuthTime})
	} else {
		n.Marks = append(n.Marks, mapMark{Text: "No MFA in this sign-in"})
	}
	if s.AccountURL != "" {
		n.Fix = ui.Link{Text: "Account security", Href: s.AccountURL + "/manage-profile/security"}
	}
	return n
}

// codeNode tells of Code's own second step in this session.
func codeNode(a access.Actor, ends time.Time) mapNode {
	again := mapMark{Text: "Asked again", At: ends}
	switch method := stepWords(a.Step.Method); {
	case !a.Factors.Enrolled():
		return mapNode{
			Name: "Code", Marks: []mapMark{{Text: "2SV is off"}},
			Fix: ui.Link{Text: "Set it up", Href: twoStepPath},
		}
	case method != "":
		return mapNode{
			Name: "Code", Good: true, Fix: ui.Link{Text: "Two-step verification", Href: twoStepPath},
			Marks: []mapMark{{Text: "2SV ✓", Good: true, At: a.Step.At}, {Text: "By " + method}, again},
		}
	default: // or this page wouldn't show
		return mapNode{
			Name: "Code", Good: true, Fix: ui.Link{Text: "Two-step verification", Href: twoStepPath},
			Marks: []mapMark{{Text: "Account's MFA opens it", Good: true}, {Text: "2SV is on, not asked here"}, again},
		}
	}
}

// workspaceNode puts the gate's verdict on a workspace into words.
func (s *Site) workspaceNode(e *access.Explanation, name, slug string, now time.Time) mapNode {
	n := mapNode{Name: name, Href: "/" + slug}
	p := e.Policy
	judge := func(at time.Time) access.Verdict { return access.Decide(e.Actor, p, e.Resource, e.Action, at) }
	switch {
	case e.Outcome != access.Allow:
		n.Bad, n.Marks, n.Fix = true, []mapMark{{Text: needWords(&e.Refusal)}}, s.mend(&e.Refusal, n.Href)
		return n
	case !p.RequireTwoStep:
		n.Good, n.Marks = true, []mapMark{{Text: "Open ✓", Good: true}, {Text: "Asks for nothing more"}}
		return n
	case !p.Requires(now):
		n.Marks = []mapMark{{Text: "Open ✓", Good: true}, {Text: "2SV required", At: p.RequireFrom}}
		p.RequireFrom = time.Time{}
		then := e.Refusal
		if then.Verdict = judge(now); then.Outcome != access.Allow {
			n.Marks, n.Fix = append(n.Marks, mapMark{Text: needWords(&then)}), s.mend(&then, n.Href)
			return n
		}
		n.Good, n.Marks = true, append(n.Marks, mapMark{Text: "You are ready", Good: true})
		return n
	}
	n.Good, n.Marks = true, []mapMark{{Text: "Open ✓", Good: true}}
	if again := lasts(e.Actor, p, judge); !again.IsZero() {
		n.Marks = append(n.Marks, mapMark{Text: "Asked again", At: again})
	}
	return n
}

// lasts gives until when the gate goes on saying what it says now: a step lasts
// as long as the policy says. Zero where it lasts as long as the session.
func lasts(a access.Actor, p access.Policy, judge func(time.Time) access.Verdict) time.Time {
	var until time.Time
	for _, taken := range []time.Time{a.Step.At, a.Account.AuthTime} {
		end := taken.Add(p.AskAgain)
		if p.AskAgain > 0 && end.After(until) && judge(end).Outcome == access.Allow {
			until = end
		}
	}
	return until
}

// needWords says in a few words what a verdict asks for.
func needWords(r *access.Refusal) string {
	switch {
	case r.Outcome == access.Enrol:
		return "Needs two-step verification"
	case r.Reason == access.ReasonPhishingResistant:
		return "Needs a security key or passkey"
	case r.AtAccount && r.Outcome == access.Renew:
		return "Asks for account MFA again"
	case r.AtAccount:
		return "Needs your account's MFA"
	case r.Outcome == access.Renew:
		return "Asks for your second step again"
	case r.Outcome == access.Verify:
		return "Needs your second step"
	case r.Reason == access.ReasonNetwork:
		return "Closed from this network"
	default:
		return "Closed to you"
	}
}

// mend is the way to what a verdict asks for, and back to the workspace.
func (s *Site) mend(r *access.Refusal, back string) ui.Link {
	switch r.Outcome {
	case access.Enrol:
		return ui.Link{Text: "Set it up", Href: s.returns.carry(twoStepPath, back)}
	case access.Strengthen:
		return ui.Link{Text: "Add one", Href: s.returns.carry(twoStepPath, back)}
	case access.Verify, access.Renew:
		return ui.Link{Text: "Verify", Href: s.returns.carry(verifyAddress(r), back)}
	default:
		return ui.Link{}
	}
}

// place gives each station its place: the workspaces below one another, and the
// steps before them at half their height.
func (m *signInMap) place() {
	m.Drawn = min(len(m.Workspaces), mapDrawn)
	y := 0
	for i := range m.Workspaces[:m.Drawn] {
		n := &m.Workspaces[i]
		n.X, n.Y, n.W, n.H = 490, y, 229, n.height()
		y += n.H + mapGap
	}
	m.Height = max(y-mapGap, m.Account.height(), m.Code.height()) + 2
	for i, n := range []*mapNode{&m.You, &m.Account, &m.Code} {
		n.X, n.W, n.H = []int{1, 75, 275}[i], []int{54, 180, 195}[i], n.height()
		n.Y = (m.Height - n.H) / 2
	}
	for i := range m.Workspaces[:m.Drawn] {
		m.Workspaces[i].Y++
	}
}

func (n *mapNode) height() int {
	lines := 1 + len(n.Marks)
	if n.Fix.Href != "" {
		lines++
	}
	return lines*mapLine + 12
}

// Picture gives the workspaces that are drawn, and More how many aren't.
func (m signInMap) Picture() []mapNode { return m.Workspaces[:m.Drawn] }
func (m signInMap) More() int          { return len(m.Workspaces) - m.Drawn }

// Steps gives the stations before the workspaces.
func (m signInMap) Steps() []mapNode { return []mapNode{m.Account, m.Code} }

// All gives every station but the person, as the list has them.
func (m signInMap) All() []mapNode { return append(m.Steps(), m.Workspaces...) }

// Short is the name as there is room for it in the drawing.
func (n mapNode) Short() string {
	if runes := []rune(n.Name); len(runes) > mapName {
		return string(runes[:mapName-1]) + "…"
	}
	return n.Name
}

// Class colours it.
func (n mapNode) Class() string {
	switch {
	case n.Bad:
		return "danger-text"
	case n.Good:
		return "proven"
	default:
		return "muted"
	}
}

// TextX, Right and Middle are points of it; Line is the height of a mark, Last of the fix.
func (n mapNode) TextX() int          { return n.X + 12 }
func (n mapNode) Right() int          { return n.X + n.W }
func (n mapNode) Middle() int         { return n.Y + n.H/2 }
func (n mapNode) Line(mark int) int   { return n.Y + mapLine*(mark+2) + 1 }
func (n mapNode) NameY() int          { return n.Y + mapLine + 1 }
func (n mapNode) Last() int           { return n.Line(len(n.Marks)) }
func (n mapNode) Bend(to mapNode) int { return (n.Right() + to.X) / 2 }
