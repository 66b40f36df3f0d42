package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// File is the flag --config: a file of lines "flag = value", where lines that
// begin with # and empty lines say nothing. A line that names no flag with an
// environment variable is an error, so that a slip can't go unseen; one that
// the command at hand has no use for is passed over, so that all share a file.
type File string

// BeforeResolve reads the file, before flags that weren't given take their values.
func (f File) BeforeResolve(parser *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(File))
	if path == "" {
		return nil
	}
	values, err := readFile(path, settable(parser.Model.Node))
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, variable := range flag.Envs {
			if _, set := os.LookupEnv(variable); set {
				return nil, nil
			}
		}
		if value, there := values[flag.Name]; there && len(flag.Envs) > 0 {
			return value, nil
		}
		return nil, nil
	}))
	return nil
}

// settable gives the names of all flags that a file may set.
func settable(root *kong.Node) map[string]bool {
	names := map[string]bool{}
	err := kong.Visit(root, func(at kong.Visitable, next kong.Next) error {
		if flag, ok := at.(*kong.Flag); ok && len(flag.Envs) > 0 && flag.Name != "config" {
			names[flag.Name] = true
		}
		return next(nil)
	})
	if err != nil {
		panic(err) // nothing above returns one
	}
	return names
}

func readFile(path string, known map[string]bool) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; name a file that this program can read", err)
	}
	values := map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := readLine(line, known, values); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
	}
	return values, nil
}

func readLine(line string, known map[string]bool, values map[string]string) error {
	name, value, found := strings.Cut(line, "=")
	if !found {
		return errors.New("it isn't \"flag = value\"")
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !known[name] {
		return fmt.Errorf("there is no flag %q to set; see: sallyport serve --help", name)
	}
	if _, twice := values[name]; twice {
		return fmt.Errorf("%q is set a second time; keep one", name)
	}
	values[name] = value
	return nil
}
