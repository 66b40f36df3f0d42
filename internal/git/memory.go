package git

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// How many bytes of its own a git process may have, beside the packs that it
// maps. Whoever may push decides what git has to read.
const (
	askMemory  = 256 << 20 // one that reads for a page
	packMemory = 2 << 30   // one that makes or takes a pack, or puts a repository in order
)

// shell starts every git process. It lowers its own limit and then becomes git,
// so there is no moment in which git runs without it, and what git starts has it
// too. A shell that can't lower it starts nothing (decision 0053).
const (
	shell     = "/bin/sh"
	lower     = `ulimit -d "$1" && shift && exec "$@"`
	boundedBy = 5 // arguments before those of git
)

// bounded gives the arguments for the shell to start a program with so much
// memory; 0: packMemory. Where the machine gives Sallyport less, that holds.
func bounded(memory int64, program string) []string {
	if memory == 0 {
		memory = packMemory
	}
	var own unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &own) == nil && own.Max < uint64(memory) {
		memory = int64(own.Max)
	}
	return []string{"-c", lower, "git", strconv.FormatInt(memory>>10, 10), program}
}
