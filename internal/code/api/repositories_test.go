package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/git/gittest"
)

const appAt = "/2.0/repositories/acme/app"

// commit changes a file of app's main branch, and gives the commit.
func (w *world) commit(by *codetest.Person, path, text string) string {
	w.Helper()
	g := by.Grant(access.WriteRepository, access.Target{Workspace: "acme", Repository: "app"})
	content, err := w.repos.Open(w.Context(), g)
	if err != nil {
		w.Fatal(err)
	}
	place, err := content.Locate(w.Context(), "main")
	if err != nil {
		place = repo.Place{Ref: "main"}
	}
	if node, err := content.At(w.Context(), repo.Place{Commit: place.Commit, Path: path}); err == nil && node.Entry.Mode.IsFile() {
		place.Path = path
	}
	w.Now.Advance(1e9)
	made, err := w.repos.ChangeFile(w.Context(), g, repo.FileChange{
		Place: place, Path: path, Text: text, Message: "Write " + path, Author: git.Signature{Name: "Ada", Email: "ada@example.com", When: w.Now.Now()},
	})
	if err != nil {
		w.Fatal(err)
	}
	return string(made)
}

// expect asks with a token and a body, and gives the answer's JSON.
func (w *world) expect(status int, method, path, body, token string) map[string]any {
	w.Helper()
	got := w.change(method, path, body, token)
	if got.status != status {
		w.Errorf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	if got.body == "" {
		return nil
	}
	return got.json(w.T)
}

func TestARepositoryIsMadeChangedAndDeleted(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		const at = "/2.0/repositories/acme/tool"
		made := w.expect(201, "POST", at, `{"scm":"git","description":"A tool.","project":{"key":"X"}}`, bob.Token)
		if made["slug"] != "tool" || made["is_private"] != true || made["description"] != "A tool." {
			w.Errorf("%v", made)
		}
		if open := w.expect(201, "POST", "/2.0/repositories/acme/open", `{"is_private":false,"name":"Open"}`, alice.Token); open["is_private"] != false || open["name"] != "Open" {
			w.Errorf("%v", open)
		}
		w.expect(201, "POST", "/2.0/repositories/acme/bare", "", alice.Token)
		for _, c := range []struct {
			status             int
			method, path, body string
			token              string
		}{
			{409, "POST", at, `{}`, alice.Token},
			{400, "POST", "/2.0/repositories/acme/other", `{"name":"Else"}`, alice.Token},
			{400, "POST", "/2.0/repositories/acme/x.git", ``, alice.Token},
			{400, "POST", "/2.0/repositories/acme/hg", `{"scm":"hg"}`, alice.Token},
			{403, "POST", "/2.0/repositories/acme/more", ``, alice.TokenWith(access.ScopeWriteRepository)},
			{404, "POST", "/2.0/repositories/acme/more", ``, w.Person("eve").Token},
			{403, "PUT", appAt, `{"description":"Mine"}`, bob.Token},
			{400, "PUT", appAt, `{"mainbranch":{"name":"none"}}`, alice.Token},
			{400, "PUT", appAt, `{"description":"a\nb"}`, alice.Token},
			{409, "PUT", appAt, `{"name":"site"}`, alice.Token},
			{403, "DELETE", appAt, ``, bob.Token},
			{403, "DELETE", appAt, ``, alice.TokenWith(access.ScopeAdminRepository)},
		} {
			w.expect(c.status, c.method, c.path, c.body, c.token)
		}
		changed := w.change("PUT", at, `{"description":"Another.","is_private":false,"name":"Tools"}`, bob.Token)
		if body := changed.json(w.T); changed.status != 200 || body["slug"] != "tools" || body["is_private"] != false || body["description"] != "Another." ||
			changed.header.Get("Location") != site+"/2.0/repositories/acme/tools" {
			w.Errorf("%d %v %s", changed.status, changed.header, changed.body)
		}
		if former := w.expect(200, "GET", at, "", bob.Token); former["slug"] != "tools" {
			w.Errorf("%v", former)
		}
		w.expect(204, "DELETE", "/2.0/repositories/acme/tools", "", bob.Token)
		w.expect(404, "GET", at, "", bob.Token)

		// Of whoever is enrolled a token, which can take no step, publishes and deletes nothing.
		alice.Enrol()
		if got := w.expect(200, "PUT", appAt, `{"description":"Fine","is_private":true}`, alice.Token); got["description"] != "Fine" {
			w.Errorf("%v", got)
		}
		for _, got := range []answer{w.change("PUT", appAt, `{"is_private":false,"description":"Lost"}`, alice.Token), w.ask("DELETE", appAt, bearer(alice.Token))} {
			if got.status != http.StatusUnauthorized || !strings.Contains(got.body, "fresh_step_needed") {
				w.Errorf("%d %s", got.status, got.body)
			}
		}
		if got := w.expect(200, "GET", appAt, "", alice.Token); got["description"] != "Fine" || got["is_private"] != true {
			w.Errorf("a refused change was half done: %v", got)
		}
	})
}

