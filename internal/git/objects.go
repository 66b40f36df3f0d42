package git

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrNoObject says that there is no such object, or none at that path.
var ErrNoObject = errors.New("no such object")

// What is read into memory at most. A tree or commit beyond it is refused.
const (
	maxTree   = 16 << 20
	maxCommit = 1 << 20
	maxTags   = 16 // tags of tags that are followed
)

// object is what was read of one; data is nil where it was too large.
type object struct {
	kind string
	size int64
	data []byte
}

// objectKey names an object in the memory of those that were read last.
type objectKey struct {
	dir string
	oid OID
}

// object reads one object of at most limit bytes through the cache.
func (r *Repository) object(ctx context.Context, oid OID, limit int64) (object, error) {
	if _, ok := ParseOID(string(oid)); !ok {
		return object{}, ErrNoObject
	}
	key := objectKey{r.dir, oid}
	if cached, ok := r.git.objects.Get(key); ok && cached.size <= limit {
		return cached, nil
	}
	var found object
	err := r.git.readers.with(ctx, r, func(reader *reader) (err error) {
		found, err = reader.content(oid, limit)
		return err
	})
	if err != nil {
		return object{}, err
	}
	if found.data != nil {
		r.git.objects.Put(key, found, len(found.data))
	}
	return found, nil
}

// typed reads an object that must be of the kind and may not be too large.
func (r *Repository) typed(ctx context.Context, oid OID, kind string, limit int64) ([]byte, error) {
	found, err := r.object(ctx, oid, limit)
	switch {
	case err != nil:
		return nil, err
	case found.kind != kind:
		return nil, fmt.Errorf("%w: %s is a %s, not a %s", ErrNoObject, oid, found.kind, kind)
	case found.data == nil:
		return nil, fmt.Errorf("%w: the %s %s has %d bytes, more than the %d that are read", errTooMuch(), kind, oid, found.size, limit)
	}
	return found.data, nil
}

// peelObject gives what an annotated tag stands for in the end; nothing where
// the object isn't a tag, or is missing.
func (r *Repository) peelObject(ctx context.Context, oid OID) (OID, error) {
	peeled := OID("")
	for range maxTags {
		found, err := r.object(ctx, oid, maxCommit)
		if errors.Is(err, ErrNoObject) {
			return "", nil
		}
		if err != nil || found.kind != "tag" || found.data == nil {
			return peeled, err
		}
		line, _, _ := bytes.Cut(found.data, []byte("\n"))
		target, ok := ParseOID(strings.TrimPrefix(string(line), "object "))
		if !ok {
			return peeled, nil
		}
		oid, peeled = target, target
	}
	return peeled, nil
}

// Entry is one line of a tree.
type Entry struct {
	Name string
	Mode Mode
	OID  OID
}

// Mode is what an entry of a tree is.
type Mode uint32

const (
	ModeTree       Mode = 0o040000
	ModeFile       Mode = 0o100644
	ModeExecutable Mode = 0o100755
	ModeSymlink    Mode = 0o120000
	ModeSubmodule  Mode = 0o160000
)

// IsTree reports whether the entry is a directory.
func (m Mode) IsTree() bool { return m&0o170000 == ModeTree }

// IsFile reports whether the entry is a file, executable or not.
func (m Mode) IsFile() bool { return m&0o170000 == 0o100000 }

// Tree reads the entries of a tree, in git's order.
func (r *Repository) Tree(ctx context.Context, tree OID) ([]Entry, error) {
	data, err := r.typed(ctx, tree, "tree", maxTree)
	if err != nil {
		return nil, fmt.Errorf("reading a tree: %w", err)
	}
	entries, ok := parseTree(data)
	if !ok {
		return nil, ErrDamaged(fmt.Errorf("the tree %s is malformed", tree))
	}
	return entries, nil
}

func parseTree(data []byte) ([]Entry, bool) {
	const hash = len(ZeroOID) / 2
	entries := make([]Entry, 0, len(data)/40)
	for len(data) > 0 {
		space := bytes.IndexByte(data, ' ')
		end := bytes.IndexByte(data, 0)
		if space < 1 || end < space+1 || len(data) < end+1+hash {
			return nil, false
		}
		mode, err := strconv.ParseUint(string(data[:space]), 8, 32)
		if err != nil {
			return nil, false
		}
		oid := OID(hex.EncodeToString(data[end+1 : end+1+hash]))
		entries = append(entries, Entry{Name: string(data[space+1 : end]), Mode: Mode(mode), OID: oid})
		data = data[end+1+hash:]
	}
	return entries, true
}

// At gives the entry at the path in a commit's tree; the empty path is the tree
// itself. Where there is none the error is ErrNoObject.
func (r *Repository) At(ctx context.Context, commit OID, path string) (Entry, error) {
	if !ValidPath(path) {
		return Entry{}, ErrNoObject
	}
	found, err := r.Commit(ctx, commit)
	if err != nil {
		return Entry{}, err
	}
	at := Entry{Mode: ModeTree, OID: found.Tree}
	if path == "" {
		return at, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if !at.Mode.IsTree() {
			return Entry{}, ErrNoObject
		}
		entries, err := r.Tree(ctx, at.OID)
		if err != nil {
			return Entry{}, err
		}
		found := false
		for _, entry := range entries {
			if entry.Name == name {
				at, found = entry, true
				break
			}
		}
		if !found {
			return Entry{}, ErrNoObject
		}
	}
	return at, nil
}

