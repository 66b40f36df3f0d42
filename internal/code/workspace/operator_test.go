package workspace_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
)

func TestBreakingTheGlassOpensWhatShutsOwnersOut(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.found()
		alice.enrol()
		set := access.Policy{
			RequireTwoStep: true, AskAgain: access.DefaultAskAgain, RefuseMachines: true,
			Networks: []netip.Prefix{netip.PrefixFrom(here, 24).Masked()},
		}
		if err := alice.setPolicy(set); err != nil {
			w.Fatal(err)
		}
		var seen int64
		w.audited(&seen)
		for range 2 { // the second time there is nothing to do, nor to audit
			if err := w.BreakGlass(w.Context(), "acme"); err != nil {
				w.Fatal(err)
			}
		}
		got := alice.policy()
		if got.RequireTwoStep || len(got.Networks) > 0 || !got.RefuseMachines {
			w.Errorf("%+v", got)
		}
		if diff := cmp.Diff([]string{"workspace.policy"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		w.is(w.BreakGlass(w.Context(), "nowhere"), errs.KindNotFound, "an unknown workspace")
		all, err := w.All(w.Context())
		if err != nil || len(all) != 1 || all[0].Slug != "acme" {
			w.Errorf("%v, %v", all, err)
		}
	})
}
