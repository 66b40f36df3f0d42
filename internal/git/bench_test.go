package git

import (
	"testing"
	"time"
)

// packedRepo has 194 references in packed-refs, a fifth of them annotated tags.
func packedRepo(b *testing.B, count int) repo {
	r := newRepo(b, installed(b))
	manyRefs(r, count)
	r.git("pack-refs", "--all")
	r.store.now = func() time.Time { return time.Now().Add(time.Minute) } // the files have settled
	return r
}

func BenchmarkAdvertise(b *testing.B) {
	r := packedRepo(b, 194)
	for _, protocol := range []Protocol{ProtocolV0, ProtocolV2} {
		b.Run(protocol.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Advertise(b.Context(), UploadPack, protocol); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLsRefs(b *testing.B) {
	for name, count := range map[string]int{"194 references": 194, "10000 references": 10_000} {
		b.Run(name, func(b *testing.B) {
			r := packedRepo(b, count)
			request := lsRefsRequest("peel", "symrefs", "unborn", "ref-prefix refs/heads/", "ref-prefix refs/tags/", "ref-prefix HEAD")
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := r.LsRefs(b.Context(), request); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// A repository that was pushed to just now is read again each time.
func BenchmarkLsRefsJustPushed(b *testing.B) {
	r := newRepo(b, installed(b))
	c := r.commit("one")
	for _, name := range []string{"refs/heads/main", "refs/heads/a/b", "refs/heads/c/d"} {
		r.git("update-ref", name, c)
	}
	start := time.Now()
	r.store.now = func() time.Time { return start }
	request := lsRefsRequest("peel", "symrefs")
	for b.Loop() {
		if _, ok, err := r.LsRefs(b.Context(), request); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkReadBlob(b *testing.B) {
	r := newRepo(b, installed(b))
	blob := OID(r.input("hello\n", "hash-object", "-w", "--stdin"))
	for b.Loop() {
		r.Repository.git.objects.Clear()
		if _, err := r.Blob(b.Context(), blob, 100); err != nil {
			b.Fatal(err)
		}
	}
}
