package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"
)

// find gives the first element under root, in the order of the page, that fits.
func find(root *html.Node, fits func(*html.Node) bool) *html.Node {
	var found *html.Node
	walk(root, func(n *html.Node) {
		if found == nil && fits(n) {
			found = n
		}
	})
	return found
}

func walk(root *html.Node, f func(*html.Node)) {
	if root == nil {
		return
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			f(n)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// walkText gives the texts of the list items below the element of a class.
func walkText(root *html.Node, class string, f func(text string)) {
	list := find(root, func(n *html.Node) bool { return attribute(n, "class") == class })
	walk(list, func(n *html.Node) {
		if n.Data == "li" {
			f(textOf(n))
		}
	})
}

// tickBox finds the one that sends a value.
func tickBox(value string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		return n.Data == "input" && attribute(n, "type") == "checkbox" && (attribute(n, "value") == value || attribute(n, "name") == value)
	}
}

// valueOf gives what a tick box or radio button sends.
func valueOf(n *html.Node) string {
	if has(n, "value") {
		return attribute(n, "value")
	}
	return "on"
}

func rawText(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

// textOf gives the text that stands on the screen, a block a line.
func textOf(root *html.Node) string {
	var out strings.Builder
	var write func(*html.Node)
	write = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			out.WriteString(strings.Join(strings.FieldsFunc(n.Data, func(r rune) bool { return r == '\n' || r == '\t' }), " "))
		case n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style" || n.Data == "head" || n.Data == "svg"):
			return
		}
		block := n.Type == html.ElementNode && !inline(n.Data)
		if block {
			out.WriteByte('\n')
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			write(child)
		}
		if block {
			out.WriteByte('\n')
		}
	}
	write(root)
	var lines []string
	for line := range strings.Lines(out.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func inline(name string) bool {
	switch name {
	case "a", "b", "strong", "em", "i", "code", "span", "time", "small", "abbr", "kbd", "label", "button", "mark":
		return true
	}
	return false
}

// cookieFile is a cookie jar in the format of curl's. Like a browser's, it
// doesn't tell ports apart.
type cookieFile struct {
	path string
	mu   sync.Mutex
}

type cookie struct {
	host, path, name, value string
	secure                  bool
	expires                 int64
}

func (j *cookieFile) read() []cookie {
	file, err := os.Open(j.path)
	if err != nil {
		return nil // none yet
	}
	defer file.Close()
	var all []cookie
	for in := bufio.NewScanner(file); in.Scan(); {
		fields := strings.Split(strings.TrimPrefix(in.Text(), "#HttpOnly_"), "\t")
		if len(fields) != 7 {
			continue
		}
		c := cookie{host: fields[0], path: fields[2], secure: fields[3] == "TRUE", name: fields[5], value: fields[6]}
		fmt.Sscan(fields[4], &c.expires)
		all = append(all, c)
	}
	return all
}

// SetCookies keeps what a response sets.
func (j *cookieFile) SetCookies(at *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.read()
	for _, set := range cookies {
		kept := all[:0]
		for _, c := range all {
			if c.host != at.Hostname() || c.name != set.Name || c.path != cookiePath(set) {
				kept = append(kept, c)
			}
		}
		all = kept
		if set.MaxAge < 0 || set.Value == "" || !set.Expires.IsZero() && set.Expires.Before(time.Now()) {
			continue
		}
		c := cookie{host: at.Hostname(), path: cookiePath(set), name: set.Name, value: set.Value, secure: set.Secure}
		if set.MaxAge > 0 {
			c.expires = time.Now().Unix() + int64(set.MaxAge)
		}
		all = append(all, c)
	}
	var out strings.Builder
	out.WriteString("# Netscape HTTP Cookie File\n")
	for _, c := range all {
		fmt.Fprintf(&out, "#HttpOnly_%s\tFALSE\t%s\t%s\t%d\t%s\t%s\n", c.host, c.path, strings.ToUpper(fmt.Sprint(c.secure)), c.expires, c.name, c.value)
	}
	if err := os.WriteFile(j.path, []byte(out.String()), 0o600); err != nil {
		panic(err)
	}
}

func cookiePath(c *http.Cookie) string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}

// Cookies gives what a request sends.
func (j *cookieFile) Cookies(to *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []*http.Cookie
	for _, c := range j.read() {
		if c.host == to.Hostname() && (c.path == "/" || strings.HasPrefix(to.Path, c.path)) && (!c.secure || to.Scheme == "https") {
			out = append(out, &http.Cookie{Name: c.name, Value: c.value})
		}
	}
	return out
}
