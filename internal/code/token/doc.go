// Package token is the tokens that programs come with: a person's API tokens,
// and the access tokens of a workspace or a repository, which belong to nobody.
// It makes, rotates, renames and revokes them, and tells which access.Actor the
// one in a request stands for.
//
// It owns the table token. It decides nothing: each function for a person takes
// an access.Grant, whose action says whose tokens it is about.
//
// What always holds:
//   - A token is 256 random bits behind a prefix for secret scanners, kept as
//     its SHA-256, looked up by index and compared in constant time.
//   - It ends within a year, and at once where it is revoked or rotated, or
//     where what it belongs to is suspended or deleted.
//   - It stands for the same actor however it is sent, and one that is unknown,
//     expired or revoked gets one and the same answer.
//   - No action that makes one has a scope, so no token can make another.
//   - No request writes: last uses are kept in memory and written in batches.
package token
