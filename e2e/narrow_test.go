package e2e

import (
	"strings"
	"testing"
)

// Lists hold together on a narrow screen whatever people call things: words
// without a space in them, and as long as they may be.
func TestListsOfLongNames(t *testing.T) {
	alice, _ := team(t, serve(t))
	long := strings.Repeat("unbreakable_", 7)
	alice.open("/acme/app/issues/new")
	alice.fill("Title", "It-"+strings.Repeat(long, 2))
	alice.press("Create issue")
	alice.open("/acme/app/branches")
	alice.fill("Name", long+"branch")
	alice.press("Create branch")
	for _, page := range []string{
		"/", "/acme", "/acme/app", "/acme/app/issues", "/acme/app/issues/1", "/acme/app/commits/" + long + "branch", "/acme/app/branches",
		"/acme/app/src/" + long + "branch/docs/plan.md", "/acme/workspace/settings/members", "/acme/workspace/settings/audit-log",
		"/acme/snippets", "/account/settings/api-tokens/", "/acme/workspace/settings/access-controls", "/account/notifications/",
	} {
		alice.open(page)
	}
}
