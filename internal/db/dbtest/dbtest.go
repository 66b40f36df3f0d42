// Package dbtest gives a test a fresh, migrated database on each engine.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/internal/db"
)

// Each runs f twice, as a subtest on SQLite and as one on PostgreSQL, each
// with a database of its own.
func Each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite gives a fresh database in the test's folder.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// Postgres gives a fresh database in the cluster that
// SALLYPORT_TEST_POSTGRES names.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), PostgresURL(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// PostgresURL gives the address of a fresh, migrated database, for a test
// that starts the whole program on it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	cluster := os.Getenv("SALLYPORT_TEST_POSTGRES")
	if cluster == "" {
		t.Fatal("this test needs PostgreSQL: run `make test`, or first: eval \"$(test/postgres start)\"")
	}
	from, err := template(cluster)
	if err != nil {
		t.Fatalf("making the template database: %v", err)
	}
	admin := connect(t, cluster)
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec("CREATE DATABASE " + name + " TEMPLATE " + from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's context is over here, and the database may still be in use.
		if _, err := connect(t, cluster).ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return within(cluster, name)
}

func connect(t testing.TB, address string) *sql.DB {
	t.Helper()
	conn, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func within(cluster, name string) string {
	address, err := url.Parse(cluster)
	if err != nil {
		panic(fmt.Sprintf("SALLYPORT_TEST_POSTGRES: %v", err))
	}
	address.Path = "/" + name
	return address.String()
}

var templates sync.Map // cluster → func() (string, error)

// template makes, once per process, a migrated database to copy from: a copy
// takes a twentieth of the time of a migration.
func template(cluster string) (string, error) {
	make, _ := templates.LoadOrStore(cluster, sync.OnceValues(func() (string, error) {
		name := fmt.Sprintf("template_%d_%s", os.Getpid(), strings.ToLower(rand.Text()))
		admin, err := sql.Open("pgx", cluster)
		if err != nil {
			return "", err
		}
		defer admin.Close()
		if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
			return "", err
		}
		d, err := db.Open(context.Background(), within(cluster, name), "")
		if err != nil {
			return "", err
		}
		defer d.Close()
		return name, d.Migrate(context.Background())
	}))
	return make.(func() (string, error))()
}
