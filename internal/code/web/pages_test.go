package web

import (
	"html/template"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/workspace"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/ui"
	"sallyport.dev/internal/ui/uitest"
)

func TestEveryPageFitsItsStruct(t *testing.T) {
	pages, err := parsePages()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	refused := ui.Refused(map[string][]string{"name": {"x"}}, errs.Invalid("name", "No."))
	member := workspace.Member{User: "u", Username: "alice", Name: "Alice", Email: "a@example.com", Role: access.Owner, Since: at}
	rows := []treeRow{{Name: "a", Icon: "file", Href: "/w/r/src/main/a"}, {Name: "b", Icon: "module", Note: "submodule"}}
	standings := []standing{{Name: "A", Slug: "a"}, {Requires: true, Open: true, Owner: true}, {Requires: true, Fix: "/x"}, {Requires: true, From: at}}
	uitest.Check(t, pages, map[string][]any{
		"app.html":           {appPage{Steps: enrolSteps(1), Problem: "p", Setup: ui.TOTPSetup{Secret: "ABCDEFGH"}}},
		"blocked.html":       {ui.Blocked{Title: "t", Action: ui.Link{Text: "a", Href: "/b"}, Ways: []ui.Link{{Text: "w", Href: "/w"}}}},
		"branches.html":      {branchesPage{}, branchesPage{Branches: []repo.Branch{{Name: "main", Default: true}}}},
		"codes.html":         {codesPage{Steps: enrolSteps(2)}, codesPage{Codes: ui.RecoveryCodes{Codes: []string{"a"}}}},
		"commits.html":       {commitsPage{Empty: true}, commitsPage{Commits: []git.Commit{{OID: git.ZeroOID, Message: "m"}}, Next: "/n", Newest: "/m"}},
		"controls.html":      {controlsPage{}, controlsPage{On: true, CanSwitch: true, Members: []standingRow{{workspace.Standing{Member: member, Ready: true}, true}}, Unmet: &unmetNotice{"t", ui.Link{Text: "x", Href: "/x"}}}},
		"front.html":         {struct{}{}},
		"home.html":          {homePage{}, homePage{Workspaces: standings}},
		"invitation.html":    {invitationPage{}, invitationPage{Requires: true, SignedIn: true, Other: "o", Expires: at}},
		"leave.html":         {leavePage{"n", "s", "p"}},
		"members.html":       {membersPage{}, membersPage{Owner: true, Form: refused, Members: []memberRow{{member, false}}, Invitations: []workspace.Invitation{{ID: "i"}}}},
		"newrepository.html": {newRepositoryPage{Form: refused}},
		"newworkspace.html":  {newWorkspacePage{Form: refused}},
		"plan.html":          {planPage{"n", "free"}},
		"profile.html":       {profilePage{User: user.User{Username: "alice"}}},
		"recovery.html":      {recoveryPage{1}},
		"repository.html":    {repositoryPage{Empty: true, Commands: "git"}, repositoryPage{Commit: &git.Commit{}, Rows: rows, ReadmeName: "README.md", Readme: "<p>x</p>", Public: true}},
		"security.html":      {securityPage{}, securityPage{Step: "a code", StepAt: at, Account: at, Enrolled: true, Workspaces: standings}},
		"settings.html":      {settingsPage{Name: "n", Created: at}},
		"source.html":        {sourcePage{Folder: true, Rows: rows, Up: "/u"}, sourcePage{Lines: []template.HTML{"a"}}, sourcePage{Why: "w"}, sourcePage{Target: "t"}, sourcePage{Rendered: "r"}},
		"tokens.html":        {tokensPage{}, tokensPage{Form: refused, Made: &madeToken{"n", "p", "u"}, Tokens: []tokenRow{{ID: "i", Expired: true}}}},
		"turnoff.html":       {turnOffPage{Closes: []string{"A"}}},
		"twostep.html":       {twoStepPage{Steps: enrolSteps(0)}, twoStepPage{Factors: []factor.Factor{{Label: "Phone", Added: at, LastUsed: at}}, Return: "x", ReturnPath: "/x"}},
		"verify.html":        {verifyPage{Title: "t"}},
		"welcome.html":       {welcomePage{Email: "e"}},
		"workspace.html":     {workspacePage{First: true}, workspacePage{Repositories: []repo.Repository{{Name: "r", Public: true}, {Name: "p"}}, Next: "p"}},
	})
}
