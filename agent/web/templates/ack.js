// One click in the message is enough: the form goes by itself at the first sign that a person sees it. A scanner of mails
// that opens the page, scripts and all, moves nothing.
(function () {
  var sent = false;
  function send() {
    if (!sent) { sent = true; document.forms[0].submit(); }
  }
  ["pointermove", "pointerdown", "touchstart", "wheel", "keydown"].forEach(function (name) {
    window.addEventListener(name, send, { passive: true });
  });
})();
