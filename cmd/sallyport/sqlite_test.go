package main

import (
	"database/sql"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// sqlite STATEMENT changes the data behind the program's back.
func cmdSQLite(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: sqlite STATEMENT")
	}
	d, err := sql.Open("sqlite", filepath.Join(ts.Getenv("SALLYPORT_DATA"), "sallyport.db")+"?_pragma=busy_timeout(10000)")
	ts.Check(err)
	defer d.Close()
	result, err := d.Exec(args[0])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%s changed nothing: %v", args[0], err)
	}
}
