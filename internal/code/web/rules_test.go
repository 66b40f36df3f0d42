package web

import "testing"

func TestARepositoryIsRenamedAndArchived(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"main.go": "package main\n"})
		b.leads(b.post("/acme/vault/admin/name", "name", "Safe"), "/acme/safe/admin")
		b.leads(b.get("/acme/vault/src/main/main.go"), "/acme/safe/src/main/main.go")
		b.is(b.get("/acme/safe"), 200, "Safe")
		b.is(b.post("/acme/safe/admin/name", "name", "a b"), 400, "Use letters, digits", `value="a b"`)
		// Another takes the former name.
		b.leads(b.post("/acme/workspace/create-repository", "name", "vault"), "/acme/vault")
		b.is(b.get("/acme/vault"), 200, "Nothing was pushed yet")

		b.leads(b.post("/acme/safe/admin/archive", "archived", "yes"), "/acme/safe/admin")
		b.is(b.get("/acme/safe/src/main/main.go"), 200, "package")
		b.is(b.get("/acme/safe"), 200, "Archived")
		b.is(b.post("/acme/safe/branches/create", "name", "next"), 403, "This repository is archived")
		b.leads(b.post("/acme/safe/admin/archive", "archived", "no"), "/acme/safe/admin")
		b.leads(b.post("/acme/safe/branches/create", "name", "next"), "/acme/safe/branches")
	})
}

func TestBranchRulesHoldOnPages(t *testing.T) {
	each(t, func(w *world) {
		b := w.signedIn("ada")
		b.founds()
		w.pushes(map[string]string{"main.go": "package main\n"})
		const rules = "/acme/vault/admin/branches"
		b.is(b.get(rules), 200, "There are no rules")
		b.is(b.post(rules, "pattern", "a..b", "push", "2"), 400, "Give the name of a branch", `value="a..b"`)
		b.is(b.post(rules, "pattern", "main", "push", "9"), 400, "Choose who may push.")
		b.leads(b.post(rules, "pattern", "release/*", "push", "4"), rules)
		b.is(b.get(rules), 200, "release/*", "Nobody may push; history can't be pushed over; it can't be deleted.")
		b.is(b.post("/acme/vault/branches/create", "name", "release/1"), 409, "nobody may push to branches like release/*")
		page := b.get(rules)
		b.leads(b.post(rules+"/delete", "id", page.find(t, `name="id" value="([^"]*)"`)), rules)
		b.leads(b.post("/acme/vault/branches/create", "name", "release/1"), "/acme/vault/branches")
	})
}
