package web

import (
	"html/template"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
	"sallyport.dev/internal/ui"
	"sallyport.dev/internal/ui/uitest"
)

// Every page is checked against its struct, on every branch, and rendered.
func TestEveryPage(t *testing.T) {
	pages, err := parsePages()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	form := ui.Refused(nil, errs.Invalid("name", "Give a name."))
	code := ui.CodeForm{Action: "/login/verify", Links: []ui.Link{{Text: "Use a recovery code", Href: "/x"}}}
	standings := []standing{
		{Name: "Acme", Slug: "acme", Owner: true},
		{Name: "B", Requires: true, Open: true},
		{Name: "E", Open: true},
		{Name: "C", Requires: true, Open: true, From: now},
		{Name: "D", Requires: true, Need: "2SV required", Fix: ui.Link{Text: "Set it up", Href: "/x"}},
	}
	happened := []activity.Event{{Kind: activity.Pushed, Subject: "main", Count: 2, Created: now}, {Kind: activity.WikiPushed}}
	link := ui.Link{Text: "main", Href: "/acme/app/src/main"}
	files := folder{
		Head: git.Commit{Message: "First"}, Branches: switcher{Current: "main", Links: []ui.Link{link}}, Trail: []ui.Link{link, link},
		Up: "/up", Entries: []entry{{Name: "src", Icon: "folder", Href: "/x", Kind: "Folder"}, {Name: "mod", Icon: "module", Note: "at 123"}}, More: "/more", ReadmeOf: "README.md", Readme: "<p>Hi</p>",
	}
	files.Create = "/x"
	files.Entries[0].Last, files.Entries[0].Message = git.Commit{OID: git.ZeroOID}, message{"/c", []markup.Piece{{Text: "First"}, {Text: "#1", Href: "/1"}}}
	line := git.DiffLine{Op: '+', New: 1, Text: "x", NoEnd: true}
	changed := diffView{
		Summary: "1 file changed", Alone: "/x", More: true, Ways: []ui.Link{link},
		Files: []diffFile{
			{Name: "a", Was: "b", Kind: "Renamed", Browse: "/x", Hunks: []diffHunk{{Rows: rowsOf([]git.DiffLine{line, {Op: '-'}, {Op: ' '}}, true)}}},
			{Name: "d.png", Images: []diffImage{{Label: "Before", Size: "1 B", Raw: "/x"}}},
			{Name: "c", Note: "500 lines are folded.", Unfold: "/y"},
		},
	}
	repository := repo.Repository{Name: "app", Slug: "app", Description: "An app", Public: true}
	said := snippetHead{Snippet: snippet.Snippet{Title: "Notes", Public: true}, CanEdit: true, CanManage: true}
	said1 := issue.Issue{Number: 1, Title: "Broken", Body: "x", State: issue.Open, Assignee: issue.Person{ID: "1"}, Component: "c", Milestone: "m", Version: "v", Votes: 1, Comments: 2}
	page := wikiHead{Base: "/acme/app/wiki/", Name: "Home", CanWrite: true}
	changes := textDiff{FileDiff: git.FileDiff{Hunks: []git.Hunk{{Lines: []git.DiffLine{{Op: '+', New: 1}, {Op: '-', Old: 1}, {Op: ' ', Old: 2, New: 2}}}, {}}}, More: true, Of: "a.md"}
	member := workspace.Member{User: "1", Username: "alice", Name: "Alice", Email: "a@example.com", Role: access.Owner, Since: now}
	lines := []memberLine{
		{Standing: workspace.Standing{Member: member, LastUse: now}, Kinds: "app", Badge: ui.Badge{Kind: "good", Icon: "proven", Text: "Ready"}},
		{Standing: workspace.Standing{Member: workspace.Member{Role: access.Member}}},
	}
	controls := []controlGroup{{Heading: "H", Controls: []control{
		{Fields: []ui.Field{form.Checkbox("no_public", "yes", "No public content")}, You: "Nothing", Public: []ui.Link{link}}, {Locked: "Premium"},
	}}}
	enrol := access.Verdict{Outcome: access.Enrol}
	preview := previewPart{
		Changes: []change{{"Require", "no", "yes"}}, Starts: "1 July", Hidden: []ui.Hidden{{}},
		Preview: access.Preview{
			Own: access.Verdict{Outcome: access.Allow}, Members: 3,
			Affected: access.List[access.Affected]{Total: 2, Old: 1, Next: "b", Shown: []access.Affected{{Username: "a", Verdict: enrol}, {Already: true}}},
			Stopped:  access.List[access.Stopped]{Total: 3, Old: 1, Shown: []access.Stopped{{Name: "ci", Owner: "a", LastUsed: now, Verdict: enrol}, {Already: true}}},
			Replay:   access.Replay{Accesses: 9310, Stopped: 412, Doors: []access.Replayed{{Name: "web"}}, People: []access.Replayed{{Name: "a", Stopped: 1}, {}}},
		},
	}
	uitest.Check(t, pages, map[string][]any{
		"app.html":            {appPage{Steps: enrolSteps(1, "Connect your app", false), Problem: "Over", Setup: ui.TOTPSetup{QR: "<svg></svg>", Secret: "ABCD", URI: "otpauth://totp/x", Form: code}}},
		"auditlog.html":       {auditPage{Filtered: true, Older: "?before=1", Entries: []auditLine{{AuditEntry: workspace.AuditEntry{At: now, Username: "alice", TargetUser: "bob", Address: "::1"}, Words: "Removed", By: "in the browser", Changes: []string{"a"}}, {Who: "The operator"}}}, auditPage{Turned: []turnedLine{{Turned: workspace.Turned{Username: "bob"}}, {}}}},
		"blocked.html":        {ui.Blocked{Title: "Blocked", Of: "Acme", Action: link, Ways: []ui.Link{link}, Forms: []ui.PostLink{{Text: "Sign out", Action: "/logout"}}}},
		"blame.html":          {blamePage{Trail: files.Trail, Parts: []blamePart{{BlamePart: git.BlamePart{From: 1, Lines: []string{"a", "b"}}}}}, blamePage{Why: "Large."}},
		"branches.html":       {branchesPage{Form: form, Branches: []branchLine{{Branch: repo.Branch{Name: "main", Default: true}}, {Compare: "/x"}, {Compare: "/x", Counted: true}}, More: "/more", CanWrite: true, CanAdmin: true}, branchesPage{}},
		"codes.html":          {codesPage{Steps: enrolSteps(2, "", false), Codes: ui.RecoveryCodes{Codes: []string{"aaaa"}}}, codesPage{}},
		"commits.html":        {commitsPage{Feed: "/x", Commits: []commitLine{{Browse: "/x"}}, Newest: "/x", Older: "/y"}, commitsPage{Branches: switcher{All: "/x"}, Without: string(git.ZeroOID)}, commitsPage{}},
		"commit.html":         {commitPage{Body: files.Entries[0].Message, Parents: []ui.Link{link, link}, Diff: changed}, commitPage{Diff: diffView{Split: true, Files: changed.Files}}, commitPage{}},
		"compare.html":        {comparePage{Form: form, Names: []string{"main"}, Compared: true, Commits: make([]commitLine, 1), All: "/x", Diff: changed}, comparePage{}},
		"edit.html":           {editPage{Form: form, Path: "a", Theirs: "x"}, editPage{New: true}},
		"controls.html":       {controlsPage{Problem: "No", Unmet: &link, On: true, From: now, Lapsed: true, Groups: controls, Preview: &preview, Coverage: workspace.Coverage{Ready: 1, Enrol: 1, Strengthen: 1}, Chart: chart{Points: "0,0 1,1", Label: "Up"}, Waiting: lines}, controlsPage{Preview: &previewPart{Fix: &link, Refused: "No"}}, controlsPage{}},
		"delete.html":         {deletePage{Form: form}, deletePage{}},
		"empty.html":          {emptyPage{Repository: repository, CanWrite: true, Watch: watchBox{Path: "/x"}, Clone: cloneBox{SSH: "x"}}, emptyPage{Clone: cloneBox{SSH: "x"}}, emptyPage{}},
		"file.html":           {filePage{Lines: []template.HTML{"a"}, Raw: "/raw", Edit: "/x"}, filePage{Why: "Empty."}, filePage{Image: true, Raw: "/raw"}, filePage{Target: "x"}, filePage{Rendered: "<p>x</p>", Other: link}},
		"find.html":           {findPage{Files: []ui.Link{link}, More: true}, findPage{}},
		"folder.html":         {folderPage{Folder: files}, folderPage{}},
		"front.html":          {struct{}{}},
		"group.html":          {groupPage{Form: form, Members: []workspace.Member{member}}, groupPage{}},
		"groups.html":         {groupsPage{Form: form, Groups: []workspace.Group{{Name: "Devs", Creates: true, Members: 1}, {}}}, groupsPage{}},
		"activity.html":       {activityPage{Title: "Activity", Feed: "/x", Events: happened, Older: "/x"}, activityPage{}},
		"notifications.html":  {noticesPage{Notices: []noticeLine{{Notice: activity.Notice{Unread: true, Event: happened[0]}}, {}}, Older: "/x", Unread: true}, noticesPage{}},
		"noticesettings.html": {noticeSettingsPage{Kinds: []noticeKind{{"Push", form.Checkbox("page", "push", "On the page"), form.Checkbox("mail", "push", "By mail")}}}},
		"home.html":           {homePage{Workspaces: standings, Events: happened, Older: "/x", Needs: []need{{Icon: "key", Link: link, Note: "Soon", At: now, Warn: true}, {Icon: "check"}}, Invitations: []workspace.Awaiting{{Offer: workspace.Offer{RequiresTwoStep: true}}}}, homePage{Workspaces: standings}, homePage{}},
		"invitation.html":     {invitationPage{Offer: workspace.Offer{RequiresTwoStep: true, Role: access.Owner}, Grace: true, As: "alice", Ready: true}, invitationPage{Other: "Other"}, invitationPage{SignIn: "/login"}},
		"keys.html": {
			keysPage{Title: "SSH keys", Form: ui.Refused(nil, errs.Conflict("", "No")), Off: true, Asking: []string{"acme", "lib"}, Keys: []keyLine{{Key: user.Key{Label: "laptop", LastUsed: now, LastFrom: "192.0.2.1", Step: access.Step{Method: access.TOTP, At: now}, Expires: now}, Over: true}, {}}, Host: []string{"SHA256:x"}},
			keysPage{Deploy: true, Refused: true, Asking: []string{"acme"}, Keys: []keyLine{{Key: user.Key{Writable: true, Expires: now}}, {}}},
		},
		"lost.html":          {lostPage{Back: "/x"}, lostPage{Reset: factor.Reset{Holder: "x", Begun: now}}, lostPage{Reset: factor.Reset{Stage: factor.ResetReady}}},
		"resetstep.html":     {resetPage{Token: "t"}, resetPage{Token: "t", Stop: true}},
		"import.html":        {importPage{Form: form, From: "https://git.example.com"}, importPage{}},
		"importing.html":     {importingPage{Href: "/x"}, importingPage{Import: repo.Importing{State: "running"}}, importingPage{Import: repo.Importing{State: "failed", Message: "No"}}},
		"fork.html":          {forkPage{Form: form, Workspaces: []ui.Option{{Value: "x", Label: "X"}}}, forkPage{}},
		"leave.html":         {leavePage{Name: "Acme", Problem: "Last owner"}},
		"logout.html":        {logoutPage{Account: true}, logoutPage{}},
		"members.html":       {membersPage{Form: form, Owner: true, Requires: "two-step verification", You: "1", Members: lines, Standings: standingOptions(), Next: "/x", Invitations: []workspace.Invitation{{}}}, membersPage{}},
		"networks.html":      {networksPage{Name: "Acme", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, networksPage{}},
		"newrepository.html": {newRepositoryPage{Form: form}},
		"newworkspace.html":  {newWorkspacePage{Form: form}},
		"permissions.html":   {permissionsPage{Form: form, Given: repo.Permissions{Users: []repo.UserPermission{{Permission: access.Read}}, Groups: []repo.GroupPermission{{Permission: access.Admin}}}, Groups: []ui.Option{{Value: "x", Label: "Devs"}}}, permissionsPage{}},
		"plan.html":          {planPage{Name: "Acme", Plan: "free", Premium: []string{"A control"}}},
		"profile.html":       {profilePage{AccountURL: "http://id.test"}, profilePage{}},
		"recovery.html":      {recoveryPage{Left: 3}},
		"repoadmin.html":     {repositoryAdminPage{Form: form, Repository: repository}, repositoryAdminPage{NoPublic: true}, repositoryAdminPage{}},
		"transfer.html":      {transferPage{Form: form, Workspaces: []ui.Option{{Value: "a", Label: "A"}}}, transferPage{}},
		"repodelete.html":    {deleteRepositoryPage{Form: form}, deleteRepositoryPage{}},
		"repository.html":    {repositoryPage{Repository: repository, Watch: watchBox{Path: "/x", On: true}, Folder: files, Archives: []ui.Link{link}, Languages: []language{{Name: "Go", Percent: 99, Width: 99}}}},
		"rules.html":         {rulesPage{Form: form, Rules: []ruleLine{{Who: "Nobody"}, {Rule: repo.Rule{Rewrite: true, Removal: true}}}}, rulesPage{}},
		"search.html":        {findPage{Query: "x", Matches: []foundFile{{Lines: []git.Match{{Line: 1}}}}, More: true}, findPage{Query: "x"}, findPage{}},
		"sessions.html":      {sessionsPage{AccountURL: "http://id.test", Sessions: []sessionLine{{Listed: user.Listed{Current: true}, Here: true, Proven: "a code"}, {Listed: user.Listed{Address: "::1"}, Account: "password"}}}, sessionsPage{}},
		"security.html": {
			securityPage{
				Map:     signInMap{Account: mapNode{Marks: []mapMark{{Text: "MFA", Good: true, At: now}}, Fix: link}, Workspaces: []mapNode{{Name: "A", Href: "/a", Bad: true}, {Good: true}}, Drawn: 1},
				Answers: answersFor(access.Evidence{}), May: true, Form: form, Decisions: []decisionLine{{Last: now, Count: 2, What: "acme"}, {Good: true}},
			},
			securityPage{Enrolled: true},
			securityPage{},
		}, "settings.html": {settingsPage{Name: "Acme", Requires: true, Owner: true}, settingsPage{}},
		"tags.html":    {tagsPage{Form: form, Tags: []tagLine{{Archives: []ui.Link{link}}}, Older: "/x", CanWrite: true}, tagsPage{}},
		"tokens.html":  {tokensPage{Feeds: []ui.Copy{{Label: "x", Text: "y"}}, Made: &madeToken{Feed: "x"}, Tokens: []tokenLine{{}}}, tokensPage{Title: "API tokens", Path: "/t/", Machines: true, Refused: true, Form: form, ScopesError: "Choose", Scopes: []ui.Field{{Type: "checkbox"}}, Tokens: []tokenLine{{Token: token.Token{Issued: now, Scopes: access.Scopes(), LastUsed: now, LastFrom: "::1"}, Over: true}, {}}, Made: &madeToken{}}},
		"add.html":     {addPage{Steps: enrolSteps(0, "", true)}},
		"key.html":     {keyPage{Steps: enrolSteps(1, "Touch your key", false), Problem: "No"}},
		"factor.html":  {factorPage{Label: "Phone", Closes: []user.Closing{{Name: "Acme", LastReady: true}}, Stuck: true}, factorPage{One: ui.OneFactor{Only: true}}},
		"turnoff.html": {turnOffPage{Key: ui.KeyForm{Button: "Turn off"}}, turnOffPage{Problem: "No", Closes: []user.Closing{{Name: "Acme", LastReady: true}}, Stuck: true}, turnOffPage{Closes: []user.Closing{{Name: "Acme"}}, Code: code}, turnOffPage{}},
		"twostep.html": {twoStepPage{TwoStep: user.TwoStep{Factors: []factor.Factor{{Failures: 100}}}, Problem: "On already", Back: "/x"}, twoStepPage{Problem: "Over", Choice: ui.FactorChoice{Key: "/k", Hidden: []ui.Hidden{{}}}}},
		"verify.html":  {verifyPage{Problem: "No", Verify: ui.Verify{Code: code}}, verifyPage{Verify: ui.Verify{Key: ui.KeyForm{Button: "Use"}}}},
		"welcome.html": {welcomePage{Form: form, Email: "a@example.com"}},
		"issues.html":  {issuesPage{Form: form, Fields: []ui.Field{{Type: "select"}}, Quick: []ui.Link{link}, Issues: []issueLine{{said1, "/x"}, {}}, Next: "?x", Filtered: true}, issuesPage{Filtered: true}, issuesPage{First: true}, issuesPage{}},
		"issue.html": {issuePage{Issue: said1, SignedIn: true, CanWrite: true, CanEdit: true, CanAdmin: true, Voted: true, Watching: true, Form: form, More: "?x", Said: []issueEvent{
			{Text: "<p>x</p>", Edited: true, Href: "/x"}, {Deleted: true}, {Changes: []issueChange{{Field: "kind", Was: "bug"}, {Long: true}}},
		}}, issuePage{Later: true}, issuePage{SignedIn: true, Said: []issueEvent{{Href: "/x"}}}},
		"unsubscribe.html":   {unsubscribePage{Path: "/x"}, unsubscribePage{Done: true}, unsubscribePage{Kind: true, Path: "/x"}, unsubscribePage{Kind: true, Done: true}},
		"issuecomment.html":  {issueCommentPage{Mine: true, Form: form, Versions: make([]issueVersion, 1)}, issueCommentPage{CanAdmin: true}},
		"issueform.html":     {issueForm{Form: form, New: true, Previews: true, Preview: "<p>x</p>", Fields: []ui.Field{{Type: "select"}}}, issueForm{Form: ui.Filled("base", "1"), Conflict: &issueConflict{Changes: []issue.Change{{Field: "content"}, {Field: "kind"}}}}},
		"issuesettings.html": {issueSettingsPage{Form: ui.Refused(url.Values{"list": {"milestone"}, "entry": {"x"}}, errs.Invalid("name", "No")), Lists: []issueList{{List: issue.Milestones, Entries: make([]issue.Choice, 1)}, {}}}, issueSettingsPage{}},

		"wikidelete.html":   {wikiMove{wikiHead: page, Form: form}},
		"wikidiff.html":     {wikiDiff{wikiHead: page, From: git.Commit{OID: git.ZeroOID}, Diff: changes}, wikiDiff{Diff: textDiff{More: true}}, wikiDiff{Diff: textDiff{FileDiff: git.FileDiff{Binary: true}}}, wikiDiff{}},
		"wikiedit.html":     {wikiEdit{wikiHead: page, Form: form, New: true}, wikiEdit{Previews: true, Preview: "<p>x</p>", Conflict: &wikiConflict{Message: "No", Theirs: "x", Diff: changes}}, wikiEdit{Conflict: &wikiConflict{Gone: true}}},
		"wikihistory.html":  {wikiHistory{wikiHead: page, Versions: make([]wikiVersion, 2), Older: "/x"}},
		"wikimissing.html":  {page, wikiHead{}},
		"wikipage.html":     {wikiPage{wikiHead: page, Text: "<p>x</p>", Contents: []markup.Heading{{Level: 1, ID: "a", Text: "A"}}, Last: git.Commit{OID: git.ZeroOID}}, wikiPage{Why: "No", Old: true, Last: git.Commit{OID: git.ZeroOID}}},
		"wikipages.html":    {wikiPages{wikiHead: page, Pages: []ui.Link{link}, More: true}, wikiPages{}},
		"wikirename.html":   {wikiMove{wikiHead: page, Form: form}},
		"wikisearch.html":   {wikiPages{Hits: []wikiHit{{link, []git.Match{{Text: "x"}}}}, More: true}, wikiPages{wikiHead: wikiHead{Query: "x"}}, wikiPages{}},
		"wikisettings.html": {wikiSettingsPage{Form: form}},
		"wikistart.html":    {wikiStart{wikiHead: page, Pages: true}, wikiStart{}},
		"workspace.html":    {workspacePage{Repositories: []repo.Repository{repository}, Next: "b"}, workspacePage{First: true}, workspacePage{}},

		"snippet.html":         {snippetPage{snippetHead: said, Files: []snippetFile{{Name: "a", Lines: []template.HTML{"x"}}, {Why: "No"}, {Rendered: "<p>x</p>"}}, More: true, Comments: []snippetComment{{Comment: snippet.Comment{Edited: now}, Edit: "/x"}}, MoreSaid: true, SignedIn: true, Form: form}, snippetPage{}},
		"snippetcomment.html":  {snippetComments{snippetHead: said, Mine: true, Form: form}, snippetComments{}},
		"snippetform.html":     {snippetForm{Form: form, New: true, Files: []snippetField{{Was: "a", Removed: true}}, Left: []string{"b"}}, snippetForm{}},
		"snippets.html":        {snippetsPage{Snippets: []snippetLine{{said.Snippet, "/x"}}, Next: "1-a"}, snippetsPage{First: true}, snippetsPage{}},
		"snippetsettings.html": {snippetSettings{snippetHead: said, Form: form}},
		"snippetversion.html":  {snippetVersion{snippetHead: said, Changes: []fileChanges{{"a", changes}}, More: true}, snippetVersion{}},
		"snippetversions.html": {snippetVersions{snippetHead: said, Versions: make([]git.Commit, 1), Older: "?x"}, snippetVersions{}},
	})
}
