// Package githttp is the door that git comes through over HTTP: the smart
// protocol, versions 0 to 2 (gitprotocol-http(5)).
//
// It fixes the action from the address and the service, tells who asks by the
// credential, and says the gate's verdict so that stock git prints it: a
// refusal of a good credential is 403 in plain text, which git shows as
// "remote: …" and after which it keeps the credential. Refusals come at
// info/refs, before anything is sent; the POST that follows is judged again.
//
// It has no tables.
package githttp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/code/wiki"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/request"
)

// maxFetch bounds the request of a clone or fetch, decompressed: what the
// client wants and has.
const maxFetch = 16 << 20

// Config is what the door stands on.
type Config struct {
	URL          string // of Code, without a slash at the end
	Gate         *access.Gate
	Tokens       *token.Service
	Repositories *repo.Service
	Wikis        *wiki.Service
	Snippets     *snippet.Service
}

// Door answers git clients.
type Door struct {
	Config
	routes  *door.Routes
	handler map[string]http.Handler // by the kind of content, the last part of the address, and the service
}

// New makes the door.
func New(config Config) *Door {
	d := &Door{Config: config, handler: map[string]http.Handler{}}
	d.routes = door.New(door.Config{Gate: config.Gate, Authenticate: d.authenticate, Fail: d.fail})
	d.serve("", "/{workspace}/{repo}.git/", config.Repositories.Transport())
	d.serve("wiki", "/{workspace}/{repo}.git/wiki/", config.Wikis.Transport())
	d.serve("snippet", "/snippets/{workspace}/{id}.git/", config.Snippets.Transport())
	return d
}

// serve adds the routes of one kind of content.
func (d *Door) serve(kind, at string, content transport.Transport) {
	add := func(method, rest string, service git.Service, h door.Gated) {
		d.handler[kind+" "+rest] = d.routes.Judge(method, at+rest, content.ActionOf(service), h)
	}
	for _, service := range []git.Service{git.UploadPack, git.ReceivePack} {
		add(http.MethodGet, "info/refs?service="+string(service), service, advertise(content, service))
	}
	add(http.MethodPost, string(git.UploadPack), git.UploadPack, uploadPack(content))
	add(http.MethodPost, string(git.ReceivePack), git.ReceivePack, receivePack(content))
}

// Routes gives the table of routes, for the tests that walk it.
func (d *Door) Routes() *door.Routes { return d.routes }

// place is what an address of git's names.
type place struct {
	kind            string // of content; empty for a repository
	workspace, name string
	rest            string // info/refs or a service of git's
}

// split takes an address of git's apart; ok is false for any other. The ".git"
// of a repository may be left out, as git allows.
func split(path string) (at place, ok bool) {
	path, snippet := strings.CutPrefix(strings.TrimPrefix(path, "/"), "snippets/")
	parts := strings.SplitN(path, "/", 3)
	if len(parts) < 3 || parts[0] == "" {
		return at, false
	}
	at.workspace, at.rest = parts[0], parts[2]
	name, dotted := strings.CutSuffix(parts[1], ".git")
	at.name = name
	if rest, ok := strings.CutPrefix(at.rest, "wiki/"); ok && dotted {
		at.kind, at.rest = "wiki", rest
	}
	if snippet {
		at.kind = "snippet"
		return at, name != "" && dotted
	}
	known := at.rest == "info/refs" || at.rest == string(git.UploadPack) || at.rest == string(git.ReceivePack)
	return at, name != "" && (known || dotted)
}

// Matches reports whether an address is this door's: git's own addresses, and
// everything else below a name that ends in .git.
func Matches(path string) bool {
	_, ok := split(path)
	return ok
}

func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := split(r.URL.Path)
	if !ok || !request.Clean(r.URL.Path) {
		d.fail(w, r, door.ErrNoRoute)
		return
	}
	route := chi.NewRouteContext()
	route.URLParams.Add("workspace", at.workspace)
	if at.kind == "snippet" {
		route.URLParams.Add("id", at.name)
	} else {
		route.URLParams.Add("repo", at.name)
	}
	r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route))

	method, rest := http.MethodPost, at.rest
	if rest == "info/refs" {
		method = http.MethodGet
		rest += "?service=" + r.URL.Query().Get("service")
	}
	handler := d.handler[at.kind+" "+rest]
	switch {
	case handler == nil:
		d.fail(w, r, errDumb)
	case r.Method != method:
		w.Header().Set("Allow", method)
		d.fail(w, r, door.ErrMethod)
	default:
		handler.ServeHTTP(w, r)
	}
}

var errDumb = errs.NotFound("Only git's smart protocol is spoken here. Use git 1.6.6 or newer.")

