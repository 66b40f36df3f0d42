package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every action that Account puts into the audit log is told in words. The
// actions are found in the sources: a text of the form noun.verb whose noun is
// one of those that the words know.
func TestEveryActionHasWords(t *testing.T) {
	literal := regexp.MustCompile(`"((?:app|approval|browser|email|factor|grant|key|mfa|password|person|session|site)\.[a-z_]+)"`)
	found := map[string]bool{"device.yes": true, "device.no": true}
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "happened.go" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range literal.FindAllStringSubmatch(string(source), -1) {
			if !strings.HasSuffix(match[1], ".html") {
				found[match[1]] = true
			}
		}
	}
	if len(found) < 40 {
		t.Fatalf("only %d actions were found", len(found))
	}
	for action := range found {
		words := happened(action, "", nil)
		if words == strings.NewReplacer(".", ": ", "_", " ").Replace(action) {
			t.Errorf("%q has no words in happened.go", action)
		}
	}
}
