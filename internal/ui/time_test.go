package ui

import (
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{time.Time{}, "never"},
		{now, "just now"},
		{now.Add(-59 * time.Second), "just now"},
		{now.Add(-time.Minute), "1 minute ago"},
		{now.Add(-59 * time.Minute), "59 minutes ago"},
		{now.Add(-2 * time.Hour), "2 hours ago"},
		{now.Add(-25 * time.Hour), "1 day ago"},
		{now.Add(-40 * 24 * time.Hour), "29 Jan 2026"},
		{now.Add(30 * time.Second), "in a moment"},
		{now.Add(29*24*time.Hour + 11*time.Hour), "in 29 days"},
		{now.Add(7*24*time.Hour - time.Second), "in 7 days"},
		{now.Add(24*time.Hour - time.Second), "in 1 day"},
		{now.Add(time.Hour - time.Second), "in 1 hour"},
		{now.Add(10*time.Minute - time.Second), "in 10 minutes"},
		{now.Add(90 * 24 * time.Hour), "8 Jun 2026"},
	} {
		if got := relative(c.t, now); got != c.want {
			t.Errorf("relative(%v) = %q, want %q", c.t, got, c.want)
		}
	}
}
