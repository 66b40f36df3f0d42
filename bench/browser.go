package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// browser visits pages and sends the first form of each that takes the fields.
type browser struct {
	client http.Client
	at     *url.URL
	page   *html.Node
}

func newBrowser() *browser {
	jar, _ := cookiejar.New(nil) // fails never, without options
	return &browser{client: http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

func (b *browser) visit(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return b.open(r)
}

func (b *browser) open(r *http.Request) error {
	response, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
		return fmt.Errorf("%s %s: %s: %s", r.Method, response.Request.URL, response.Status, said)
	}
	b.at = response.Request.URL
	b.page, err = html.Parse(response.Body)
	return err
}

// submit fills in a form of the page with the fields and sends it.
func (b *browser) submit(ctx context.Context, fields url.Values) error {
	for node := range b.page.Descendants() {
		if node.Data != "form" {
			continue
		}
		values, fits := filled(node, fields)
		if !fits {
			continue
		}
		to, err := b.at.Parse(attribute(node, "action"))
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(values.Encode()))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.open(r)
	}
	return fmt.Errorf("%s has no form with the fields %v", b.at, fields)
}

// filled gives the values of a form as a browser would send them; fits is false
// where it lacks one of the fields.
func filled(form *html.Node, fields url.Values) (values url.Values, fits bool) {
	values = url.Values{}
	present := map[string]bool{}
	for node := range form.Descendants() {
		name := attribute(node, "name")
		if name == "" {
			continue
		}
		present[name] = true
		if node.Data != "input" { // what a list or a text holds has to be given
			continue
		}
		kind := attribute(node, "type")
		if kind != "radio" && kind != "checkbox" || has(node, "checked") {
			values.Set(name, attribute(node, "value"))
		}
	}
	for name, value := range fields {
		if !present[name] {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}

func attribute(node *html.Node, key string) string {
	for _, a := range node.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(node *html.Node, key string) bool {
	for _, a := range node.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}
