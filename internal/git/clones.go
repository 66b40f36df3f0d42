package git

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Answers to clones are kept beside the repository, in clonesDir, because one
// state of it is often cloned many times (by the machines that build it) and
// most of a clone's cost is git's finding and packing the same objects again.
//
// An answer is kept when it is asked for a second time, and found again by
// everything that it depends on: the request and all references. So a kept one
// is never out of date; a push throws all of them away.
const (
	clonesDir    = "sallyport-clones"
	clonesKept   = 3              // for each repository
	cloneLargest = int64(2) << 30 // bytes of an answer that is kept
	cloneBuffer  = 256 << 10      // bytes that are sent at a time
	cloneSeen    = 400 << 10      // bytes of memory for what was asked for once: some 1,000
)

// cloneKey names an answer by what it depends on.
type cloneKey [sha256.Size]byte

// cloneKeyOf gives the key of a request for a whole clone, however shallow or
// partial. ok is false for any other, such as one by a client that has commits
// already: what git answers to that hangs on what they are here.
func cloneKeyOf(protocol Protocol, request []byte, refs *Refs) (key cloneKey, ok bool) {
	hash := sha256.New()
	_, _ = io.WriteString(hash, protocol.String())
	done := false
	packets := NewPacketReader(bytes.NewReader(request))
	for {
		kind, line, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || bytes.HasPrefix(line, []byte("have ")) {
			return key, false
		}
		text := trimLine(line)
		done = done || text == "done"
		_, _ = hash.Write([]byte{0, byte(kind)})
		for word := range strings.FieldsSeq(text) {
			if !strings.HasPrefix(word, "agent=") && !strings.HasPrefix(word, "session-id=") {
				_, _ = io.WriteString(hash, word+" ")
			}
		}
	}
	_, _ = io.WriteString(hash, "\x00"+string(refs.Head.OID)+refs.Head.Target)
	for _, ref := range refs.list {
		_, _ = io.WriteString(hash, "\x00"+string(ref.OID)+ref.Name)
	}
	return cloneKey(hash.Sum(nil)), done
}

func (r *Repository) clonePath(key cloneKey) string {
	return filepath.Join(r.dir, clonesDir, hex.EncodeToString(key[:]))
}

// sendClone sends a kept answer; sent is false where there is none.
func (r *Repository) sendClone(key cloneKey, w io.Writer) (sent bool, err error) {
	file, err := os.Open(r.clonePath(key))
	if err != nil {
		return false, nil // also where it can't be read: git answers then
	}
	defer file.Close()
	now := time.Now()
	_ = os.Chtimes(file.Name(), now, now) // the one unused for longest is thrown away first
	_, err = io.CopyBuffer(w, struct{ io.Reader }{file}, make([]byte, cloneBuffer))
	return true, err
}

// wantsClone reports whether an answer is worth keeping: it is asked for at
// least the second time.
func (r *Repository) wantsClone(key cloneKey) bool {
	if _, seen := r.git.cloned.Get(key); seen {
		return true
	}
	r.git.cloned.Put(key, struct{}{}, 0)
	return false
}

// keeper writes an answer to w and, as long as that goes well, to a file too.
// No fault of the file's reaches the client.
type keeper struct {
	w    io.Writer
	file *os.File // nil: it isn't kept
	size int64
}

// keepClone begins to keep an answer that is sent to w.
func (r *Repository) keepClone(w io.Writer) *keeper {
	k := &keeper{w: w}
	dir := filepath.Join(r.dir, clonesDir)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return k
	}
	if file, err := os.CreateTemp(dir, "new-"); err == nil {
		k.file = file
	}
	return k
}

func (k *keeper) Write(p []byte) (int, error) {
	if k.file != nil {
		k.size += int64(len(p))
		if _, err := k.file.Write(p); err != nil || k.size > cloneLargest {
			k.drop()
		}
	}
	return k.w.Write(p)
}

func (k *keeper) drop() {
	if k.file != nil {
		_ = k.file.Close()
		_ = os.Remove(k.file.Name())
		k.file = nil
	}
}

// finish puts the answer in its place, if it came whole.
func (k *keeper) finish(path string, err error) {
	if k.file == nil || err != nil {
		k.drop()
		return
	}
	file := k.file
	if file.Close() != nil || os.Rename(file.Name(), path) != nil {
		k.drop()
		return
	}
	dropOldest(filepath.Dir(path))
}

// dropOldest leaves clonesKept answers; also of those that a program which was
// killed began and never finished.
func dropOldest(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for len(entries) > clonesKept {
		oldest, since := 0, time.Time{}
		for i, entry := range entries {
			used := usedAt(entry)
			if i == 0 || used.Before(since) {
				oldest, since = i, used
			}
		}
		_ = os.Remove(filepath.Join(dir, entries[oldest].Name()))
		entries = append(entries[:oldest], entries[oldest+1:]...)
	}
}

func usedAt(entry fs.DirEntry) time.Time {
	info, err := entry.Info()
	if err != nil {
		return time.Time{} // it is gone already
	}
	return info.ModTime()
}

// dropClones throws away every kept answer, after a push.
func (r *Repository) dropClones() { _ = os.RemoveAll(filepath.Join(r.dir, clonesDir)) }
