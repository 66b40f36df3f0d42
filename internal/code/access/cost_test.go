package access

import (
	"errors"
	"testing"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// A decision allocates nothing.
func TestDecideAllocatesNothing(t *testing.T) {
	for want, decide := range hardest() {
		if n := testing.AllocsPerRun(100, func() {
			if v := decide(); v.Outcome != want {
				t.Fatal(v)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations", want, n)
		}
	}
}

// Check asks the store one query, once: by PostgreSQL's own count of what each
// statement was run.
func TestCheckIsOneQuery(t *testing.T) {
	w := newWorld(t, dbtest.Postgres(t)).usual()
	w.require("acme")
	const rounds = 7
	for range rounds {
		for _, a := range []Actor{stepped("olga"), session("alice"), session("bob")} {
			for _, repository := range []string{"open", "secret"} {
				_, err := w.gate.Check(t.Context(), a, Target{Workspace: "acme", Repository: repository}, ReadRepository)
				if _, refused := errors.AsType[*Refusal](err); err != nil && !refused {
					t.Fatal(err)
				}
			}
		}
	}
	type run struct {
		Statement string
		Times     int
	}
	runs, err := db.All[run](t.Context(), w.d, `SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements WHERE generic_plans + custom_plans >= $1`, rounds)
	if err != nil || len(runs) != 1 || runs[0].Times != 6*rounds || runs[0].Statement != query {
		t.Errorf("%d checks are %v, %v", 6*rounds, runs, err)
	}
}
