package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tracker is an issue tracker as two people use it, from the first issue to its
// move into another repository.
type tracker struct {
	s          *server
	alice, bob *person
	zip        string // what was exported
}

func TestATrackerIsUsed(t *testing.T) {
	s := serve(t)
	alice, bob := team(t, s)
	k := &tracker{s: s, alice: alice, bob: bob}
	k.isWrittenTo()
	k.isAnswered()
	k.isEditedByTwo()
	k.isSearched()
	k.goesOut(t)
	k.comesIn()
}

const at1 = "/acme/app/issues/1"

// isWrittenTo: an issue with a preview, a file and somebody's name in it. What
// was typed outlasts the preview.
func (k *tracker) isWrittenTo() {
	alice := k.alice
	alice.open("/acme/app/issues")
	alice.follow("Create issue")
	alice.isAt("/acme/app/issues/new")
	alice.fill("Title", "It never lands")
	alice.fill("Description", "It goes **up**, @bob:\n\n![](flight.png)")
	picks(alice, "Priority", "critical")
	flight := filepath.Join(alice.t.TempDir(), "flight.png")
	alice.do(os.WriteFile(flight, dot(alice), 0o644))
	alice.chooses("f-attachment", flight)
	alice.press("Preview")
	alice.isAt("/acme/app/issues/new")
	alice.sees("Preview: not saved yet", "It goes up", "flight.png")
	alice.press("Create issue")
	alice.isAt(at1)
	alice.sees("It never lands", "critical", "flight.png")
	if !ask[bool](alice, `() => [...document.querySelectorAll("article img")].some((i) => i.complete && i.naturalWidth > 0)`) {
		alice.t.Error("the image isn't shown in the text")
	}
	alice.open("/acme/app/issues/new")
	alice.fill("Title", "Paint it")
	picks(alice, "Kind", "task")
	alice.press("Create issue")
	alice.isAt("/acme/app/issues/2")
}

// isAnswered: whoever was named is told, by mail and at the bell; comments,
// votes, and the history of a comment.
func (k *tracker) isAnswered() {
	alice, bob := k.alice, k.bob
	bob.open(k.s.link(bob.email, "It never lands", at1))
	bob.isAt(at1)
	bob.open("/account/notifications/")
	bob.sees("It never lands")
	bob.open(at1)
	bob.press("Vote for it")
	bob.isAt(at1)
	bob.sees("Take your vote back")
	bob.press("Stop watching")
	bob.press("Watch")
	bob.sees("You are told of what happens to it")
	bob.fill("Your comment", "I have a *plan*.")
	bob.press("Preview")
	bob.sees("Preview: not saved yet", "I have a plan.")
	bob.press("Comment")
	bob.sees("I have a plan.")
	bob.follow("Edit or history")
	bob.fill("Your comment", "I have a better plan.")
	bob.press("Save")
	bob.isAt(at1 + "#comment-1")
	bob.sees("I have a better plan.", "edited")
	alice.open(at1)
	alice.follow("Edit or history")
	alice.sees("What it was before", "I have a plan.")
	alice.open(k.s.link(alice.email, "It never lands", at1))
	alice.fill("Your comment", "Then land it.")
	picks(alice, "State", "open")
	alice.press("Comment")
	alice.isAt(at1 + "#comment-2")
	alice.sees("Then land it.", "status: new → open")
}

// isEditedByTwo: the second is shown what the first did, what both typed is
// there, and what only one of them changed stays.
func (k *tracker) isEditedByTwo() {
	alice, bob := k.alice, k.bob
	bob.open(at1 + "/edit")
	alice.open(at1 + "/edit")
	alice.fill("Title", "It lands at night")
	alice.fill("Description", "It comes down in the dark.")
	alice.press("Save")
	alice.isAt(at1)
	bob.fill("Title", "It lands on Fridays")
	picks(bob, "Priority", "minor")
	bob.press("Save")
	bob.got(409)
	bob.isAt(at1 + "/edit")
	bob.sees("Somebody has changed this issue since you began", "It lands at night", "It comes down in the dark.")
	if got := ask[string](bob, `() => document.querySelector("#f-title").value`); got != "It lands on Fridays" {
		bob.t.Errorf("the title that bob typed became %q", got)
	}
	bob.press("Save")
	bob.isAt(at1)
	bob.sees("It lands on Fridays", "minor", "It comes down in the dark.", "title: It lands at night → It lands on Fridays")
}

