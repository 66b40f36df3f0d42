package signin

import (
	"fmt"

	"sallyport.dev/internal/throttle"
)

// BrowserLife is how long a browser is remembered after its last sign-in.
const BrowserLife = throttle.BrowserLife

// OpenBrowser reads the cookie of a browser; what can't be read is a browser
// that remembers nobody.
func (s *Service) OpenBrowser(sealed string) throttle.Browser {
	var b throttle.Browser
	if s.Box.OpenValue("browser", sealed, s.Clock(), &b) != nil {
		return throttle.Browser{}
	}
	return b
}

// Remember gives the cookie of a browser with which the person has signed in.
func (s *Service) Remember(b throttle.Browser, proof Proof) (string, error) {
	sealed, err := s.Box.SealValue("browser", s.Clock().Add(BrowserLife), b.With(proof.person.ID))
	if err != nil {
		return "", fmt.Errorf("remembering the browser: %w", err)
	}
	return sealed, nil
}
