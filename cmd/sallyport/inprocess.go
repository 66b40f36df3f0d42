package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// inProcess reaches one site by calling its handler, so that its name has to
// resolve nowhere and its certificate needs no trust of ours.
type inProcess struct {
	host    string // as in the site's URL
	handler http.Handler
}

// RoundTrip answers for the one site; what else is asked for goes out.
func (t *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != t.host {
		return http.DefaultTransport.RoundTrip(r)
	}
	// The other site sees nothing of the request that this one is answering but
	// its being called off: a router's own notes, for one, lie in that context.
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	defer context.AfterFunc(r.Context(), stop)()
	in := r.Clone(ctx)
	in.Host, in.RequestURI = t.host, r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	out := &memory{header: http.Header{}}
	t.handler.ServeHTTP(out, in)
	if out.status == 0 {
		out.status = http.StatusOK
	}
	return &http.Response{
		Status:     http.StatusText(out.status),
		StatusCode: out.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        out.header,
		Body:          io.NopCloser(&out.body),
		ContentLength: int64(out.body.Len()),
		Request:       r,
	}, nil
}

// memory is a response that is kept.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header { return m.header }

func (m *memory) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
}

func (m *memory) Write(p []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	return m.body.Write(p)
}