// isSearched: by words, by fields, and in every state.
func (k *tracker) isSearched() {
	alice := k.alice
	alice.open("/acme/app/issues")
	alice.fill("Search in issues", "dark")
	alice.press("Search")
	alice.sees("It lands on Fridays")
	alice.seesNot("Paint it")
	alice.open("/acme/app/issues")
	alice.tap("Filter and sort")
	picks(alice, "Kind", "task")
	alice.press("Apply")
	alice.sees("Paint it")
	alice.seesNot("It lands on Fridays")
	alice.open("/acme/app/issues/2")
	picks(alice, "State", "wontfix")
	alice.fill("Your comment", "It flies as it is.")
	alice.press("Comment")
	alice.open("/acme/app/issues")
	alice.seesNot("Paint it")
	alice.follow("All")
	alice.isAt("/acme/app/issues?state=all")
	alice.sees("Paint it", "It lands on Fridays")
}

// goesOut as a table, and as Bitbucket's zip.
func (k *tracker) goesOut(t *testing.T) {
	t.Helper()
	alice := k.alice
	lines, err := csv.NewReader(bytes.NewReader(alice.downloads("CSV"))).ReadAll()
	alice.do(err)
	if len(lines) != 3 || !strings.Contains(strings.Join(lines[1], " ")+strings.Join(lines[2], " "), "It lands on Fridays") {
		t.Errorf("the table has %q", lines)
	}
	alice.open("/acme/app/admin/issues")
	packed := alice.downloads("Export issues")
	files, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	alice.do(err)
	var names []string
	for _, file := range files.File {
		names = append(names, file.Name)
	}
	if len(names) < 2 || names[0] != "db-2.0.json" && names[len(names)-1] != "db-2.0.json" {
		t.Errorf("the zip has %q", names)
	}
	k.zip = filepath.Join(t.TempDir(), "issues.zip")
	alice.do(os.WriteFile(k.zip, packed, 0o644))
}

// comesIn to another repository: the same numbers, words, file and votes.
func (k *tracker) comesIn() {
	alice := k.alice
	alice.createsRepository("next")
	alice.open("/acme/next/admin/issues")
	alice.chooses("f-archive", k.zip)
	alice.press("Import issues")
	alice.open("/acme/next/issues/1")
	alice.sees("It lands on Fridays", "It comes down in the dark.", "I have a better plan.", "Then land it.", "flight.png", "Bob")
	alice.open("/acme/next/issues?state=all")
	alice.sees("Paint it", "wontfix")
	alice.open("/acme/next/admin/issues")
	alice.chooses("f-archive", k.zip)
	alice.press("Import issues")
	alice.got(409)
	alice.open("/acme/next/issues?state=all")
	alice.sees("It lands on Fridays")
}

// picks an entry of a list.
func picks(p *person, label, entry string) {
	p.t.Helper()
	const choose = `(label, entry) => {
		const list = [...document.querySelectorAll("main select")].find((s) => s.labels[0].textContent.trim() === label);
		const option = list && [...list.options].find((o) => o.textContent.trim().toLowerCase() === entry || o.value === entry);
		if (option) option.selected = true;
		return Boolean(option);
	}`
	if !ask[bool](p, choose, label, entry) {
		p.t.Fatalf("%s at %s finds no %q to pick in %q", p.name, p.location(), entry, label)
	}
}

// downloads gives what the link with those words leads to.
func (p *person) downloads(link string) []byte {
	p.t.Helper()
	text := ask[string](p, `async (text) => {
		const link = [...document.querySelectorAll("main a")].find((a) => a.textContent.trim() === text);
		const bytes = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
		return btoa(String.fromCharCode(...bytes));
	}`, link)
	data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	p.do(err)
	return data
}

// dot is an image of one pixel.
func dot(p *person) []byte {
	p.t.Helper()
	data, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	p.do(err)
	return data
}
