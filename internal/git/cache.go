package git

import (
	"container/list"
	"sync"
)

// objectCache remembers the objects that were read last. An object never
// changes, so nothing in it is ever out of date.
type objectCache struct {
	limit int // bytes

	mu    sync.Mutex
	size  int
	order *list.List // of *cachedObject, the last used first
	byKey map[objectKey]*list.Element
}

type objectKey struct {
	dir string
	oid OID
}

type cachedObject struct {
	key    objectKey
	object object
}

// The cost of keeping an object beside its data, and the largest that is kept.
const (
	objectOverhead = 300
	largestCached  = 256 << 10
)

func newObjectCache(limit int) *objectCache {
	return &objectCache{limit: limit, order: list.New(), byKey: map[objectKey]*list.Element{}}
}

func (c *objectCache) get(key objectKey) (object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.byKey[key]
	if found == nil {
		return object{}, false
	}
	c.order.MoveToFront(found)
	return found.Value.(*cachedObject).object, true
}

func (c *objectCache) put(key objectKey, o object) {
	if len(o.data) > largestCached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[key] != nil {
		return
	}
	c.byKey[key] = c.order.PushFront(&cachedObject{key, o})
	c.size += len(o.data) + objectOverhead
	for c.size > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*cachedObject)
		delete(c.byKey, oldest.key)
		c.size -= len(oldest.object.data) + objectOverhead
	}
}
