package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	flood    = 200 // sign-ins at the same moment
	floodMax = 300 // MiB that the program may take meanwhile
)

// Standard 4: concurrent hashes are bounded, so that a flood of sign-ins can't
// exhaust memory. Each hash takes 19 MiB: all at once would take 3.7 GiB.
func TestStandard4AFloodOfSignIns(t *testing.T) {
	program, err := exec.LookPath("sallyport")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	server := exec.CommandContext(t.Context(), program, "serve", "--data", data,
		"--code-listen", "127.0.0.1:0", "--account-listen", "127.0.0.1:0", "--trusted-proxies", "127.0.0.0/8", "--log-level", "error")
	server.Env = append(os.Environ(), "GOMAXPROCS=2")
	var log bytes.Buffer
	server.Stderr = &log
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the program said: %s", log.String())
		}
	})
	account := accountAddress(t, out)
	for i := range 4 {
		create := exec.CommandContext(t.Context(), program, "admin", "person", "create", "--data", data, "--email", fmt.Sprintf("p%d@example.com", i), "--name", "P")
		create.Stdin = strings.NewReader("correct horse battery staple 42\n")
		if out, err := create.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}

	client := &http.Client{
		Timeout: 2 * time.Minute, Transport: &http.Transport{MaxConnsPerHost: flood, MaxIdleConnsPerHost: flood},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answers := make(chan int, flood)
	var all sync.WaitGroup
	for i := range flood {
		all.Go(func() {
			form := url.Values{"email": {fmt.Sprintf("p%d@example.com", i)}, "password": {"correct horse battery staple 42"}}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, account+"/signin", strings.NewReader(form.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)) // each from its own network
			response, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			answers <- response.StatusCode
		})
	}
	all.Wait()
	close(answers)
	count := map[int]int{}
	for status := range answers {
		count[status]++
	}
	// Those who exist are in; the others hear that it is wrong, or to wait.
	if count[http.StatusSeeOther] != 4 || count[http.StatusSeeOther]+count[http.StatusForbidden]+count[http.StatusTooManyRequests] != flood {
		t.Errorf("answers: %v", count)
	}
	peak := peakMiB(t, server.Process.Pid)
	t.Logf("it took %d MiB; answers: %v", peak, count)
	if peak > floodMax {
		t.Errorf("it took %d MiB", peak)
	}
}

// accountAddress reads what the program prints at its start, and drains the rest.
func accountAddress(t *testing.T, out io.Reader) string {
	t.Helper()
	in := bufio.NewScanner(out)
	for in.Scan() {
		if address, ok := strings.CutPrefix(in.Text(), "Account: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return address
		}
	}
	t.Fatal("it said nothing of Account")
	return ""
}

// peakMiB is the most memory that a process has had, as the system counts it.
func peakMiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib / 1024
		}
	}
	t.Fatal("the system doesn't tell its memory")
	return 0
}
