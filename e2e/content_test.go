package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// Two people write one wiki page at once: the second is shown what the first
// wrote, and loses nothing.
func TestAWikiWrittenByTwo(t *testing.T) {
	album := album{os.Getenv("SALLYPORT_SCREENS")}
	alice, bob := team(t, serve(t))
	alice.open("/acme/app")
	alice.follow("Wiki")
	alice.sees("Nothing is written yet")
	alice.follow("Write the first page")
	alice.fill("Text", "# Launch\n\nSee [[Checklist]].\n\n## Before\n\n- [x] fuel\n\n## After\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
	alice.press("Preview")
	alice.sees("Preview: not saved yet", "Launch")
	alice.fill("What you changed", "The first words")
	alice.press("Save")
	alice.sees("Last edited by Alice", "Contents")
	album.take(alice, "wiki", narrowWindow)
	alice.follow("Checklist")
	alice.got(404)
	alice.follow("Write it")
	alice.fill("Text", "One thing at a time.")
	alice.press("Save")

	bob.open("/acme/app/wiki/_edit/Checklist")
	alice.follow("Edit")
	alice.fill("Text", "One thing at a time. Then the next.")
	alice.press("Save")
	bob.fill("Text", "Never on a Friday.")
	bob.press("Save")
	bob.got(409)
	bob.sees("Somebody has saved this page since you began", "Then the next.")
	album.take(bob, "wiki-conflict", narrowWindow)
	bob.fill("Text", "One thing at a time. Then the next. Never on a Friday.")
	bob.press("Save")
	bob.sees("Never on a Friday.")
	bob.follow("History")
	bob.press("Compare the two chosen")
	bob.sees("Changes of Checklist")
	album.take(bob, "wiki-changes", narrowWindow)
	bob.follow("All pages")
	bob.sees("Checklist")
	bob.open("/acme/app/wiki/_search?q=friday")
	bob.sees("Never on a Friday.")

	alice.open("/acme/app/admin/wiki")
	alice.tap("Public")
	alice.press("Save")
	nobody := alice.s.comes(t, "nobody")
	nobody.open("/acme/app/wiki/Checklist")
	nobody.sees("Never on a Friday.")
	nobody.seesNot("Commits", "Edit")
}

// A snippet of two files, without a script in the form; what others say of it.
func TestASnippet(t *testing.T) {
	album := album{os.Getenv("SALLYPORT_SCREENS")}
	alice, bob := team(t, serve(t))
	alice.open("/acme")
	alice.follow("Snippets")
	alice.follow("Create snippet")
	alice.fill("Title", "How we deploy")
	alice.fill("File name", "deploy.sh")
	alice.fill("Content", "#!/bin/sh\necho hello # to the world\n")
	album.take(alice, "snippet-form", narrowWindow)
	alice.press("Add another file")
	alice.fillsNext("f-name-1", "when.md")
	alice.fillsNext("f-text-1", "# When\n\n**Never** on Fridays.\n")
	alice.press("Create snippet")
	alice.sees("How we deploy", "deploy.sh", "when.md", "Never on Fridays.", "Private")
	at := alice.path()
	alice.isAt(at)

	bob.open("/acme/snippets")
	bob.follow("How we deploy")
	bob.fill("Your comment", "Why **not** on Fridays?")
	bob.press("Comment")
	bob.sees("Why not on Fridays?")
	bob.seesNot("Settings")
	album.take(bob, "snippet", narrowWindow)

	alice.open(at)
	alice.follow("Edit")
	alice.isAt(at + "/edit")
	alice.fill("Content", "#!/bin/sh\necho twice\n")
	alice.tap("Remove when.md")
	alice.press("Save")
	alice.isAt(at)
	alice.sees("echo twice")
	alice.seesNot("when.md")
	alice.follow("Versions")
	alice.isAt(at + "/versions")
	alice.follows("/versions/")
	alice.sees("What was changed", "echo twice", "when.md", "What it held then")
	alice.open(at)
	alice.follow("Settings")
	alice.tap("Public")
	alice.press("Save")
	nobody := alice.s.comes(t, "nobody")
	nobody.open(at)
	nobody.sees("How we deploy", "Why not on Fridays?")
	alice.open(at + "/settings")
	alice.press("Delete this snippet")
	alice.sees("No snippet yet")
}

// fillsNext fills the field of that id, where several have one label.
func (p *person) fillsNext(id, text string) {
	p.t.Helper()
	ask[any](p, `(id) => document.getElementById(id).focus()`, id)
	p.call(func(ctx context.Context) error { return chromedp.Do(ctx, paste(text)) })
}
