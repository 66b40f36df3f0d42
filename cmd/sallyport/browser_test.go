package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/html"
)

// browser is a person's browser without JavaScript: it keeps cookies in a file
// that curl can read too (WHO.jar), and works forms by what stands on screen.
type browser struct {
	jar    *cookieFile
	client *http.Client
	at     *url.URL
	page   *html.Node
}

func browserOf(ts *testscript.TestScript, who string) *browser {
	all := scriptOf(ts).browsers
	if all[who] == nil {
		jar := &cookieFile{path: ts.MkAbs(who + ".jar")}
		all[who] = &browser{jar: jar, client: &http.Client{
			Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dialLocalhost},
		}}
	}
	return all[who]
}

// dialLocalhost finds names below localhost on this machine, as browsers do
// (RFC 6761 §6.3).
func dialLocalhost(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// visit WHO URL opens a page, following redirects. The page's text is stdout,
// its source WHO.html, its address $URL, its status $STATUS.
func cmdVisit(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: visit WHO URL")
	}
	r, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	browserOf(ts, args[0]).open(ts, args[0], r)
}

// follow WHO TEXT opens the link with the text.
func cmdFollow(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: follow WHO TEXT")
	}
	b := browserOf(ts, args[0])
	link := find(b.page, func(n *html.Node) bool { return n.Data == "a" && textOf(n) == args[1] })
	if link == nil {
		ts.Fatalf("there is no link %q on %s:\n%s", args[1], b.at, textOf(b.page))
	}
	to, err := b.at.Parse(attribute(link, "href"))
	ts.Check(err)
	r, err := http.NewRequest(http.MethodGet, to.String(), nil)
	ts.Check(err)
	b.open(ts, args[0], r)
}

// press WHO BUTTON FIELD=VALUE… fills in the form that has the button, its
// fields named by their labels or names, and sends it.
func cmdPress(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: press WHO BUTTON FIELD=VALUE…")
	}
	b := browserOf(ts, args[0])
	if b.page == nil {
		ts.Fatalf("%s has no page open", args[0])
	}
	f, err := formWith(b.page, args[1])
	if err != nil {
		ts.Fatalf("%v on %s:\n%s", err, b.at, textOf(b.page))
	}
	for _, arg := range args[2:] {
		field, value, _ := strings.Cut(arg, "=")
		if err := f.set(field, value); err != nil {
			ts.Fatalf("%v on %s:\n%s", err, b.at, textOf(b.page))
		}
	}
	r, err := f.request(b.at)
	ts.Check(err)
	b.open(ts, args[0], r)
}

// pick NAME WHO PATTERN puts what the pattern's group finds in the text of the
// page into a variable.
func cmdPick(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 3 {
		ts.Fatalf("usage: pick NAME WHO PATTERN")
	}
	b := browserOf(ts, args[1])
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	found := pattern.FindStringSubmatch(textOf(b.page))
	if len(found) != 2 {
		ts.Fatalf("nothing fits %s on %s:\n%s", args[2], b.at, textOf(b.page))
	}
	ts.Setenv(args[0], found[1])
}

func (b *browser) open(ts *testscript.TestScript, who string, r *http.Request) {
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	response, err := b.client.Do(r)
	ts.Check(err)
	defer response.Body.Close()
	source, err := io.ReadAll(response.Body)
	ts.Check(err)
	b.at = response.Request.URL
	b.page, err = html.Parse(strings.NewReader(string(source)))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(who+".html"), source, 0o600))
	ts.Setenv("URL", b.at.String())
	ts.Setenv("STATUS", fmt.Sprint(response.StatusCode))
	fmt.Fprintln(ts.Stdout(), textOf(b.page))
}

// form is a form on a page, being filled in.
type form struct {
	root           *html.Node
	method, action string
	values         url.Values
}

