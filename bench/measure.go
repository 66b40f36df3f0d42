package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// cost is what one operation takes.
type cost struct{ wall, cpu time.Duration }

// operation is one kind of work, done so often that the clock's steps of 10 ms
// don't matter.
type operation struct {
	name   string
	target string
	share  int // one in so many rounds
	// prepare gets a place ready and gives the work to be timed.
	prepare func(ctx context.Context, s *server, place string, rounds int) (work func(round int) error, err error)
	// before is done before each round, and not counted.
	before func(ctx context.Context, s *server, place string, round int) error
}

func operations() []operation {
	clone := func(ctx context.Context, s *server, place string, _ int) (func(int) error, error) {
		return func(round int) error {
			to := filepath.Join(place, strconv.Itoa(round))
			_, err := git(ctx, "", "clone", "-q", "--bare", s.repository, to)
			return errors.Join(err, os.RemoveAll(to))
		}, nil
	}
	return []operation{
		{name: "clone", target: "≤ raw", share: 10, prepare: clone, before: newState},
		{name: "the same clone again", target: "≤ 0.2 × raw", share: 10, prepare: func(ctx context.Context, s *server, place string, rounds int) (func(int) error, error) {
			work, err := clone(ctx, s, place, rounds)
			return work, errors.Join(err, work(rounds), work(rounds)) // it is kept when asked for twice
		}},
		{name: "ls-remote", target: "≤ 0.8 ms CPU", share: 1, prepare: func(ctx context.Context, s *server, _ string, _ int) (func(int) error, error) {
			return func(int) error {
				_, err := git(ctx, "", "ls-remote", "-q", s.repository)
				return err
			}, nil
		}},
		{name: "fetch, nothing new", target: "≤ 1 ms CPU", share: 1, prepare: func(ctx context.Context, s *server, place string, _ int) (func(int) error, error) {
			_, err := git(ctx, "", "clone", "-q", "--mirror", s.repository, place+"/w")
			return func(int) error {
				_, err := git(ctx, place+"/w", "fetch", "-q")
				return err
			}, err
		}},
		{name: "push of one commit", target: "≤ 30 ms CPU", share: 1, prepare: preparePush},
	}
}

// newState pushes a branch, so that no clone is one that was made before.
func newState(ctx context.Context, s *server, place string, round int) error {
	w := place + "/state"
	if _, err := os.Stat(w); err != nil {
		if _, err := git(ctx, "", "clone", "-q", "--bare", "--depth=1", s.repository, w); err != nil {
			return err
		}
	}
	_, err := git(ctx, w, "push", "-q", s.repository, "HEAD:refs/heads/"+s.branches+"state-"+strconv.Itoa(round))
	return err
}

func preparePush(ctx context.Context, s *server, place string, rounds int) (func(int) error, error) {
	w := place + "/w"
	if _, err := git(ctx, "", "clone", "-q", "--depth=1", s.repository, w); err != nil {
		return nil, err
	}
	if _, err := git(ctx, w, "checkout", "-q", "-b", "pushed"); err != nil {
		return nil, err
	}
	return func(round int) error {
		_, err := git(ctx, w, "push", "-q", "origin", "pushed~"+strconv.Itoa(round)+":refs/heads/"+s.branches+"pushed")
		return err
	}, commits(ctx, w, rounds)
}

// commits makes small commits beforehand, so that only pushing is timed. The
// work above then pushes the oldest first.
func commits(ctx context.Context, w string, count int) error {
	for i := range count {
		if err := os.WriteFile(filepath.Join(w, "small.txt"), []byte(strconv.Itoa(i)), 0o600); err != nil {
			return err
		}
		if _, err := git(ctx, w, "add", "small.txt"); err != nil {
			return err
		}
		if _, err := git(ctx, w, "commit", "-q", "-m", "Small change"); err != nil {
			return err
		}
	}
	return nil
}

// measure does every operation with each server in turn and prints the table.
func measure(ctx context.Context, dir string, operations []operation, s size, servers ...*server) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "operation\t")
	for _, sv := range servers {
		fmt.Fprintf(table, "%s wall ms\tCPU ms\t", sv.name)
	}
	fmt.Fprint(table, "CPU ratio\ttarget\t\n")
	for i, op := range operations {
		var costs []cost
		for _, sv := range servers {
			place := filepath.Join(dir, "work", strconv.Itoa(i), sv.name)
			c, err := sv.cost(ctx, op, place, max(s.rounds/op.share, 2))
			if err != nil {
				return fmt.Errorf("%s with %s: %w", op.name, sv.name, err)
			}
			costs = append(costs, c)
		}
		row(table, op.name, op.target, costs)
	}
	return table.Flush()
}

