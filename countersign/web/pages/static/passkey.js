// Passkeys: a form asks the browser for one, and sends its answer as the field `credential`.
(() => {
  "use strict";

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // Every part that is binary as base64url, as the server reads it.
  const written = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  };

  const answer = (form) => {
    if (form.dataset.options) {
      const options = JSON.parse(form.dataset.options);
      options.challenge = bytes(options.challenge);
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = [];
      return navigator.credentials.create({ publicKey: options });
    }
    const challenge = form.dataset.challenge || form.dataset[form.elements.decision.value];
    return navigator.credentials.get({
      publicKey: { challenge: bytes(challenge), rpId: form.dataset.site, userVerification: "required", allowCredentials: [] },
    });
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form.passkey")) return;
    event.preventDefault();
    const problem = form.querySelector(".problem");
    problem.hidden = true;
    if (form.elements.decision && event.submitter) form.elements.decision.value = event.submitter.value;
    try {
      form.elements.credential.value = written(await answer(form));
    } catch (error) {
      problem.textContent = form.dataset.failed.replace("{reason}", error.message || error.name);
      problem.hidden = false;
      return;
    }
    form.submit();
  });
})();
