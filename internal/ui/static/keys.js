// Asks the browser for a security key or passkey, and sends the form that it
// belongs to with the answer. Forms say what to do in data-key ("create" or
// "get"), data-options (where to learn what is asked) and data-offer (offer it
// while the email is filled in, too).
"use strict";
(function () {
  if (window.sallyportKeys) return; // one copy does for all forms of a page
  window.sallyportKeys = true;

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (c) { return c.charCodeAt(0); }).buffer;
  }
  function text(buffer) {
    if (!buffer) return undefined;
    var plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // The options come as JSON; the browser wants bytes in some places.
  function ready(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    ["allowCredentials", "excludeCredentials"].forEach(function (list) {
      (options[list] || []).forEach(function (each) { each.id = bytes(each.id); });
    });
    return options;
  }

  function answer(credential) {
    var r = credential.response;
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject),
        transports: r.getTransports ? r.getTransports() : undefined,
        authenticatorData: r.attestationObject ? undefined : text(r.authenticatorData),
        signature: text(r.signature), userHandle: text(r.userHandle)
      }
    });
  }

  function say(form, message) {
    var place = form.querySelector("[data-key-error]");
    place.textContent = message;
    place.hidden = !message;
  }

  function why(error) {
    switch (error.name) {
      case "NotAllowedError": return "Nothing was used: it was cancelled, or took too long. Try again.";
      case "InvalidStateError": return "This key is registered already.";
      case "SecurityError": return "The browser doesn't allow security keys at this address.";
      default: return error.message || "That didn't work. Try again.";
    }
  }

  function ask(form, mediation, signal) {
    var fields = new URLSearchParams(new FormData(form));
    return fetch(form.dataset.options, { method: "POST", body: fields, credentials: "same-origin", headers: { Accept: "application/json" } })
      .then(function (response) {
        if ((response.headers.get("Content-Type") || "").indexOf("json") >= 0) return response.json();
        location.reload(); // signed out, or a proof is asked for: the page leads there
        return new Promise(function () {});
      })
      .then(function (asked) {
        if (asked.error) throw new Error(asked.error);
        form.elements.challenge.value = asked.id;
        var wish = { publicKey: ready(asked.publicKey), signal: signal };
        if (mediation) wish.mediation = mediation;
        return navigator.credentials[form.dataset.key](wish);
      })
      .then(function (credential) {
        form.elements.credential.value = answer(credential);
        form.submit();
      });
  }

  var offered;
  function offer(form) {
    if (!window.PublicKeyCredential || !PublicKeyCredential.isConditionalMediationAvailable) return;
    PublicKeyCredential.isConditionalMediationAvailable().then(function (can) {
      if (!can) return;
      offered = new AbortController();
      ask(form, "conditional", offered.signal).catch(function () { /* only an offer */ });
      // What is asked lasts five minutes: ask anew before that.
      setTimeout(function () {
        if (!offered) return;
        offered.abort();
        offer(form);
      }, 240000);
    });
  }

  document.querySelectorAll("form[data-key]").forEach(function (form) {
    var button = form.querySelector("button");
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      say(form, "");
      if (!window.PublicKeyCredential) return say(form, "This browser can't use security keys here. Choose another way.");
      if (offered) offered.abort();
      offered = null;
      button.disabled = true;
      ask(form).catch(function (error) {
        button.disabled = false;
        say(form, why(error));
      });
    });
    if ("offer" in form.dataset) offer(form);
  });
})();
