// Command bench measures the whole program beside plain git.
//
// It builds and starts the real binary on an empty data folder, makes a person,
// a workspace and a repository by the pages that people use, and fills that
// with a history of `git fast-import`. A copy of the same repository is served
// by `git http-backend` behind a Go listener: no accounts, no pages, no gate.
// Over SSH the other is OpenSSH's sshd.
// Then it does the same work with both and prints what each costs: the wall
// time of the client, and the CPU time of the server with everything that it
// starts. Figures move with the machine; the ratios hold. Nothing is judged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	var s size
	raw := flag.String("raw", "", "serve the repositories in this folder by git http-backend, and do nothing else")
	flag.IntVar(&s.commits, "commits", 2000, "commits in the repository")
	flag.IntVar(&s.files, "files", 500, "files in it")
	flag.IntVar(&s.refs, "refs", 194, "branches and tags in it")
	flag.IntVar(&s.rounds, "rounds", 30, "how often each small operation is done; clones a tenth as often")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *raw != "" {
		err = serveRaw(ctx, *raw)
	} else {
		err = bench(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size is how much is measured.
type size struct{ commits, files, refs, rounds int }

func bench(ctx context.Context, s size) (err error) {
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	source := filepath.Join(dir, "source.git")
	if err := generate(ctx, source, s); err != nil {
		return fmt.Errorf("making the repository: %w", err)
	}
	key, err := makeKey(ctx, dir)
	if err != nil {
		return err
	}
	ours, err := startSallyport(ctx, dir, key)
	if err != nil {
		return fmt.Errorf("starting sallyport: %w", err)
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	if _, err := git(ctx, source, "push", "-q", "--mirror", ours.repository); err != nil {
		return fmt.Errorf("filling sallyport's repository: %w", err)
	}
	plain, err := startRaw(ctx, dir, ours.data)
	if err != nil {
		return fmt.Errorf("starting git http-backend: %w", err)
	}
	defer func() { err = errors.Join(err, plain.stop()) }()
	if err := describe(ctx, source, s); err != nil {
		return err
	}
	if err := measure(ctx, dir, operations(), s, plain, ours); err != nil {
		return err
	}
	if err := throughput(ctx, []*server{plain, ours}); err != nil {
		return err
	}
	if err := measureSSH(ctx, dir, s, plain, ours); err != nil {
		return err
	}
	return tellMemory(ours)
}

// describe prints what is being served.
func describe(ctx context.Context, source string, s size) error {
	version, err := git(ctx, source, "version")
	if err != nil {
		return err
	}
	objects, err := git(ctx, source, "rev-list", "--all", "--objects", "--count")
	if err != nil {
		return err
	}
	fmt.Printf("%s; a private repository of %d commits, %s objects, %d refs; a token; small operations %d times\n\n",
		version, s.commits, objects, s.refs, s.rounds)
	return nil
}
