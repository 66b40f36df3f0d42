package gittest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// A HostilePush is a push that must be refused: its tip and the objects that it
// sends, made by hand, and what the answer must say.
type HostilePush struct {
	Name, Tip string
	Says      string
	Stock     bool // git itself can push it: of the others it can't read the objects
	objects   []string
}

// HostilePushes writes the objects of pushes that must be refused into a
// repository.
func HostilePushes(t testing.TB, dir string) []HostilePush {
	t.Helper()
	h := hostility{TB: t, dir: dir}
	h.trees()
	h.modules()
	h.commitsAndTags()
	return h.pushes
}

type hostility struct {
	testing.TB
	dir     string
	objects []string // since the last push
	pushes  []HostilePush
}

func (h *hostility) object(kind, content string) string {
	id := Object(h, h.dir, kind, []byte(content))
	h.objects = append(h.objects, id)
	return id
}

func (h *hostility) tree(entries ...Entry) string {
	id := Tree(h, h.dir, entries...)
	h.objects = append(h.objects, id)
	return id
}

// file is an entry for a file of its own.
func (h *hostility) file(name, content string) Entry {
	return Entry{Mode: "100644", Name: name, Object: h.object("blob", content)}
}

func (h *hostility) push(name, says string, stock bool, tip string) {
	h.pushes = append(h.pushes, HostilePush{Name: name, Tip: tip, Says: says, Stock: stock, objects: h.objects})
	h.objects = nil
}

// of is a push of a commit of a tree.
func (h *hostility) of(name, says string, stock bool, tree string) {
	tip := Commit(h, h.dir, tree, name)
	h.objects = append(h.objects, tip)
	h.push(name, says, stock, tip)
}

func (h *hostility) trees() {
	for name, says := range map[string]string{
		"..": "hasDotdot: contains '..'", ".": "hasDot: contains '.'",
		".git": "hasDotgit: contains '.git'", ".GIT": "hasDotgit: contains '.git'", "git~1": "hasDotgit: contains '.git'",
		".g\u200cit": "hasDotgit: contains '.git'", ".\u206fGiT": "hasDotgit: contains '.git'",
	} {
		h.of(fmt.Sprintf("a folder named %q", name), says, true, h.tree(Entry{Mode: "40000", Name: name, Object: h.tree(h.file("config", "[core]\n"))}))
		h.of(fmt.Sprintf("a file named %q", name), says, true, h.tree(h.file(name, "x\n")))
	}
	h.of("a name with a slash", "fullPathname: contains full pathnames", true, h.tree(h.file("../../etc/passwd", "x\n")))
	h.of("an empty name", "badTree: cannot be parsed as a tree", false, h.tree(h.file("", "x\n")))
	h.of("a name with NUL", "badTree: cannot be parsed as a tree", false, h.tree(h.file("a\x00b", "x\n")))
	h.of("a tree that is cut short", "badTree: cannot be parsed as a tree", false, h.object("tree", "100644 ok\x00abc"))
	h.of("a tree that is none", "badTree: cannot be parsed as a tree", false, h.object("tree", "hello there"))
	h.of("a mode that is none", "badTree: cannot be parsed as a tree", false, h.tree(Entry{Mode: "9x", Name: "odd", Object: h.object("blob", "x\n")}))
	h.of("the same name twice", "duplicateEntries: contains duplicate file entries", true, h.tree(h.file("x", "1\n"), h.file("x", "2\n")))
	h.of("a link and a folder of one name", "duplicateEntries: contains duplicate file entries", true,
		h.tree(Entry{Mode: "120000", Name: "x", Object: h.object("blob", "/etc")}, Entry{Mode: "40000", Name: "x", Object: h.tree(h.file("passwd", "x\n"))}))
	h.of("names out of order", "treeNotSorted: not properly sorted", true, h.tree(h.file("b", "1\n"), h.file("a", "2\n")))
	h.of("a mode with a zero before it", "zeroPaddedFilemode: contains zero-padded file modes", true, h.tree(Entry{Mode: "0100644", Name: "x", Object: h.object("blob", "x\n")}))
	h.of("an object that can't be", "nullSha1: contains entries pointing to null sha1", false, h.tree(Entry{Mode: "100644", Name: "x", Object: strings.Repeat("0", 40)}))
}

