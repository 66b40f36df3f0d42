// Package e2e drives the real program in a real browser, as people do: it
// builds sallyport, serves it from an empty data folder, reads the mails that
// it writes, takes codes from oathtool, and clicks by the words on the screen.
//
// Every page that a person comes to is checked on the way: nothing in the
// console, no refusal by the content security policy, nothing that axe finds in
// light and in dark, nothing that moves by itself, and no sideways scrolling at
// 320 px. So a test says only what is special about its walk.
//
// The flows of both sites are written once (everyFlow) and gone through with a
// mouse, by keyboard alone, and without JavaScript. TestEveryPage fails for a
// page in the sites' tables of routes that nobody has come to, sendsEveryForm
// for a form that nobody has sent.
//
// Needs chromium, oathtool and axe-core (test/install); PostgreSQL for one run of the main walk. Where a
// test fails it leaves screenshots and the server's log in a folder that it names.
package e2e
