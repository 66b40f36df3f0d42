// Package request is what both sites do with every HTTP request before a
// handler sees it: give it an id, find the client's address, log it once,
// survive a panic. It knows nothing of either site.
package request

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

type contextKey struct{}

type info struct {
	id      string
	address netip.Addr
	failure error
}

func of(ctx context.Context) *info {
	if in, ok := ctx.Value(contextKey{}).(*info); ok {
		return in
	}
	return &info{}
}

// ID gives the request's id, which stands in the log and on error pages.
func ID(ctx context.Context) string { return of(ctx).id }

// Address gives the address that the request comes from. Forwarding headers
// count only where a trusted proxy set them.
func Address(ctx context.Context) netip.Addr { return of(ctx).address }

// AddressText writes an address as it is kept; empty where there is none.
func AddressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// Failed notes why the request failed; it is logged once, when it ends.
func Failed(ctx context.Context, err error) { of(ctx).failure = err }

// Wrap prepares each request for next and logs it when it is done.
// site is the name that the log lines carry.
func Wrap(site string, trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		in := &info{id: rand.Text()[:12], address: clientAddress(r, trusted)}
		ctx := context.WithValue(r.Context(), contextKey{}, in)
		out := &response{ResponseWriter: w}
		w.Header().Set("X-Request-Id", in.id)
		defer func() {
			thrown := recover()
			if thrown != nil && thrown != http.ErrAbortHandler {
				slog.ErrorContext(ctx, "a handler panicked", "site", site, "request", in.id, "panic", thrown, "stack", string(debug.Stack()))
				if out.status == 0 {
					http.Error(out, "Something went wrong on our side. Request "+in.id, http.StatusInternalServerError)
					thrown = nil
				}
			}
			if thrown == nil && out.status == 0 {
				out.status = http.StatusOK // what a handler that writes nothing answers
			}
			logDone(ctx, site, r, in, out, time.Since(began))
			if thrown != nil {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
		}()
		next.ServeHTTP(out, r.WithContext(ctx))
	})
}

func logDone(ctx context.Context, site string, r *http.Request, in *info, out *response, took time.Duration) {
	level := slog.LevelInfo
	args := []any{
		"site", site, "request", in.id, "method", r.Method, "path", loggable(r.URL.Path),
		"status", out.status, "bytes", out.bytes, "took", took.Round(time.Microsecond), "from", in.address.String(),
	}
	if in.failure != nil {
		args = append(args, "err", in.failure.Error())
		if kind := errs.KindOf(in.failure); (kind == errs.KindInternal || kind == errs.KindUnavailable) && r.Context().Err() == nil {
			level = slog.LevelError
		}
	}
	slog.Log(ctx, level, "request", args...)
}

// loggable is a path without what may be a secret: a segment as long as a token.
func loggable(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if len(segment) >= tokenLength {
			segments[i] = segment[:4] + "…"
		}
	}
	return strings.Join(segments, "/")
}

const tokenLength = 43 // 256 bits in base64url; an object's id has 40

// SetRetryAfter says in the header how long to wait, in whole seconds rounded
// up, where that is what err asks for.
func SetRetryAfter(header http.Header, err error) {
	if wait := errs.RetryAfter(err); wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
}

// clientAddress walks the chain of proxies from the nearest, as long as each
// is trusted.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified() // a unix socket or an in-process call
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(address, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap()
	}
	return address
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	for _, network := range trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// response remembers what was answered.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
