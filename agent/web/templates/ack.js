// One click in the message is enough: the form goes by itself, but only where somebody sees it.
(function () {
  var sent = false;
  function send() {
    if (!sent && document.visibilityState === "visible") { sent = true; document.forms[0].submit(); }
  }
  document.addEventListener("visibilitychange", send);
  window.addEventListener("load", send);
})();
