package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unaudited names what writes without an entry in the audit log, and why that
// may be. Whatever isn't here has to append one.
var unaudited = map[string]string{
	// Bookkeeping: nobody did anything.
	"user.Run": "when credentials were used", "user.Flush": "when credentials were used",
	"token.Run": "when tokens were used", "token.Flush": "when tokens were used",
	"workspace.CountReady": "the daily count of coverage",
	"workspace.TellGraces": "mails of a grace that was audited when it was set",
	"workspace.Run":        "work at intervals", "workspace.Jobs": "work at intervals", "issue.Jobs": "work at intervals",
	"repo.Clear":    "removes what a deletion left",
	"repo.RemoveOf": "part of deleting a workspace, which is", "snippet.RemoveOf": "part of deleting a workspace, which is",
	// The history of the content itself says who did it.
	"repo.ChangeFile": "a commit", "repo.CreateRef": "a push", "repo.DeleteRef": "a push", "repo.Transport": "a push", "snippet.Transport": "a push",
	"wiki.Save": "a commit", "wiki.Rename": "a commit", "wiki.Delete": "a commit", "wiki.Transport": "a push",
	"issue.Vote": "shows its voter", "issue.Watch": "a person's own mails", "issue.Leave": "a person's own mails",
	"issue.SaveSearch": "a person's own, which nobody else sees", "issue.RenameSearch": "a person's own", "issue.RemoveSearch": "a person's own",
	// One step of something whose end is audited.
	"user.Leave": "part of a transfer, which is", "token.Leave": "part of a transfer, which is", "issue.Transferred": "part of a transfer, which is",
	"issue.Upload": "until it is attached", "repo.Import": "until the repository is there", "repo.Fork": "until the repository is there",
}

// Everything exported by a room of Code that changes the store appends to the
// audit log, or stands in the table above. It follows calls by name within a package.
func TestWhatChangesIsAudited(t *testing.T) {
	met := map[string]bool{}
	for _, room := range []string{"user", "token", "workspace", "repo", "issue", "wiki", "snippet"} {
		functions := parsed(t, "code/"+room)
		for _, name := range slices.Sorted(maps.Keys(functions)) {
			if !ast.IsExported(name) || !functions.reach(name, func(f function) bool { return f.writes }) ||
				functions.reach(name, func(f function) bool { return f.audits }) {
				continue
			}
			met[room+"."+name] = true
			if unaudited[room+"."+name] == "" {
				t.Errorf("%s.%s changes the store and leaves nothing in the audit log", room, name)
			}
		}
	}
	for name := range unaudited {
		if !met[name] {
			t.Errorf("%s is excused and needn't be", name)
		}
	}
}

type function struct {
	writes, audits bool
	calls          []string
}

type functions map[string]function

var writing = regexp.MustCompile(`(?s)^\s*(INSERT|UPDATE|DELETE)\b`)

func parsed(t *testing.T, pkg string) functions {
	t.Helper()
	set := token.NewFileSet()
	all := functions{}
	files, err := filepath.Glob(filepath.FromSlash(pkg + "/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				found := read(f)
				if before, twice := all[f.Name.Name]; twice {
					found = function{found.writes || before.writes, found.audits || before.audits, append(found.calls, before.calls...)}
				}
				all[f.Name.Name] = found
			}
		}
	}
	return all
}

func read(f *ast.FuncDecl) (found function) {
	self := ""
	if f.Recv != nil && len(f.Recv.List[0].Names) == 1 {
		self = f.Recv.List[0].Names[0].Name
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			found.writes = found.writes || n.Kind == token.STRING && writing.MatchString(strings.Trim(n.Value, "`\""))
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok {
				found.calls = append(found.calls, called.Name)
			}
		case *ast.SelectorExpr: // a call, or a method as a value
			if of, ok := n.X.(*ast.Ident); ok && of.Name == self {
				found.calls = append(found.calls, n.Sel.Name)
			}
			of, inner := n.X.(*ast.SelectorExpr)
			found.audits = found.audits || n.Sel.Name == "Append" && inner && of.Sel.Name == "Audit"
		}
		return true
	})
	return found
}

// reach reports whether a function, or one that it calls, is such.
func (all functions) reach(name string, such func(function) bool) bool {
	seen, next := map[string]bool{}, []string{name}
	for len(next) > 0 {
		name, next = next[0], next[1:]
		f, ours := all[name]
		if !ours || seen[name] {
			continue
		}
		seen[name] = true
		if such(f) {
			return true
		}
		next = append(next, f.calls...)
	}
	return false
}
