package ui

import (
	"fmt"
	"time"
)

// relative says how long ago t was, or in how long it will be: a time to come to
// the nearest unit, so that seven days less a moment are seven days. What is
// further away than a month is given as a date.
func relative(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	future := d < 0
	d = d.Abs()
	if future {
		d = d.Round(unitOf(d))
	}
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

// unitOf is the unit in which a duration is said.
func unitOf(d time.Duration) time.Duration {
	switch {
	case d < time.Minute:
		return time.Second
	case d < time.Hour-30*time.Second:
		return time.Minute
	case d < 24*time.Hour-30*time.Minute:
		return time.Hour
	default:
		return 24 * time.Hour
	}
}

func exact(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("Monday, 2 January 2006, 15:04:05 UTC")
}

// Length says a length of time, in the largest unit that it is a whole number of.
func Length(d time.Duration) string {
	for _, unit := range []struct {
		of        time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if d >= unit.of && d%unit.of == 0 {
			if n := d / unit.of; n > 1 {
				return fmt.Sprintf("%d %s", n, unit.many)
			}
			return "1 " + unit.one
		}
	}
	return d.String()
}
