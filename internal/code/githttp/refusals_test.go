package githttp

import (
	"strings"
	"testing"

	"sallyport.dev/internal/code/codetest"
)

// Every reason has its lines.
func TestEveryRefusalToGit(t *testing.T) {
	d := &Door{Config: Config{URL: "https://code.test"}}
	for _, c := range codetest.Refusals() {
		status, lines := d.wording(&c.Refusal)
		if got := strings.Join(lines, "\n"); status != c.Git || got != c.GitSays {
			t.Errorf("%s: %d\n%s\nwant %d\n%s", c.Reason, status, got, c.Git, c.GitSays)
		}
	}
}
