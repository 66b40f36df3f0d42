package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as 500MB, 2GiB or 1048576.
type Size int64

var units = []struct {
	name  string
	bytes int64
}{
	{"KIB", 1 << 10},
	{"MIB", 1 << 20},
	{"GIB", 1 << 30},
	{"TIB", 1 << 40},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	upper := strings.ToUpper(strings.TrimSpace(string(text)))
	for _, unit := range units {
		number, found := strings.CutSuffix(upper, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/unit.bytes {
			break
		}
		*s = Size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size; write it like 500MB or 2GiB", text)
}

// Network is a range of addresses, or one address.
type Network netip.Prefix

// UnmarshalText reads 10.0.0.0/8 or 10.1.2.3.
func (n *Network) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if prefix, err := netip.ParsePrefix(s); err == nil {
		*n = Network(prefix.Masked())
		return nil
	}
	one, err := netip.ParseAddr(s)
	if err != nil {
		return fmt.Errorf("%q is no network; write it like 10.0.0.0/8 or 10.1.2.3", s)
	}
	*n = Network(netip.PrefixFrom(one, one.BitLen()))
	return nil
}
