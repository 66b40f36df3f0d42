package door

import "sallyport.dev/internal/errs"

// ErrNoRoute says that no route has this address.
var ErrNoRoute = errs.NotFound("There is nothing here.")

// ErrMethod says that the address is known but not by this method. A door
// answers it with 405; the Allow header is set already.
var ErrMethod = errs.Invalid("", "This address doesn't take that method.")