func (h *hostility) modules() {
	with := func(content string) string { return h.tree(h.file(".gitmodules", content)) }
	h.of("a submodule's URL that is an option", "gitmodulesUrl: disallowed submodule url: -u./payload", true, with("[submodule \"x\"]\n\tpath = mod\n\turl = -u./payload\n"))
	h.of("a submodule's path that is an option", "gitmodulesPath: disallowed submodule path: -x", true, with("[submodule \"x\"]\n\tpath = -x\n\turl = https://example.com/\n"))
	h.of("a submodule's name that leads out", "gitmodulesName: disallowed submodule name: ../../evil", true, with("[submodule \"../../evil\"]\n\tpath = mod\n\turl = https://example.com/\n"))
	h.of("a submodule that runs a command", "gitmodulesUpdate: disallowed submodule update setting: !touch pwned", true, with("[submodule \"x\"]\n\tpath = mod\n\turl = https://example.com/\n\tupdate = !touch pwned\n"))
	h.of("a link named .gitmodules", "gitmodulesSymlink: .gitmodules is a symbolic link", true, h.tree(Entry{Mode: "120000", Name: ".gitmodules", Object: h.object("blob", "../elsewhere")}))
	h.of("a folder named .gitmodules", "gitmodulesBlob: non-blob found at .gitmodules", true, h.tree(Entry{Mode: "40000", Name: ".gitmodules", Object: h.tree(h.file("x", "x\n"))}))
}

func (h *hostility) commitsAndTags() {
	const who = "Ada <ada@example.com> 1700000000 +0100"
	commit := func(name, says string, stock bool, text string) {
		sound := h.tree(h.file("x", "x\n"))
		h.push(name, says, stock, h.object("commit", strings.ReplaceAll(text, "TREE", sound)))
	}
	commit("a commit without a tree", "fatal: invalid commit", false, "author "+who+"\ncommitter "+who+"\n\nx\n")
	commit("a commit without an author", "missingAuthor: invalid format - expected 'author' line", true, "tree TREE\ncommitter "+who+"\n\nx\n")
	commit("a commit by two", "multipleAuthors: invalid format - multiple 'author' lines", true, "tree TREE\nauthor "+who+"\nauthor "+who+"\ncommitter "+who+"\n\nx\n")
	commit("a commit with a date that is none", "badDateOverflow: invalid author/committer line", true,
		"tree TREE\nauthor Ada <a@example.com> 99999999999999999999 +0100\ncommitter "+who+"\n\nx\n")
	commit("a commit with NUL in its head", "nulInHeader: unterminated header: NUL", true, "tree TREE\nauthor \x00"+who+"\ncommitter "+who+"\n\nx\n")
	commit("a commit with NUL in its message", "nulInCommit: NUL byte in the commit object body", true, "tree TREE\nauthor "+who+"\ncommitter "+who+"\n\nx\x00y\n")
	blob := h.object("blob", "x\n")
	h.push("a tag of a kind that is none", "fatal: invalid tag", false, h.object("tag", "object "+blob+"\ntype spoon\ntag v1\ntagger "+who+"\n\nx\n"))
	blob = h.object("blob", "y\n")
	h.push("a tag without a name", "fatal: invalid tag", false, h.object("tag", "object "+blob+"\ntype blob\ntagger "+who+"\n\nx\n"))
}

// Body is the push as a client sends it over the wire, where one could: it makes
// a branch for the tip, and one for another commit that is there, or not.
func (p HostilePush) Body(t testing.TB, dir, other string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "pack-objects", "--stdout", "-q")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.Join(p.objects, "\n")+"\n")
	pack, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	line := func(text string) { fmt.Fprintf(&body, "%04x%s", len(text)+4, text) }
	none := strings.Repeat("0", 40)
	line(none + " " + p.Tip + " refs/tags/evil\x00 report-status side-band-64k agent=git/test")
	line(none + " " + other + " refs/heads/fine")
	body.WriteString("0000")
	body.Write(pack)
	return body.Bytes()
}