// Blob is the content of a file.
type Blob struct {
	Size int64  // bytes
	Data []byte // nil where Size is over the limit that was asked for
}

// Blob reads a file's content of at most limit bytes. It must not be changed.
func (r *Repository) Blob(ctx context.Context, oid OID, limit int64) (Blob, error) {
	found, err := r.object(ctx, oid, limit)
	if err != nil {
		return Blob{}, fmt.Errorf("reading a file: %w", err)
	}
	if found.kind != "blob" {
		return Blob{}, fmt.Errorf("%w: %s is a %s", ErrNoObject, oid, found.kind)
	}
	return Blob{Size: found.size, Data: found.data}, nil
}

// Commit is one commit.
type Commit struct {
	OID       OID
	Tree      OID
	Parents   []OID
	Author    Signature
	Committer Signature
	Message   string // valid UTF-8
}

// Subject is the first paragraph of the message on one line.
func (c Commit) Subject() string {
	text := strings.TrimLeft(c.Message, "\n ")
	paragraph, _, _ := strings.Cut(text, "\n\n")
	return strings.Join(strings.Fields(paragraph), " ")
}

// Body is the message without its first paragraph.
func (c Commit) Body() string {
	_, body, _ := strings.Cut(strings.TrimLeft(c.Message, "\n "), "\n\n")
	return strings.TrimSpace(body)
}

// Signature says who, and when by their own clock.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit reads one commit.
func (r *Repository) Commit(ctx context.Context, oid OID) (Commit, error) {
	data, err := r.typed(ctx, oid, "commit", maxCommit)
	if err != nil {
		return Commit{}, fmt.Errorf("reading a commit: %w", err)
	}
	commit, ok := parseCommit(data)
	if !ok {
		return Commit{}, ErrDamaged(fmt.Errorf("the commit %s is malformed", oid))
	}
	commit.OID = oid
	return commit, nil
}

func parseCommit(data []byte) (Commit, bool) {
	var commit Commit
	head, message, _ := strings.Cut(string(data), "\n\n")
	encoding := ""
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			commit.Tree, _ = ParseOID(value)
		case "parent":
			if parent, ok := ParseOID(value); ok {
				commit.Parents = append(commit.Parents, parent)
			}
		case "author":
			commit.Author = parseSignature(value)
		case "committer":
			commit.Committer = parseSignature(value)
		case "encoding":
			encoding = strings.ToLower(value)
		}
	}
	commit.Message = toUTF8(message, encoding)
	commit.Author.Name = toUTF8(commit.Author.Name, encoding)
	commit.Committer.Name = toUTF8(commit.Committer.Name, encoding)
	return commit, commit.Tree != ""
}

// toUTF8 reads text as Latin-1 where that is said to be its encoding; of any
// other text what isn't UTF-8 becomes a replacement character.
func toUTF8(text, encoding string) string {
	if utf8.ValidString(text) {
		return text
	}
	if encoding == "iso-8859-1" || encoding == "latin1" || encoding == "iso8859-1" {
		wide := make([]rune, len(text))
		for i := range len(text) {
			wide[i] = rune(text[i])
		}
		return string(wide)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// parseSignature reads "Name <email> 1700000000 +0100".
func parseSignature(text string) Signature {
	var made Signature
	open := strings.LastIndexByte(text, '<')
	shut := strings.LastIndexByte(text, '>')
	if open < 0 || shut < open {
		made.Name = strings.TrimSpace(text)
		return made
	}
	made.Name = strings.TrimSpace(text[:open])
	made.Email = strings.ToValidUTF8(text[open+1:shut], "\uFFFD")
	seconds, zone, _ := strings.Cut(strings.TrimSpace(text[shut+1:]), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return made
	}
	const farthest = 1 << 40 // some 35,000 years; beyond it dates can't be written
	made.When = time.Unix(min(max(unix, -farthest), farthest), 0).UTC()
	if offset, err := strconv.Atoi(zone); err == nil && -1400 <= offset && offset <= 1400 {
		east := offset/100*3600 + offset%100*60
		made.When = made.When.In(time.FixedZone("", east))
	}
	return made
}

// Resolve gives the commit that an object name stands for: a full one in
// hexadecimal, of a commit or of a tag of one.
func (r *Repository) Resolve(ctx context.Context, name string) (OID, error) {
	oid, ok := ParseOID(name)
	if !ok {
		return "", ErrNoObject
	}
	peeled, err := r.peelObject(ctx, oid)
	if err != nil {
		return "", err
	}
	if peeled != "" {
		oid = peeled
	}
	if _, err := r.Commit(ctx, oid); err != nil {
		return "", err
	}
	return oid, nil
}