func row(table io.Writer, name, target string, costs []cost) {
	fmt.Fprintf(table, "%s\t", name)
	for _, c := range costs {
		fmt.Fprintf(table, "%.1f\t%.2f\t", milliseconds(c.wall), milliseconds(c.cpu))
	}
	ratio := "–"
	if first, last := costs[0].cpu, costs[len(costs)-1].cpu; first > 0 {
		ratio = fmt.Sprintf("%.3f", float64(last)/float64(first))
	}
	fmt.Fprintf(table, "%s\t%s\t\n", ratio, target)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s *server) cost(ctx context.Context, op operation, place string, rounds int) (cost, error) {
	if err := os.MkdirAll(place, 0o700); err != nil {
		return cost{}, err
	}
	work, err := op.prepare(ctx, s, place, rounds)
	if err != nil {
		return cost{}, err
	}
	var sum cost
	for round := range rounds {
		// Counted down, so that pushes come oldest first.
		if err := s.round(ctx, op, place, rounds-1-round, work, &sum); err != nil {
			return cost{}, err
		}
	}
	n := time.Duration(rounds)
	return cost{wall: sum.wall / n, cpu: sum.cpu / n}, nil
}

// round does an operation once and adds what it took to sum.
func (s *server) round(ctx context.Context, op operation, place string, round int, work func(int) error, sum *cost) error {
	if op.before != nil {
		if err := op.before(ctx, s, place, round); err != nil {
			return err
		}
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := work(round); err != nil {
		return err
	}
	sum.wall += time.Since(began)
	after, err := s.cpu()
	sum.cpu += after - before
	return err
}

// cpu is what the server's process, those that it started and those that they
// started have used so far, whether they have ended or not.
func (s *server) cpu() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	type process struct {
		parent int
		used   time.Duration
	}
	processes := map[int]process{}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended, and its parent has its time
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		used := time.Duration(0)
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime (proc(5))
			ticks, _ := strconv.ParseInt(field, 10, 64)
			used += time.Duration(ticks) * time.Second / 100
		}
		processes[id] = process{parent, used}
	}
	total := time.Duration(0)
	for id, p := range processes {
		for at, depth := id, 0; at != 0 && depth < 20; at, depth = processes[at].parent, depth+1 {
			if at == s.cmd.Process.Pid {
				total += p.used
				break
			}
		}
	}
	return total, nil
}

// throughput asks for references as often as the server can answer, sixteen at
// a time, in the way of protocols 0 and 2.
func throughput(ctx context.Context, servers []*server) error {
	const (
		asking = 16
		lasts  = 3 * time.Second
		lsRefs = "0014command=ls-refs\n0014agent=git/bench\n0001" + "0009peel\n000csymrefs\n0000"
	)
	fmt.Printf("\nrequests a second, %d at a time (target ≥ 5,000)\n", asking)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, kind := range []string{"ref advertisement", "ls-refs of version 2"} {
		fmt.Fprintf(table, "%s\t", kind)
		for _, sv := range servers {
			made := func() (*http.Request, error) {
				if kind == "ref advertisement" {
					return http.NewRequestWithContext(ctx, http.MethodGet, sv.repository+"/info/refs?service=git-upload-pack", nil)
				}
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, sv.repository+"/git-upload-pack", strings.NewReader(lsRefs))
				if err == nil {
					r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
					r.Header.Set("Git-Protocol", "version=2")
				}
				return r, err
			}
			rate, err := flood(asking, lasts, made)
			if err != nil {
				return fmt.Errorf("%s with %s: %w", kind, sv.name, err)
			}
			fmt.Fprintf(table, "%s %.0f\t", sv.name, rate)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func flood(asking int, lasts time.Duration, made func() (*http.Request, error)) (float64, error) {
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: asking}}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(lasts)
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	total := 0
	for range asking {
		all.Go(func() {
			count := 0
			var err error
			for time.Now().Before(deadline) && err == nil {
				err = ask(&client, made)
				count++
			}
			mu.Lock()
			defer mu.Unlock()
			total += count
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	return float64(total) / lasts.Seconds(), failed
}

func ask(client *http.Client, made func() (*http.Request, error)) error {
	r, err := made()
	if err != nil {
		return err
	}
	if u := r.URL.User; u != nil {
		secret, _ := u.Password()
		r.SetBasicAuth(u.Username(), secret)
		r.URL.User = (*url.Userinfo)(nil)
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
