package repo

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"path"
	"slices"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/markup"
)

const (
	maxFile = 2 << 20 // bytes of a file that are read for a page

	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// Content is the content of one repository, opened against a grant.
type Content struct {
	git *git.Repository
}

// Open opens a repository's content for reading. It wants a grant for
// ReadRepository or WriteRepository.
func (s *Service) Open(_ context.Context, g access.Grant) (*Content, error) {
	if err := g.Require(access.ReadRepository, access.WriteRepository); err != nil {
		return nil, err
	}
	return &Content{git: s.git(g)}, nil
}

// Branch is a branch or tag and the commit at its tip.
type Branch struct {
	Name    string
	Commit  git.Commit
	Default bool
}

// Place is a commit, and how it was named: a branch, a tag, or the commit's own id.
type Place struct {
	Ref    string // as it stands in addresses
	Commit git.OID
	Path   string // inside its tree; empty: the top
}

var (
	errNoRef  = errs.NotFound("There is no such branch, tag or commit.")
	errNoPath = errs.NotFound("There is no such file or folder.")
	// ErrEmpty says that nothing was pushed yet.
	ErrEmpty = errs.NotFound("Nothing was pushed to this repository yet.")
)

// DefaultBranch gives the name of the branch that HEAD names. Where that one
// is unborn but others exist, it is the first of those. ErrEmpty says that
// there is none; the name is then that of the branch to push.
func (c *Content) DefaultBranch(ctx context.Context) (string, error) {
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return "", err
	}
	name := strings.TrimPrefix(refs.Head.Target, branches)
	if refs.Head.OID != "" && name != "" {
		return name, nil
	}
	if born := refs.Under(branches); len(born) > 0 {
		return strings.TrimPrefix(born[0].Name, branches), nil
	}
	return name, ErrEmpty
}

// Branches lists up to limit branches by name, after the one named after; where
// that is empty the default branch comes first, and nowhere else. more says that
// there are others.
func (c *Content) Branches(ctx context.Context, after string, limit int) (list []Branch, more bool, err error) {
	first, err := c.DefaultBranch(ctx)
	if errors.Is(err, ErrEmpty) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return nil, false, err
	}
	all := refs.Under(branches)
	if head, found := refs.Find(branches + first); found && after == "" {
		all = slices.Insert(slices.Clone(all), 0, head)
	}
	for i, ref := range all {
		name := strings.TrimPrefix(ref.Name, branches)
		if name == first && (after != "" || i > 0) || name <= after {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		commit, err := c.git.Commit(ctx, ref.OID)
		if err != nil {
			return nil, false, err
		}
		list = append(list, Branch{Name: name, Commit: commit, Default: name == first})
	}
	return list, false, nil
}

// Refs lists up to limit branches, or tags, by name after one: as programs read
// them, which Branches and Tags put in the order that people look for.
func (c *Content) Refs(ctx context.Context, tag bool, after string, limit int) (list []Branch, err error) {
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs.Under(kind(tag)) {
		if len(list) == limit {
			break
		}
		if name := strings.TrimPrefix(ref.Name, kind(tag)); name > after {
			commit, err := c.git.Commit(ctx, cmp.Or(ref.Peeled, ref.OID))
			if errors.Is(err, git.ErrNoObject) {
				continue // a tag of something that is no commit
			}
			if err != nil {
				return nil, err
			}
			list = append(list, Branch{Name: name, Commit: commit})
		}
	}
	return list, nil
}

// Ref gives one branch or tag.
func (c *Content) Ref(ctx context.Context, tag bool, name string) (Branch, error) {
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return Branch{}, err
	}
	ref, found := refs.Find(kind(tag) + name)
	if !found {
		return Branch{}, errNoRef
	}
	commit, err := c.git.Commit(ctx, cmp.Or(ref.Peeled, ref.OID))
	if errors.Is(err, git.ErrNoObject) {
		return Branch{}, errNoRef
	}
	return Branch{Name: name, Commit: commit}, err
}

// kind is what the full names of branches, or of tags, begin with.
func kind(tag bool) string {
	if tag {
		return tags
	}
	return branches
}

// Locate reads "ref/path" as it stands in an address. A branch's name may hold
// slashes itself: git allows no branch to begin with another's name and a
// slash, so at most one fits, and it comes before a tag and that before a
// commit's id. Empty means the default branch.
func (c *Content) Locate(ctx context.Context, refpath string) (Place, error) {
	refpath = strings.Trim(refpath, "/")
	if refpath == "" {
		name, err := c.DefaultBranch(ctx)
		if err != nil {
			return Place{}, err
		}
		refpath = name
	}
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return Place{}, err
	}
	for _, kind := range []string{branches, tags} {
		for end := range ends(refpath) {
			if ref, ok := refs.Find(kind + refpath[:end]); ok {
				return c.place(ctx, refpath[:end], cmp.Or(ref.Peeled, ref.OID), strings.TrimPrefix(refpath[end:], "/"))
			}
		}
	}
	id, inside, _ := strings.Cut(refpath, "/")
	oid, ok := git.ParseOID(id)
	if !ok {
		return Place{}, errNoRef
	}
	return c.place(ctx, id, oid, inside)
}

