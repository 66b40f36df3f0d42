// Package ui is what the pages of both sites share: the shell around a page,
// the stylesheet, the icons, the scripts, and the fragments that pages are put
// together from.
//
// It owns how things look and nothing of what they mean: it knows no person,
// no workspace and no rule. It has no tables and no state.
//
// A page is a template file and a struct of its own. The template is executed
// with that struct as its dot, and the result stands inside the shell:
//
//	set, err := ui.Templates(pagesFS, nil)
//	err = set.Render(w, http.StatusOK, "home.html", ui.Shell{Site: "Code", Title: "Home"}, homePage{…})
//
// Templates may use the fragments of templates/fragments.html, forms.html and
// factors.html ("field", "submit", "copy", "time", "icon", "empty", "notice",
// "code-form", "totp-setup", "recovery-codes", "blocked", "key-form", "verify",
// "factors", "factor-choice", "one-factor") and the functions listed at funcs.
//
// Invariants: nothing is written unless the whole page could be made; no
// template emits inline script or style, so that the strictest CSP holds;
// every form works without JavaScript, but for those that ask for a security key.
package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"text/template/parse"
	"time"
)

//go:embed templates/*.html
var templatesFS embed.FS

// Set is one site's page templates, parsed on top of the fragments.
type Set struct {
	shell *template.Template
	pages map[string]*template.Template
	now   func() time.Time
}

// Templates parses every *.html file in the root of fsys as a page, which is
// named by its file name. Files whose name begins with "_" are parts that all
// pages of the set may use. funcs may be nil.
func Templates(fsys fs.FS, funcs template.FuncMap) (*Set, error) {
	set := &Set{pages: map[string]*template.Template{}, now: time.Now}
	base, err := template.New("base").Funcs(set.funcs()).Funcs(funcs).
		ParseFS(templatesFS, "templates/fragments.html", "templates/forms.html", "templates/factors.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the fragments: %w", err)
	}
	if parts, _ := fs.Glob(fsys, "_*.html"); len(parts) > 0 {
		if _, err := base.ParseFS(fsys, parts...); err != nil {
			return nil, fmt.Errorf("parsing the parts: %w", err)
		}
	}
	if err := set.addPages(base, fsys, "*.html"); err != nil {
		return nil, err
	}
	own, err := fs.Sub(templatesFS, "templates")
	if err != nil {
		return nil, err
	}
	if err := set.addPages(base, own, "error.html"); err != nil {
		return nil, err
	}
	if err := set.addPages(base, own, "shell.html"); err != nil {
		return nil, err
	}
	set.shell = set.pages["shell.html"]
	delete(set.pages, "shell.html")
	return set, nil
}

func (s *Set) addPages(base *template.Template, fsys fs.FS, pattern string) error {
	files, err := fs.Glob(fsys, pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		name := path.Base(file)
		if name[0] == '_' {
			continue
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		before := trees(base)
		page, err := base.New(name).Parse(string(text))
		if err != nil {
			return fmt.Errorf("parsing the page %s: %w", name, err)
		}
		for defined, tree := range trees(base) {
			if before[defined] != nil && before[defined] != tree {
				return fmt.Errorf("the page %s defines %q, which there is already", name, defined)
			}
		}
		s.pages[name] = page
	}
	return nil
}

// trees gives what each name of a set of templates stands for. All pages of a
// site are one set, which has the fragments once.
func trees(set *template.Template) map[string]*parse.Tree {
	all := map[string]*parse.Tree{}
	for _, each := range set.Templates() {
		all[each.Name()] = each.Tree
	}
	return all
}

// Names lists the pages of the set, for the test that walks them.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.pages)) }

// Template gives one page's template, for the test that type-checks it.
func (s *Set) Template(name string) *template.Template { return s.pages[name] }

// Shell gives the shell's template, for the test that type-checks it.
func (s *Set) Shell() *template.Template { return s.shell }

// Render answers with the page inside the shell. Nothing is written where it
// fails. The answer isn't to be stored by caches unless the header says so already.
func (s *Set) Render(w http.ResponseWriter, status int, name string, shell Shell, page any) error {
	tmpl := s.pages[name]
	if tmpl == nil {
		return fmt.Errorf("rendering: there is no page %q", name)
	}
	var body, whole bytes.Buffer
	if err := tmpl.Execute(&body, page); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	//nolint:gosec // the body was made by html/template just above
	framed := Framed{Shell: shell, Body: template.HTML(body.String())}
	if err := s.Shell().Execute(&whole, framed); err != nil {
		return fmt.Errorf("rendering the shell of %s: %w", name, err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(whole.Len()))
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(whole.Bytes()) // the reader went away: nothing to be done
	return nil
}

// ErrorPage is what the page "error.html" shows. Links are the ways on.
type ErrorPage struct {
	Status  int
	Title   string
	Message string
	Links   []Link
}

// Error answers with the error page. The shell's title becomes the page's.
func (s *Set) Error(w http.ResponseWriter, shell Shell, page ErrorPage) error {
	if page.Title == "" {
		page.Title = titleOf(page.Status)
	}
	shell.Title, shell.Narrow = page.Title, true
	return s.Render(w, page.Status, "error.html", shell, page)
}

func titleOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "That request can't be right"
	case http.StatusUnauthorized:
		return "Sign in first"
	case http.StatusForbidden:
		return "You may not do that"
	case http.StatusNotFound:
		return "There is nothing here"
	case http.StatusMethodNotAllowed:
		return "That can't be done here"
	case http.StatusConflict:
		return "Something changed meanwhile"
	case http.StatusGone:
		return "This is no longer valid"
	case http.StatusRequestEntityTooLarge:
		return "That is too large"
	case http.StatusTooManyRequests:
		return "Too many attempts"
	case http.StatusServiceUnavailable:
		return "Not available just now"
	default:
		return "Something went wrong"
	}
}

// funcs are the functions that templates may call:
//
//	asset "app.css"            address of a static file
//	relative, exact, rfc3339   of a time
//	button, danger, note, copyable  to build arguments for fragments
//	required, hint, …          to refine a field: {{.Form.Text "name" "Name" | required}}
func (s *Set) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    Asset,
		"relative": func(t time.Time) string { return relative(t, s.now()) },
		"exact":    exact,
		"rfc3339":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"plural":   plural,
		"count":    count,
		"inc":      func(i int) int { return i + 1 },
		"add":      func(a, b int) int { return a + b },
		"copyable": func(label, text string) Copy { return Copy{Label: label, Text: text} },
		"button":   func(text string) Button { return Button{Text: text} },
		"danger":   func(text string) Button { return Button{Text: text, Danger: true} },
		"note":     func(kind, text string) Notice { return Notice{Kind: kind, Text: text} },

		"hint":         func(hint string, f Field) Field { f.Hint = hint; return f },
		"required":     func(f Field) Field { f.Required = true; return f },
		"focused":      func(f Field) Field { f.Autofocus = true; return f },
		"autocomplete": func(v string, f Field) Field { f.Autocomplete = v; return f },
		"placeholder":  func(v string, f Field) Field { f.Placeholder = v; return f },
		"listed":       func(id string, f Field) Field { f.List = id; return f },
		"keyed":        func(key string, f Field) Field { f.Key = key; return f },
		"rows":         func(n int, f Field) Field { f.Rows = n; return f },
		"mono":         func(f Field) Field { f.Mono = true; return f },
	}
}

// count writes a number with its thousands apart: 9,310.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// plural writes a count with its noun: plural 1 "repository" "repositories" → "1 repository".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
