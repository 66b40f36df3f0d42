package db

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport.dev/internal/errs"
)

// One reads the one row that query gives into a T: a struct, whose exported
// fields take the columns in order (an embedded struct's in its place), or a
// single value. No row is an error of kind NotFound.
func One[T any](ctx context.Context, q Q, query string, args ...any) (T, error) {
	var out T
	found := false
	err := each(ctx, q, query, args, func(rows *sql.Rows) error {
		if found {
			return fmt.Errorf("more than one row")
		}
		found = true
		return scan(rows, reflect.ValueOf(&out).Elem())
	})
	if err == nil && !found {
		err = errs.NotFound("There is no such thing.")
	}
	return out, err
}

// All reads every row that query gives; see One.
func All[T any](ctx context.Context, q Q, query string, args ...any) ([]T, error) {
	var out []T
	err := each(ctx, q, query, args, func(rows *sql.Rows) error {
		var row T
		if err := scan(rows, reflect.ValueOf(&row).Elem()); err != nil {
			return err
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// Exec runs a statement and gives the number of rows it changed.
func Exec(ctx context.Context, q Q, query string, args ...any) (int64, error) {
	bound, err := bind(args)
	if err != nil {
		return 0, err
	}
	result, err := q.exec(ctx, query, bound)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func each(ctx context.Context, q Q, query string, args []any, row func(*sql.Rows) error) error {
	bound, err := bind(args)
	if err != nil {
		return err
	}
	return q.rows(ctx, query, bound, row)
}

// bind turns times into the microseconds that the columns keep, and named
// string and integer types into what every driver takes. A text that
// PostgreSQL couldn't keep is of kind Invalid on either engine.
func bind(args []any) ([]any, error) {
	bound := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case time.Time:
			bound[i] = micros(v)
		case time.Duration:
			bound[i] = v.Microseconds()
		default:
			bound[i] = plain(v)
		}
		if text, ok := bound[i].(string); ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			return nil, errs.Invalid("", "This holds characters that aren't text.")
		}
	}
	return bound, nil
}

func plain(v any) any {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String()
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		return r.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(r.Uint())
	default:
		return v
	}
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeDuration = reflect.TypeFor[time.Duration]()
)

func scan(rows *sql.Rows, into reflect.Value) error {
	targets := appendTargets(nil, into)
	if err := rows.Scan(targets...); err != nil {
		return err
	}
	for _, target := range targets {
		if m, ok := target.(*moment); ok {
			m.store()
		}
	}
	return nil
}

func appendTargets(targets []any, v reflect.Value) []any {
	switch {
	case v.Type() == typeTime || v.Type() == typeDuration:
		return append(targets, &moment{into: v})
	case v.Kind() == reflect.Struct && !v.Addr().Type().Implements(reflect.TypeFor[sql.Scanner]()):
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				targets = appendTargets(targets, v.Field(i))
			}
		}
		return targets
	default:
		return append(targets, v.Addr().Interface())
	}
}

// moment scans microseconds into a time.Time or a time.Duration. NULL is zero.
type moment struct {
	into   reflect.Value
	micros sql.NullInt64
}

// Scan takes the column's value.
func (m *moment) Scan(value any) error { return m.micros.Scan(value) }

func (m *moment) store() {
	switch {
	case m.into.Type() == typeDuration:
		m.into.SetInt(m.micros.Int64 * int64(time.Microsecond))
	case m.micros.Int64 == 0:
		m.into.Set(reflect.ValueOf(time.Time{}))
	default:
		m.into.Set(reflect.ValueOf(time.UnixMicro(m.micros.Int64).UTC()))
	}
}
