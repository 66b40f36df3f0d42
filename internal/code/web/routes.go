package web

import (
	"net/http"

	"sallyport.dev/internal/code/access"
)

// addRoutes is the site's table of contents: each address, what it asks of the
// gate, and who answers.
//
// A form is sent to the address of its page, or to one right below it; so a
// form whose sending is challenged knows the page to come back to.
func (s *Site) addRoutes() {
	// Without a verdict: nothing of a workspace's is shown.
	s.open(http.MethodGet, "/", s.home)
	s.open(http.MethodGet, "/login", s.startLogin)
	s.open(http.MethodGet, "/login/callback", s.finishLogin)
	s.open(http.MethodGet, "/login/welcome", s.showWelcome)
	s.open(http.MethodPost, "/login/welcome", s.chooseUsername)
	s.open(http.MethodGet, "/login/verify", s.showVerify)
	s.open(http.MethodPost, "/login/verify", s.verify)
	s.open(http.MethodGet, "/logout", s.showLogout)
	s.open(http.MethodPost, "/logout", s.logout)
	s.open(http.MethodGet, "/invitations/{token}", s.showInvitation)
	s.open(http.MethodGet, "/robots.txt", s.robots)

	// A person's own.
	s.page("/account/settings/", access.ReadSelf, s.showProfile)
	s.page("/account/settings/security/", access.ReadSelf, s.showSecurity)
	s.page("/account/settings/two-step-verification/", access.ReadSelf, s.showTwoStep)
	s.form("/account/settings/two-step-verification/begin", access.ManageFactors, s.beginTwoStep, nil)
	s.page("/account/settings/two-step-verification/app", access.ManageFactors, s.showApp)
	s.form("/account/settings/two-step-verification/app", access.ManageFactors, s.confirmApp, s.appAgain)
	s.form("/account/settings/two-step-verification/saved", access.ReadSelf, s.savedCodes, nil)
	s.page("/account/settings/two-step-verification/recovery-codes", access.ReadSelf, s.showRecovery)
	s.form("/account/settings/two-step-verification/recovery-codes", access.ManageFactors, s.replaceRecovery, nil)
	s.page("/account/settings/two-step-verification/turn-off", access.ReadSelf, s.showTurnOff)
	s.form("/account/settings/two-step-verification/turn-off", access.TurnOffTwoStep, s.turnOff, s.turnOffAgain)
	s.tokenPages("/account/settings/api-tokens/", access.ReadSelf, access.ManageTokens)
	s.page("/account/settings/sessions/", access.ReadSelf, s.showSessions)
	s.form("/account/settings/sessions/end", access.EndSessions, s.endOneSession, nil)
	s.form("/account/settings/sessions/end-others", access.EndSessions, s.endOtherSessions, nil)
	s.page("/workspaces/new", access.CreateWorkspace, s.showNewWorkspace)
	s.form("/workspaces/new", access.CreateWorkspace, s.createWorkspace, s.newWorkspaceAgain)
	s.form("/invitations/{token}", access.AcceptInvitation, s.acceptInvitation, nil)

	// A workspace's.
	s.page("/{workspace}", access.ListRepositories, s.showWorkspace)
	s.page("/{workspace}/workspace/create-repository", access.CreateRepository, s.showNewRepository)
	s.form("/{workspace}/workspace/create-repository", access.CreateRepository, s.createRepository, s.newRepositoryAgain)
	s.page("/{workspace}/workspace/settings/", access.ReadWorkspace, s.showSettings)
	s.form("/{workspace}/workspace/settings/", access.ManageWorkspace, s.renameWorkspace, s.settingsAgain)
	s.page("/{workspace}/workspace/settings/members", access.ReadMembers, s.showMembers)
	s.form("/{workspace}/workspace/settings/members/invite", access.ManageMembers, s.invite, s.membersAgain)
	s.form("/{workspace}/workspace/settings/members/role", access.ManageMembers, s.changeRole, s.membersAgain)
	s.form("/{workspace}/workspace/settings/members/remove", access.ManageMembers, s.removeMember, s.membersAgain)
	s.form("/{workspace}/workspace/settings/members/withdraw", access.ManageMembers, s.withdraw, s.membersAgain)
	s.page("/{workspace}/workspace/settings/groups", access.ReadGroups, s.showGroups)
	s.form("/{workspace}/workspace/settings/groups", access.ManageGroups, s.createGroup, s.groupsAgain)
	s.form("/{workspace}/workspace/settings/groups/defaults", access.ManageGroups, s.saveDefaults, s.groupsAgain)
	s.page("/{workspace}/workspace/settings/groups/{group}", access.ReadGroups, s.showGroup)
	s.form("/{workspace}/workspace/settings/groups/{group}", access.ManageGroups, s.changeGroup, s.groupAgain)
	s.form("/{workspace}/workspace/settings/groups/{group}/add", access.ManageGroups, s.addToGroup, s.groupAgain)
	s.form("/{workspace}/workspace/settings/groups/{group}/remove", access.ManageGroups, s.removeFromGroup, s.groupAgain)
	s.form("/{workspace}/workspace/settings/groups/{group}/delete", access.ManageGroups, s.deleteGroup, s.groupAgain)
	s.page("/{workspace}/workspace/settings/access-controls", access.ReadAccess, s.showControls)
	s.form("/{workspace}/workspace/settings/access-controls", access.ManageAccess, s.saveControls, s.controlsAgain)
	s.form("/{workspace}/workspace/settings/access-controls/preview", access.ManageAccess, s.previewControls, s.controlsAgain)
	s.page("/{workspace}/workspace/settings/access-controls/networks", access.LiftNetworks, s.showNetworks)
	s.form("/{workspace}/workspace/settings/access-controls/networks", access.LiftNetworks, s.liftNetworks, nil)
	s.tokenPages("/{workspace}/workspace/settings/access-tokens", access.ReadWorkspaceTokens, access.ManageWorkspaceTokens)
	s.page("/{workspace}/workspace/settings/plan", access.ReadPlan, s.showPlan)
	s.page("/{workspace}/workspace/leave", access.LeaveWorkspace, s.showLeave)
	s.form("/{workspace}/workspace/leave", access.LeaveWorkspace, s.leave, s.leaveAgain)

	// A repository's.
	s.page("/{workspace}/{repo}", access.ReadRepository, s.showRepository)
	s.page("/{workspace}/{repo}/src", access.ReadRepository, s.showSource)
	s.page("/{workspace}/{repo}/src/*", access.ReadRepository, s.showSource)
	s.page("/{workspace}/{repo}/raw/*", access.ReadRepository, s.showRaw)
	s.page("/{workspace}/{repo}/commits", access.ReadRepository, s.showCommits)
	s.page("/{workspace}/{repo}/commits/*", access.ReadRepository, s.showCommits)
	s.page("/{workspace}/{repo}/blame/*", access.ReadRepository, s.showBlame)
	s.page("/{workspace}/{repo}/find", access.ReadRepository, s.showFind)
	s.page("/{workspace}/{repo}/find/*", access.ReadRepository, s.showFind)
	s.page("/{workspace}/{repo}/search", access.ReadRepository, s.showSearch)
	s.page("/{workspace}/{repo}/search/*", access.ReadRepository, s.showSearch)
	s.page("/{workspace}/{repo}/diff", access.ReadRepository, s.showDiff)
	s.page("/{workspace}/{repo}/diff/*", access.ReadRepository, s.showDiff)
	s.page("/{workspace}/{repo}/get/*", access.ReadRepository, s.showArchive)
	s.page("/{workspace}/{repo}/branches", access.ReadRepository, s.showBranches)
	s.form("/{workspace}/{repo}/branches/create", access.WriteRepository, s.createBranch, s.branchesAgain)
	s.form("/{workspace}/{repo}/branches/delete", access.WriteRepository, s.deleteBranch, s.branchesAgain)
	s.form("/{workspace}/{repo}/branches/default", access.EditRepository, s.setDefaultBranch, s.branchesAgain)
	s.page("/{workspace}/{repo}/tags", access.ReadRepository, s.showTags)
	s.form("/{workspace}/{repo}/tags/create", access.WriteRepository, s.createTag, s.tagsAgain)
	s.form("/{workspace}/{repo}/tags/delete", access.WriteRepository, s.deleteTag, s.tagsAgain)
	s.page("/{workspace}/{repo}/admin", access.ReadRepositoryAdmin, s.showRepositoryAdmin)
	s.form("/{workspace}/{repo}/admin", access.EditRepository, s.editRepository, s.repositoryAdminAgain)
	s.form("/{workspace}/{repo}/admin/visibility", access.SetVisibility, s.setVisibility, s.repositoryAdminAgain)
	s.page("/{workspace}/{repo}/admin/permissions", access.ReadRepositoryAdmin, s.showPermissions)
	s.form("/{workspace}/{repo}/admin/permissions", access.ManagePermissions, s.setPermission, s.permissionsAgain)
	s.tokenPages("/{workspace}/{repo}/admin/access-tokens", access.ReadRepositoryTokens, access.ManageRepositoryTokens)
}
