package githttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What a ref advertisement costs from the door on: the token, the gate's query
// and the references, on SQLite.
func BenchmarkInfoRefs(b *testing.B) {
	w := newWorld(b)
	w.started()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, fetchRefs, nil)
	r.SetBasicAuth("x-token-auth", w.alice.Token)
	b.ReportAllocs()
	for b.Loop() {
		out := httptest.NewRecorder()
		w.door.ServeHTTP(out, r)
		if out.Code != http.StatusOK {
			b.Fatal(out.Code)
		}
	}
}
