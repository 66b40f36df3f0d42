# The loop. `make run` starts Sallyport; `make test` proves it.

export CGO_ENABLED = 0

TOOL = go tool -modfile=tools/go.mod

.PHONY: run build test check bench screens tools

run: build
	bin/sallyport serve

build:
	go build -trimpath -ldflags '-s -w' -o bin/sallyport ./cmd/sallyport

# Installs what is missing, then runs every test on SQLite, PostgreSQL, real
# git, and a real browser. One PostgreSQL cluster serves all packages.
test:
	test/install
	test/postgres run go test -timeout 20m ./...

check: tools test

tools:
	@unformatted=$$($(TOOL) gofumpt -l .); [ -z "$$unformatted" ] || { echo "not formatted; run: $(TOOL) gofumpt -w ."; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...

# Figures, never judged: the gate and the stores by Go's benchmarks, then the
# whole program beside plain git (go run ./bench -help).
bench:
	test/install
	test/postgres run go test -run '^$$' -bench . -benchmem ./internal/...
	go run ./bench

# Makes docs/screens/ anew in the browser of the tests.
screens:
	test/install
	SALLYPORT_SCREENS=$(CURDIR)/docs/screens go test -count=1 -timeout 20m -run TestScreens ./e2e
