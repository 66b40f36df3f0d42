// Package uitest checks page templates against the structs that they are
// executed with, in tests: a misspelt field is a failure even on a branch that
// no test runs through.
package uitest

import (
	"fmt"
	"html/template"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jba/templatecheck"

	"sallyport.dev/internal/ui"
)

// Check type-checks and renders every page of the set with the samples given
// for it: page name → one or more values of its struct. A page without a
// sample, and a sample without a page, are failures, and so is a page that has
// inline script or style, which the CSP would refuse.
func Check(t *testing.T, set *ui.Set, samples map[string][]any) {
	t.Helper()
	wrong := map[string]error{} // before any is rendered, which closes all of them to checks
	for _, name := range set.Names() {
		if len(samples[name]) > 0 {
			wrong[name] = TypeCheck(set.Template(name), samples[name][0])
		}
	}
	for _, name := range set.Names() {
		if name == "error.html" && samples[name] == nil {
			continue // package ui checks its own
		}
		t.Run(name, func(t *testing.T) {
			if len(samples[name]) == 0 {
				t.Fatal("this page has no sample: add one, so that it is checked")
			}
			if wrong[name] != nil {
				t.Error(wrong[name])
			}
			for _, sample := range samples[name] {
				render(t, set, name, sample)
			}
		})
	}
	for name := range samples {
		if set.Template(name) == nil {
			t.Errorf("there is a sample for %s, and no such page", name)
		}
	}
}

// TypeCheck checks a template that hasn't been executed yet against its dot.
func TypeCheck(tmpl *template.Template, dot any) error {
	// Execution would close the template to checks, so a copy is checked.
	copied, err := tmpl.Clone()
	if err != nil {
		return err
	}
	if err := templatecheck.CheckHTMLStrict(copied, dot); err != nil {
		return fmt.Errorf("type check with %T: %w", dot, err)
	}
	return nil
}

func render(t *testing.T, set *ui.Set, name string, sample any) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := set.Render(w, 200, name, ui.Shell{Site: "Test", Title: name}, sample); err != nil {
		t.Errorf("rendering: %v", err)
		return
	}
	body := w.Body.String()
	for _, inline := range []string{" style=", "<style", " onclick=", "javascript:", "<script>", "ZgotmplZ"} {
		if strings.Contains(body, inline) {
			t.Errorf("the page contains %q", inline)
		}
	}
}
