package ui

import (
	"time"
)

// relative says how long ago t was, or in how long it will be. What is further
// away than a month is given as a date.
func relative(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	future := d < 0
	d = d.Abs()
	var words string
	switch {
	case d < time.Minute && future:
		return "in a moment"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		words = plural(int(d/time.Minute), "minute", "minutes")
	case d < 24*time.Hour:
		words = plural(int(d/time.Hour), "hour", "hours")
	case d <= 31*24*time.Hour:
		words = plural(int(d/(24*time.Hour)), "day", "days")
	default:
		return t.UTC().Format("2 Jan 2006")
	}
	if future {
		return "in " + words
	}
	return words + " ago"
}

func exact(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("Monday, 2 January 2006, 15:04:05 UTC")
}