// formWith gives the form that the button with the text belongs to.
func formWith(page *html.Node, text string) (*form, error) {
	button := find(page, func(n *html.Node) bool {
		kind := attribute(n, "type")
		switch n.Data {
		case "button":
			return (kind == "" || kind == "submit") && (textOf(n) == text || attribute(n, "aria-label") == text)
		case "input":
			return kind == "submit" && attribute(n, "value") == text
		default:
			return false
		}
	})
	if button == nil {
		return nil, fmt.Errorf("there is no button %q", text)
	}
	root := button
	for root != nil && root.Data != "form" {
		root = root.Parent
	}
	if id := attribute(button, "form"); id != "" {
		root = find(page, func(n *html.Node) bool { return n.Data == "form" && attribute(n, "id") == id })
	}
	if root == nil {
		return nil, fmt.Errorf("the button %q is in no form", text)
	}
	f := &form{root: root, method: attribute(root, "method"), action: attribute(root, "action"), values: defaults(root)}
	if to := attribute(button, "formaction"); to != "" {
		f.action = to
	}
	if name := attribute(button, "name"); name != "" {
		f.values.Set(name, attribute(button, "value"))
	}
	return f, nil
}

// defaults gives what the form would send as it stands.
func defaults(root *html.Node) url.Values {
	values := url.Values{}
	walk(root, func(n *html.Node) {
		name := attribute(n, "name")
		if name == "" || has(n, "disabled") {
			return
		}
		switch n.Data {
		case "input":
			switch attribute(n, "type") {
			case "submit", "button", "image", "file":
			case "checkbox", "radio":
				if has(n, "checked") {
					values.Add(name, valueOf(n))
				}
			default:
				values.Add(name, attribute(n, "value"))
			}
		case "textarea":
			values.Add(name, strings.TrimPrefix(rawText(n), "\n"))
		case "select":
			values.Add(name, chosen(n))
		}
	})
	return values
}

func chosen(list *html.Node) string {
	option := find(list, func(n *html.Node) bool { return n.Data == "option" && has(n, "selected") })
	if option == nil {
		option = find(list, func(n *html.Node) bool { return n.Data == "option" })
	}
	if option == nil {
		return ""
	}
	if has(option, "value") {
		return attribute(option, "value")
	}
	return textOf(option)
}

// set fills in the field with the label, the name or the #id. A tick box takes on and off.
func (f *form) set(field, value string) error {
	control := f.control(field)
	if control == nil {
		return fmt.Errorf("there is no field %q in the form", field)
	}
	name := attribute(control, "name")
	switch kind := attribute(control, "type"); {
	case kind == "radio" && (value != "on" || field == name): // given by its name: pick one
		f.values.Set(name, value)
	case kind == "checkbox" || kind == "radio":
		kept := f.values[name][:0]
		for _, v := range f.values[name] {
			if kind == "checkbox" && v != valueOf(control) {
				kept = append(kept, v)
			}
		}
		f.values[name] = kept
		if value == "on" {
			f.values.Add(name, valueOf(control))
		}
	default:
		f.values.Set(name, value)
	}
	return nil
}

func (f *form) control(field string) *html.Node {
	isControl := func(n *html.Node) bool {
		return (n.Data == "input" || n.Data == "textarea" || n.Data == "select") && attribute(n, "type") != "hidden"
	}
	if id, byID := strings.CutPrefix(field, "#"); byID {
		return find(f.root, func(n *html.Node) bool { return isControl(n) && attribute(n, "id") == id })
	}
	label := find(f.root, func(n *html.Node) bool { return n.Data == "label" && textOf(n) == field })
	if label != nil {
		if id := attribute(label, "for"); id != "" {
			return find(f.root, func(n *html.Node) bool { return isControl(n) && attribute(n, "id") == id })
		}
		return find(label, isControl)
	}
	return find(f.root, func(n *html.Node) bool { return isControl(n) && attribute(n, "name") == field })
}

func (f *form) request(at *url.URL) (*http.Request, error) {
	to, err := at.Parse(f.action)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(f.method, http.MethodPost) {
		to.RawQuery = f.values.Encode()
		return http.NewRequest(http.MethodGet, to.String(), nil)
	}
	r, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(f.values.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", at.Scheme+"://"+at.Host)
	return r, nil
}
