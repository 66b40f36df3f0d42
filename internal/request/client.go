package request

import (
	"net/netip"
	"strings"
)

// Network is the part of a network address that one party holds: a whole IPv4
// address, an IPv6 network of 64 bits. What is no address is given back.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return network.String()
}

// Browser puts into words what a browser says of itself in User-Agent, as
// "Firefox on Linux". It is what the other end claims, and proves nothing.
func Browser(agent string) string {
	name, system := first(agent, browsers()), first(agent, systems())
	switch {
	case name == "" && system == "":
		return "An unknown browser"
	case name == "":
		return "A browser on " + system
	case system == "":
		return name
	default:
		return name + " on " + system
	}
}

// mark is a part of User-Agent and what it stands for.
type mark struct{ text, name string }

func first(agent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(agent, m.text) {
			return m.name
		}
	}
	return ""
}

// browsers are in the order in which to look: most also name those that they
// want to be taken for, which come later.
func browsers() []mark {
	return []mark{
		{"Edg/", "Edge"},
		{"EdgA/", "Edge"},
		{"EdgiOS/", "Edge"},
		{"OPR/", "Opera"},
		{"Vivaldi/", "Vivaldi"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"FxiOS/", "Firefox"},
		{"Firefox/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"HeadlessChrome/", "Chrome"},
		{"Chromium/", "Chromium"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
		{"git/", "git"},
	}
}

func systems() []mark {
	return []mark{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"Macintosh", "macOS"},
		{"FreeBSD", "FreeBSD"},
		{"OpenBSD", "OpenBSD"},
		{"Linux", "Linux"},
	}
}
