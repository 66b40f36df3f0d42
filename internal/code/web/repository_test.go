package web

import (
	"strings"
	"testing"
)

func TestRepositoryPages(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		b.is(b.get("/acme/vault"), 200, "Nothing was pushed yet", "git clone "+testSite+"/acme/vault.git", "git push -u origin HEAD:main", "Private")
		b.leads(b.get("/acme/vault/src"), "/acme/vault")
		b.is(b.get("/acme/vault/commits"), 200, "No commits here")
		w.pushes(map[string]string{
			"README.md": "# Vault\n\n![logo](img/logo.svg) [guide](<docs/a b.md>)\n\n<script>alert(1)</script>\n",
			"main.go":   "package main\n\n// <hello>\n", "docs/a b.md": "x", "docs/deep/c#d?.txt": "odd",
			"img/logo.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
			"page.html":    "<script>alert(1)</script>", "blob.bin": "a\x00b",
		})
		p := b.is(b.get("/acme/vault"), 200, "First <commit>", `href="/acme/vault/src/main/docs"`, "README.md", "<h1",
			`src="/acme/vault/raw/main/img/logo.svg"`, `href="/acme/vault/src/main/docs/a%20b.md"`, "feature/x")
		if strings.Contains(p.Body.String(), "<script>alert") {
			t.Error("a script of the README's is in the page")
		}
		b.is(b.get("/acme/vault/src/main/main.go"), 200, `<tr id="L3">`, `href="#L3"`, `<span class="kn">package</span>`, "// <hello>")
		b.is(b.get("/acme/vault/src/feature/x/docs/deep"), 200, `href="/acme/vault/src/feature/x/docs/deep/c%23d%3F.txt"`)
		b.is(b.get("/acme/vault/src/feature/x/docs/deep/c%23d%3F.txt"), 200, "odd")
		b.is(b.get("/acme/vault/src/main/blob.bin"), 200, "isn't text")
		b.is(b.get("/acme/vault/src/main/README.md?view=source"), 200, "As a page", `<tr id="L1">`)
		commits := b.is(b.get("/acme/vault/commits/main"), 200, "First <commit>", "Ada")
		b.is(b.get(commits.find(t, `href="(/acme/vault/src/[0-9a-f]{40})"`)), 200, "main.go")
		b.is(b.get("/acme/vault/branches"), 200, "feature/x", "Default")
		for _, path := range []string{"src/main/nothing", "src/nothing", "src/main/../../x", "commits/nothing", "raw/main/docs", "find/main/docs", "search/nothing", "diff/main..nothing", "diff/main..main/docs", "blame/main/docs", "get/main", "get/nothing.zip"} {
			b.is(b.get("/acme/vault/"+path), 404)
		}
	})
}

// Whatever was pushed, no browser may take it for a page of ours.
func TestRawFilesRunNothing(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"a.html": "<script>alert(1)</script>", "a.svg": "<svg/>", "a.bin": "\x00", "a.js": "alert(1)"})
		for name, want := range map[string][2]string{
			"a.html": {"text/plain; charset=utf-8", ""}, "a.js": {"text/plain; charset=utf-8", ""},
			"a.svg": {"image/svg+xml", ""}, "a.bin": {"application/octet-stream", "attachment"},
		} {
			p := b.is(b.get("/acme/vault/raw/main/"+name), 200)
			h := p.Header()
			if h.Get("Content-Type") != want[0] || h.Get("Content-Disposition") != want[1] ||
				!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", name, h)
			}
		}
		nobody := w.browser()
		nobody.leads(nobody.get("/acme/vault/raw/main/a.js"), "/login")
	})
}

func TestPublicRepository(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.leads(b.post("/workspaces/new", "name", "Open Works"), "/open-works")
		b.leads(b.post("/open-works/workspace/create-repository", "name", "shown", "visibility", "public"), "/open-works/shown")
		nobody := w.browser()
		nobody.is(nobody.get("/open-works/shown"), 200, "Public", "Nothing was pushed yet")
		nobody.leads(nobody.get("/open-works"), "/login")
	})
}

func TestTokens(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		p := b.is(b.post(tokensPath, "name", "laptop", "scopes", "read:repository:bitbucket", "expires", "30"), 201, "shown this once")
		token := p.find(t, `(spt_[A-Za-z0-9_-]+)`)
		p = b.is(b.get(tokensPath), 200, "laptop", "never used")
		if strings.Contains(p.text, token) {
			t.Error("the token is shown again")
		}
		b.leads(b.post(tokensPath+"revoke", "id", p.find(t, `name="id" value="([^"]*)"`)), tokensPath)
		b.is(b.get(tokensPath), 200, "stopped working at once")
	})
}

func TestInvitationTellsBeforeSigningIn(t *testing.T) {
	each(t, func(w *world) {
		owner, other, nobody := w.signedIn("owner"), w.signedIn("other"), w.browser()
		owner.founds()
		owner.enrols(twoStepPath)
		owner.post("/acme/workspace/settings/access-controls", "require", "on")
		owner.post("/acme/workspace/settings/members/invite", "email", "new@example.com", "role", "member")
		path := w.invitation("new@example.com")
		nobody.is(nobody.get(path), 200, "Join Acme Works", "Owner", "new@example.com", "Two-step verification of Code", "Sign in or sign up to accept")
		p := other.is(other.get(path), 200, "This invitation is for new@example.com", "Sign out")
		if strings.Contains(p.text, "Accept invitation") {
			t.Error("the button is offered to somebody else")
		}
		other.is(other.post(path), 403, "This invitation is for new@example.com")
		owner.is(owner.get("/acme/workspace/settings/members"), 200, "new@example.com")
	})
}