// IsBranch reports whether a place was named by a branch.
func (c *Content) IsBranch(ctx context.Context, p Place) (bool, error) {
	refs, err := c.git.Refs(ctx)
	if err != nil {
		return false, err
	}
	_, found := refs.Find(branches + p.Ref)
	return found, nil
}

// ends gives where each leading run of whole segments of an address ends.
func ends(address string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range len(address) {
			if address[i] == '/' && !yield(i) {
				return
			}
		}
		yield(len(address))
	}
}

func (c *Content) place(ctx context.Context, ref string, oid git.OID, inside string) (Place, error) {
	if !git.ValidPath(inside) {
		return Place{}, errNoPath
	}
	commit, err := c.git.Resolve(ctx, string(oid))
	if errors.Is(err, git.ErrNoObject) {
		return Place{}, errNoRef
	}
	return Place{Ref: ref, Commit: commit, Path: inside}, err
}

// Node is what lies at a place: a folder or a file.
type Node struct {
	Entry   git.Entry
	Entries []git.Entry // of a folder: folders first, then by name
	Blob    git.Blob    // of a file; without data where it is too large to show
}

// At gives what lies at a place.
func (c *Content) At(ctx context.Context, p Place) (Node, error) {
	entry, err := c.git.At(ctx, p.Commit, p.Path)
	if errors.Is(err, git.ErrNoObject) {
		return Node{}, errNoPath
	}
	if err != nil {
		return Node{}, err
	}
	node := Node{Entry: entry}
	switch {
	case entry.Mode.IsTree():
		node.Entries, err = c.tree(ctx, entry.OID)
	case entry.Mode.IsFile(), entry.Mode == git.ModeSymlink:
		node.Blob, err = c.git.Blob(ctx, entry.OID, maxFile)
	}
	if errors.Is(err, git.ErrNoObject) { // what a tree names must be there
		err = git.ErrDamaged(err)
	}
	return node, err
}

// Stream opens a file of any size, to be read piece by piece.
func (c *Content) Stream(ctx context.Context, file Node) (*git.Stream, error) {
	if !file.Entry.Mode.IsFile() {
		return nil, errNoPath
	}
	return c.git.Stream(ctx, file.Entry.OID)
}

func (c *Content) tree(ctx context.Context, oid git.OID) ([]git.Entry, error) {
	read, err := c.git.Tree(ctx, oid)
	if err != nil {
		return nil, err
	}
	entries := slices.Clone(read)
	slices.SortStableFunc(entries, compareEntries)
	return entries, nil
}

// compareEntries puts folders first; a tree has both sorted by name.
func compareEntries(a, b git.Entry) int {
	switch {
	case a.Mode.IsTree() == b.Mode.IsTree():
		return 0
	case a.Mode.IsTree():
		return -1
	default:
		return 1
	}
}

// Page gives up to limit entries of a folder that come after the one with the
// key; empty: from the first on. next is the key of the last one, empty where no
// others follow.
func (n Node) Page(after string, limit int) (entries []git.Entry, next string) {
	from := 0
	if after != "" {
		from = 1 + slices.IndexFunc(n.Entries, func(e git.Entry) bool { return entryKey(e) == after })
	}
	if after != "" && from == 0 { // it is gone: go on where it would be
		from = slices.IndexFunc(n.Entries, func(e git.Entry) bool {
			folder, was := e.Mode.IsTree(), strings.HasSuffix(after, "/")
			return folder == was && entryKey(e) > after || !folder && was
		})
		if from < 0 {
			return nil, ""
		}
	}
	entries = n.Entries[from:]
	if len(entries) <= limit {
		return entries, ""
	}
	return entries[:limit], entryKey(entries[limit-1])
}

// entryKey is what git sorts an entry by; a folder's ends with a slash.
func entryKey(e git.Entry) string {
	if e.Mode.IsTree() {
		return e.Name + "/"
	}
	return e.Name
}

// Readme gives the README among a folder's entries and its text; no name where
// there is none. Markdown comes before plain text.
func (c *Content) Readme(ctx context.Context, entries []git.Entry) (name string, text []byte, err error) {
	best := -1
	var found git.Entry
	for _, entry := range entries {
		rank := slices.Index([]string{"readme.md", "readme.markdown", "readme", "readme.txt"}, strings.ToLower(entry.Name))
		if rank >= 0 && entry.Mode.IsFile() && (best < 0 || rank < best) {
			best, found = rank, entry
		}
	}
	if best < 0 {
		return "", nil, nil
	}
	blob, err := c.git.Blob(ctx, found.OID, markup.MaxSource)
	if err != nil || blob.Data == nil && blob.Size > 0 {
		return "", nil, err
	}
	return found.Name, blob.Data, nil
}

// Markdown reports whether a file of the name is Markdown.
func Markdown(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		return true
	default:
		return false
	}
}
