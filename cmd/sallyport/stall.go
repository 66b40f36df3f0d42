package main

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// stallLimit is how long a client may neither send nor take a byte. A clone or
// a push may last as long as it moves.
const stallLimit = 2 * time.Minute

// moveEvery is how often the deadlines are moved on at most.
const moveEvery = stallLimit / 8

// withoutStalls ends requests whose client has stopped sending or taking.
func withoutStalls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// The last request on this connection left its deadline behind.
		_ = control.SetWriteDeadline(time.Time{})
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &movingBody{ReadCloser: r.Body, control: control}
		}
		out := &movingResponse{ResponseWriter: w, control: control}
		next.ServeHTTP(out, r)
		out.move() // for what is still in the buffers
	})
}

type movingBody struct {
	io.ReadCloser
	control *http.ResponseController
	moved   time.Time
}

func (b *movingBody) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.moved) > moveEvery {
		b.moved = now
		_ = b.control.SetReadDeadline(now.Add(stallLimit))
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		// From here on the server only watches for the client's leaving.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

type movingResponse struct {
	http.ResponseWriter
	control *http.ResponseController
	moved   time.Time
}

func (w *movingResponse) Write(p []byte) (int, error) {
	w.move()
	return w.ResponseWriter.Write(p)
}

func (w *movingResponse) move() {
	if now := time.Now(); now.Sub(w.moved) > moveEvery {
		w.moved = now
		_ = w.control.SetWriteDeadline(now.Add(stallLimit))
	}
}

// Unwrap lets http.ResponseController reach flushing.
func (w *movingResponse) Unwrap() http.ResponseWriter { return w.ResponseWriter }
