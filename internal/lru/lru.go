// Package lru is a bounded memory of what was used last. It is for values that
// never go out of date, such as what is named by its own hash.
package lru

import (
	"container/list"
	"sync"
)

// Cache keeps values up to a limit of bytes and drops the one that was used the
// longest ago first. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit int

	mu    sync.Mutex
	size  int
	order *list.List // of *item, the last used first
	byKey map[K]*list.Element
}

type item[K comparable, V any] struct {
	key   K
	value V
	size  int
}

// overhead is about what it costs to keep a value beside its own bytes.
const overhead = 300

// New makes a cache of limit bytes.
func New[K comparable, V any](limit int) *Cache[K, V] {
	return &Cache[K, V]{limit: limit, order: list.New(), byKey: map[K]*list.Element{}}
}

// Get gives the value kept for the key.
func (c *Cache[K, V]) Get(key K) (value V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element := c.byKey[key]
	if element == nil {
		return value, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*item[K, V]).value, true
}

// Put keeps a value of size bytes, unless there is one for the key already or
// it would take more than a sixteenth of the whole.
func (c *Cache[K, V]) Put(key K, value V, size int) {
	size += overhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[key] != nil || size > c.limit/16 {
		return
	}
	c.byKey[key] = c.order.PushFront(&item[K, V]{key, value, size})
	c.size += size
	for c.size > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*item[K, V])
		delete(c.byKey, oldest.key)
		c.size -= oldest.size
	}
}

// Clear forgets everything.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = 0
	c.order.Init()
	clear(c.byKey)
}
