package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// settled is how long after its start a server is idle.
const settled = 3 * time.Second

// memory is what a process holds, in MiB.
type memory struct {
	resident float64
	own      float64 // of that: its own, and not pages of its program's file
}

func (m memory) String() string {
	return fmt.Sprintf("%.0f MiB, of which its own %.0f", m.resident, m.own)
}

// holds reads what the server's process holds now, without those that it started.
func (s *server) holds() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return memory{}, err
	}
	kilobytes := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var n float64
		if _, err := fmt.Sscanf(strings.TrimSpace(value), "%f kB", &n); err == nil {
			kilobytes[name] = n
		}
	}
	return memory{resident: kilobytes["VmRSS"] / 1024, own: kilobytes["RssAnon"] / 1024}, nil
}

// tellMemory prints what the server held when idle, and what it holds now.
func tellMemory(s *server) error {
	now, err := s.holds()
	if err != nil {
		return err
	}
	fmt.Printf("\nmemory of %s: idle %v (target ≤ 40 MiB); after all this %v (target ≤ 80 MiB)\n", s.name, s.idle, now)
	return nil
}
