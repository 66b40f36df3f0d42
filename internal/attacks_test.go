package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// attacks is how many bypasses of others the design lists.
const attacks = 39

var numbered = regexp.MustCompile(`^(?:TestAttack|attack-)(\d\d)\D`)

// tellings finds the tests and scripts that tell an attack, by their names, and
// those of them that run on both engines: every script does, and a test whose
// function leads to dbtest.Each.
func tellings(t *testing.T) (all map[string]int, both map[int]bool) {
	t.Helper()
	all, both = map[string]int{}, map[int]bool{}
	note := func(name string, engines bool) {
		found := numbered.FindStringSubmatch(name)
		if found == nil {
			t.Errorf("%s: an attack's name begins with its number in two digits, as TestAttack07… or attack-07-…", name)
			return
		}
		number, _ := strconv.Atoi(found[1])
		all[name], both[number] = number, both[number] || engines
	}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" || entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if name, script := strings.CutSuffix(entry.Name(), ".txtar"); script && strings.HasPrefix(name, "attack") {
			note(name, true)
		}
		if entry.IsDir() {
			for name, engines := range attackTests(t, path) {
				note(name, engines)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, both
}

// attackTests gives the tests of attacks of one folder, and whether each leads
// to dbtest.Each, by way of the functions of its folder that it calls.
func attackTests(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string][]string{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil {
				ast.Inspect(f, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.SelectorExpr:
						if of, ok := n.X.(*ast.Ident); ok {
							calls[f.Name.Name] = append(calls[f.Name.Name], of.Name+"."+n.Sel.Name)
						}
					case *ast.Ident:
						calls[f.Name.Name] = append(calls[f.Name.Name], n.Name)
					}
					return true
				})
			}
		}
	}
	var leads func(name string, depth int) bool
	leads = func(name string, depth int) bool {
		return name == "dbtest.Each" || depth < 4 && slices.ContainsFunc(calls[name], func(next string) bool { return next != name && leads(next, depth+1) })
	}
	found := map[string]bool{}
	for name := range calls {
		if strings.HasPrefix(name, "TestAttack") {
			found[name] = leads(name, 0)
		}
	}
	return found
}

// Every attack of the design's list is told by a test or script with its number
// in its name, on both engines, and docs/attacks.md lists each of them, and
// nothing that isn't there.
func TestEveryAttackIsTold(t *testing.T) {
	all, both := tellings(t)
	for number := 1; number <= attacks; number++ {
		told := false
		for _, of := range all {
			told = told || of == number
		}
		if !told {
			t.Errorf("no test or script has attack %d in its name", number)
		} else if !both[number] {
			t.Errorf("no test of attack %d runs on both engines", number)
		}
	}
	text, err := os.ReadFile("../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, line := range strings.Split(string(text), "\n") {
		row := regexp.MustCompile(`^\| (\d+) \|`).FindStringSubmatch(line)
		if row == nil {
			continue
		}
		number, _ := strconv.Atoi(row[1])
		for _, name := range regexp.MustCompile("`((?:TestAttack|attack-)[^`]+)`").FindAllStringSubmatch(line, -1) {
			listed[name[1]] = number
		}
	}
	for name, number := range all {
		if listed[name] != number {
			t.Errorf("docs/attacks.md doesn't list %s at attack %d", name, number)
		}
	}
	for name := range listed {
		if _, there := all[name]; !there {
			t.Errorf("docs/attacks.md lists %s, which isn't there", name)
		}
	}
}
