package git

import (
	"context"
	"fmt"
	"strings"
)

// OID names an object: 40 lower-case hexadecimal digits, or nothing.
type OID string

// ZeroOID stands for "no object" in pushes.
const ZeroOID OID = "0000000000000000000000000000000000000000"

// ParseOID takes 40 hexadecimal digits, in either case.
func ParseOID(s string) (OID, bool) {
	if len(s) != len(ZeroOID) {
		return "", false
	}
	lower := true
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		case 'A' <= c && c <= 'F':
			lower = false
		default:
			return "", false
		}
	}
	if !lower {
		s = strings.ToLower(s)
	}
	return OID(s), true
}

// Short is the abbreviation that people read.
func (o OID) Short() string {
	if len(o) < 8 {
		return string(o)
	}
	return string(o[:8])
}

// ValidRefName reports whether name is a full reference name, "refs/…", as
// `git check-ref-format` has it. HEAD and other names outside refs/ are not.
func ValidRefName(name string) bool {
	return strings.HasPrefix(name, "refs/") && len(name) <= 1024 && validRefFormat(name)
}

// ValidBranchName reports whether refs/heads/name may be a branch: what
// `git check-ref-format --branch` takes, without its @{-n} shorthands.
func ValidBranchName(name string) bool {
	return name != "HEAD" && !strings.HasPrefix(name, "-") && ValidRefName("refs/heads/"+name)
}

// validRefFormat follows check_refname_format of git's refs.c, whose rules
// git-check-ref-format(1) numbers 1 to 10.
func validRefFormat(name string) bool {
	if name == "" || name == "@" || strings.HasSuffix(name, ".") || !strings.Contains(name, "/") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return false
		}
	}
	return true
}

// ValidPath reports whether path names something inside a tree: segments parted
// by single slashes, none empty, "." or "..", and no NUL. The empty path is the
// tree itself.
func ValidPath(path string) bool {
	if path == "" {
		return true
	}
	if len(path) > 4096 || strings.IndexByte(path, 0) >= 0 {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// Hidden reports whether the reference belongs to Sallyport itself.
func Hidden(name string) bool {
	return strings.HasPrefix(name, HiddenRefs) || name+"/" == HiddenRefs
}

// Abbreviated gives the one commit whose name begins with some hexadecimal
// digits: 8 of them at least. ErrNoObject: none does, or more than one.
func (r *Repository) Abbreviated(ctx context.Context, begin string) (OID, error) {
	if _, whole := ParseOID(begin); whole {
		oid, err := r.Resolve(ctx, begin)
		if err == nil && string(oid) != begin {
			err = ErrNoObject // a tag's
		}
		return oid, err
	}
	if len(begin) < 8 || len(begin) > 64 || strings.Trim(begin, "0123456789abcdef") != "" {
		return "", ErrNoObject
	}
	var oid OID
	err := r.git.readers.with(ctx, r, func(reader *reader) (err error) {
		oid, err = reader.named(begin)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("looking for a commit by the beginning of its name: %w", err)
	}
	if _, err := r.Commit(ctx, oid); err != nil {
		return "", err
	}
	return oid, nil
}
