package access_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// changing are the routes that change what a repository holds.
var changing = []string{
	"POST /{workspace}/{repo}/edit/*", "POST /{workspace}/{repo}/create", "POST /{workspace}/{repo}/create/*",
	"POST /{workspace}/{repo}/branches/create", "POST /{workspace}/{repo}/branches/delete",
	"POST /{workspace}/{repo}/tags/create", "POST /{workspace}/{repo}/tags/delete",
	"POST /{workspace}/{repo}/admin/issues/add", "POST /{workspace}/{repo}/admin/issues/change", "POST /{workspace}/{repo}/admin/issues/import",
	"POST /{workspace}/{repo}/issues/new", "POST /{workspace}/{repo}/issues/{number}", "POST /{workspace}/{repo}/issues/{number}/vote",
	"POST /{workspace}/{repo}/issues/{number}/watch", "POST /{workspace}/{repo}/issues/{number}/detach", "POST /{workspace}/{repo}/issues/{number}/edit",
	"POST /{workspace}/{repo}/issues/{number}/delete", "POST /{workspace}/{repo}/issues/{number}/comments/{comment}",
	"POST /{workspace}/{repo}/wiki/_new", "POST /{workspace}/{repo}/wiki/_edit/*", "POST /{workspace}/{repo}/wiki/_rename/*", "POST /{workspace}/{repo}/wiki/_delete/*",
	"POST /2.0/repositories/{workspace}/{repo}/refs/branches", "DELETE /2.0/repositories/{workspace}/{repo}/refs/branches/*",
	"POST /2.0/repositories/{workspace}/{repo}/refs/tags", "DELETE /2.0/repositories/{workspace}/{repo}/refs/tags/*",
	"POST /2.0/repositories/{workspace}/{repo}/issues", "PUT /2.0/repositories/{workspace}/{repo}/issues/{issue_id}",
	"DELETE /2.0/repositories/{workspace}/{repo}/issues/{issue_id}",
	"PUT /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/vote", "DELETE /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/vote",
	"PUT /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/watch", "DELETE /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/watch",
	"POST /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/comments",
	"PUT /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/comments/{comment_id}",
	"DELETE /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/comments/{comment_id}",
	"POST /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/attachments",
	"DELETE /2.0/repositories/{workspace}/{repo}/issues/{issue_id}/attachments/*",
	"GET /{workspace}/{repo}.git/info/refs?service=git-receive-pack", "POST /{workspace}/{repo}.git/git-receive-pack",
	"GET /{workspace}/{repo}.git/wiki/info/refs?service=git-receive-pack", "POST /{workspace}/{repo}.git/wiki/git-receive-pack",
	"git-receive-pack {workspace}/{repo}.git", "git-receive-pack {workspace}/{repo}.git/wiki",
}

// administering are those that say who may what, or what the repository is
// called: an archived one can be made writable again, moved and deleted.
var administering = []access.Action{
	access.EditRepository, access.SetVisibility, access.ManagePermissions, access.ManageDeployKeys, access.ManageRepositoryTokens,
	access.DeleteRepository, access.TransferRepository,
}

// elsewhere are those that change only what is the asker's own, or another repository.
var elsewhere = []access.Action{access.WatchRepository, access.SaveSearches, access.ReadRepository, access.ReadWiki}

// An archived repository refuses each change, at every door, to its owner, and
// says why. A route that is new must be named above.
func TestArchivedAtEveryDoor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		m := newMatrix(t, d)
		m.sql(`UPDATE repository SET archived = TRUE`)
		owner := map[access.Door]caller{}
		for _, c := range m.callers {
			if c.name == "owner" && (c.kind == access.Session || c.kind == access.APIToken || c.kind == access.SSHKey) {
				owner[c.door] = c
			}
		}
		left := slices.Clone(changing)
		for _, r := range m.routes {
			name := r.Method + " " + r.Pattern
			if at := slices.Index(left, name); at >= 0 {
				left = slices.Delete(left, at, at+1)
				if said := m.saysArchived(owner[r.door], r); said != "" {
					t.Errorf("%s: %s", name, said)
				}
			} else if strings.Contains(r.Pattern, "{repo}") && r.Method != http.MethodGet && r.Method != "git-upload-pack" &&
				!slices.Contains(administering, r.Action) && !slices.Contains(elsewhere, r.Action) {
				t.Errorf("%s (%v) changes a repository, and isn't in the list", name, r.Action)
			}
		}
		if len(left) > 0 {
			t.Errorf("no door has %q", left)
		}
	})
}

// saysArchived gives what a route answers where it doesn't refuse as it should.
func (m *matrix) saysArchived(c caller, r route) string {
	m.Helper()
	const words = "This repository is archived: it can be read, and nothing in it changed."
	if r.door == access.GitSSH {
		if said := m.runs(c, r); !strings.Contains(said, words) {
			return said
		}
		return ""
	}
	response, body, _ := m.send(r, c.apply)
	if response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte(words)) {
		return response.Status + ": " + string(body)
	}
	return ""
}

// runs a command over SSH, and gives what it says.
func (m *matrix) runs(c caller, r route) string {
	m.Helper()
	signer, err := ssh.NewSignerFromKey(c.private)
	if err != nil {
		m.Fatal(err)
	}
	client, err := ssh.Dial("tcp", m.ssh, &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the server is this process
	})
	if err != nil {
		m.Fatal(err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		m.Fatal(err)
	}
	defer session.Close()
	session.Stdin = strings.NewReader("0000")
	path, _ := m.fill(r.Pattern, r.Action)
	said, _ := session.CombinedOutput(r.Method + " '" + path + "'")
	return string(said)
}
