package throttle

import (
	"crypto/rand"
	"slices"
	"time"
)

// BrowserLife is how long a browser is remembered after its last sign-in.
const BrowserLife = 365 * 24 * time.Hour

const maxKnown = 10 // people remembered per browser

// Browser is what a browser remembers, in a sealed cookie, of the people who
// signed in with it. It proves nothing and opens nothing: it only has their
// tries counted apart from a stranger's, so that a stranger's failures don't
// shut them out there.
type Browser struct {
	ID     string   `json:"id"`
	People []string `json:"people"`
}

// Knows reports whether the person has signed in with this browser.
func (b Browser) Knows(person string) bool { return b.ID != "" && slices.Contains(b.People, person) }

// With is the browser once the person has signed in with it.
func (b Browser) With(person string) Browser {
	if b.ID == "" {
		b.ID = rand.Text()
	}
	known := append([]string{person}, slices.DeleteFunc(slices.Clone(b.People), func(p string) bool { return p == person })...)
	return Browser{ID: b.ID, People: known[:min(len(known), maxKnown)]}
}

// TryKey is the key under which a person's tries of a kind are counted: one of
// their own in a browser that they are known by, one for all others.
func (b Browser) TryKey(kind, person string) string {
	if b.Knows(person) {
		return Key(kind, "browser", b.ID, person)
	}
	return Key(kind, "person", person)
}
