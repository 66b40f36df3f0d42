package git

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// refStore reads the references of one repository from its files and remembers
// them for as long as the files' stamps say that they are unchanged.
//
// Git replaces a loose reference by writing a lock file beside it and renaming
// that, so the directory's own time moves with every change of an entry. It
// replaces packed-refs in the same way. A stamp so young that a second change
// might bear the same time isn't trusted: such a place is read again.
type refStore struct {
	dir string
	now func() time.Time

	mu     sync.Mutex
	head   string
	loose  map[string]*looseDir // by path below dir: "refs", "refs/heads" …
	packed packedFile
	peels  map[OID]OID
	refs   *Refs
}

// settled is how old a stamp must be to be trusted. File systems keep times in
// steps of up to two seconds.
const settled = 3 * time.Second

// stamp is what changes when a file or directory does.
type stamp struct {
	inode   uint64
	size    int64
	changed time.Time
	trusted bool
}

func (s stamp) same(other stamp) bool {
	return s.trusted && s.inode == other.inode && s.size == other.size && s.changed.Equal(other.changed)
}

func (s *refStore) stampOf(info fs.FileInfo) stamp {
	made := stamp{size: info.Size(), changed: info.ModTime(), trusted: info.ModTime().Add(settled).Before(s.now())}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		made.inode = uint64(stat.Ino)
	}
	return made
}

type looseDir struct {
	stamp stamp
	refs  []Ref
	below []string // directories in it, by path below the repository
}

type packedFile struct {
	stamp stamp
	refs  []Ref
}

func newRefStore(dir string) *refStore {
	return &refStore{dir: dir, now: time.Now, loose: map[string]*looseDir{}, peels: map[OID]OID{}}
}

// read gives the references, as they are now.
func (s *refStore) read() (*Refs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head, err := os.ReadFile(filepath.Join(s.dir, "HEAD"))
	if err != nil {
		return nil, fmt.Errorf("reading HEAD: %w", err)
	}
	// Loose before packed: pack-refs writes the packed file first and removes
	// the loose ones after, so what is gone from here must be there.
	looseChanged, err := s.readLoose()
	if err != nil {
		return nil, fmt.Errorf("reading loose references: %w", err)
	}
	packedChanged, err := s.readPacked()
	if err != nil {
		return nil, fmt.Errorf("reading packed references: %w", err)
	}
	if s.refs == nil || looseChanged || packedChanged || string(head) != s.head {
		s.head = string(head)
		s.refs = mergeRefs(s.head, s.packed.refs, s.looseRefs(), s.peels)
		s.peels = s.refs.keepPeels(s.peels)
	}
	return s.refs, nil
}

// replace puts refs with all tags peeled in the place of those without, unless
// they have been read anew meanwhile, and keeps what was learnt for next time.
func (s *refStore) replace(old, with *Refs, learnt map[OID]OID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.peels, learnt)
	if s.refs == old {
		s.refs = with
	}
}

// readLoose brings s.loose up to date and reports whether anything in it moved.
func (s *refStore) readLoose() (changed bool, err error) {
	seen := make(map[string]bool, len(s.loose))
	pending := []string{"refs"}
	for len(pending) > 0 {
		path := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		dir, fresh, err := s.readLooseDir(path)
		if errors.Is(err, fs.ErrNotExist) && path != "refs" {
			continue // removed since its parent was listed; git does that to empty ones
		}
		if err != nil {
			return false, err
		}
		changed = changed || fresh
		s.loose[path] = dir
		seen[path] = true
		pending = append(pending, dir.below...)
	}
	if len(seen) != len(s.loose) {
		changed = true
		maps.DeleteFunc(s.loose, func(path string, _ *looseDir) bool { return !seen[path] })
	}
	return changed, nil
}

func (s *refStore) readLooseDir(path string) (dir *looseDir, fresh bool, err error) {
	full := s.dir + "/" + path
	info, err := os.Stat(full)
	if err != nil {
		return nil, false, err
	}
	found := s.stampOf(info)
	if known := s.loose[path]; known != nil && known.stamp.same(found) {
		return known, false, nil
	}
	entries, err := os.ReadDir(full)
	if err != nil {
		return nil, false, err
	}
	dir = &looseDir{stamp: found}
	for _, entry := range entries {
		name := path + "/" + entry.Name()
		switch {
		case strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), ".lock"):
		case entry.IsDir():
			dir.below = append(dir.below, name)
		case ValidRefName(name):
			content, err := os.ReadFile(s.dir + "/" + name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted or packed since the listing
			}
			if err != nil {
				return nil, false, err
			}
			if ref, ok := parseLooseRef(name, string(content)); ok {
				dir.refs = append(dir.refs, ref)
			}
		}
	}
	known := s.loose[path]
	return dir, known == nil || !slices.Equal(known.refs, dir.refs) || !slices.Equal(known.below, dir.below), nil
}

func (s *refStore) looseRefs() []Ref {
	var refs []Ref
	for _, dir := range s.loose {
		refs = append(refs, dir.refs...)
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

func (s *refStore) readPacked() (changed bool, err error) {
	file, err := os.Open(filepath.Join(s.dir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		changed = len(s.packed.refs) > 0
		s.packed = packedFile{}
		return changed, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	found := s.stampOf(info)
	if s.packed.stamp.same(found) {
		return false, nil
	}
	content := make([]byte, info.Size())
	n, err := readFull(file, content)
	if err != nil {
		return false, err
	}
	s.packed = packedFile{stamp: found, refs: parsePackedRefs(string(content[:n]))}
	return true, nil
}
