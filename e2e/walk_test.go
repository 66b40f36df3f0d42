package e2e

import "testing"

func TestTheMainJob(t *testing.T) {
	alice, bob := team(t, serve(t))
	alice.requires()
	bob.open("/acme/app/src/main/README.md")
}
