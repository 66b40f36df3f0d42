package markup

import "testing"

// What is kept is what would be made anew, for each place; what a word refers to
// is asked for each time.
func TestKept(t *testing.T) {
	kept := NewKept(1 << 20)
	for _, links := range []Links{
		{File: "/acme/app/src/main", Raw: "/acme/app/raw/main"},
		{File: "/acme/app/src/main", Raw: "/acme/app/raw/main", Dir: "docs"},
		{File: "/acme/app/src/next", Raw: "/acme/app/raw/next"},
		{File: "/acme/app/wiki", Raw: "/acme/app/wiki/_raw", Wiki: true},
	} {
		for _, text := range []string{"[a](b.md) ![c](d.png) [[Page]]", "another", ""} {
			for range 2 {
				if got, want := kept.Markdown([]byte(text), links), Markdown([]byte(text), links); got != want {
					t.Errorf("%+v: got %q, want %q", links, got, want)
				}
			}
		}
	}

	to := ""
	links := Links{Ref: func(string) string { return to }}
	for _, to = range []string{"/acme/app/issues/12", "", "/acme/lib/issues/12"} {
		if got, want := kept.Markdown([]byte("See #12."), links), Markdown([]byte("See #12."), links); got != want {
			t.Errorf("where it leads to %q: got %q, want %q", to, got, want)
		}
	}
}