func TestRefs(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		if got := w.expect(200, "GET", appAt+"/refs/branches", "", bob.Token); len(got["values"].([]any)) != 0 {
			w.Errorf("%v", got)
		}
		first := w.commit(alice, "a.txt", "one\n")
		second := w.commit(alice, "a.txt", "two\n")
		made := w.expect(201, "POST", appAt+"/refs/branches", `{"name":"feature/x","target":{"hash":"`+first[:8]+`"}}`, bob.Token)
		if made["type"] != "branch" || made["name"] != "feature/x" || made["target"].(map[string]any)["hash"] != first {
			w.Errorf("%v", made)
		}
		w.expect(201, "POST", appAt+"/refs/branches", `{"name":"alpha","target":{"hash":"main"}}`, bob.Token)
		w.expect(201, "POST", appAt+"/refs/tags", `{"name":"v1","target":{"hash":"`+second+`"}}`, bob.Token)
		var names []string
		for next := site + appAt + "/refs/branches?pagelen=1"; next != ""; {
			at, err := url.Parse(next)
			if err != nil {
				w.Fatal(err)
			}
			page := w.expect(200, "GET", at.RequestURI(), "", bob.Token)
			for _, value := range page["values"].([]any) {
				names = append(names, value.(map[string]any)["name"].(string))
			}
			next, _ = page["next"].(string)
		}
		if got := strings.Join(names, " "); got != "alpha feature/x main" {
			w.Error(got)
		}
		if got := w.expect(200, "GET", appAt+"/refs/branches/feature/x", "", bob.Token); got["links"].(map[string]any)["self"].(map[string]any)["href"] != site+appAt+"/refs/branches/feature/x" {
			w.Errorf("%v", got)
		}
		if got := w.expect(200, "GET", appAt+"/refs/tags/v1", "", bob.Token); got["type"] != "tag" {
			w.Errorf("%v", got)
		}
		w.expect(204, "DELETE", appAt+"/refs/branches/feature/x", "", bob.Token)
		w.expect(204, "DELETE", appAt+"/refs/tags/v1", "", bob.Token)
		read := bob.TokenWith(access.ScopeReadRepository)
		for _, c := range []struct {
			status             int
			method, path, body string
			token              string
		}{
			{404, "GET", "/refs/branches/feature/x", "", bob.Token},
			{404, "DELETE", "/refs/branches/feature/x", "", bob.Token},
			{404, "GET", "/refs/tags/v1", "", bob.Token},
			{409, "DELETE", "/refs/branches/main", "", bob.Token},
			{409, "POST", "/refs/branches", `{"name":"alpha","target":{"hash":"main"}}`, bob.Token},
			{400, "POST", "/refs/branches", `{"name":"a..b","target":{"hash":"main"}}`, bob.Token},
			{400, "POST", "/refs/branches", `{"name":"b","target":{"hash":"none"}}`, bob.Token},
			{400, "POST", "/refs/branches", `{"name":"b","target":{"hash":""}}`, bob.Token},
			{400, "POST", "/refs/branches", `{"name":"b"}`, bob.Token},
			{403, "POST", "/refs/branches", `{"name":"b","target":{"hash":"main"}}`, read},
			{403, "DELETE", "/refs/branches/alpha", "", read},
			{404, "POST", "/refs/branches", `{}`, w.Person("eve").Token},
		} {
			w.expect(c.status, c.method, appAt+c.path, c.body, c.token)
		}
	})
}