// authenticate tells who asks. No credential is nobody; a wrong one is refused
// even where nobody would be let in, so that a typing error isn't missed.
func (d *Door) authenticate(r *http.Request) (access.Actor, error) {
	address := request.Address(r.Context())
	header := r.Header.Get("Authorization")
	if header == "" {
		return access.Actor{Door: access.GitHTTP, Address: address}, nil
	}
	var actor access.Actor
	var err error
	if name, password, ok := r.BasicAuth(); ok {
		actor, err = d.Tokens.FromBasic(r.Context(), name, password, address)
	} else if token, ok := bearer(header); ok {
		actor, err = d.Tokens.FromBearer(r.Context(), token, address)
	} else {
		err = errs.Unauthenticated("The Authorization header is neither Basic nor Bearer.")
	}
	if err != nil {
		return access.Actor{}, badCredential{err}
	}
	actor.Door = access.GitHTTP
	return actor, nil
}

// badCredential says that what came was no valid credential.
type badCredential struct{ error }

func (b badCredential) Unwrap() error { return b.error }

func bearer(header string) (string, bool) {
	const scheme = "bearer "
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(header[len(scheme):]), true
}

func protocolOf(r *http.Request) git.Protocol { return git.ParseProtocol(r.Header.Get("Git-Protocol")) }

func noCache(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
}

func advertise(content transport.Transport, service git.Service) door.Gated {
	return func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		protocol := protocolOf(r)
		answer, err := content.Advertise(r.Context(), g, service, protocol)
		if err != nil {
			return err
		}
		noCache(w, "application/x-"+string(service)+"-advertisement")
		if protocol != git.ProtocolV2 || service == git.ReceivePack {
			head := git.AppendFlush(git.AppendPacket(nil, "# service=", string(service), "\n"))
			if _, err := w.Write(head); err != nil {
				return nil // the client went away
			}
		}
		_, _ = w.Write(answer)
		return nil
	}
}

// body gives what was sent, decompressed.
func body(r *http.Request, service git.Service) (io.Reader, error) {
	if got := r.Header.Get("Content-Type"); got != "application/x-"+string(service)+"-request" {
		return nil, errContentType
	}
	switch r.Header.Get("Content-Encoding") {
	case "":
		return r.Body, nil
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, errs.Invalid("", "The request isn't the gzip that it says to be.")
		}
		return unzipped, nil
	default:
		return nil, errContentType
	}
}

var errContentType = errs.Invalid("", "This isn't a request of git's smart protocol.")

func uploadPack(content transport.Transport) door.Gated {
	return func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		in, err := body(r, git.UploadPack)
		if err != nil {
			return err
		}
		asked, err := io.ReadAll(io.LimitReader(in, maxFetch+1))
		switch {
		case err != nil:
			return errs.Invalid("", "The request was cut short.")
		case len(asked) > maxFetch:
			return errs.TooLarge("The request is larger than %s.", git.Size(maxFetch))
		}
		protocol := protocolOf(r)
		if protocol == git.ProtocolV2 {
			if answer, ok, err := content.LsRefs(r.Context(), g, asked); ok || err != nil {
				if err != nil {
					return err
				}
				noCache(w, "application/x-git-upload-pack-result")
				_, _ = w.Write(answer)
				return nil
			}
		}
		out := &stream{ResponseWriter: w, contentType: "application/x-git-upload-pack-result"}
		return out.end(content.UploadPack(r.Context(), g, protocol, asked, out), r)
	}
}

func receivePack(content transport.Transport) door.Gated {
	return func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		in, err := body(r, git.ReceivePack)
		if err != nil {
			return err
		}
		// Git tells of its progress while the pack still comes; without this the
		// server would take the rest of the pack away at the first word.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			return fmt.Errorf("taking in a push: %w", err)
		}
		out := &stream{ResponseWriter: w, contentType: "application/x-git-receive-pack-result"}
		defer out.endRequest(r)
		return out.end(content.ReceivePack(r.Context(), g, protocolOf(r), in, out), r)
	}
}

// stream sends each write on at once, and its header with the first.
type stream struct {
	http.ResponseWriter
	contentType string
	began       bool
}

func (s *stream) Write(p []byte) (int, error) {
	if !s.began {
		s.began = true
		noCache(s.ResponseWriter, s.contentType)
	}
	n, err := s.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(s.ResponseWriter).Flush()
	}
	return n, err
}

// end turns what came of it into the handler's error, as long as an answer can
// still be given; afterwards the cause is only logged.
func (s *stream) end(err error, r *http.Request) error {
	if err == nil && !s.began {
		noCache(s.ResponseWriter, s.contentType)
	}
	if err == nil || !s.began {
		return err
	}
	request.Failed(r.Context(), err)
	return nil
}

// endRequest reads what is left of a request that was answered while it came.
// Where that is much, the connection is given up: the server can't find the
// next request on it.
func (s *stream) endRequest(r *http.Request) {
	const most = 256 << 10
	n, _ := io.CopyN(io.Discard, r.Body, most)
	switch {
	case n < most: // it has ended, or failed
	case s.began:
		panic(http.ErrAbortHandler)
	default:
		s.Header().Set("Connection", "close")
	}
}
