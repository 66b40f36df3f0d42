package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A repository as two people use it: they look for a file by the keys, change it
// at once, work on a branch, and compare.
func TestARepositoryIsUsed(t *testing.T) {
	s := serve(t)
	alice, bob := team(t, s)
	k := &desk{s: s, alice: alice, bob: bob}
	k.finds()
	k.isChangedByTwo()
	k.branches()
	k.looksBack()
}

type desk struct {
	s          *server
	alice, bob *person
}

// finds a file by "t", a part of its name and Enter; then a line by a word.
func (k *desk) finds() {
	bob := k.bob
	bob.open("/acme/app")
	bob.sees(words, "Count down to the start")
	bob.load(chromedp.KeyEvent("t"))
	bob.isAt("/acme/app/find/main")
	bob.call(func(ctx context.Context) error { return chromedp.Do(ctx, paste("dcrew")) })
	bob.load(chromedp.KeyEvent(kb.Enter))
	bob.isAt("/acme/app/src/main/docs/crew.txt")
	bob.sees("Ann", "Ben")
	bob.open("/acme/app/search/main")
	bob.fill("Text", "COUNTS")
	bob.press("Search")
	bob.sees("main.go", "main counts down.")
}

// isChangedByTwo: the second is shown what the first did to the file, and finds
// what they typed as they typed it.
func (k *desk) isChangedByTwo() {
	alice, bob := k.alice, k.bob
	const edit, file = "/acme/app/edit/main/docs/crew.txt", "/acme/app/src/main/docs/crew.txt"
	bob.open(file)
	bob.follow("Edit")
	bob.isAt(edit)
	alice.open(edit)
	alice.fill("Text", "Ann\nBen\nCleo\n")
	alice.fill("What was changed, and why", "Cleo comes along")
	alice.press("Commit")
	alice.isAt(file)
	bob.fill("Text", "Ann\nBen\nDora\n")
	bob.fill("What was changed, and why", "Dora comes along")
	bob.press("Commit")
	bob.got(409)
	bob.isAt(edit)
	bob.sees("Somebody pushed to this branch meanwhile", "What the branch holds now", "Cleo")
	if got := ask[string](bob, `() => document.querySelector("#f-text").value + document.querySelector("#f-message").value`); got != "Ann\nBen\nDora\nDora comes along" {
		bob.t.Errorf("what bob typed became %q", got)
	}
	bob.fill("Text", "Ann\nBen\nCleo\nDora\n")
	bob.press("Commit")
	bob.isAt(file)
	bob.sees("Cleo", "Dora")
}

// branches: a file is added on one, which is compared with the main branch.
func (k *desk) branches() {
	alice := k.alice
	alice.open("/acme/app/branches")
	alice.fill("Name", "topic/landing")
	alice.press("Create branch")
	alice.isAt("/acme/app/branches")
	alice.open("/acme/app/create/topic/landing")
	alice.fill("Name", "docs/landing.md")
	alice.fill("Text", "# Landing\n\nSoftly.\n")
	alice.press("Commit")
	alice.isAt("/acme/app/src/topic/landing/docs/landing.md")
	alice.sees("Softly.")
	alice.open("/acme/app/src/main/docs/landing.md")
	alice.got(404)
	alice.open("/acme/app/branches")
	alice.sees("1 ahead, 0 behind")
	alice.follow("1 ahead, 0 behind")
	alice.isAt("/acme/app/diff/main..topic/landing")
	alice.sees("topic/landing has 1 commit that main lacks, and lacks 0 commits of it", "docs/landing.md", "Softly.")
	alice.follow("Side by side")
	alice.isAt("/acme/app/diff/main..topic/landing?view=split")
	alice.open("/acme/app/diff")
	alice.fill("Base", "topic/landing")
	alice.fill("Compared with it", "main")
	alice.press("Compare")
	alice.isAt("/acme/app/diff/topic/landing..main")
	alice.sees("main has 0 commits")
	alice.open("/acme/app/branches")
	alice.press("Delete topic/landing")
	alice.isAt("/acme/app/branches")
	alice.open("/acme/app/src/topic/landing/docs/landing.md")
	alice.got(404)
}

// looksBack: the history of a file, who wrote each line, and one commit.
func (k *desk) looksBack() {
	bob := k.bob
	bob.open("/acme/app/src/main/docs/crew.txt")
	bob.follow("History")
	bob.isAt("/acme/app/commits/main/docs/crew.txt")
	bob.sees("Dora comes along", "Cleo comes along", "Count down to the start")
	bob.follow("Cleo comes along")
	bob.sees("1 file changed", "Alice")
	bob.open("/acme/app/src/main/docs/crew.txt")
	bob.follow("Blame")
	bob.isAt("/acme/app/blame/main/docs/crew.txt")
	bob.sees("Cleo", "Alice", "Bob")
}
