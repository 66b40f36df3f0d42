package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Change is a commit to be made without a working tree.
type Change struct {
	Branch  string // refs/heads/…
	Parent  OID    // the branch's tip as the change was thought of; empty: the branch is unborn
	Author  Signature
	Message string
	Clear   bool // begin with an empty tree
	Edits   []Edit
}

// Edit is one thing that a change does to a path.
type Edit struct {
	Path   string
	From   string // where it was until now, for a move; empty otherwise
	Data   []byte // what the file holds from now on, unless it is moved or removed
	Remove bool
}

// ErrMoved says that a reference isn't where a change believed it to be.
var ErrMoved = errors.New("the reference has moved meanwhile")

// CommitChange makes the change and moves the branch to it, or fails with ErrMoved
// and changes nothing: git compares and sets the branch under its own lock.
func (r *Repository) CommitChange(ctx context.Context, c Change) (OID, error) {
	stream, err := c.stream()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = r.git.run(ctx, process{
		dir: r.dir, args: []string{"fast-import", "--quiet", "--date-format=raw"},
		stdin: bytes.NewReader(stream), stdout: &out,
	})
	if exit, failed := errors.AsType[*ExitError](err); failed && (exit.lostRef() || strings.Contains(exit.Stderr, "Not updating")) {
		return "", ErrMoved
	}
	if err != nil {
		return "", fmt.Errorf("making a commit: %w", err)
	}
	oid, ok := ParseOID(strings.TrimSpace(out.String()))
	if !ok {
		return "", fmt.Errorf("making a commit: git answers %q", out.String())
	}
	return oid, nil
}

// stream writes the change as git-fast-import(1) reads it.
func (c Change) stream() ([]byte, error) {
	if !ValidRefName(c.Branch) || Hidden(c.Branch) {
		return nil, fmt.Errorf("%q isn't a branch", c.Branch)
	}
	var out bytes.Buffer
	who := c.Author.line()
	fmt.Fprintf(&out, "commit %s\nmark :1\nauthor %s\ncommitter %s\n", c.Branch, who, who)
	writeData(&out, []byte(strings.TrimSpace(c.Message)+"\n"))
	if c.Parent != "" {
		fmt.Fprintf(&out, "from %s\n", c.Parent)
	}
	if c.Clear {
		out.WriteString("deleteall\n")
	}
	for _, edit := range c.Edits {
		if edit.Path == "" || !ValidPath(edit.Path) || !ValidPath(edit.From) {
			return nil, fmt.Errorf("%q isn't a path of a file", edit.Path)
		}
		switch {
		case edit.Remove:
			fmt.Fprintf(&out, "D %s\n", quotePath(edit.Path))
		case edit.From != "":
			fmt.Fprintf(&out, "R %s %s\n", quotePath(edit.From), quotePath(edit.Path))
		default:
			fmt.Fprintf(&out, "M 100644 inline %s\n", quotePath(edit.Path))
			writeData(&out, edit.Data)
		}
	}
	out.WriteString("\nget-mark :1\n")
	return out.Bytes(), nil
}

func writeData(out *bytes.Buffer, data []byte) {
	fmt.Fprintf(out, "data %d\n", len(data))
	out.Write(data)
	out.WriteByte('\n')
}

// line writes a signature as a commit holds it. What would end it early, or
// part it, is left out.
func (s Signature) line() string {
	clean := func(text string) string {
		text = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == '<' || r == '>' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(text, "\uFFFD"))
		return strings.TrimSpace(text)
	}
	name := clean(s.Name)
	if name == "" {
		name = "unknown"
	}
	return fmt.Sprintf("%s <%s> %d %s", name, clean(s.Email), max(s.When.Unix(), 0), s.When.Format("-0700"))
}

// quotePath writes a path as a C string, as git reads it in a stream.
func quotePath(path string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&out, "\\%03o", c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}
