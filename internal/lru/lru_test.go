package lru

import (
	"sync"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	c := New[int, string](20 * (100 + overhead))
	for i := range 100 {
		c.Put(i, "value", 100)
		c.Get(0) // used all the time
	}
	if len(c.byKey) != 20 || c.order.Len() != 20 || c.size > c.limit {
		t.Errorf("%d values, %d bytes", len(c.byKey), c.size)
	}
	if v, kept := c.Get(0); !kept || v != "value" {
		t.Error("what is used most was dropped")
	}
	if _, kept := c.Get(50); kept {
		t.Error("what wasn't used is still there")
	}
	c.Put(1000, "large", c.limit/16)
	if _, kept := c.Get(1000); kept {
		t.Error("a value that would fill the cache is kept")
	}
	c.Put(0, "other", 100)
	if v, _ := c.Get(0); v != "value" {
		t.Error("a value was replaced")
	}
	c.Clear()
	if _, kept := c.Get(0); kept || c.size != 0 {
		t.Error("cleared, and not empty")
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New[int, int](10_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Put(i%97, i%97, 50)
				if v, found := c.Get(i % 31); found && v != i%31 {
					t.Errorf("%d under %d", v, i%31)
				}
			}
		})
	}
	all.Wait()
}
