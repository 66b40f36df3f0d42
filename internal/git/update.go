package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// LooksLikeOID reports whether a name would be read as an object's.
func LooksLikeOID(name string) bool {
	_, ok := ParseOID(name)
	return ok
}

// UpdateRef makes a reference, given in full, point at is if it points at was.
// ZeroOID stands for "doesn't exist" in both. Where it points elsewhere, or its
// name and another's can't be there together, the error is ErrMoved.
func (r *Repository) UpdateRef(ctx context.Context, name string, was, is OID) error {
	_, ok1 := ParseOID(string(was))
	_, ok2 := ParseOID(string(is))
	if !ok1 || !ok2 || !ValidRefName(name) || Hidden(name) {
		return fmt.Errorf("%q can't be changed from %q to %q", name, was, is)
	}
	// NUL ends each piece, so that no name can be more than a name.
	command := "update " + name + "\x00" + string(is) + "\x00" + string(was) + "\x00"
	err := r.git.run(ctx, process{
		dir: r.dir, args: []string{"update-ref", "-z", "--stdin"}, stdin: bytes.NewReader([]byte(command)),
	})
	if exit, ok := errors.AsType[*ExitError](err); ok && exit.lostRef() && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrMoved, err)
	}
	if err != nil {
		return fmt.Errorf("changing a reference: %w", err)
	}
	return nil
}

// lostRef reports whether git gave up because another holds, or has moved, the
// reference since it was read.
func (e *ExitError) lostRef() bool { return strings.Contains(e.Stderr, "cannot lock ref") }
