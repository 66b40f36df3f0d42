package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

// git runs plain git without the machine's settings and gives what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := gitCommand(ctx, dir, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com")
	return cmd
}

// generate makes a bare repository with a history that is the same each time.
func generate(ctx context.Context, dir string, s size) error {
	if _, err := git(ctx, "", "init", "-q", "--bare", "-b", "main", dir); err != nil {
		return err
	}
	cmd := gitCommand(ctx, dir, "fast-import", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	writeHistory(in, s)
	if err := in.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}

// writeHistory writes a stream for fast-import: each commit changes a line in
// some three files, and branches and tags stand at points along the way.
func writeHistory(to io.Writer, s size) {
	w := bufio.NewWriter(to)
	defer w.Flush()
	dice := rand.New(rand.NewPCG(1, 2))
	files := make([][]string, s.files)
	for i := range files {
		for range 20 + dice.IntN(180) {
			files[i] = append(files[i], line(dice))
		}
	}
	for c := range s.commits {
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Bench <bench@example.com> %d +0000\n", c+1, 1_600_000_000+c*3600)
		data(w, fmt.Sprintf("Change number %d\n\n%s\n", c, line(dice)))
		changed := []int{dice.IntN(s.files), dice.IntN(s.files), dice.IntN(s.files)}
		if c == 0 {
			changed = make([]int, s.files)
			for i := range changed {
				changed[i] = i
			}
		}
		for _, i := range changed {
			files[i][dice.IntN(len(files[i]))] = line(dice)
			fmt.Fprintf(w, "M 100644 inline src/part%d/file%d.txt\n", i%23, i)
			data(w, strings.Join(files[i], "\n")+"\n")
		}
		w.WriteString("\n")
	}
	for i := 1; i < s.refs; i++ {
		at := 1 + dice.IntN(s.commits)
		if i%3 == 0 {
			fmt.Fprintf(w, "tag v1.%d\nfrom :%d\ntagger Bench <bench@example.com> 1700000000 +0000\n", i, at)
			data(w, "A release\n")
		} else {
			fmt.Fprintf(w, "reset refs/heads/team%d/topic-%d\nfrom :%d\n\n", i%7, i, at)
		}
	}
}

func data(w io.Writer, text string) { fmt.Fprintf(w, "data %d\n%s\n", len(text), text) }

func line(dice *rand.Rand) string {
	const letters = "etaoin shrdlu cmfwyp vbgkjq xz_(){}=;."
	text := make([]byte, 20+dice.IntN(50))
	for i := range text {
		text[i] = letters[dice.IntN(len(letters))]
	}
	return string(text)
}
