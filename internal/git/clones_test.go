package git

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fetchRequest is a request of protocol 2 for everything that want leads to.
func fetchRequest(agent, want string, arguments ...string) []byte {
	request := AppendPacket(nil, "command=fetch")
	request = AppendPacket(request, "agent="+agent)
	request = append(request, "0001"...)
	for _, argument := range append([]string{"want " + want}, arguments...) {
		request = AppendPacket(request, argument+"\n")
	}
	return AppendFlush(request)
}

func (r repo) fetched(request []byte) []byte {
	r.t.Helper()
	var out bytes.Buffer
	if err := r.UploadPack(r.t.Context(), ProtocolV2, request, &out); err != nil {
		r.t.Fatal(err)
	}
	return out.Bytes()
}

// keptClones gives the answers that are kept.
func (r repo) keptClones() []string {
	found, err := filepath.Glob(filepath.Join(r.dir, clonesDir, "*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func TestTheSameCloneAgain(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	r.git("update-ref", "refs/heads/main", c)
	ask := func(agent string) []byte { return r.fetched(fetchRequest(agent, c, "no-progress", "done")) }

	ask("git/1")
	if kept := r.keptClones(); len(kept) != 0 {
		t.Errorf("kept when asked for once: %v", kept)
	}
	second := ask("git/2")
	kept := r.keptClones()
	if len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}
	if found, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(found, second) {
		t.Errorf("kept %d bytes of %d, %v", len(found), len(second), err)
	}
	// What is in the file is what is sent: so no process made it.
	if err := os.WriteFile(kept[0], []byte("0000"), 0o600); err != nil {
		t.Fatal(err)
	}
	if third := ask("git/3"); string(third) != "0000" {
		t.Errorf("the third answer isn't the kept one: %d bytes", len(third))
	}
	if other := r.fetched(fetchRequest("git/3", c, "no-progress", "deepen 1", "done")); string(other) == "0000" {
		t.Error("another request was answered alike")
	}

	// Another state of the references is another answer.
	r.git("update-ref", "refs/heads/other", c)
	if changed := ask("git/3"); string(changed) == "0000" {
		t.Error("kept beyond a change of the references")
	}
	// A push throws them away.
	pushed, pack := packOf(t, r.Repository.git, "two")
	if _, _, err := r.push(bytes.NewReader(pushBody(usual, pack, string(ZeroOID)+" "+pushed+" refs/heads/new")), 1<<20); err != nil {
		t.Fatal(err)
	}
	if kept := r.keptClones(); len(kept) != 0 {
		t.Errorf("kept after a push: %v", kept)
	}
}

func TestOnlyWholeClonesAreKept(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	d := r.commit("two", c)
	r.git("update-ref", "refs/heads/main", d)
	for range 3 {
		r.fetched(fetchRequest("git/1", d, "have "+c, "done"))
		r.fetched(fetchRequest("git/1", d, "have "+c)) // a question, not a clone
	}
	if kept := r.keptClones(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

func TestFewClonesAreKept(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	r.git("update-ref", "refs/heads/main", c)
	for depth := range 2 * clonesKept {
		for range 2 {
			r.fetched(fetchRequest("git/1", c, fmt.Sprint("deepen ", depth+1), "done"))
		}
	}
	if kept := r.keptClones(); len(kept) != clonesKept {
		t.Errorf("kept %d, want %d", len(kept), clonesKept)
	}
}

// An answer that didn't come whole, or that its reader left, isn't kept.
func TestACloneThatBreaksOffIsNotKept(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	r.git("update-ref", "refs/heads/main", c)
	request := fetchRequest("git/1", c, "done")
	r.fetched(request)
	if err := r.UploadPack(t.Context(), ProtocolV2, request, gone{}); err == nil {
		t.Error("no error from a reader that went away")
	}
	if kept := r.keptClones(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, os.ErrClosed }
