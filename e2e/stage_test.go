package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// stage is what all tests share, each part made when the first test asks for it.
var stage struct {
	folder  string
	program func() (string, error)
	browser func() (context.Context, error)
	axe     func() (string, error) // the source of axe-core
}

func TestMain(m *testing.M) {
	os.Exit(onStage(m))
}

func onStage(m *testing.M) int {
	folder, err := os.MkdirTemp("", "sallyport-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stage.folder = folder
	stage.program = sync.OnceValues(build)
	stage.axe = sync.OnceValues(readAxe)
	var stop []func()
	stage.browser = sync.OnceValues(func() (context.Context, error) {
		browser, closed, err := startBrowser(ctx)
		stop = append(stop, closed)
		return browser, err
	})
	defer func() {
		for _, f := range stop {
			f()
		}
	}()
	return m.Run()
}

// build makes the program. It looks at every source file, since the test cache
// knows only the files that a test itself has asked for.
func build() (string, error) {
	for _, root := range []string{"../cmd", "../internal", "../go.mod"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	program := filepath.Join(stage.folder, "sallyport")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/sallyport").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
}

func readAxe() (string, error) {
	source, err := os.ReadFile("../test/peers/node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", fmt.Errorf("there is no axe to test with; run: test/install: %w", err)
	}
	return string(source), nil
}

// startBrowser gives the context whose browser contexts the people get.
func startBrowser(ctx context.Context) (context.Context, func(), error) {
	if _, err := exec.LookPath("chromium"); err != nil {
		return nil, func() {}, fmt.Errorf("there is no browser to test with; run: apt-get install -y chromium")
	}
	profile := filepath.Join(stage.folder, "profile")
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"),
	)
	allocator, stop := chromedp.NewExecAllocator(ctx, flags...)
	browser, cancel := chromedp.NewContext(allocator)
	closed := func() { cancel(); stop() }
	if err := chromedp.Do(browser); err != nil {
		return nil, closed, fmt.Errorf("starting chromium: %w", err)
	}
	return browser, closed, nil
}

// need gives a part of the stage, or ends the test.
func need[T any](t *testing.T, part func() (T, error)) T {
	t.Helper()
	value, err := part()
	if err != nil {
		t.Fatal(err)
	}
	return value
}
