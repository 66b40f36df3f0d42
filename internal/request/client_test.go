package request_test

import (
	"testing"

	"sallyport.dev/internal/request"
)

func TestWhatABrowserIsCalled(t *testing.T) {
	const webkit = "AppleWebKit/537.36 (KHTML, like Gecko) "
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                     "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + webkit + "Chrome/126.0 Safari/537.36 Edg/126": "Edge on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + webkit + "Chrome/126.0 Safari/537.36":         "Chrome on Windows",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) " + webkit + "Chrome/126.0 Mobile Safari/537.36":   "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605 Version/17.5 Safari/605.1":     "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 CriOS/126 Safari/6":  "Chrome on iPhone",
		"Mozilla/5.0 (X11; CrOS x86_64 14541) " + webkit + "Chrome/126.0 Safari/537.36":              "Chrome on ChromeOS",
		"curl/8.9.1":    "curl",
		"Linux":         "A browser on Linux",
		"Go-http/1.1":   "An unknown browser",
		"":              "An unknown browser",
		"<b>Firefox/</": "Firefox",
	} {
		if got := request.Browser(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func TestWhatOnePartyHolds(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "nowhere": "nowhere",
	} {
		if got := request.Network(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
