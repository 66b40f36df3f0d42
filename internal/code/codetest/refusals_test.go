package codetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"sallyport.dev/internal/code/access"
)

// The table has every reason that there is, but for those of allowing.
func TestRefusalsHaveEveryReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../access/decide.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	missing := map[access.Reason]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				missing[access.Reason(text)] = true
			}
		}
		return true
	})
	if len(missing) < 14 {
		t.Fatalf("only %d reasons were found", len(missing))
	}
	delete(missing, access.ReasonAllowed)
	delete(missing, access.ReasonPublic)
	for _, r := range Refusals() {
		delete(missing, r.Reason)
	}
	if len(missing) > 0 {
		t.Errorf("without a row: %v", missing)
	}
}