func TestCommitsSourceAndDiffs(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		if got := w.ask("GET", appAt+"/commits", bearer(bob.Token)); got.body != `{"pagelen":10,"values":[]}` {
			w.Error(got.body)
		}
		first := w.commit(alice, "a.txt", "one\n")
		w.expect(201, "POST", appAt+"/refs/branches", `{"name":"old","target":{"hash":"main"}}`, bob.Token)
		second := w.commit(alice, "dir/b & c.txt", "<b>bytes</b>\n")
		third := w.commit(alice, "a.txt", "one\ntwo\n")
		hashes := func(path string) (list []string) {
			for next := site + appAt + path; next != ""; {
				at, err := url.Parse(next)
				if err != nil {
					w.Fatal(err)
				}
				page := w.expect(200, "GET", at.RequestURI(), "", bob.Token)
				for _, value := range page["values"].([]any) {
					list = append(list, value.(map[string]any)["hash"].(string))
				}
				next, _ = page["next"].(string)
			}
			return list
		}
		for path, want := range map[string][]string{
			"/commits":                            {third, second, first},
			"/commits?pagelen=1":                  {third, second, first},
			"/commits/main?pagelen=2&path=a.txt":  {third, first},
			"/commits/main?pagelen=1&exclude=old": {third, second},
			"/commits/" + second:                  {second, first},
			"/commits/old":                        {first},
			"/commits?path=dir":                   {second},
		} {
			if got := hashes(path); fmt.Sprint(got) != fmt.Sprint(want) {
				w.Errorf("%s: %v, want %v", path, got, want)
			}
		}
		commit := w.expect(200, "GET", appAt+"/commit/"+third[:10], "", bob.Token)
		if commit["hash"] != third || commit["message"] != "Write a.txt\n" || commit["author"].(map[string]any)["raw"] != "Ada <ada@example.com>" ||
			commit["parents"].([]any)[0].(map[string]any)["hash"] != second || commit["date"] != "2026-07-01T12:00:03+00:00" {
			w.Errorf("%v", commit)
		}

		top := w.expect(200, "GET", appAt+"/src?pagelen=1", "", bob.Token)
		if dir := top["values"].([]any)[0].(map[string]any); dir["path"] != "dir" || dir["type"] != "commit_directory" {
			w.Errorf("%v", top)
		}
		next, _ := top["next"].(string)
		if rest := w.expect(200, "GET", strings.TrimPrefix(next, site), "", bob.Token); rest["next"] != nil || rest["values"].([]any)[0].(map[string]any)["size"] != 8.0 {
			w.Errorf("%v", rest)
		}
		inside := w.expect(200, "GET", appAt+"/src/main/dir", "", bob.Token)["values"].([]any)[0].(map[string]any)
		self := inside["links"].(map[string]any)["self"].(map[string]any)["href"].(string)
		if inside["path"] != "dir/b & c.txt" || self != site+appAt+"/src/"+third+"/dir/b%20&%20c.txt" {
			w.Errorf("%v", inside)
		}
		raw := w.ask("GET", appAt+"/src/main/dir/b & c.txt", bearer(bob.Token))
		if raw.body != "<b>bytes</b>" || raw.header.Get("Content-Type") != "text/plain" || !strings.Contains(raw.header.Get("Content-Security-Policy"), "sandbox") {
			w.Errorf("%+v", raw)
		}
		large := strings.Repeat("large", 1<<19)
		dirs, err := filepath.Glob(filepath.Join(w.repos.Dir, "*", "*.git"))
		if err != nil || len(dirs) == 0 {
			w.Fatal(dirs, err)
		}
		for _, dir := range dirs { // pages change no file so large
			tree := gittest.Tree(w, dir, gittest.Entry{Mode: "100644", Name: "large.txt", Object: gittest.Object(w, dir, "blob", []byte(large))})
			gittest.Ref(w, dir, "refs/heads/large", gittest.Commit(w, dir, tree, "Large"))
		}
		if raw := w.ask("GET", appAt+"/src/large/large.txt", bearer(bob.Token)); raw.status != 200 || raw.body != large || raw.header.Get("Content-Length") != fmt.Sprint(len(large)) {
			w.Errorf("%d, %d bytes, %v", raw.status, len(raw.body), raw.header)
		}
		if meta := w.expect(200, "GET", appAt+"/src/old/a.txt?format=meta", "", bob.Token); meta["size"] != 4.0 || meta["commit"].(map[string]any)["hash"] != first {
			w.Errorf("%v", meta)
		}

		for spec, want := range map[string]string{third: "+two", "main..old": "+<b>bytes</b>", "main..old?path=dir": "+<b>bytes</b>", "old..main": ""} {
			got := w.ask("GET", appAt+"/diff/"+spec, bearer(bob.Token))
			if got.status != 200 || !strings.HasSuffix(got.body, want) || want == "" && got.body != "" || want != "" && !strings.HasPrefix(got.body, "diff --git ") {
				w.Errorf("%s: %d %s", spec, got.status, got.body)
			}
		}
		stat := w.ask("GET", appAt+"/diffstat/main..old?pagelen=1", bearer(bob.Token)).json(w.T)
		one := stat["values"].([]any)[0].(map[string]any)
		next, _ = stat["next"].(string)
		two := w.expect(200, "GET", strings.TrimPrefix(next, site), "", bob.Token)["values"].([]any)[0].(map[string]any)
		if one["status"] != "modified" || one["lines_added"] != 1.0 || one["old"].(map[string]any)["path"] != "a.txt" || two["status"] != "added" || two["old"] != nil || two["new"].(map[string]any)["path"] != "dir/b & c.txt" {
			w.Errorf("%v, %v", one, two)
		}
		for _, path := range []string{
			"/commits/none", "/commit/none", "/commit/" + strings.Repeat("0", 40), "/src/none", "/src/main/none", "/src/main/dir/../a.txt", "/diff/none", "/diff/main..none",
			"/diff/main?path=../x", "/diffstat/none", "/diffstat/main..old?path=/../x", "/commits/main?exclude=none",
		} {
			w.expect(404, "GET", appAt+path, "", bob.Token)
		}
		for _, path := range []string{"/commits?page=YQ", "/src?pagelen=0", "/src?page=%21", "/diff/main?ignore_whitespace=perhaps", "/diffstat/main?pagelen=0"} {
			w.expect(400, "GET", appAt+path, "", bob.Token)
		}
	})
}

