package signin

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// BrowserLife is how long a browser is remembered after its last sign-in.
const BrowserLife = 365 * 24 * time.Hour

const maxKnown = 10 // people remembered per browser

// Browser is what a browser remembers, in a sealed cookie, of the people who
// signed in with it. It proves nothing and opens nothing: it only has their
// tries counted apart from a stranger's.
type Browser struct {
	ID     string   `json:"id"`
	People []string `json:"people"`
}

func (b Browser) knows(person string) bool { return b.ID != "" && slices.Contains(b.People, person) }

// OpenBrowser reads the cookie; what can't be read is a browser that remembers nobody.
func (s *Service) OpenBrowser(sealed string) Browser {
	var b Browser
	if s.Box.OpenValue("browser", sealed, s.Clock(), &b) != nil {
		return Browser{}
	}
	return b
}

// Remember gives the cookie of a browser with which the person has signed in.
func (s *Service) Remember(b Browser, proof Proof) (string, error) {
	if b.ID == "" {
		b.ID = rand.Text()
	}
	id := proof.person.ID
	known := append([]string{id}, slices.DeleteFunc(slices.Clone(b.People), func(p string) bool { return p == id })...)
	b.People = known[:min(len(known), maxKnown)]
	sealed, err := s.Box.SealValue("browser", s.Clock().Add(BrowserLife), b)
	if err != nil {
		return "", fmt.Errorf("remembering the browser: %w", err)
	}
	return sealed, nil
}
