package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// same [-u NAME:PASSWORD | -H HEADER | WHO.jar] URL URL asks for both addresses
// without following redirects, and fails where they differ in status, header or
// body by more than their own names.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	client := &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	prepare := func(*http.Request) {}
	switch {
	case len(args) == 4 && args[0] == "-u":
		name, password, _ := strings.Cut(args[1], ":")
		prepare = func(r *http.Request) { r.SetBasicAuth(name, password) }
		args = args[2:]
	case len(args) == 4 && args[0] == "-H":
		name, value, _ := strings.Cut(args[1], ": ")
		prepare = func(r *http.Request) { r.Header.Set(name, value) }
		args = args[2:]
	case len(args) == 3 && strings.HasSuffix(args[0], ".jar"):
		client.Jar = &cookieFile{path: ts.MkAbs(args[0])}
		args = args[1:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: same [-u NAME:PASSWORD | -H HEADER | WHO.jar] URL URL")
	}
	first, second := ask(ts, client, args[0], prepare), ask(ts, client, args[1], prepare)
	if diff := cmp.Diff(first, second); diff != "" {
		ts.Fatalf("they can be told apart:\n%s", diff)
	}
}

type seen struct {
	Status int
	Header http.Header
	Body   string
}

// random finds what is new each time in an address.
var random = regexp.MustCompile(`(return=|next=|state=|nonce=|code_challenge=)[A-Za-z0-9_.%-]+`)

func ask(ts *testscript.TestScript, client *http.Client, address string, prepare func(*http.Request)) seen {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	ts.Check(err)
	prepare(r)
	response, err := client.Do(r)
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	header := response.Header
	id := header.Get("X-Request-Id")
	for _, own := range []string{"X-Request-Id", "Date", "Content-Length"} {
		header.Del(own)
	}
	plain := func(s string) string {
		return random.ReplaceAllString(strings.ReplaceAll(s, id, "ID"), "$1…")
	}
	header.Set("Location", plain(header.Get("Location")))
	return seen{response.StatusCode, header, plain(string(body))}
}