// Attack 5: nothing of a repository is read by whoever lacks the step, by
// whatever address.
func TestAttack05ABlockedMemberReadsNothingOfARepository(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.acme()
		w.commit(alice, "secret.txt", "hush\n")
		alice.Enrol()
		requireTwoStep(alice)
		eve := w.Person("eve")
		for _, path := range []string{
			"", "/refs/branches", "/refs/branches/main", "/refs/tags", "/commits", "/commits/main", "/commit/main", "/src", "/src/main/secret.txt",
			"/diff/main", "/diffstat/main", "/permissions-config/users", "/permissions-config/groups",
		} {
			got := w.ask("GET", appAt+path, bearer(bob.Token))
			if strings.Contains(path, "permissions") {
				if got.status != http.StatusForbidden || !strings.Contains(got.body, "permission_missing") {
					w.Errorf("%s: %d %s", path, got.status, got.body)
				}
			} else if got.status != http.StatusForbidden || !strings.Contains(got.body, "two_step_required") {
				w.Errorf("%s: %d %s", path, got.status, got.body)
			}
			if strings.Contains(got.body, "secret") || strings.Contains(got.body, "hush") || strings.Contains(got.body, "Write") {
				w.Errorf("%s tells: %s", path, got.body)
			}
			if got := w.ask("GET", appAt+path, bearer(eve.Token)); got.status != http.StatusNotFound {
				w.Errorf("an outsider, %s: %d", path, got.status)
			}
			if got := w.ask("GET", appAt+path, bearer(alice.Token)); got.status != http.StatusOK {
				w.Errorf("the owner, %s: %d %s", path, got.status, got.body)
			}
		}
	})
}
