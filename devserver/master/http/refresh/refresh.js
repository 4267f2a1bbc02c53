// What devserver adds to a page that a browser opens: a save is seen without a press of F5. docs/BROWSER.md has
// the whole of it. The element is gone before the page's own first one; nothing here needs what a policy forbids.
(() => {
  "use strict";
  const me = document.currentScript;
  const form = me.dataset.devserver.endsWith(" form");
  let [run, kind, number, assets] = me.dataset.devserver.split(" ");  // what this page is made of
  const address = me.src.replace(".js?", "?");
  me.remove();
  if (top !== self) return;  // a frame, which a service worker asks for as if it was a page

  const say = text => console.info(`devserver: ${text}`);
  const memory = {
    take(key) { try { return JSON.parse(sessionStorage.getItem(`devserver:${key}`)); } catch { return null; } },
    keep(key, value) { try { sessionStorage.setItem(`devserver:${key}`, JSON.stringify(value)); } catch {} },
    drop(key) { try { sessionStorage.removeItem(`devserver:${key}`); } catch {} },
  };
  const parsed = new Promise(done => {
    if (document.readyState !== "loading") return done();
    addEventListener("DOMContentLoaded", done, {once: true});
    setTimeout(done, 3000);  // a page that is streamed without end
  });

  // One tab of an origin listens for all: who has the lock. A page in the back/forward cache has left.

  let newest = "", leave = () => {};

  function join() {
    const left = new AbortController();
    const others = "BroadcastChannel" in window && navigator.locks ? new BroadcastChannel(address) : null;
    let source;
    leave = () => { left.abort(); source?.close(); others?.close(); };
    const listen = () => new Promise(done => {
      left.signal.addEventListener("abort", done);
      source = new EventSource(address);
      source.onmessage = ({data}) => { newest = data; others?.postMessage(data); take(data); };
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) return;  // it tries again by itself
        say("this page cannot listen for saves: see the messages above, perhaps of its Content-Security-Policy.");
        done();
      };
    });
    if (!others) return void listen();
    others.onmessage = ({data}) => data ? take(data) : source && newest && others.postMessage(newest);
    others.postMessage("");  // what is the state?
    navigator.locks.request(address, {signal: left.signal}, listen).catch(() => {});
  }

  addEventListener("pagehide", () => leave());
  addEventListener("pageshow", event => {
    if (!event.persisted) return;
    clearTimeout(underway);
    [underway, leaving] = [0, ""];
    join();
  });
  document.addEventListener("visibilitychange", () => state && act());

  // What to do is decided by the newest state alone, however many were missed.

  let state = null;

  async function take(text) {
    const mine = state = JSON.parse(text);
    await parsed;
    if (state === mine) act();
  }

  function act() {
    const other = state.run !== run;
    if (other && kind === "index") [run, number, assets] = [state.run, state.index, state.assets.at(-1)?.[0] ?? 0];
    const outdated = other && kind === "live" ? state.live > 0 : state.run === run && state[kind] > number;
    const detail = {generation: state.live, tcp: state.tcp, refused: !!state.refused, outdated};
    const wanted = dispatchEvent(new CustomEvent("devserver", {detail, cancelable: true}));
    if (outdated && wanted) return reload(`${state.run} ${kind} ${state[kind]}`);
    if (!outdated) memory.drop("goal");
    if (state.refused) show(state.refused);
    else hide();
    if (!other || kind === "index") swap();
  }

  // Somebody has sent a form or followed a link: a reload now would throw the answer away.
  let underway = 0;

  function depart() {
    clearTimeout(underway);
    underway = setTimeout(arrive, 10000);
  }

  function arrive() {
    if (!underway) return;
    clearTimeout(underway);
    underway = 0;
    if (state) act();
  }

  addEventListener("submit", event => queueMicrotask(() => event.defaultPrevented || depart()));
  window.navigation?.addEventListener("navigate", event => {
    const elsewhere = !event.destination.sameDocument && !event.hashChange && event.downloadRequest === null;
    if (elsewhere && event.navigationType !== "reload") depart();
  });
  for (const name of ["navigatesuccess", "navigateerror"]) window.navigation?.addEventListener(name, arrive);

  let leaving = "";

  function reload(what) {
    if (form) return show(FORM);
    const goal = `${what} ${location.href}`;
    if (document.hidden || underway || leaving === goal) return;  // as soon as somebody looks, or has come back
    if (memory.take("goal") === goal) return say(`${location} comes from a cache, perhaps a service worker's: no reload.`);
    leaving = goal;
    const now = Date.now(), recent = (memory.take("reloads") ?? []).filter(time => now - time < 10000);
    memory.keep("reloads", [...recent, now]);
    setTimeout(() => {
      if (underway) return void (leaving = "");
      memory.keep("goal", goal);
      keep();
      location.reload();
    }, recent.length < 10 ? 0 : 5000);  // something saves at each load
  }

  // Typed text, the focus and the scroll positions, over a reload.

  const edited = new WeakSet();
  addEventListener("input", event => event.isTrusted && edited.add(event.target), true);
  const PRIVATE = "[type=password],[type=hidden],[type=file],[autocomplete^=cc-]";

  function* fields() {
    const counts = {};
    for (const field of document.querySelectorAll("input,textarea,select,[contenteditable]")) {
      if (field.matches(PRIVATE)) continue;
      const name = `${field.localName} ${field.type} ${field.id || field.name}`;
      yield [`${name} ${counts[name] = (counts[name] ?? 0) + 1}`, field];
    }
  }

  function typed(field) {
    if (/^(checkbox|radio)$/.test(field.type)) return field.checked !== field.defaultChecked ? field.checked : null;
    if (field.localName === "select") {
      const options = [...field.options], first = !field.multiple && !options.some(option => option.defaultSelected);
      const before = options.map((option, at) => first ? at === 0 : option.defaultSelected);
      const now = options.map(option => option.selected);
      return now.some((on, at) => on !== before[at]) ? now : null;
    }
    if ("defaultValue" in field) return field.value !== field.defaultValue ? field.value : null;
    return edited.has(field) && !field.children.length ? field.textContent : null;
  }

  function retype(field, value) {
    const set = (name, to) => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), name).set.call(field, to);
    if (typeof value === "boolean") set("checked", value);
    else if (Array.isArray(value)) value.forEach((on, at) => { if (field.options[at]) field.options[at].selected = on; });
    else if ("defaultValue" in field) set("value", value);
    else field.textContent = value;
    for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, {bubbles: true}));
  }

  function path(element) {
    const steps = [];
    for (; element.parentElement; element = element.parentElement)
      steps.unshift(`:nth-child(${[...element.parentElement.children].indexOf(element) + 1})`);
    return [":root", ...steps].join(">");
  }

  function keep() {
    const values = [], boxes = [];
    let focus = null;
    for (const [key, field] of fields()) {
      const value = typed(field);
      if (value !== null) values.push([key, value]);
      if (field === document.activeElement) {
        let caret = null;
        try { caret = [field.selectionStart, field.selectionEnd, field.selectionDirection]; } catch {}
        focus = [key, caret];
      }
    }
    for (const box of document.querySelectorAll("body *"))
      if (box.scrollTop || box.scrollLeft) boxes.push([path(box), box.scrollLeft, box.scrollTop]);
    memory.keep("page", {url: location.href, values, focus, boxes, scroll: [scrollX, scrollY]});
  }

  async function restore() {
    const kept = memory.take("page");
    memory.drop("page");
    if (kept?.url !== location.href) return;
    await parsed;
    const again = () => {
      const found = new Map(fields());
      kept.values = kept.values.filter(([key, value]) => {
        const field = found.get(key);
        if (field && typed(field) === null) retype(field, value);
        return !field;
      });
      if (kept.focus && found.has(kept.focus[0])) {
        const [key, caret] = kept.focus;
        found.get(key).focus({preventScroll: true});
        try { if (caret) found.get(key).setSelectionRange(...caret); } catch {}
        kept.focus = null;
      }
      for (const [where, left, top] of kept.boxes) document.querySelector(where)?.scrollTo({left, top, behavior: "instant"});
      scrollTo({left: kept.scroll[0], top: kept.scroll[1], behavior: "instant"});
    };
    again();
    const touched = new Promise(done => {
      for (const name of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(name, () => done(true), {once: true});
    });
    if (document.readyState === "complete") return;
    const loaded = new Promise(done => addEventListener("load", () => done(false), {once: true}));
    if (!await Promise.race([touched, loaded])) again();
  }

  // Files that a page has loaded: style sheets and images are swapped, for anything else it is loaded again.

  const IMAGE = /\.(png|jpe?g|gif|svg|webp|avif|ico|bmp)$/i;

  function likeness(url, file) {  // how many names at the end of a URL's path are those of the file's
    let there;
    try { there = new URL(url, document.baseURI); } catch { return 0; }
    if (there.origin !== location.origin) return 0;
    const names = decodeURIComponent(there.pathname).split("/").reverse(), wanted = file.split("/").reverse();
    const differs = wanted.findIndex((name, at) => name !== names[at]);
    return differs < 0 ? wanted.length : differs;
  }

  function alike(all, url, file) {
    const most = Math.max(1, ...all.map(one => likeness(url(one), file)));
    return all.filter(one => likeness(url(one), file) === most);
  }

  async function swap() {
    const due = state.assets.filter(([change]) => change > assets);
    if (!due.length || document.hidden) return;
    const missed = due[0][0] > +assets + 1;
    assets = state.assets.at(-1)[0];
    if (missed) return reload(`${run} assets ${assets}`);
    for (const [change, file] of due) {
      const loaded = alike(performance.getEntriesByType("resource"), entry => entry.name, file);
      const urls = [...new Set(loaded.map(entry => entry.name.replace(/[?&]devserver=\d+/, "")))];
      await Promise.allSettled(urls.map(url => fetch(url, {cache: "reload"})));  // or a reload would show the old one
      const done = file.endsWith(".css") ? restyle(file, change) : IMAGE.test(file) && repaint(file, change);
      const used = urls.length || /\.html?$/.test(file) || performance.getEntriesByType("resource").length >= 250;
      if (!done && used) return reload(`${run} assets ${change}`);
    }
  }

  const fresh = (url, change) => {
    const there = new URL(url, document.baseURI);
    there.searchParams.set("devserver", change);
    return there.href;
  };

  function restyle(file, change) {
    const links = alike([...document.querySelectorAll("link[rel~=stylesheet][href]:not([integrity])")], link => link.href, file);
    for (const old of links) {
      const link = old.cloneNode();
      link.href = fresh(old.href, change);
      link.onload = link.onerror = () => old.remove();
      old.after(link);
    }
    return links.length;
  }

  function repaint(file, change) {
    const shown = [...document.querySelectorAll("img[src],link[rel~=icon][href],input[type=image][src],video[poster]")];
    const name = element => element.localName === "link" ? "href" : element.localName === "video" ? "poster" : "src";
    const images = alike(shown, element => element[name(element)], file);
    for (const image of images) image[name(image)] = fresh(image[name(image)], change);
    const sets = [...document.querySelectorAll("img[srcset],source[srcset]")];
    const changed = sets.filter(set => {
      const before = set.srcset;
      set.srcset = before.replace(/[^\s,]\S*[^\s,]/g, url => likeness(url, file) ? fresh(url, change) : url);
      return set.srcset !== before;
    });
    return images.length + changed.length;
  }

  // The overlay: on top of all, without the focus, closed by Escape. What it shows comes as data, never as markup.

  const MARK = "✗ ";
  const FORM = {
    key: "form",
    title: "New code is live.",
    style: `:host { all: initial; display: block; position: fixed; inset: auto 0 0; margin: 0 auto 1rem; padding: 0; border: 0; width: fit-content;
      max-width: calc(100% - 2rem); background: none; z-index: 2147483647; color-scheme: light dark; }
      .sheet { display: flex; gap: 1rem; align-items: center; font: 15px/1.5 system-ui, sans-serif; padding: .7rem 1rem;
      border-radius: .6rem; background: light-dark(#fffefc, #1c1f25); color: light-dark(#1f2328, #dfe2e7);
      border: 1px solid light-dark(#dfdcd5, #30353e); box-shadow: 0 .3rem 1.5rem #0004; }
      button { all: unset; cursor: pointer; flex: none; border: 1px solid; border-radius: .4rem; padding: .1rem .6rem; font-size: .85rem; }
      button:focus-visible { outline: 2px solid; outline-offset: 2px; }`,
    body: [["span", {}, "New code is live. This page answers a form that you sent: reload it yourself, or it would be sent twice."]],
  };
  let overlay = null, marked = false;

  function build(node) {
    if (typeof node === "string") return node;
    const [name, attributes, ...children] = node, element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.map(build));
    return element;
  }

  function mark(on) {
    if (on && !document.title.startsWith(MARK)) [document.title, marked] = [MARK + document.title, true];
    if (!on && marked) [document.title, marked] = [document.title.replace(MARK, ""), false];
  }

  function show(what) {
    if (what !== FORM) mark(true);
    if (overlay?.key === what.key || memory.take("closed") === what.key) return;
    overlay?.host.remove();
    const host = document.createElement("devserver-overlay");
    const style = new CSSStyleSheet(), inside = host.attachShadow({mode: "open"});
    style.replaceSync(what.style);
    inside.adoptedStyleSheets = [style];
    const button = build(["button", {type: "button"}, "Close (Esc)"]);
    const head = build(["header", {}, ["b", {role: "alert"}, "✗ not live", ["span", {class: "heard"}, `: ${what.title}`]],
      ["span", {}, state.live ? "the last good code answers" : ""]]);
    const sheet = build(["div", {class: "sheet", role: "region", "aria-label": `devserver: ${what.title}`}]);
    sheet.append(...what === FORM ? [...what.body.map(build), button] : [head, build(["main", {}, ...what.body])]);
    if (what !== FORM) head.append(button);
    button.onclick = () => { memory.keep("closed", what.key); hide(false); };
    inside.append(sheet);
    document.documentElement.append(host);
    try { host.popover = "manual"; host.showPopover(); } catch {}  // above a page's own dialogs
    overlay = {key: what.key, host};
  }

  function hide(mended = true) {
    overlay?.host.remove();
    overlay = null;
    if (!mended) return;
    mark(false);
    memory.drop("closed");
  }

  addEventListener("keydown", event => {
    if (event.key !== "Escape" || !overlay) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    overlay.host.shadowRoot.querySelector("button").click();
  }, true);

  restore();
  if (document.prerendering) document.addEventListener("prerenderingchange", join, {once: true});
  else join();
})();
