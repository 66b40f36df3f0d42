// Command sallyport is the whole program: `serve` starts both sites, `admin`
// works on the same data beside it.
//
// This package reads the settings, wires the rooms of the two wings together
// and holds no rule of its own. It is the only importer of config, and the
// only place that sees both wings.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitFine   = 0
	exitFailed = 1 // the operation failed
	exitUsage  = 2 // it was asked for wrongly
)

type commands struct {
	Serve   serveCommand   `cmd:"" help:"Start both sites."`
	Admin   adminCommand   `cmd:"" help:"Work on the data, also while it is served."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	// The first signal stops gracefully; after it, a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()

	var c commands
	done := -1 // set where kong has answered by itself, as for --help
	parser := kong.Must(&c,
		kong.Name("sallyport"),
		kong.Description("A code workspace whose private content opens only to people whose second step is on."),
		kong.UsageOnError(),
		kong.Exit(func(code int) { done = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	command, err := parser.Parse(args)
	if done >= 0 {
		return done
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sallyport: %s; see: sallyport %s--help\n", oneLine(err), commandOf(err))
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "sallyport: %s\n", oneLine(err))
		return exitFailed
	}
	return exitFine
}

// commandOf gives the command that the error is about, and a space.
func commandOf(err error) string {
	if failed, ok := errors.AsType[*kong.ParseError](err); ok && failed.Context != nil {
		if name := failed.Context.Command(); name != "" {
			return name + " "
		}
	}
	return ""
}

// oneLine gives an error without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

type versionCommand struct{}

func (versionCommand) Run() error {
	_, err := io.WriteString(os.Stdout, "sallyport "+version()+"\n")
	return err
}
