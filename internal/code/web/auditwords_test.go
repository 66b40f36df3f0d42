package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What a workspace's owners read in the audit log is told in words: each action
// that a room of Code writes down has some, and no others are kept.
func TestEveryActionHasWords(t *testing.T) {
	action := regexp.MustCompile(`^(workspace|members?|invitation|group|repository|issues?|wiki|snippet|deploy_key)\.[a-z_]+$`)
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && action.MatchString(text) && !strings.HasSuffix(text, ".html") {
					found[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 40 {
		t.Errorf("only %d actions are found", len(found))
	}
	for known := range actionWords {
		if action.MatchString(known) && !found[known] {
			t.Errorf("%s has words, and nothing writes it down", known)
		}
	}
	for action := range found {
		if auditWords(action) == action {
			t.Errorf("%s has no words", action)
		}
	}
}
