// Shows beside a box what the list below the picture says of its node: under the pointer, or where the keyboard is.
(() => {
  const tip = document.getElementById("tip");
  let shown = null;
  let leaving = 0;

  function show(box) {
    clearTimeout(leaving);
    if (box === shown) return;
    hide();
    shown = box;
    const card = document.getElementById(box.dataset.box);
    tip.className = card.className;
    tip.replaceChildren(...card.cloneNode(true).children);
    for (const part of tip.querySelectorAll("[id]")) part.removeAttribute("id");
    tip.hidden = false;
    place(box.getBoundingClientRect());
    const canvas = box.closest(".canvas");
    canvas.classList.add("lit");
    for (const path of canvas.querySelectorAll("path")) {
      path.classList.toggle("near", [path.dataset.source, path.dataset.target].includes(box.dataset.box));
    }
  }

  function place(box) {
    const gap = 12;
    const { width, height } = tip.getBoundingClientRect();
    const room = { right: innerWidth - box.right, left: box.left };
    const beside = room.right > width + 2 * gap ? box.right + gap : room.left > width + 2 * gap ? box.left - width - gap : null;
    const left = beside ?? Math.max(gap, Math.min(box.left, innerWidth - width - gap));
    const below = box.bottom + gap + height < innerHeight ? box.bottom + gap : Math.max(gap, box.top - height - gap);
    const top = beside === null ? below : Math.max(gap, Math.min(box.top, innerHeight - height - gap));
    Object.assign(tip.style, { left: `${left}px`, top: `${top}px` });
  }

  function hide() {
    clearTimeout(leaving);
    if (shown) shown.closest(".canvas").classList.remove("lit");
    shown = null;
    tip.hidden = true;
  }

  const soon = () => { clearTimeout(leaving); leaving = setTimeout(hide, 200); };
  const boxOf = (event) => event.target.closest && event.target.closest("a.box");
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const box = boxOf(event);
    if (box) show(box);
    else if (tip.contains(event.target)) clearTimeout(leaving);
    else if (shown && shown !== document.activeElement) soon();
  });
  document.addEventListener("focusin", (event) => { const box = boxOf(event); if (box) show(box); else hide(); });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", () => { if (shown) place(shown.getBoundingClientRect()); }, { capture: true, passive: true });
  addEventListener("hashchange", hide);
})();
