package web

import (
	"fmt"
	"time"
)

// length says a length of time, in the largest unit that it is a whole number of.
func length(d time.Duration) string {
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
